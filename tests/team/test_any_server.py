"""Behind a proxy that sends each request to the next server, no client notices that there are two."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from imagerouter_mcp.sandbox.service.serve import Sandbox
from patience import PATIENCE_SECONDS
from support.free_ports import free_port
from support.http_serving import bare_environment, sandbox_environment, serving
from support.in_turn import in_turn

if TYPE_CHECKING:
    from support.postgres import Cluster

pytestmark = pytest.mark.long

TOKEN = "a-token-of-two-servers-0123456789abcdef012345"  # noqa: S105 - of this test
ROUNDS = 3
"""More than one, so that either server is the one that begins."""


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_any_server_answers_any_request(
    era: str, sandbox: Sandbox, postgres: "Cluster", tmp_path: Path
) -> None:
    port = free_port()
    base = f"http://localhost:{port}"
    environment = {
        **bare_environment(tmp_path),
        **sandbox_environment(sandbox, tmp_path),
        "IMAGEROUTER_DATABASE_URL": postgres.new_database(),
        "IMAGEROUTER_MCP_TOKEN": TOKEN,
        "IMAGEROUTER_PUBLIC_URL": base,
        "IMAGEROUTER_HTTP_PROXIES": "127.0.0.1",
        "IMAGEROUTER_HTTP_STATELESS": "1",
        "IMAGEROUTER_WAIT_SECONDS": "0",
    }
    with (
        serving(environment) as one,
        serving(environment) as other,
        in_turn(tmp_path, port, [each.base.removeprefix("http://") for each in (one, other)]),
    ):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{base}/mcp", http_client=http), mode=era) as client,
        ):
            for number in range(ROUNDS):
                await _work(client, f"a fox {number}")
                await client.list_tools()  # an odd number of requests, so that the servers change places
        for server in (one, other):
            assert server.said.count("POST /mcp 200") > ROUNDS


async def _work(client: Client, prompt: str) -> None:
    """Upload a picture, have it edited, collect the result, and follow its links."""

    async def call(tool: str, **arguments: object) -> dict[str, Any]:
        answer = await client.call_tool(tool, arguments)
        assert not answer.is_error, answer.content
        return answer.structured_content or {}

    permit = await call("upload_link")
    picture = io.BytesIO()
    Image.new("RGB", (96, 64), "red").save(picture, "PNG")
    async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
        sent = await browser.put(permit["upload_url"], content=picture.getvalue())
        assert sent.status_code == httpx.codes.CREATED, sent.text
        begun = await call(
            "edit_image",
            prompt=prompt,
            model="openai/gpt-image-1.5",
            size="256x256",
            images=[permit["handle"]],
        )
        collected = begun
        with anyio.fail_after(PATIENCE_SECONDS):
            while "images" not in collected:
                collected = await call("get_generation", generation=begun["generation"])
        (image,) = collected["images"]
        for _ in range(2):  # one server, and the other
            found = await browser.get(image["download_url"])
            assert (found.status_code, len(found.content)) == (httpx.codes.OK, image["bytes"])
    for _ in range(2):
        read = await client.read_resource(f"imagerouter://images/{image['handle']}")
        assert read.contents
        assert prompt in {each["prompt"] for each in (await call("list_images"))["images"]}
