"""Paths that a prompt-injected agent may give as a source image, with a real picture behind each of them.

What is tried lies outside of the one folder that the person allows, so whatever opens has got through.
"""

import os
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, contextmanager, suppress
from functools import partial
from pathlib import Path, PureWindowsPath

import pytest
from PIL import Image

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.images.allowed_files import open_source, windows_complaint
from imagerouter_mcp.images.source_images import SourceReader, shown
from imagerouter_mcp.settings import Settings, expand

Row = Callable[[str, str, str], None]

SECTION = "Files in"
TRIES = 5000
INSIDE, OUTSIDE = (8, 8), (9, 9)
"""The sizes of what may be read and of what may not."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, FIFOs and /proc")


@pytest.fixture
async def fetcher() -> AsyncGenerator[Fetcher]:
    async with aclosing(Fetcher(Policy(), 2)) as fetching:
        yield fetching


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one allowed folder, and pictures elsewhere that links of all sorts lead to."""
    allowed, outside, keys = (tmp_path / name for name in ("allowed", "outside", ".ssh"))
    for folder in (allowed / "sub", outside / "sub", keys, tmp_path / "allowed-not"):
        folder.mkdir(parents=True)
    Image.new("RGB", INSIDE).save(allowed / "fine.png")
    for place in (outside / "secret.png", outside / "sub" / "secret.png", tmp_path / "allowed-not" / "x.png"):
        Image.new("RGB", OUTSIDE).save(place)
    Image.new("RGB", OUTSIDE).save(keys / "id_rsa", "PNG")
    links = {
        "link.png": outside / "secret.png",
        "relative.png": "../outside/secret.png",
        "chain.png": "link.png",
        "folder": outside,
        "deep": outside / "sub",
        "loop.png": "loop.png",
        "to-loop.png": "loop.png",
        "environ.png": "/proc/self/environ",
        "up": "..",
        "root": "/",
        "gone.png": outside / "gone.png",
    }
    for name, target in links.items():
        (allowed / name).symlink_to(target)
    os.mkfifo(allowed / "fifo.png")
    (allowed / "folder.png").mkdir()
    return tmp_path


FORMS = (
    "secret.png",
    "./outside/secret.png",
    "outside/secret.png",
    "../outside/secret.png",
    "{home}/outside/secret.png",
    "{home}/allowed/../outside/secret.png",
    "{home}/allowed/./../outside/secret.png",
    "{home}/allowed//..//outside//secret.png",
    "{home}/allowed/sub/../../outside/secret.png",
    "{home}/allowed/nothing/../../outside/secret.png",
    "{home}/allowed-not/x.png",
    "{home}/allowed/../allowed-not/x.png",
    "file://{home}/outside/secret.png",
    "FILE://{home}/outside/secret.png",
    "file:{home}/outside/secret.png",
    "file://localhost{home}/outside/secret.png",
    "file://127.0.0.1{home}/outside/secret.png",
    "file://elsewhere.example{home}/outside/secret.png",
    "file://{home}/allowed/%2e%2e/outside/secret.png",
    "file://{home}/allowed/%2E%2E%2Foutside%2Fsecret.png",
    "file://{home}/allowed/..%2foutside/secret.png",
    "file://{home}/allowed/%252e%252e/outside/secret.png",
    "  {home}/outside/secret.png\n",
    "{home}/allowed/link.png",
    "{home}/allowed/relative.png",
    "{home}/allowed/chain.png",
    "{home}/allowed/folder/secret.png",
    "{home}/allowed/deep/../secret.png",
    "{home}/allowed/deep/secret.png",
    "{home}/allowed/up/outside/secret.png",
    "{home}/allowed/root{home}/outside/secret.png",
    "{home}/allowed/loop.png",
    "{home}/allowed/to-loop.png",
    "{home}/allowed/gone.png",
    "{home}/allowed/environ.png",
    "{home}/allowed/fifo.png",
    "{home}/allowed/socket.png",
    "{home}/allowed/folder.png",
    "{home}/allowed",
    "{home}/allowed/",
    "{home}/allowed/fine.png/../../outside/secret.png",
    "{home}/allowed/fine.png\0/../../outside/secret.png",
    "{home}/allowed/\ud800.png",
    "{home}/allowed/" + "x" * 5000,
    "/proc/self/environ",
    "/proc/self/fd/{descriptor}",
    "/proc/thread-self/fd/{descriptor}",
    "/dev/fd/{descriptor}",
    "/proc/self/root{home}/outside/secret.png",
    "/proc/self/cwd/../../../../../../../..{home}/outside/secret.png",
    "/dev/stdin",
    "/dev/zero",
    "/dev/null",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "~/.ssh/id_rsa",
    "$HOME/.ssh/id_rsa",
    "${{HOME}}/.ssh/id_rsa",
    "%USERPROFILE%\\.ssh\\id_rsa",
    "~root/.ssh/id_rsa",
    "{home}\\outside\\secret.png",
    "\\\\server\\share\\secret.png",
    "//server/share/secret.png",
    "\\\\?\\C:\\Users\\me\\secret.png",
    "\\\\.\\PhysicalDrive0",
    "C:\\Users\\me\\secret.png",
    "C:secret.png",
    "file:///C:/Users/me/secret.png",
    "file:////server/share/secret.png",
    "CON",
)


@pytest.mark.parametrize("form", FORMS)
async def test_no_path_leads_out_of_the_allowed_folder(
    home: Path, fetcher: Fetcher, row: Row, form: str
) -> None:
    reader = SourceReader(fetcher, expand, Settings(input_dirs=(home / "allowed",)).source_folders)
    listener = socket.socket(socket.AF_UNIX)
    with listener, (home / "outside" / "secret.png").open("rb") as held:
        with suppress(OSError):  # its path may be too long for a socket
            listener.bind(str(home / "allowed" / "socket.png"))
        text = form.format(home=home, descriptor=held.fileno())
        with pytest.raises(InvalidSourceError) as caught:
            await reader.open(text)
    reason = caught.value.what
    shown = form.replace("{home}", "…").replace("{descriptor}", "N").replace("{{HOME}}", "{HOME}")
    if len(shown) > 99:
        shown = f"{shown[:20]}… ({len(shown)} characters)"
    row(SECTION, f"`{shown}`", _why(reason))


def _why(reason: str) -> str:
    known = (
        "not in a folder that this server may read from",
        "neither an absolute path nor an address",
        "is on another machine",
        "is not a file",
        "is a folder",
        "its links form a loop",
        "there is no such file",
        "cannot be read",
    )
    (first, *_) = (words for words in known if words in reason)
    return first


async def test_a_path_of_a_million_folders_is_refused_at_once(home: Path, fetcher: Fetcher, row: Row) -> None:
    reader = SourceReader(fetcher, expand, [home / "allowed"])
    for begin in (str(home / "allowed"), "~", f"file://{home}/allowed"):
        with pytest.raises(InvalidSourceError):
            await reader.open(begin + "/a" * 10**6)
    row(SECTION, "the allowed folder and `/a` a million times, in three ways", "refused at once")


async def test_the_allowed_folder_is_read(home: Path, fetcher: Fetcher) -> None:
    (home / "link to allowed").symlink_to(home / "allowed")
    (home / "allowed" / "again.png").symlink_to("fine.png")
    reader = SourceReader(fetcher, expand, Settings(input_dirs=(home / "link to allowed",)).source_folders)
    for text in (
        f"{home}/allowed/fine.png",
        f"{home}/link to allowed/fine.png",
        f"{home}/allowed/again.png",
        f"{home}/outside/../allowed/fine.png",
        "~/allowed/fine.png",
        (home / "allowed" / "fine.png").as_uri(),
    ):
        with (await reader.open(text)).file as opened, Image.open(opened) as picture:
            assert picture.size == INSIDE


async def test_what_lies_outside_is_refused_alike_whether_it_exists_or_not(
    home: Path, fetcher: Fetcher
) -> None:
    reader = SourceReader(fetcher, expand, (home / "allowed",))
    said: set[str] = set()
    for name in ("secret.png", "absent.png"):
        path = f"{home}/outside/{name}"
        with pytest.raises(InvalidSourceError) as caught:
            await reader.open(path)
        said.add(str(caught.value).replace(shown(path), ""))
    assert len(said) == 1


def _swap_file(name: Path, outside: Path) -> None:
    """Make a name be a file, then a link that leads out."""
    fresh = name.with_suffix(".new")
    fresh.hardlink_to(name.with_name("fine.png"))
    fresh.replace(name)
    fresh.symlink_to(outside / "secret.png")
    fresh.replace(name)


def _swap_folder(name: Path, outside: Path) -> None:
    """Make a name be a folder, then a link that leads out."""
    aside = name.with_name("sub")
    aside.rename(name)
    name.rename(aside)
    name.symlink_to(outside)
    name.unlink()


@contextmanager
def _again_and_again(work: Callable[[], None]) -> Generator[None]:
    ended = threading.Event()

    def repeat() -> None:
        while not ended.is_set():
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_swapped_between_look_and_use_gains_nothing(home: Path, row: Row, what: str) -> None:
    allowed, outside = home / "allowed", home / "outside"
    Image.new("RGB", INSIDE).save(allowed / "sub" / "secret.png")
    name = allowed / "swapped"
    path = name if what == "file" else name / "secret.png"
    swap = partial(_swap_file if what == "file" else _swap_folder, name, outside)
    outcomes: set[str] = set()
    tried = 0
    with _again_and_again(swap):
        # Until both have come about, and so the swapping was seen, however busy the machine is.
        while tried < TRIES or (len(outcomes) < 2 and tried < 40 * TRIES):
            tried += 1
            try:
                with open_source(path, "x", (allowed,)) as file, Image.open(file) as picture:
                    assert picture.size == INSIDE
                outcomes.add("opened")
            except InvalidSourceError:
                outcomes.add("refused")
    assert outcomes == {"opened", "refused"}
    row(SECTION, f"a {what} swapped for a link that leads out, {TRIES:,} times", "never read from outside")


@pytest.mark.parametrize(
    "form",
    [
        "{home}/outside/secret.png",
        "{home}/absent.png",
        "file://{home}/outside/secret.png",
        "~/.ssh/id_rsa",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
    ],
)
async def test_a_server_for_others_reads_no_path_at_all(
    home: Path, fetcher: Fetcher, row: Row, form: str
) -> None:
    reader = SourceReader(fetcher, expand, Settings(remote=True).source_folders)
    with pytest.raises(InvalidSourceError, match="this server reads no files") as caught:
        await reader.open(form.format(home=home))
    assert "{home}" in form or str(home) not in str(caught.value), "where the server's home lies"
    row(SECTION, f"`{form.replace('{home}', '…')}`, served over HTTP", "this server reads no files")


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
@pytest.mark.parametrize(
    ("path", "sort"),
    [
        ("/proc/self/environ", "part of the operating system"),
        ("/tmp/../proc/self/maps", "part of the operating system"),  # noqa: S108 - a way there
        ("/proc/self/fd/{descriptor}", "part of the operating system"),
        ("/dev/zero", "not a file"),
        ("/dev/fd/{descriptor}", "part of the operating system"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "part of the operating system"),
    ],
)
async def test_what_the_system_makes_up_is_no_file_even_where_all_may_be_read(
    home: Path, fetcher: Fetcher, row: Row, path: str, sort: str
) -> None:
    reader = SourceReader(fetcher, expand)
    held = (home / "outside" / "secret.png").open("rb")
    with held, pytest.raises(InvalidSourceError, match=sort):
        await reader.open(path.format(descriptor=held.fileno()))
    row(SECTION, f"`{path.replace('{descriptor}', 'N')}`, without a list of folders", f"it is {sort}")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("\\\\server\\share\\x.png", "is on another machine or is a device"),
        ("//server/share/x.png", "is on another machine or is a device"),
        ("\\\\?\\C:\\x.png", "is on another machine or is a device"),
        ("\\\\?\\UNC\\server\\share\\x.png", "is on another machine or is a device"),
        ("\\\\.\\PhysicalDrive0", "is on another machine or is a device"),
        ("\\\\.\\pipe\\secret", "is on another machine or is a device"),
        ("\\x.png", "is on another machine or is a device"),
        ("C:\\con", "is a device"),
        ("C:\\folder\\NUL.png", "is a device"),
        ("C:\\aux .png", "is a device"),
        ("C:\\com1:x", "is a device"),
        ("C:\\lpt¹", "is a device"),
        ("C:\\conout$", "is a device"),
        ("C:\\x.png:secret", "is a stream inside a file"),
        ("C:\\x.png::$DATA", "is a stream inside a file"),
    ],
)
def test_what_windows_takes_for_something_else_is_refused(row: Row, path: str, complaint: str) -> None:
    assert windows_complaint(PureWindowsPath(path)) == complaint
    row(SECTION, f"`{path}` on Windows", f"it {complaint}")


@pytest.mark.parametrize("path", ["C:\\Users\\me\\fox.png", "d:/a b/control.png", "C:\\console\\x.png"])
def test_plain_paths_of_windows_are_taken(path: str) -> None:
    assert windows_complaint(PureWindowsPath(path)) is None
