"""What the gallery hands out again: addresses of resources, and files that were replaced meanwhile."""

import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from mcp import Client, MCPError

from imagerouter_mcp.images.stored_files import open_stored
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from support.http_in_process import served
from support.visible import is_visible

Row = Callable[[str, str, str], None]

ADDRESSES, REPLACED = "Addresses of resources", "Files of the gallery that were replaced"
SECRET = b"not a picture, and nobody's business " * 20
LONGEST_ECHO = 500
MADE = {"prompt": "a fox", "model": "test/test", "response_format": "b64_ephemeral"}
"""A picture that cannot be fetched again."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, FIFOs and /proc")


@asynccontextmanager
async def with_picture(settings: Settings) -> AsyncGenerator[tuple[Client, str, Path]]:
    """Yield a client, and the handle and the file of a picture."""
    async with open_app(settings) as app, Client(build_server(app)) as client:
        made = await client.call_tool("generate_image", MADE)
        image = cast("dict[str, Any]", made.structured_content)["images"][0]
        yield client, image["handle"], Path(image["path"])


PARTS = (
    *(
        "-1",
        "0",
        "2",
        "01",
        "+1",
        "1.0",
        "1e0",
        "１",
        "٣",
        "1" + "0" * 30,
        "9" * 400,
        "1/",
        "1/..",
        "../record",
    ),
    *("", "parts/1", "1%00", "1%0A", "1 ", " 1", "1,2", "0x1", "NaN", "∞", "%2e%2e", "1%2F..%2Frecord"),
)
NAMES = (
    *("HANDLE%00", "HANDLE/", "HANDLE/record/", "HANDLE/BEFORE", "HANDLE/before/", "HANDLE?x=1", "HANDLE#x"),
    *("/HANDLE", "..", "../..", "%2e%2e%2fetc%2fpasswd", "/etc/passwd", "%2Fetc%2Fpasswd"),
    *(
        "file:%2F%2F%2Fetc%2Fpasswd",
        "1",
        "-1",
        "9" * 400,
        "%ff%fe",
        "%ED%A0%80",
        "img_%2A",
        "img_%",
        "%",
        "%zz",
    ),
    *("", "a b", "gen_ffff", "img_0' OR 1=1 --", "img_0%22%20OR%201=1", "PATH", "last/..", "~", "$HOME"),
)
OTHERS = (
    *("imagerouter://", "imagerouter:///etc/passwd", "imagerouter://evil/x", "file:///etc/passwd"),
    *("http://127.0.0.1/", "IMAGEROUTER://images/HANDLE", "imagerouter:images/HANDLE", "x"),
    *("imagerouter://images", "imagerouter://user:pw@images/HANDLE", "imagerouter://images:80/HANDLE"),
    *(
        "imagerouter://models/..",
        "imagerouter://models/%00",
        "imagerouter://models/\u202e",
        "imagerouter://models/",
    ),
)


async def test_no_other_address_leads_to_a_file(settings: Settings, row: Row) -> None:
    addresses = [
        *(f"imagerouter://images/HANDLE/parts/{part}" for part in PARTS),
        *(f"imagerouter://images/{name}" for name in NAMES),
        *OTHERS,
    ]
    async with with_picture(settings) as (client, handle, file):
        for address in addresses:
            with pytest.raises(MCPError) as refused:
                await client.read_resource(address.replace("HANDLE", handle).replace("PATH", str(file)))
            assert is_visible(str(refused.value).replace("\n", "")) or "\u202e" in address, address
            assert len(str(refused.value)) < LONGEST_ECHO + len(address), address
            shown = address if len(address) < 100 else f"{address[:60]}… ({len(address)} characters)"
            row(ADDRESSES, f"`{shown}`", "refused")
        for name in (handle, handle.upper(), "last"):
            assert (await client.read_resource(f"imagerouter://images/{name}")).contents


@pytest.mark.parametrize("begin", ["imagerouter://images/", "imagerouter://models/", "elsewhere:"])
async def test_a_refusal_repeats_no_megabyte_of_address(settings: Settings, row: Row, begin: str) -> None:
    async with open_app(settings) as app, Client(build_server(app)) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(begin + "a" * 2**20)
    assert len(refused.value.error.model_dump_json()) < LONGEST_ECHO
    row(ADDRESSES, f"`{begin}` and a megabyte", "refused in a short sentence")


def links_to(target: str) -> Callable[[Path, Path], None]:
    return lambda file, secret: file.symlink_to(
        target.replace("SECRET", str(secret)).replace("FILE", str(file))
    )


def sparse(file: Path, _: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(2**40)


def fifo(file: Path, _: Path) -> None:
    os.mkfifo(file)


def fifo_behind_a_link(file: Path, secret: Path) -> None:
    pipe = secret.with_name("pipe")
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    file.symlink_to(pipe)


REPLACEMENTS: dict[str, Callable[[Path, Path], object]] = {
    "a link to another file": links_to("SECRET"),
    "a link to a link": lambda file, secret: file.symlink_to(_link_beside(secret)),
    "a hard link to another file": lambda file, secret: os.link(secret, file),
    "another file": lambda file, secret: file.write_bytes(secret.read_bytes()),
    "an empty file": lambda file, _: file.touch(),
    "half a picture's head": lambda file, _: file.write_bytes(b"\x89PN"),
    "a folder": lambda file, _: file.mkdir(),
    "a FIFO": fifo,
    "a link to a FIFO": fifo_behind_a_link,
    "a link to `/dev/zero`": links_to("/dev/zero"),
    "a link to `/dev/stdin`": links_to("/dev/stdin"),
    "a link to `/proc/self/environ`": links_to("/proc/self/environ"),
    "a link to `/proc/self/mem`": links_to("/proc/self/mem"),
    "a link to itself": links_to("FILE"),
    "a link to nothing": links_to("FILE.gone"),
    "a file of a terabyte": sparse,
    "a web page": lambda file, _: file.write_bytes(b"<!doctype html><script>fetch('/')</script>"),
    "a program": lambda file, _: file.write_bytes(b"\x7fELF" + bytes(100)),
}


def _link_beside(secret: Path) -> Path:
    link = secret.with_name("link")
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    return link


def remove(file: Path) -> None:
    if file.is_dir() and not file.is_symlink():
        file.rmdir()
    else:
        file.unlink()


async def test_what_lies_in_place_of_a_picture_is_not_handed_out(
    settings: Settings, tmp_path: Path, row: Row
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    async with with_picture(settings) as (client, handle, file):
        whole = file.read_bytes()
        for name, put in REPLACEMENTS.items():
            remove(file)
            put(file, secret)
            for address in (f"imagerouter://images/{handle}", f"imagerouter://images/{handle}/parts/1"):
                with pytest.raises(MCPError):
                    await client.read_resource(address)
            assert open_stored(file) is None
            for tool, arguments in (
                ("show_image", {"handle": handle}),
                ("edit_image", {"prompt": "x", "images": [handle], "model": "test/test"}),
                ("finish_image", {"images": [handle], "steps": ["grey"]}),
            ):
                result = await client.call_tool(tool, arguments)
                assert all(part.type != "image" for part in result.content), name
                assert result.is_error or tool == "show_image", name
            row(REPLACED, f"{name}, read as resource, shown, edited and finished", "not read")
        remove(file)
        file.write_bytes(whole)
        assert (await client.read_resource(f"imagerouter://images/{handle}")).contents


async def test_a_link_to_a_picture_whose_file_was_replaced_gives_nothing(
    settings: Settings, tmp_path: Path, row: Row
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    async with served(settings) as (links, app), Client(build_server(app)) as client:
        made = await client.call_tool("generate_image", MADE)
        fields = cast("dict[str, Any]", made.structured_content)
        image, _ = cast("Any", app.gallery.find(fields["images"][0]["handle"]))
        whole = image.path.read_bytes()
        link = links.download(image.handle)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            for name, put in REPLACEMENTS.items():
                remove(image.path)
                put(image.path, secret)
                assert (await http.get(link)).status_code == 404, name
                row(REPLACED, f"{name}, asked for by its download link", "404")
            remove(image.path)
            image.path.write_bytes(whole)
            assert (await http.get(link)).content == whole
