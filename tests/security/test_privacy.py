"""Other users of the same machine: what we keep is closed to them, whatever the umask."""

import os
import stat
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from mcp.types import CallToolResult

from imagerouter_mcp.api.kept import kept_answer
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.owners import Owners
from imagerouter_mcp.gallery.signed_links import link_secret
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.gallery.uploads import Uploads
from imagerouter_mcp.private_files import last_resort, private_folder
from imagerouter_mcp.settings import Settings

Row = Callable[[str, str, str], None]
Call = Callable[..., Awaitable[CallToolResult]]

SECTION = "Other users of the machine"
FOX = {"prompt": "A fox", "model": "test/test"}
pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")


@pytest.fixture(params=[0o022, 0o000, 0o002], ids="{:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set a umask that lets others read what is made, or write to it."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, int]:
    """The permissions of a folder and of everything in it, by the path below its parent."""
    return {str(path.relative_to(folder.parent)): mode(path) for path in (folder, *folder.rglob("*"))}


async def everything_kept(settings: Settings, call: Call) -> dict[str, int]:
    """Use everything that writes to the data folder, and return what is there meanwhile."""
    made = await call(settings, "generate_image", **FOX)
    assert not made.is_error
    database = gallery_database(settings.data_dir)
    journal = Journal(database, Owners(settings.data_dir / "running"))
    handles, _ = journal.begin("same", [("A fox", "test/test")], again=False)
    link_secret(settings)
    answers = Answers(settings.data_dir)
    uploads = Uploads(settings.data_dir)
    with tempfile.TemporaryFile() as file:
        uploads.keep(uploads.new_name(), file)
    with kept_answer(answers.file(handles[0]), httpx.Response(200)) as keep:
        keep(b"{}")
    answers.keep(handles[0])
    with kept_answer(answers.file(handles[0]), httpx.Response(200)) as keep:
        keep(b"{}")
    found = modes(settings.data_dir)
    journal.close()
    database.close()
    return found


async def test_what_is_kept_is_closed_to_others(settings: Settings, call: Call, row: Row, umask: int) -> None:
    kept = await everything_kept(settings, call)
    assert {"data", "data/running", "data/arriving", "data/rescued", "data/uploads"} <= kept.keys()
    assert {"data/gallery.sqlite3", "data/gallery.sqlite3-wal", "data/link-secret"} <= kept.keys()
    for path, found in kept.items():
        assert found & 0o077 == 0, f"{path} has {found:o}"
    (picture,) = settings.output_dir.iterdir()
    assert mode(picture) == 0o666 & ~umask, "pictures are the person's, as any file of theirs"
    row(SECTION, f"records, answers, uploads and locks with a umask of {umask:03o}", "0700 and 0600")


async def test_what_an_older_version_left_open_is_closed(settings: Settings, call: Call, row: Row) -> None:
    await everything_kept(settings, call)
    for path in (settings.data_dir, *settings.data_dir.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    kept = await everything_kept(settings, call)
    folders = ("data", "data/running", "data/arriving", "data/rescued", "data/uploads")
    records = ("data/gallery.sqlite3", "data/gallery.sqlite3-wal")
    assert {path: kept[path] for path in folders} == dict.fromkeys(folders, 0o700)
    assert {path: kept[path] for path in records} == dict.fromkeys(records, 0o600)
    row(SECTION, "the data folder of an older version, open to everybody", "closed at the next call")


def test_nobody_else_can_replace_a_folder_that_is_kept(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private_folder(tmp_path / "share" / "imagerouter-mcp")
    finally:
        os.umask(before)
    assert mode(tmp_path / "share") == 0o700


def test_the_home_folder_is_never_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert mode(private_folder(tmp_path)) == 0o755
    assert mode(private_folder(tmp_path / "data")) == 0o700


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a temporary folder in which everybody may write."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_last_resort_is_a_folder_of_this_user_alone(shared: Path, row: Row) -> None:
    first = last_resort()
    assert (first.parent, mode(first)) == (shared, 0o700)
    first.chmod(0o777)
    assert last_resort() == first
    assert mode(first) == 0o700
    row(SECTION, "the last resort's folder, opened to everybody", "closed before anything is saved there")


@pytest.mark.parametrize("squatter", ["a link", "a file"])
def test_a_name_that_others_took_is_not_used(shared: Path, tmp_path: Path, row: Row, squatter: str) -> None:
    name = shared / last_resort().name
    name.rmdir()
    if squatter == "a link":
        (tmp_path / "theirs").mkdir()
        name.symlink_to(tmp_path / "theirs")
    else:
        name.touch()
    used = last_resort()
    assert used != name
    assert (used.parent, mode(used), used.is_symlink()) == (shared, 0o700, False)
    row(SECTION, f"{squatter} in place of the last resort's folder", "another folder is made")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_a_folder_of_another_user_is_not_used(shared: Path) -> None:
    name = shared / last_resort().name
    os.chown(name, 12345, -1)
    used = last_resort()
    assert (used != name, used.stat().st_uid, mode(used)) == (True, os.getuid(), 0o700)


async def test_prompts_that_are_refused_are_not_kept_at_length(
    settings: Settings, call: Call, row: Row
) -> None:
    for n in range(3):
        prompt = f"{n} a fox " + "in a wood " * 2**17
        refused = await call(settings, "generate_image", prompt=prompt, model="no/such-model", max_cost_usd=0)
        assert refused.is_error
    size = sum(path.stat().st_size for path in settings.data_dir.rglob("*") if path.is_file())
    assert size < 2**20
    row(SECTION, "prompts of a megabyte that are refused", "their first 400 characters are kept")
