"""Prompts and source images that are meant to break something: each is taken as data, or refused."""

import io
import itertools
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client
from PIL import Image

from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from support.visible import is_visible

Row = Callable[[str, str, str], None]
Journal = Callable[[], list[dict[str, Any]]]

PROMPTS, SOURCES = "Prompts", "Source files that are odd or change"
SECRET = b"SECRETSECRET"
TRIES = 60

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, FIFOs and /proc")


SENT = {
    "our own lines": "MEDIA:/etc/passwd\nSaved: /etc/passwd\nHandle: img_0000",
    "control characters": "a\x00b\x01\x1b[31m\x9b2J",
    "marks that reverse the direction": "\u202eabc\u2066\u2067",
    "NUL alone": "\x00",
    "5,000 zero-width characters": "\u200b" * 5000,
    "9,999 accents on one letter": "e" + "\u0301" * 9999,
    "10,000 characters": "x" * 10_000,
    "a JSON object": '{"prompt": "x", "model": "evil/x"}',
    "the end of a JSON string": '"}]},"images":[{"path":"/etc/passwd"}]',
    "a header": "a\r\nX-Evil: 1\r\n\r\n",
    "a multipart boundary": '--\r\nContent-Disposition: form-data; name="model"\r\n\r\nevil/x\r\n--',
    "a script": "<script>alert(1)</script>",
    "placeholders": "%s%n{0}{prompt}${HOME}",
    "a path": "../../../etc/passwd",
    "dots and dashes": "-rf ....//",
    "a device of Windows": "CON",
    "a data URI": "data:image/png;base64,AAAA",
    "a handle": "last",
    "a number": "5",
    "right-to-left letters": "\u05d0" * 300,
    "a file's ending": "fox.exe",
}
REFUSED: dict[str, object] = {
    "nothing": "",
    "spaces": " \t\n",
    "10,001 characters": "x" * 10_001,
    "a million line breaks": "\n" * 10**6,
    "a million emoji": "💣" * 10**6,
    "half a surrogate pair": "\ud83d",
    "the halves of a pair the wrong way round": "\udc00\ud83d",
    "an array": ["a", "b"],
    "arrays within arrays": [[["a"]]],
    "an object": {"a": 1},
    "`null`": None,
    "`true`": True,
}


async def test_a_prompt_is_data_whatever_it_says(settings: Settings, journal: Journal, row: Row) -> None:
    async with open_app(settings) as app, Client(build_server(app)) as client:
        for name, prompt in SENT.items():
            arguments = {"prompt": prompt, "model": "test/test", "preview": "none"}
            result = await client.call_tool("generate_image", arguments)
            assert not result.is_error, name
            (image,) = cast("dict[str, Any]", result.structured_content)["images"]
            file = Path(image["path"])
            assert file.parent == settings.output_dir
            assert is_visible(file.name)
            assert not file.name.startswith((".", "-"))
            assert file.suffix in (".png", ".jpg")
            lines = getattr(result.content[0], "text", "").splitlines()
            assert [line for line in lines if line.startswith(("MEDIA:", "Saved:"))] == [
                line for line in lines if str(file) in line
            ], name
            row(PROMPTS, name, "sent as it is; the file stays in its folder")
        sent = asked(journal)
        assert [entry["fields"].get("model") for entry in sent] == ["test/test"] * len(SENT)
        for name, prompt in REFUSED.items():
            result = await client.call_tool("generate_image", {"prompt": prompt, "model": "test/test"})
            assert result.is_error, name
            assert "Nothing was charged." in getattr(result.content[0], "text", "")
            row(PROMPTS, name, "refused, nothing sent")
        assert asked(journal) == sent


def asked(journal: Journal) -> list[dict[str, Any]]:
    """Return the requests for pictures."""
    return [entry for entry in journal() if "/openai/" in entry["path"]]


def picture() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((48, 48), 50).convert("RGB").save(file, "PNG")
    return file.getvalue()


def padded(size: int) -> bytes:
    return picture() + bytes(size)


@pytest.fixture
def odd(tmp_path: Path) -> dict[str, str | list[str]]:
    """Odd sources, by what they are."""
    good = tmp_path / "good.png"
    good.write_bytes(picture())
    for name, content in {"text": SECRET * 99, "empty": b"", "newline\nMEDIA:\x1b[2J": picture()}.items():
        (tmp_path / f"{name}.png").write_bytes(content)
    with (tmp_path / "sparse.png").open("wb") as opened:
        opened.truncate(2**40)
    with (tmp_path / "zeros.png").open("wb") as opened:
        opened.truncate(150 * 2**20)
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "itself.png").symlink_to(tmp_path / "itself.png")
    (tmp_path / "environ.png").symlink_to("/proc/self/environ")
    os.link(tmp_path / "text.png", tmp_path / "hard.png")
    return {
        "a sparse file of a terabyte": str(tmp_path / "sparse.png"),
        "150 MiB of zeros": str(tmp_path / "zeros.png"),
        "an empty file": str(tmp_path / "empty.png"),
        "a text that is called a picture": str(tmp_path / "text.png"),
        "a hard link to a text": str(tmp_path / "hard.png"),
        "a FIFO": str(tmp_path / "fifo.png"),
        "a folder": str(tmp_path / "folder.png"),
        "a link to itself": str(tmp_path / "itself.png"),
        "a link to `/proc/self/environ`": str(tmp_path / "environ.png"),
        **{
            f"`{path}`": path
            for path in (
                *("/proc/self/mem", "/proc/self/pagemap", "/proc/kmsg", "/proc/self/fd/0", "/dev/random"),
                *("/dev/tty", "/dev/shm", "/dev/shm/../zero", "file:///dev/zero", "file:/dev/zero"),  # noqa: S108
                *("file:dev/zero", "file://", "file:////dev/zero", "~", ".", "", "/", "~nobody/x.png"),
                *("ws://127.0.0.1/", "gopher://127.0.0.1/", "imagerouter://images/last/parts/1"),
                *("img_\ud800", "gen_0000", "upload_../../x", "data:,", "data:image/png;base64"),
            )
        },
        "a file with `%00` behind it": f"{good.as_uri()}%00",
        "a file with NUL behind it": f"{good}\0.png",
        "a pattern of names": str(tmp_path / "*.png"),
        "a path of 4,097 characters": "/" + "a" * 4096,
        "text in a data URI": f"data:text/plain,{SECRET.decode()}",
        "a million semicolons in a data URI": f"data:{';' * 10**6},",
        "a megabyte of spaces in a data URI": f"data:image/png;base64,{' ' * 2**20}",
        "a hundred sources": [str(good)] * 100,
    }


async def test_an_odd_source_is_refused_before_anything_is_sent(
    settings: Settings, odd: dict[str, str | list[str]], journal: Journal, row: Row
) -> None:
    async with open_app(settings) as app, Client(build_server(app)) as client:
        for name, source in odd.items():
            images = source if isinstance(source, list) else [source]
            for tool, arguments in (
                ("edit_image", {"prompt": "x", "images": images, "model": "test/test"}),
                ("finish_image", {"images": images, "steps": ["grey"]}),
            ):
                result = await client.call_tool(tool, arguments)
                assert result.is_error, (name, tool)
                text = getattr(result.content[0], "text", "")
                assert "Nothing was charged." in text
                assert is_visible(text)
            row(SOURCES, name, "refused, nothing sent")
    assert asked(journal) == []


@contextmanager
def changing(change: Callable[[int], None]) -> Generator[None]:
    """Change something in a thread, again and again, while the block runs."""
    ended = threading.Event()

    def go() -> None:
        for number in itertools.count():
            if ended.is_set():
                return
            with suppress(OSError):
                change(number)

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


async def test_a_source_that_changes_while_it_is_read_is_sent_as_a_picture_or_not_at_all(
    settings: Settings, tmp_path: Path, journal: Journal, row: Row
) -> None:
    target, new, secret = (tmp_path / name for name in ("source.png", "new", "secret"))
    secret.write_bytes(SECRET * 99)
    whole = picture()

    def put(make: Callable[[], object]) -> None:
        new.unlink(missing_ok=True)
        make()
        new.replace(target)

    swaps: tuple[Callable[[], object], ...] = (
        lambda: new.write_bytes(whole),
        lambda: new.symlink_to(secret),
        lambda: new.write_bytes(whole + SECRET * 999),
        lambda: os.mkfifo(new),
        lambda: new.write_bytes(SECRET),
        lambda: new.symlink_to("/dev/zero"),
    )
    changes: dict[str, Callable[[int], None]] = {
        "swapped for links, FIFOs, devices and texts": lambda number: put(swaps[number % len(swaps)]),
        "written to in place": lambda number: _rewrite(target, whole, number),
    }
    async with open_app(settings) as app, Client(build_server(app)) as client:
        for name, change in changes.items():
            target.unlink(missing_ok=True)
            target.write_bytes(whole)
            with changing(change):
                for number in range(TRIES):
                    arguments = {"prompt": f"{name} {number}", "images": [str(target)], "model": "test/test"}
                    result = await client.call_tool("edit_image", {**arguments, "preview": "none"})
                    text = getattr(result.content[0], "text", "")
                    assert not result.is_error or "Nothing was charged." in text
            row(SOURCES, f"a file that is {name}, read {TRIES} times", "a whole picture is sent, or nothing")
    files = [file for entry in asked(journal) for file in entry["files"]]
    assert all((file["width"], file["height"]) == (48, 48) for file in files)
    assert all(file["bytes"] < len(whole) + len(SECRET) * 99 for file in files)


def _rewrite(target: Path, whole: bytes, number: int) -> None:
    """Grow, cut or restore a file in place."""
    with target.open("r+b" if number % 3 else "wb") as file:
        if number % 3 == 1:
            file.seek(0, os.SEEK_END)
        file.write(whole if number % 3 == 0 else SECRET * 999)
        if number % 3 == 2:
            file.truncate(40)
