"""Pictures by link: what was made is downloaded, what is to be edited is uploaded."""

import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import to_thread
from mcp import Client
from mcp.types import CallToolResult, TextResourceContents
from PIL import Image

from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.http_serving import Serving, serving

FOX = {"prompt": "A fox", "model": "test/test"}
EDIT = {"prompt": "Invert", "model": "test/test"}
curl = pytest.mark.skipif(shutil.which("curl") is None, reason="it calls curl")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(
    bare: Callable[[Path], dict[str, str]],
    for_sandbox: Callable[[Sandbox, Path], Mapping[str, str]],
    session_sandbox: tuple[Sandbox, Any],
    home: Path,
) -> Iterator[Serving]:
    with serving({**bare(home), **for_sandbox(session_sandbox[0], home)}) as running:
        yield running


def fetch(url: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(url, headers=named, trust_env=False, timeout=60)


def send(method: str, url: str, **sent: Any) -> httpx.Response:  # noqa: ANN401 - as httpx's own
    return httpx.request(method, url, trust_env=False, timeout=60, **sent)


def fields(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, result.content
    return result.structured_content or {}


def picture(**saving: Any) -> bytes:  # noqa: ANN401 - as Pillow's own
    file = io.BytesIO()
    Image.new("RGB", (96, 64), "red").save(file, "PNG", **saving)
    return file.getvalue()


def half() -> bytes:
    """A mask: white on the left, black on the right."""
    file = io.BytesIO()
    mask = Image.new("L", (96, 64), 0)
    mask.paste(255, (0, 0, 48, 64))
    mask.save(file, "PNG")
    return file.getvalue()


async def test_no_answer_names_a_path_of_the_server(
    server: Serving, sandbox: Sandbox, home: Path, era: str
) -> None:
    del sandbox
    async with Client(server.url, mode=era) as client:
        made = await client.call_tool("generate_image", {**FOX, "n": 2})
        handle = fields(made)["images"][0]["handle"]
        edited = await client.call_tool("edit_image", {**EDIT, "images": [handle]})
        shown = await client.call_tool("show_image", {})
        listed = await client.call_tool("list_images", {})
        record = await client.read_resource(f"imagerouter://images/{handle}/record")
    for result in (made, edited, shown, listed):
        whole = result.model_dump_json()
        assert str(home) not in whole
        for image in fields(result)["images"]:
            assert "path" not in image
            assert image["download_url"].startswith(f"{server.base}/files/{image['handle']}?")
            assert image["download_url"] in result.content[0].model_dump_json()
    (told,) = record.contents
    assert isinstance(told, TextResourceContents)
    assert str(home) not in told.text
    assert json.loads(told.text)["images"][0]["download_url"].startswith(server.base)


async def test_each_picture_of_a_set_is_downloaded_and_other_files_are_told_in_the_answer(
    server: Serving, sandbox: Sandbox, home: Path
) -> None:
    del sandbox
    async with Client(server.url) as client:
        await client.call_tool("generate_image", FOX)
        made = await client.call_tool("finish_image", {"images": ["last"], "steps": ["favicon"]})
    assert str(home) not in made.model_dump_json()
    icon, *pictures = [fetch(image["download_url"]) for image in fields(made)["images"]]
    assert icon.headers["content-type"] == "image/x-icon"
    assert Image.open(io.BytesIO(icon.content)).info["sizes"] == {(16, 16), (32, 32), (48, 48)}
    assert [Image.open(io.BytesIO(picture.content)).width for picture in pictures] == [180, 192, 512]
    assert 'site.webmanifest: {"icons": [' in "\n".join(fields(made)["notes"])


async def test_an_original_has_a_link_of_its_own(server: Serving, sandbox: Sandbox, home: Path) -> None:
    del sandbox
    wish = {"prompt": "A fox", "model": "openai/gpt-image-1.5", "size": "600x315"}
    async with Client(server.url) as client:
        made = await client.call_tool("generate_image", wish)
    assert str(home) not in made.model_dump_json()
    (image,) = fields(made)["images"]
    links = (image["download_url"], image["original"]["download_url"])
    sizes = [Image.open(io.BytesIO(fetch(link).content)).size for link in links]
    assert sizes == [(600, 315), (1536, 1024)]


async def test_a_file_that_is_gone_is_not_named_by_its_path(
    server: Serving, sandbox: Sandbox, home: Path
) -> None:
    del sandbox
    async with Client(server.url) as client:
        made = fields(await client.call_tool("generate_image", {**FOX, "filename": "gone"}))["images"][0]
        (home / "pictures" / "gone.jpg").unlink()
        assert fetch(made["download_url"]).status_code == 404
        again = await client.call_tool("show_image", {"handle": made["handle"]})
    assert "was no longer there; it was fetched again" in again.content[0].model_dump_json()
    assert str(home) not in again.model_dump_json()
    assert fetch(made["download_url"]).status_code == 200


async def test_a_download_is_the_file_with_its_type_its_name_and_nothing_that_could_run(
    server: Serving, sandbox: Sandbox, home: Path
) -> None:
    del sandbox
    async with Client(server.url) as client:
        made = await client.call_tool("generate_image", {**FOX, "filename": "füchse"})
    (image,) = fields(made)["images"]
    answer = fetch(image["download_url"])
    assert answer.content == (home / "pictures" / "füchse.jpg").read_bytes()
    told = answer.headers
    assert told["content-type"] == image["media_type"] == "image/jpeg"
    assert told["content-length"] == str(image["bytes"])
    assert told["content-disposition"] == "inline; filename*=utf-8''f%C3%BCchse.jpg"
    assert told["x-content-type-options"] == "nosniff"
    assert told["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert told["cache-control"] == "private, no-store"
    part = fetch(image["download_url"], Range="bytes=2-5")
    assert part.status_code == 206
    assert part.content == answer.content[2:6]
    assert fetch(image["download_url"], Range="bytes=99999999-").status_code == 416
    looked = send("HEAD", image["download_url"])
    assert (looked.status_code, looked.content) == (200, b"")


async def test_the_upload_tool_is_there_over_http_alone(server: Serving, era: str) -> None:
    async with Client(server.url, mode=era) as client:
        tools = (await client.list_tools()).tools
        assert client.instructions
        assert "upload_link" in client.instructions
    assert tools[-1].name == "upload_link"
    assert tools[-1].annotations
    assert tools[-1].annotations.destructive_hint is False


async def permit(client: Client) -> dict[str, Any]:
    told = fields(await client.call_tool("upload_link", {}))
    assert told["max_bytes"] == 25 * 2**20
    return told


@pytest.mark.parametrize("way", ["PUT", "POST", "form"])
async def test_an_upload_is_a_source_to_be_edited(
    server: Serving, sandbox: Sandbox, era: str, way: str
) -> None:
    del sandbox
    async with Client(server.url, mode=era) as client:
        told = await permit(client)
        early = await client.call_tool("edit_image", {**EDIT, "images": [told["handle"]]})
        sent = (
            send("POST", told["upload_url"], files={"file": ("fox.png", picture())})
            if way == "form"
            else send(way, told["upload_url"], content=picture())
        )
        edited = await client.call_tool("edit_image", {**EDIT, "images": [told["handle"]]})
        listed = await client.call_tool("list_images", {"limit": 1})
    assert early.is_error
    assert "nothing was uploaded" in early.content[0].model_dump_json()
    assert sent.status_code == 201
    assert sent.json() == {
        "handle": told["handle"],
        "media_type": "image/png",
        "width": 96,
        "height": 64,
        "notes": [],
    }
    (image,) = fields(edited)["images"]
    with Image.open(io.BytesIO(fetch(image["download_url"]).content)) as inverted:
        assert inverted.size == (96, 64)
    assert fields(listed)["images"][0]["sources"] == [told["handle"]]


async def test_an_upload_can_be_a_mask(server: Serving, sandbox: Sandbox) -> None:
    del sandbox
    async with Client(server.url) as client:
        source, mask = await permit(client), await permit(client)
        for each, sent in ((source, picture()), (mask, half())):
            send("PUT", each["upload_url"], content=sent).raise_for_status()
        shown = await client.call_tool("preview_mask", {"image": source["handle"], "mask": mask["handle"]})
    assert fields(shown)["changed_percent"] == 50


async def test_of_an_upload_only_the_picture_is_kept(server: Serving, home: Path) -> None:
    async with Client(server.url) as client:
        told = await permit(client)
    exif = Image.Exif()
    exif[0x010E] = "somebody's secret"
    sent = picture(exif=exif) + b"appended secret"
    send("PUT", told["upload_url"], content=sent).raise_for_status()
    kept = (home / "data" / "uploads" / told["handle"]).read_bytes()
    assert b"secret" in sent
    assert b"secret" not in kept


def typed(command: str) -> "subprocess.CompletedProcess[str]":
    """What came of a command in a shell."""
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - as a person types it


@curl
@pytest.mark.parametrize("option", ["-T", "-F"])
async def test_the_command_that_the_tool_tells_works(server: Serving, tmp_path: Path, option: str) -> None:
    async with Client(server.url) as client:
        told = await permit(client)
    file = tmp_path / "fox.png"
    file.write_bytes(picture())
    command = told["command"].replace("-T PICTURE", f"-T {file}" if option == "-T" else f"-F file=@{file}")
    ended = await to_thread.run_sync(typed, command)
    assert json.loads(ended.stdout)["handle"] == told["handle"]


async def test_a_browser_shows_a_form_and_what_came_of_it(server: Serving) -> None:
    async with Client(server.url) as client:
        told = await permit(client)
    form = fetch(told["upload_url"], Accept="text/html")
    assert form.headers["content-type"] == "text/html; charset=utf-8"
    assert 'enctype="multipart/form-data"' in form.text
    assert "script" not in form.text
    assert "form-action 'self'" in form.headers["content-security-policy"]
    # A page that sends no referrer has the origin "null".
    sent = send(
        "POST",
        told["upload_url"],
        files={"file": ("fox.png", picture())},
        headers={"Accept": "text/html,*/*", "Origin": "null"},
    )
    assert sent.status_code == 200
    assert told["handle"] in sent.text
    assert fetch(told["upload_url"]).status_code == 409


async def test_links_begin_with_the_public_address_and_outlive_the_process_that_made_them(
    environment: dict[str, str],
) -> None:
    public = "http://localhost:9/pictures"
    environment |= {"IMAGEROUTER_PUBLIC_URL": f"{public}/", "IMAGEROUTER_MEDIA_LINES": "1"}
    with serving(environment) as first:
        async with Client(first.url) as client:
            made = fields(await client.call_tool("generate_image", FOX))
            told = await permit(client)
    link = made["images"][0]["download_url"]
    assert link.startswith(f"{public}/files/img_")
    assert told["upload_url"].startswith(f"{public}/uploads/upload_")
    assert "media" not in made, "a chat on another machine opens https addresses alone"
    with serving(environment) as second:
        assert fetch(link.replace(public, second.base)).status_code == 200
