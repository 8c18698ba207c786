"""Source images in: every form that a person writes, and a sentence for everything that is no picture."""

import base64
import gc
import io
import os
import random
import struct
import sys
import unicodedata
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.images import source_images
from imagerouter_mcp.images.source_images import MAX_READ_BYTES, SourceImage, SourceReader, is_data, shown
from imagerouter_mcp.settings import Settings, expand
from support.visible import is_visible

Answering = Callable[..., Awaitable[str]]
SIZE = (40, 24)
ORIENTATION = 0x0112
TURNED_RIGHT = 6


@asynccontextmanager
async def reader() -> AsyncGenerator[SourceReader]:
    async with aclosing(Fetcher(Policy(allow_private=True), 2)) as fetcher:
        yield SourceReader(fetcher, expand)


async def opened(text: str) -> SourceImage:
    async with reader() as read:
        return await read.open(text)


async def refusal(text: str, *, named: str | None = None) -> str:
    """The sentence about what cannot be used, once it is known to name the source and the money."""
    async with reader() as read:
        with pytest.raises(InvalidSourceError) as caught:
            await read.open(text)
    error = caught.value
    assert error.what.startswith("The source image ")
    assert (shown(text) if named is None else named) in error.what
    assert str(error) == f"{error.what} Nothing was charged. {error.remedy}"
    assert is_visible(str(error))
    return error.what


def encoded(kind: str = "PNG", mode: str = "RGB", size: tuple[int, int] = SIZE, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's
    buffer = io.BytesIO()
    Image.radial_gradient("L").crop((0, 0, *size)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_RIGHT
    return exif


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def raw(body: bytes, kind: str = "image/png") -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@pytest.fixture
def fox(tmp_path: Path) -> Path:
    path = tmp_path / "a red fox, 100% ü.png"
    path.write_bytes(encoded())
    return path


@pytest.fixture
def locked(fox: Path) -> Path:
    fox.chmod(0)
    return fox


# Every form


async def test_an_absolute_path_is_opened(fox: Path) -> None:
    source = await opened(str(fox))
    with source.file as file:
        assert file.read() == encoded()
    assert (source.filename, source.media_type) == ("image.png", "image/png")
    assert (source.width, source.height) == SIZE


@pytest.mark.parametrize("home", ["~/", "$HOME/", "${HOME}/", "%USERPROFILE%/"])
async def test_a_path_from_home_is_opened(fox: Path, home: str) -> None:
    source = await opened(home + fox.name)
    with source.file as file:
        assert file.read() == encoded()


@pytest.mark.parametrize(
    "uri", ["file://{path}", "file://localhost{path}", "file:{path}", "FILE://{path}", "File://{path}"]
)
async def test_a_file_uri_is_opened_with_its_percent_signs_undone(fox: Path, uri: str) -> None:
    source = await opened(uri.format(path=quote(str(fox))))
    with source.file as file:
        assert file.read() == encoded()


async def test_an_address_is_fetched_without_the_key(
    settings: Settings, answering: Answering, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    del settings
    heard: list[bytes] = []
    url = await answering(raw(encoded()), heard=heard)
    source = await opened(f"{url}/fox.png?size=large")
    with source.file as file:
        assert file.read() == encoded()
    assert heard[0].startswith(b"GET /fox.png?size=large HTTP/1.1\r\n")
    assert b"authorization" not in heard[0].lower()
    assert journal() == []


async def test_the_scheme_of_an_address_may_be_shouted(answering: Answering) -> None:
    url = await answering(raw(encoded()))
    (await opened(url.replace("http", "HTTP"))).file.close()


DATA_URIS: list[Callable[[bytes], str]] = [
    data_uri,
    lambda data: data_uri(data).replace("data:", "DATA:").replace("base64", "BASE64"),
    lambda data: data_uri(data, ""),
    lambda data: data_uri(data, "image/png;name=fox.png"),
    lambda data: f"data:image/png,{quote(data)}",
    lambda data: f"data:image/png;base64,{quote(base64.b64encode(data))}",
    lambda data: f"data:image/png;base64,{base64.encodebytes(data).decode()}",
]


@pytest.mark.parametrize("write", DATA_URIS)
async def test_a_data_uri_is_opened_however_it_is_written(write: Callable[[bytes], str]) -> None:
    source = await opened(write(encoded()))
    with source.file as file:
        assert file.read() == encoded()
    assert source.media_type == "image/png"


@pytest.mark.parametrize("around", [" {} ", "\n{}\n", "\t{}\r\n"])
async def test_space_around_a_source_does_not_matter(fox: Path, answering: Answering, around: str) -> None:
    url = await answering(raw(encoded()))
    for text in (str(fox), f"~/{fox.name}", f"file://{quote(str(fox))}", url, data_uri(encoded())):
        source = await opened(around.format(text))
        with source.file as file:
            assert file.read() == encoded()


# What is sent


@pytest.mark.parametrize(
    ("kind", "filename", "media_type"),
    [
        ("PNG", "image.png", "image/png"),
        ("JPEG", "image.jpg", "image/jpeg"),
        ("WEBP", "image.webp", "image/webp"),
    ],
)
async def test_png_jpeg_and_webp_pass_byte_for_byte_whatever_they_are_called(
    tmp_path: Path, kind: str, filename: str, media_type: str
) -> None:
    path = tmp_path / "fox.gif"
    path.write_bytes(encoded(kind))
    source = await opened(str(path))
    with source.file as file:
        assert file.tell() == 0
        assert file.read() == encoded(kind)
    assert (source.filename, source.media_type) == (filename, media_type)


OTHERS: dict[str, Callable[[], bytes]] = {
    "gif": lambda: encoded("GIF"),
    "bmp": lambda: encoded("BMP"),
    "tiff": lambda: encoded("TIFF"),
    "tiff packed": lambda: encoded("TIFF", compression="tiff_lzw"),
    "tiff 16 bit": lambda: encoded("TIFF", "I;16"),
    "avif": lambda: encoded("AVIF", quality=100),
}


# Refusals


NARROW = "Screenshot 2026-11-26 at 3.04.05\u202fPM.png"
"""As macOS names it, with a narrow no-break space."""


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        (NARROW, NARROW.replace("\u202f", " ")),
        (unicodedata.normalize("NFD", "Zürich.png"), unicodedata.normalize("NFC", "Zürich.png")),
        (unicodedata.normalize("NFC", "Zürich.png"), unicodedata.normalize("NFD", "Zürich.png")),
        ("my fox.png", "my%20fox.png"),
        ("my fox (1).png", r"my\ fox\ \(1\).png"),
        (NARROW, NARROW.replace("\u202f", "%20").replace(" ", "%20")),
        ("100%25.png", "100%25.png"),
    ],
    ids=ascii,
)
async def test_the_file_that_a_path_means_is_found_however_it_is_written(
    tmp_path: Path, stored: str, written: str
) -> None:
    (tmp_path / "other.png").write_bytes(b"another")
    (tmp_path / stored).write_bytes(encoded())
    for text in (f"{tmp_path}/{written}", f'"{tmp_path}/{written}"', f"'{tmp_path}/{written}' "):
        image = await opened(text)
        image.file.close()
        assert (image.width, image.height) == SIZE


async def test_of_two_files_that_look_the_same_none_is_taken(tmp_path: Path) -> None:
    for space in ("\u202f", "\u00a0"):
        (tmp_path / f"a{space}b.png").write_bytes(encoded())
    assert "there is no such file" in await refusal(f"{tmp_path}/a b.png")


async def test_a_file_that_a_path_means_is_not_read_from_outside_of_the_allowed_folders(
    tmp_path: Path,
) -> None:
    (tmp_path / "secret.png").write_bytes(encoded())
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    async with aclosing(Fetcher(Policy(), 2)) as fetcher:
        for text in (f"{allowed}/%2e%2e/secret.png", f"{allowed}/..%2Fsecret.png"):
            with pytest.raises(InvalidSourceError, match="not in a folder"):
                await SourceReader(fetcher, expand, [allowed]).open(text)


@pytest.mark.skipif(os.name == "nt", reason="there these are paths as any other")
async def test_paths_of_windows_are_read_where_linux_runs_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagerouter_mcp.settings._DRIVES", tmp_path)
    (tmp_path / "c" / "My Pictures").mkdir(parents=True)
    (tmp_path / "c" / "My Pictures" / "fox.png").write_bytes(encoded())
    share = str(tmp_path / "c" / "My Pictures" / "fox.png").replace("/", "\\")
    for text in (
        r"C:\My Pictures\fox.png",
        '"C:/My Pictures/fox.png"',
        rf"\\wsl.localhost\Ubuntu{share}",
        rf"\\WSL$\Ubuntu-24.04{share}",
        "file:///C:/My%20Pictures/fox.png",
        f"file://wsl.localhost/Ubuntu{share}".replace("\\", "/").replace(" ", "%20"),
    ):
        image = await opened(text)
        image.file.close()
        assert (image.width, image.height) == SIZE, text
    for text in ("Q:/fox.png", "file:///Q:/fox.png"):
        assert "it is a Windows path, but this server runs on another system" in await refusal(text)


@pytest.mark.parametrize(
    "name",
    [
        *("image_0", "image", "img-1", "[Image #1]", "attachment://photo.png", "sandbox:/mnt/data/fox.png"),
        *(
            "/mnt/user-data/uploads/fox.png",
            "/mnt/data/fox.png",
            "file-service://file-1a2b",
            "cid:1",
            "blob:x",
        ),
    ],
)
async def test_an_attachment_of_the_chat_is_called_what_it_is_with_what_does_reach_the_server(
    name: str,
) -> None:
    assert "is an attachment in the chat. Attachments never reach this server" in await refusal(name)
    async with aclosing(Fetcher(Policy(), 2)) as fetcher:
        for folders, offered in ((None, "Ask the person for the file's path"), ((), "upload_link")):
            with pytest.raises(InvalidSourceError) as caught:
                await SourceReader(fetcher, expand, folders).open(name)
            assert offered in caught.value.remedy
            assert "data URI" in caught.value.remedy


async def test_a_folder_is_called_one(tmp_path: Path) -> None:
    assert (await refusal(str(tmp_path))).endswith("is a folder.")
    assert (await refusal(f"file://{tmp_path}", named=shown(str(tmp_path)))).endswith("is a folder.")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no FIFOs")
async def test_a_fifo_that_nobody_writes_to_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.png"
    os.mkfifo(fifo)
    assert (await refusal(str(fifo))).endswith("is not a file.")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no device files")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
async def test_a_device_is_not_read(device: str) -> None:
    assert (await refusal(device)).endswith("is not a file.")


async def test_a_file_of_more_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(MAX_READ_BYTES + 1)

    assert "is 200 MiB; the limit is 200 MiB" in await refusal(str(path))


async def test_a_missing_file_is_called_missing(tmp_path: Path) -> None:
    gone = tmp_path / "gone.png"
    assert "there is no such file" in await refusal(str(gone))
    assert "there is no such file" in await refusal(f"file://{gone}", named=shown(str(gone)))
    assert "there is no such file" in await refusal("~/gone.png", named=shown(str(gone)))


async def test_a_file_below_a_file_cannot_be_read(fox: Path) -> None:
    assert "cannot be read: " in await refusal(f"{fox}/x.png")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything")
async def test_a_file_that_may_not_be_read_says_so(locked: Path) -> None:
    assert "Permission denied" in await refusal(str(locked))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fox.png",
        "./fox.png",
        "pictures/fox.png",
        "/tmp/fox\0.png",  # noqa: S108 - never opened
        "file:///fox%00.png",
        "file:fox.png",
        "file:",
        "file://[/fox.png",
        "ftp://example.invalid/fox.png",
        "~nobody-of-this-name/fox.png",
        "/\ud800.png",
        "img_7f3a",
    ],
)
async def test_what_is_neither_path_nor_address_is_told_the_forms_that_are(text: str) -> None:
    async with reader() as read:
        with pytest.raises(InvalidSourceError) as caught:
            await read.open(text)
    assert caught.value.what == (
        f"The source image {shown(text)!r} is neither an absolute path nor an address."
    )
    assert is_visible(str(caught.value))
    for form in ("absolute path", "file://", "http(s)://", "data URI"):
        assert form in caught.value.remedy


async def test_without_a_home_folder_a_path_from_there_is_refused() -> None:
    def homeless(text: str) -> Path:
        raise RuntimeError(f"Could not determine home directory for {text}.")

    async with aclosing(Fetcher(Policy(), 2)) as fetcher:
        with pytest.raises(InvalidSourceError, match="neither an absolute path"):
            await SourceReader(fetcher, homeless).open("~/fox.png")


async def test_a_path_that_no_file_system_takes_is_told_shortly() -> None:
    what = await refusal("/" + "a" * 5_000)
    assert "cannot be read: " in what
    assert len(what) < 200


@pytest.mark.parametrize(
    "uri", ["file://host/fox.png", "file://127.0.0.1/fox.png", "file://user@localhost/fox.png"]
)
async def test_a_file_on_another_machine_is_not_looked_for(uri: str) -> None:
    assert "is on another machine" in await refusal(uri)


NO_PICTURES: list[tuple[bytes, str]] = [
    (b"A fox is a small omnivore.\n", "it is text"),
    (b"<!DOCTYPE html><title>fox</title>", "it is HTML"),
    (b'{"fox": true}', "it is JSON"),
    (b"%PDF-1.7\n", "it is a PDF document"),
    (b"", "it is empty"),
    (b"\x7fELF\x02\x01\x01\0", "its format is not known here"),
    (encoded()[:-20], "it is cut short"),
    (encoded("JPEG")[:-20], "it is cut short"),
    (encoded("WEBP")[:-20], "it is cut short"),
    (encoded("GIF")[:-20], "it is cut short"),
    (encoded()[:40] + b"\0\0\0\0" + encoded()[44:], "its data is damaged"),
]


@pytest.mark.parametrize(("data", "reason"), NO_PICTURES)
async def test_what_is_no_picture_is_called_what_it_is_however_it_comes(
    tmp_path: Path, answering: Answering, data: bytes, reason: str
) -> None:
    path = tmp_path / "fox.png"
    path.write_bytes(data)
    ways = [str(path), await answering(raw(data)), *([data_uri(data)] if data else [])]
    for text in ways:
        assert (await refusal(text)).endswith(f" is not a picture that can be sent: {reason}.")


def bomb() -> bytes:
    header = struct.pack(">II5B", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1_000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


async def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "fox.png"
    path.write_bytes(bomb())
    assert (await refusal(str(path))).endswith("it claims 60000×60000 pixels.")


def broken() -> list[bytes]:
    """Pictures of sound structure whose content is nonsense, the same ones each time."""
    chance = random.Random(7)  # noqa: S311 - it guards nothing
    files: list[bytes] = []
    for name in ("gif", "bmp", "tiff", "tiff packed", "avif"):
        whole = OTHERS[name]()
        for _ in range(60):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                damaged[chance.randrange(12, len(damaged))] = chance.randrange(256)
            files.append(bytes(damaged))
    return files


async def test_an_address_or_data_uri_of_more_than_the_limit_is_too_large(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded()
    url = await answering(raw(data))
    monkeypatch.setattr(source_images, "MAX_READ_BYTES", len(data))
    for text in (url, data_uri(data)):
        (await opened(text)).file.close()
    monkeypatch.setattr(source_images, "MAX_READ_BYTES", len(data) - 1)
    assert "cannot be fetched: it is larger than" in await refusal(url)
    assert "MiB; the limit is" in await refusal(data_uri(data))


@pytest.mark.parametrize("write", [base64.b64encode, base64.encodebytes])
async def test_bare_base64_is_opened_and_never_shown(write: Callable[[bytes], bytes]) -> None:
    source = await opened(write(encoded("BMP")).decode())
    with source.file as file, Image.open(file) as after:
        assert after.size == SIZE
    assert source.notes == ("data:;base64,… was converted from BMP to PNG.",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (base64.b64encode(b"no picture " * 100).decode(), "is not a picture that can be sent: it is text"),
        ("A" * 301, "is not a complete data URI"),
    ],
)
async def test_bare_base64_that_is_no_picture_is_not_repeated(text: str, reason: str) -> None:
    assert await refusal(text, named="data:;base64,…") == f"The source image data:;base64,… {reason}."


async def test_a_short_word_is_no_base64() -> None:
    assert "neither an absolute path nor an address" in await refusal("A" * 252)


@pytest.mark.parametrize(
    "uri",
    [
        "data:",
        "data:,",
        "data:image/png;base64,",
        "data:image/png;base64",
        "data:image/png;base64,iVBORw0KGgo",
        "data:image/png;base64,%%%",
        "data:image/png;base64,AAAA*AAAA",
        "data:image/png;base64,ключ",
        "data:image/png;base64,iVBO\ud800",
        "data:image/png,\ud800",
    ],
)
async def test_a_broken_data_uri_is_called_broken(uri: str) -> None:
    assert (await refusal(uri)).endswith("is not a complete data URI.")


@pytest.mark.parametrize(
    "uri",
    [
        data_uri(b"no picture " * 1_000),
        f"data:image/png{'x' * 9_000};base64,AAAA",
        "data:" + "A" * 9_000,
        "data:image/png;base64," + "%" * 9_000,
    ],
)
async def test_the_data_of_a_data_uri_is_in_no_sentence(uri: str) -> None:
    assert len(await refusal(uri)) < 160


def test_a_source_is_shown_in_one_short_line_without_secrets() -> None:
    assert shown("/tmp/fox\nMEDIA:/etc/passwd\x1b[31m.png") == "/tmp/fox MEDIA:/etc/passwd [31m.png"  # noqa: S108
    assert shown("data:image/png\nMEDIA:/etc/passwd;base64,AAAA") == (
        "data:image/png MEDIA:/etc/passwd;base64,…"
    )
    assert shown("https://me:s3cret@example.invalid/fox.png") == "https://example.invalid/fox.png"
    assert shown("https://example.invalid/@me/fox.png") == "https://example.invalid/@me/fox.png"
    assert len(shown("/" + "a" * 200)) == 80


async def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    what = await refusal("http://me:s3cret@127.0.0.1/fox.png")
    assert "it holds a user name or a password" in what
    assert "s3cret" not in what


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/fox.png", "the connection failed ("),
        ("http://nonexistent.invalid/fox.png", "the connection failed ("),
        ("http://", "it is not an http or https address"),
        ("http://127.0.0.1:99999/", "it is not a web address"),
    ],
)
async def test_an_address_that_cannot_be_had_says_why(url: str, reason: str) -> None:
    assert f"cannot be fetched: {reason}" in await refusal(url)


async def test_an_address_where_nothing_is_says_so(answering: Answering) -> None:
    url = await answering(raw(b"gone").replace(b"200 OK", b"404 Not Found"))
    assert (await refusal(url)).endswith("cannot be fetched: it answers with status 404.")


@pytest.mark.filterwarnings("error")
async def test_a_refused_source_leaves_no_file_open(
    tmp_path: Path, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    path = tmp_path / "fox.png"
    for data in (b"", b"<html>", encoded()[:-20], bomb()):
        path.write_bytes(data)
        for text in (str(path), await answering(raw(data)), data_uri(data or b"x")):
            await refusal(text)
    with path.open("wb") as file:
        file.truncate(MAX_READ_BYTES + 1)
    for text in (str(path), str(tmp_path), "http://127.0.0.1:1/x", "data:,"):
        await refusal(text)
    gc.collect()
    assert unraisable == []


def lowest_free_descriptor() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    return reading


async def test_a_refused_path_leaves_no_descriptor_open(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(MAX_READ_BYTES + 1)
    await refusal(str(large))
    before = lowest_free_descriptor()
    for _ in range(10):
        for path in (large, tmp_path):
            await refusal(str(path))
    assert lowest_free_descriptor() < before + 10


async def test_a_path_that_is_too_long_is_said_to_be() -> None:
    assert "its path is too long" in await refusal("/pictures/" + "a/" * 5000)


async def test_what_cannot_be_a_source_is_known_before_it_is_opened() -> None:
    async with reader() as read:
        forms = ("/fox.png", "https://a.example/fox.png", "data:,x", "file:///fox.png", "fox.png", "/a\0b")
        assert [read.can_open(form) for form in forms] == [True] * 4 + [False] * 2
    assert [is_data(text) for text in (" DATA:,x", "data-x", "fox.png")] == [True, False, False]


async def test_a_server_without_folders_reads_no_file(tmp_path: Path) -> None:
    path = tmp_path / "fox.png"
    path.write_bytes(encoded())
    async with aclosing(Fetcher(Policy(allow_private=True), 2)) as fetcher:
        with pytest.raises(InvalidSourceError, match="this server reads no files"):
            await SourceReader(fetcher, expand, ()).open(str(path))
