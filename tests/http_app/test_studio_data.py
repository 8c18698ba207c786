"""The studio's data over HTTP: pictures, thumbnails, uploads, changes, deletion."""

import io
import json
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, closing, suppress
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

import anyio
import httpx
import pytest
from PIL import Image

from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.http_app.studio import live_changes
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App
from support.http_in_process import served
from support.recording import RecordingGallery
from support.studio import entered

Studio = tuple[httpx.AsyncClient, App]


@pytest.fixture
async def studio(settings: Settings) -> AsyncGenerator[Studio]:
    """Serve a studio, with a client that was let in."""
    async with AsyncExitStack() as running:
        links, app = await running.enter_async_context(served(settings, studio_only=True))
        client = httpx.AsyncClient(base_url=links.base_url, trust_env=False, timeout=60)
        await running.enter_async_context(client)
        yield await entered(client, app), app


def record(settings: Settings, *images: StoredImage) -> list[str]:
    """Record pictures as another process does; return their handles."""
    with closing(gallery_database(settings.data_dir)) as database:
        made = RecordingGallery(database).record(images, prompt="a fox <b>", model="m")
    return [image.handle for image in made.images]


def file(settings: Settings, name: str, content: bytes) -> StoredImage:
    settings.output_dir.mkdir(exist_ok=True)
    path = settings.output_dir / name
    path.write_bytes(content)
    kind = {"mp4": "video/mp4", "svg": "image/svg+xml"}.get(path.suffix[1:], "image/png")
    return StoredImage(path=path, media_type=kind, bytes=len(content), width=900, height=600)


def thumbnails(size: int, *handles: str) -> str:
    return f"/studio/thumbnails?{urlencode({'size': size, 'handles': ','.join(handles)})}"


def png(colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (900, 600), colour).save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_picture_is_listed_shown_small_and_shown_whole(studio: Studio, settings: Settings) -> None:
    client, _ = studio
    (handle,) = record(settings, file(settings, "fox.png", png()))
    (listed,) = (await client.get("/studio/gallery", params={"query": "fox"})).json()["pictures"]
    assert (listed["handle"], listed["kind"], listed["missing"]) == (handle, "image", False)
    assert listed["prompt"] == "a fox <b>"
    assert "path" not in listed

    small = await client.get(thumbnails(320, handle))
    assert small.headers["thumbnails"] == f"{handle}={len(small.content)}"
    assert Image.open(io.BytesIO(small.content)).size == (320, 213)
    whole = await client.get(f"/studio/pictures/{handle}", headers={"Range": "bytes=0-7"})
    assert (whole.status_code, whole.content) == (206, png()[:8])
    for answer in (small, whole):
        assert "sandbox" in answer.headers["content-security-policy"], "an SVG must run no script"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "no-store" in answer.headers["cache-control"]
    head = await client.head(f"/studio/pictures/{handle}")
    assert (head.status_code, head.content) == (200, b"")
    assert (await client.put(f"/studio/pictures/{handle}", content=b"")).status_code == 405


async def test_a_thumbnail_is_made_once_and_anew_when_the_file_changes(
    studio: Studio, settings: Settings
) -> None:
    client, _ = studio
    image = file(settings, "fox.png", png())
    (handle,) = record(settings, image)
    address = thumbnails(160, handle)
    first = (await client.get(address)).content
    (kept,) = (settings.data_dir / "thumbnails").iterdir()
    assert (await client.get(address)).content == first == kept.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0
    file(settings, "fox.png", png((0, 0, 250)) + b"\0")
    changed = (await client.get(address)).content
    assert changed != first
    assert changed[:2] == b"\xff\xd8"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which files are open")
async def test_a_picture_deleted_while_its_thumbnail_is_made_leaves_none(
    studio: Studio, settings: Settings
) -> None:
    client, _ = studio
    content = io.BytesIO()
    Image.effect_noise((4000, 4000), 80).save(content, "PNG", compress_level=1)
    large = file(settings, "large.png", content.getvalue())
    (handle,) = record(settings, large)
    address = f"/studio/pictures/{handle}"
    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, thumbnails(320, handle))
            while str(large.path) not in _open_files():
                await anyio.lowlevel.checkpoint()
            assert (await client.delete(address)).json()["pictures"] == 1
    assert list((settings.data_dir / "thumbnails").glob("*")) == []


def _open_files() -> set[str]:
    found: set[str] = set()
    for opened in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(opened.readlink()))
    return found


async def test_what_has_no_thumbnail_is_said_and_holds_up_none_of_the_others(
    studio: Studio, settings: Settings
) -> None:
    client, _ = studio
    gone = file(settings, "gone.png", png())
    *without, one, two = record(
        settings,
        file(settings, "broken.png", png()[:100]),
        file(settings, "fox.mp4", b"\0\0\0\x18ftypmp42"),
        gone,
        file(settings, "one.png", png()),
        file(settings, "two.png", png((0, 200, 30))),
    )
    without.append("img_ffff")
    assert gone.path
    gone.path.unlink()
    sizes: dict[str, int] = {}
    content = b""
    while not sizes.keys() >= {one, two}:  # what takes longer is left to another request
        answer = await client.get(thumbnails(320, *without, one, two))
        content, named = answer.content, re.findall(r"(\w+)=(\d+)", answer.headers["thumbnails"])
        sizes = {name: int(size) for name, size in named}
    assert [sizes[handle] for handle in without] == [0, 0, 0, 0]
    assert content[: sizes[one]][:2] == content[sizes[one] :][:2] == b"\xff\xd8"
    for odd in (thumbnails(0, one), thumbnails(320), thumbnails(320, "a\r\nb"), thumbnails(320, *[one] * 61)):
        assert (await client.get(odd)).status_code == 400


async def test_an_upload_gets_a_handle_and_junk_none(studio: Studio) -> None:
    client, app = studio
    taken = await client.post("/studio/uploads", content=png())
    assert taken.status_code == 201
    assert app.uploads.find(taken.json()["handle"])
    as_form = await client.post("/studio/uploads", files={"file": ("fox.png", png())})
    assert as_form.status_code == 201
    assert (await client.post("/studio/uploads", content=b"<script>")).status_code == 415


async def _events(answer: httpx.Response) -> AsyncIterator[dict[str, int]]:
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_what_another_process_makes_is_told_while_somebody_looks(
    studio: Studio, settings: Settings
) -> None:
    client, _ = studio
    with anyio.fail_after(120):
        async with client.stream("GET", "/studio/changes") as answer:
            events = aiter(_events(answer))
            first = await anext(events)
            record(settings, file(settings, "fox.png", png()))
            second = await anext(events)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert second["newest"] > first["newest"]
    assert second["version"] != first["version"]


async def test_one_browser_cannot_take_all_streams_and_gives_them_back(
    studio: Studio,
) -> None:
    client, _ = studio
    with anyio.fail_after(120):
        async with AsyncExitStack() as streams:
            statuses: list[int] = []
            for _ in range(live_changes.MOST_STREAMS + 1):
                answer = await streams.enter_async_context(client.stream("GET", "/studio/changes"))
                statuses.append(answer.status_code)
            assert statuses == [200] * live_changes.MOST_STREAMS + [503]
        while (await _status_of_a_stream(client)) != 200:  # until the server has noticed
            await anyio.lowlevel.checkpoint()


async def _status_of_a_stream(client: httpx.AsyncClient) -> int:
    async with client.stream("GET", "/studio/changes") as answer:
        return answer.status_code


async def test_a_deleted_picture_is_gone_everywhere_and_its_link_says_so(
    settings: Settings,
) -> None:
    async with (
        served(settings) as (links, app),
        httpx.AsyncClient(base_url=links.base_url, trust_env=False, timeout=60) as client,
    ):
        await entered(client, app)
        image = file(settings, "fox.png", png())
        (handle,) = record(settings, image)
        link = links.download(handle)
        assert (await client.get(link)).status_code == 200
        deleted = (await client.delete(f"/studio/pictures/{handle}")).json()
        assert (deleted["pictures"], deleted["bytes"]) == (1, image.bytes)
        assert image.path
        assert not image.path.exists()
        assert (await client.get(link)).status_code == 410
        gone = await client.get(f"/studio/pictures/{handle}")
        assert (gone.status_code, gone.json()["error"]) == (410, "This picture was deleted.")
        again = await client.delete(f"/studio/pictures/{handle}")
        assert (again.status_code, again.json()["error"]) == (404, f"{handle} was deleted already.")


async def test_deleting_by_date_first_says_how_much_and_deletes_only_when_told(
    studio: Studio, settings: Settings
) -> None:
    client, app = studio
    image = file(settings, "fox.png", png())
    record(settings, image)
    tomorrow = date.fromordinal(today().toordinal() + 1).isoformat()
    for unclear in ({"before": tomorrow}, {"before": tomorrow, "confirm": "true"}):
        told = (await client.post("/studio/delete", json=unclear)).json()
        assert told == {"pictures": 1, "bytes": image.bytes, "deleted": False}
    assert (await client.post("/studio/delete", json={"before": "soon", "confirm": True})).status_code == 400
    assert app.gallery.count() == 1
    done = await client.post("/studio/delete", json={"before": tomorrow, "confirm": True})
    assert (done.json()["pictures"], app.gallery.count()) == (1, 0)


async def test_what_cannot_be_read_is_refused_with_a_sentence(studio: Studio) -> None:
    client, _ = studio
    for query in (
        "offset=-1",
        "offset=1e3",
        "limit=x",
        "anchor=99999999999999999999",
        "kind=audio",
        "since=May",
    ):
        answer = await client.get(f"/studio/gallery?{query}")
        assert answer.status_code == 400, query
        assert answer.json()["error"].endswith("."), query
    many = await client.post("/studio/delete", content=b'{"before": "' + b"1" * 100_000 + b'"}')
    assert many.status_code == 400
