"""Enter the studio as its page does."""

import httpx

from imagerouter_mcp.http_app.studio.opening_links import studio_codes
from imagerouter_mcp.wiring import App


async def entered(client: httpx.AsyncClient, app: App) -> httpx.AsyncClient:
    """Exchange a code for a token, and send it with all further requests of the client."""
    answer = await client.post("/studio/session", json={"code": studio_codes(app.settings).new()})
    answer.raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return client
