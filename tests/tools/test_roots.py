"""Roots, the folders that a host works in: relative paths begin there, and they may be read and saved in."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from mcp.types import ErrorData
from PIL import Image

from support.eras import in_both_eras
from support.host_roots import Telling

Hosts = Callable[..., AbstractAsyncContextManager[Any]]

TEST = {"model": "test/test", "prompt": "Invert", "preview": "none"}
FOX = "assets/fox.png"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that a host works in, outside of the home folder, with a picture."""
    folder = tmp_path / "my project"
    (folder / "assets").mkdir(parents=True)
    Image.new("RGB", (64, 64), "teal").save(folder / FOX)
    return folder


@in_both_eras
async def test_relative_paths_begin_in_the_folders_that_the_host_works_in(
    connect: Hosts, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir("/")
    tell = Telling(Path("/"), tmp_path / "gone", project)
    async with connect(roots=tell) as host:
        edited = await host("edit_image", images=[FOX], mask="box:0,0,32,32", output_dir="out", **TEST)
        assert edited.path.parent == project / "out"
        assert str(project / FOX) in edited.text
        previewed = await host("preview_mask", mask="box:0,0,50%,50%", image=FOX)
        assert previewed.fields["changed_percent"] == 25
        missed = await host("edit_image", images=["assets/ox.png"], **TEST)
        assert "my project/assets/ox.png cannot be read: there is no such file" in missed.text
        made = await host("generate_image", output_dir=str(project / "more"), **TEST)
        assert made.path.parent == project / "more"
        for hidden in (".git/hooks", str(project / ".git"), "../outside", "/outside"):
            refused = await host("generate_image", output_dir=hidden, **TEST)
            assert "Pictures cannot be saved in" in refused.text
        asked = tell.asked
        await host("edit_image", images=["last"], **TEST)
        await host("generate_image", **TEST)
        assert tell.asked == asked, "nothing in these calls depends on the roots"


async def test_roots_may_be_read_from_beside_the_folders_that_the_person_named(
    connect: Hosts, project: Path, tmp_path: Path
) -> None:
    only = tmp_path / "only"
    only.mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "outside.png")
    async with connect(roots=Telling(project), input_dirs=(only,), output_dirs=(only,)) as host:
        edited = await host("edit_image", images=[str(project / FOX)], output_dir=str(project), **TEST)
        assert edited.path.parent == project
        for outside in (str(tmp_path / "outside.png"), "../outside.png"):
            refused = await host("edit_image", images=[outside], **TEST)
            assert "not in a folder that this server may read from" in refused.text


async def test_a_root_that_leads_to_the_whole_machine_or_nowhere_is_none(
    connect: Hosts, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "all").symlink_to("/")
    (tmp_path / "loop").symlink_to("loop")
    Image.new("RGB", (64, 64)).save(tmp_path / "outside.png")
    everywhere = Telling(tmp_path / "all", tmp_path / "loop", Path("/", "x" * 300), Path("/proc/self/root"))
    async with connect(roots=everywhere, input_dirs=(project,), output_dirs=(project,)) as host:
        refused = await host("edit_image", images=[str(tmp_path / "outside.png")], **TEST)
        assert "not in a folder that this server may read from" in refused.text
        refused = await host("generate_image", output_dir=str(tmp_path / "elsewhere"), **TEST)
        assert "outside of the folders that may be saved in" in refused.text


@pytest.mark.parametrize("era", ["legacy"])
async def test_a_host_that_tells_no_roots_after_all_is_answered_as_one_without(
    connect: Hosts, project: Path
) -> None:
    async def refuse(context: object) -> ErrorData:
        del context
        return ErrorData(code=-32601, message="Method not found")

    async with connect(roots=refuse) as host:
        missed = await host("edit_image", images=["fox.png"], **TEST)
        assert "'fox.png' is neither an absolute path nor an address" in missed.text
        assert not (await host("edit_image", images=[str(project / FOX)], **TEST)).failed
