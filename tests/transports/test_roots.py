"""Roots, the folders that a host works in, matter where server and host share a machine."""

import sys
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import TextContent
from PIL import Image

from imagerouter_mcp.settings import Settings
from support.host_roots import Telling
from support.http_in_process import served


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that a host works in, with a picture."""
    Image.new("RGB", (64, 64), "teal").save(tmp_path / "fox.png")
    return tmp_path


async def edited(client: Client) -> str:
    """Edit a picture by a relative path, and return what the answer says."""
    wanted = {"images": ["fox.png"], "model": "test/test", "prompt": "Invert", "preview": "none"}
    (told, *_) = (await client.call_tool("edit_image", wanted)).content
    assert isinstance(told, TextContent)
    return told.text


async def test_over_stdio_relative_paths_begin_there(environment: dict[str, str], project: Path) -> None:
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "imagerouter_mcp"], env=environment, cwd="/"
    )
    async with Client(stdio_client(parameters), list_roots_callback=Telling(project)) as client:
        assert f"From: {project / 'fox.png'}" in await edited(client)


async def test_over_http_roots_are_on_another_machine(
    settings: Settings, project: Path, tmp_path: Path
) -> None:
    tell = Telling(project)
    far = settings.model_copy(update={"remote": True, "input_dirs": (tmp_path / "only",)})
    async with (
        served(far) as (links, _),
        Client(f"{links.base_url}/mcp", mode="legacy", list_roots_callback=tell) as client,
    ):
        assert "'fox.png' is neither an absolute path nor an address" in await edited(client)
    assert tell.asked == 0
