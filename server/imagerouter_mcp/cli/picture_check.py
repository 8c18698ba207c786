"""The doctor's test picture: made by the tool that an agent would call."""

import base64
from collections.abc import Sequence
from typing import Any, cast

from anyio import Path
from mcp import Client
from mcp.types import ImageContent, TextContent

from imagerouter_mcp.cli.findings import Check, Finding
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app

TEST_MODEL = "test/test"
"""The service's own free dummy model: it answers at once with a fixed picture."""
PICTURE_SECONDS = 90.0


def picture_check(settings: Settings) -> Check:
    """Make a picture with the free test model, and look whether its preview arrives."""

    async def look() -> Sequence[Finding]:
        async with open_app(settings) as app, Client(build_server(app)) as client:
            wanted = {"prompt": "A test picture", "model": TEST_MODEL, "preview": "auto"}
            result = await client.call_tool("generate_image", wanted)
        if result.is_error:
            said = " ".join(block.text for block in result.content if isinstance(block, TextContent))
            return [Finding("picture", "failure", said.replace("\n", " "))]
        told: dict[str, Any] = result.structured_content or {}
        first = cast("list[dict[str, Any]]", told.get("images") or [{}])[0]
        path = Path(str(first.get("path", "")))
        if not await path.is_file():
            remedy = "Look at the pictures folder above."
            return [Finding("picture", "failure", "The test picture has no file.", remedy)]
        made = f"{TEST_MODEL} made {path}, {first.get('width')}×{first.get('height')}"
        previews = [block for block in result.content if isinstance(block, ImageContent)]
        if not previews:
            remedy = "IMAGEROUTER_PREVIEW=auto turns previews on."
            return [Finding("picture", "warning", f"{made}, without a preview.", remedy)]
        size = len(base64.b64decode(previews[0].data)) / 1024
        return [Finding("picture", "ok", f"{made}, with a preview of {size:.0f} KiB.")]

    return Check("picture", look, PICTURE_SECONDS)
