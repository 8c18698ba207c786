"""Roots, the folders that a host works in, told by a real client to a real process."""

import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.session import ListRootsFnT
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import ErrorData, ListRootsResult, Root, TextContent
from PIL import Image
from pydantic import FileUrl

from support.http_serving import serving

TEST = {"model": "test/test", "prompt": "Invert", "preview": "none"}


class Telling:
    """Tells the roots, and counts how often it was asked."""

    def __init__(self, *folders: Path) -> None:
        self.asked = 0
        self._roots = [Root(uri=FileUrl(folder.as_uri())) for folder in folders]

    async def __call__(self, context: object) -> ListRootsResult:
        """Tell them."""
        del context
        self.asked += 1
        return ListRootsResult(roots=self._roots)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that a host works in, outside of the home folder, with a picture."""
    folder = tmp_path / "my project"
    (folder / "assets").mkdir(parents=True)
    Image.new("RGB", (64, 64), "teal").save(folder / "assets" / "fox.png")
    return folder


def server(environment: dict[str, str], era: str, tell: ListRootsFnT) -> Client:
    """A client whose server is a process that starts in the root folder, as desktop hosts do it."""
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "imagerouter_mcp"], env=environment, cwd="/"
    )
    return Client(stdio_client(parameters), mode=era, list_roots_callback=tell)


async def called(client: Client, tool: str, **arguments: object) -> tuple[str, dict[str, Any]]:
    result = await client.call_tool(tool, arguments)
    first = result.content[0]
    assert isinstance(first, TextContent)
    return first.text, {} if result.is_error else result.structured_content or {}


async def test_relative_paths_begin_in_the_folders_that_the_host_works_in(
    environment: dict[str, str], era: str, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    environment["HOME"] = str(tmp_path / "home")
    tell = Telling(Path("/"), tmp_path / "gone", project)
    async with server(environment, era, tell) as client:
        text, edited = await called(
            client, "edit_image", images=["assets/fox.png"], mask="box:0,0,32,32", output_dir="out", **TEST
        )
        assert edited, text
        assert Path(edited["images"][0]["path"]).parent == project / "out"
        assert str(project / "assets" / "fox.png") in text
        _, previewed = await called(client, "preview_mask", mask="box:0,0,50%,50%", image="assets/fox.png")
        assert previewed["changed_percent"] == 25
        text, _ = await called(client, "edit_image", images=["assets/ox.png"], **TEST)
        assert "my project/assets/ox.png cannot be read: there is no such file" in text
        _, made = await called(client, "generate_image", output_dir=str(project / "more"), **TEST)
        assert Path(made["images"][0]["path"]).parent == project / "more"
        for hidden in (".git/hooks", str(project / ".git"), "../outside"):
            text, _ = await called(client, "generate_image", output_dir=hidden, **TEST)
            assert "Pictures cannot be saved in" in text
        asked = tell.asked
        await called(client, "edit_image", images=["last"], **TEST)
        await called(client, "generate_image", **TEST)
        assert tell.asked == asked


async def test_roots_may_be_read_from_beside_the_folders_that_the_person_named(
    environment: dict[str, str], era: str, project: Path, tmp_path: Path
) -> None:
    only = tmp_path / "only"
    only.mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "outside.png")
    environment |= {"IMAGEROUTER_INPUT_DIRS": str(only), "IMAGEROUTER_OUTPUT_DIRS": str(only)}
    async with server(environment, era, Telling(project)) as client:
        text, edited = await called(
            client, "edit_image", images=[str(project / "assets/fox.png")], output_dir=str(project), **TEST
        )
        assert edited, text
        for outside in (str(tmp_path / "outside.png"), "../outside.png"):
            text, _ = await called(client, "edit_image", images=[outside], **TEST)
            assert "not in a folder that this server may read from" in text


async def test_over_http_roots_are_on_another_machine(
    environment: dict[str, str], project: Path, tmp_path: Path
) -> None:
    tell = Telling(project)
    with serving({**environment, "IMAGEROUTER_INPUT_DIRS": str(tmp_path / "only")}) as running:
        async with Client(running.url, mode="legacy", list_roots_callback=tell) as client:
            text, _ = await called(client, "edit_image", images=["assets/fox.png"], **TEST)
            assert "'assets/fox.png' is neither an absolute path nor an address" in text
    assert tell.asked == 0


async def test_a_host_that_tells_no_roots_after_all_is_answered_as_one_without(
    environment: dict[str, str], project: Path
) -> None:
    async def refuse(context: object) -> ErrorData:
        del context
        return ErrorData(code=-32601, message="Method not found")

    async with server(environment, "legacy", refuse) as client:
        text, _ = await called(client, "edit_image", images=["fox.png"], **TEST)
        assert "'fox.png' is neither an absolute path nor an address" in text
        text, edited = await called(client, "edit_image", images=[str(project / "assets/fox.png")], **TEST)
        assert edited, text
