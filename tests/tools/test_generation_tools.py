"""`generate_image` and `edit_image`, as a host in either protocol era meets them."""

import base64
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.types import ImageContent, ResourceLink, TextContent
from PIL import Image, ImageChops

from imagerouter_mcp.generation import result_files
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from support.eras import in_both_eras

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

ANY_SIZE = "black-forest-labs/FLUX-1-schnell"
"""Takes pictures and a mask, whose white is what changes."""
SMALL = {"model": ANY_SIZE, "size": "320x192"}


def pixels(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def contents(path: Path) -> bytes:
    return path.read_bytes()


def fetched(url: str) -> bytes:
    return httpx.get(url, trust_env=False, timeout=60).raise_for_status().content


def differ(one: Image.Image, other: Image.Image, box: tuple[int, int, int, int]) -> bool:
    return ImageChops.difference(one.crop(box), other.crop(box)).getbbox() is not None


@pytest.mark.parametrize(
    ("asked", "extension", "kind"),
    [("png", ".png", "PNG"), ("jpeg", ".jpg", "JPEG"), ("webp", ".webp", "WEBP")],
)
async def test_a_picture_lies_on_disk_in_the_type_and_size_that_was_asked_for(
    connect: Hosts, settings: Settings, asked: str, extension: str, kind: str
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A red fox in snow", output_format=asked, **SMALL)
    assert told.path.parent == settings.output_dir
    assert told.path.suffix == extension
    assert told.path.name.lower().startswith("a-red-fox")
    with Image.open(told.path) as picture:
        picture.load()
        assert (picture.format, picture.size) == (kind, (320, 192))


@in_both_eras
async def test_the_structured_content_tells_everything(connect: Hosts, sandbox: Sandbox) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A red fox", output_format="png", **SMALL)
    assert told.fields["model"] == ANY_SIZE
    assert told.fields["prompt"] == "A red fox"
    assert told.fields["cost_usd"] == 0.0013
    assert isinstance(told.fields["latency_ms"], int)
    assert any("Made by the sandbox" in note for note in told.fields["notes"])
    assert told.image == {
        "handle": told.image["handle"],
        "path": str(told.path),
        "url": told.image["url"],
        "media_type": "image/png",
        "width": 320,
        "height": 192,
        "bytes": told.path.stat().st_size,
    }
    assert told.image["handle"].startswith("img_")
    assert fetched(told.image["url"]) == told.path.read_bytes()
    assert told.image["url"].startswith(sandbox.base_url)


async def test_the_text_tells_path_link_handle_cost_and_model(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A red fox", **SMALL)
    for part in (told.image["path"], told.image["url"], told.image["handle"], "$0.0013", ANY_SIZE):
        assert part in told.text
    assert "anyone who has it can open it" in told.text
    assert "Made by the sandbox" in told.text


@in_both_eras
async def test_the_blocks_are_text_preview_and_a_link_that_can_be_read(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A red fox", output_format="png", **SMALL)
        text, preview, link = told.result.content
        assert isinstance(text, TextContent)
        assert isinstance(preview, ImageContent)
        assert isinstance(link, ResourceLink)
        assert len(preview.data) <= 60_000
        assert (link.mime_type, link.size, link.name) == ("image/png", told.image["bytes"], told.path.name)
        (resource,) = (await host.client.read_resource(str(link.uri))).contents
    assert base64.b64decode(resource.blob) == told.path.read_bytes()


async def test_a_revised_prompt_is_told_apart_from_the_prompt(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="openai/dall-e-3")
    assert told.fields["prompt"] == "A fox"
    assert told.fields["revised_prompt"] == "A fox (revised)"
    assert "A fox (revised)" in told.text


async def test_the_request_carries_what_was_asked_for_and_nothing_else(connect: Hosts, made: Journal) -> None:
    async with connect() as host:
        await host("generate_image", prompt="A fox", quality="low", output_format="jpeg", **SMALL)
    (sent,) = made()
    assert sent["path"] == "/v1/openai/images/generations"
    assert sent["content_type"] == "application/json"
    assert sent["user_agent"].startswith("imagerouter-mcp/")
    assert sent["fields"] == {
        "prompt": "A fox",
        "model": ANY_SIZE,
        "size": "320x192",
        "quality": "low",
        "output_format": "jpeg",
        "response_format": "url",
    }


async def test_the_persons_own_model_serves_calls_that_name_none(connect: Hosts, made: Journal) -> None:
    async with connect(model="test/test") as host:
        told = await host("generate_image", prompt="A fox")
    assert told.fields["model"] == "test/test"
    assert made()[0]["fields"]["model"] == "test/test"


@pytest.mark.parametrize("sort", ["path", "file", "http", "data", "handle", "last"])
async def test_a_source_may_be_given_in_every_way(
    connect: Hosts, made: Journal, sandbox: Sandbox, source: Path, sort: str
) -> None:
    # The sandbox is on this machine, from which no source is fetched unless the person allows it.
    async with connect(allow_private_urls=sort == "http") as host:
        earlier = await host("generate_image", prompt="Earlier", output_format="png", **SMALL)
        ways = {
            "path": (str(source), source),
            "file": (source.as_uri(), source),
            "http": (earlier.image["url"], earlier.path),
            "data": (f"data:image/png;base64,{base64.b64encode(contents(source)).decode()}", source),
            "handle": (earlier.image["handle"], earlier.path),
            "last": ("last", earlier.path),
        }
        given, expected = ways[sort]
        told = await host(
            "edit_image", images=[given], prompt="Invert it", model=ANY_SIZE, output_format="png"
        )
    assert not told.failed, told.text
    (sent,) = made()[1:]
    assert (sent["path"], sent["fields"]["prompt"]) == ("/v1/openai/images/edits", "Invert it")
    (file,) = sent["files"]
    arrived = Image.open(BytesIO(fetched(f"{sandbox.base_url}/sandbox/uploads/{file['sha256']}")))
    assert arrived.convert("RGB").tobytes() == pixels(expected).tobytes()
    assert (file["content_type"], Path(file["filename"]).suffix) == ("image/png", ".png")
    assert told.path != expected
    assert differ(pixels(told.path), pixels(expected), (0, 0, *pixels(expected).size))


async def test_an_edit_can_be_edited_again_and_its_lineage_followed_back(
    connect: Hosts, source: Path
) -> None:
    """Also where the paths are long, as on most desktops."""
    async with connect() as host:
        first = await host(
            "edit_image", images=[str(source)], prompt="One", model=ANY_SIZE, filename="a" * 90
        )
        second = await host("edit_image", images=["last"], prompt="Two", model=ANY_SIZE)
        listed = (await host("list_images")).fields["images"]
    assert [image["handle"] for image in listed] == [second.image["handle"], first.image["handle"]]
    assert listed[0]["sources"] in ([str(first.path)], [first.image["handle"]])
    assert listed[1]["sources"] == [str(source)]


async def test_several_sources_arrive_in_their_order(connect: Hosts, made: Journal, tmp_path: Path) -> None:
    paths: list[str] = []
    for side in (20, 30, 40):
        Image.new("RGB", (side, side), "teal").save(tmp_path / f"{side}.png")
        paths.append(str(tmp_path / f"{side}.png"))
    async with connect() as host:
        told = await host("edit_image", images=paths, prompt="Combine them", model="test/test")
    assert not told.failed, told.text
    assert [(file["field"], file["width"]) for file in made()[0]["files"]] == [
        ("image[]", 20),
        ("image[]", 30),
        ("image[]", 40),
    ]


async def test_one_source_may_be_given_without_a_list(connect: Hosts, source: Path) -> None:
    async with connect() as host:
        told = await host("edit_image", images=str(source), prompt="Invert", model=ANY_SIZE)
    assert not told.failed, told.text


async def test_the_source_stays_as_it_was(connect: Hosts, source: Path) -> None:
    before = contents(source)
    async with connect() as host:
        await host("edit_image", images=[str(source)], prompt="Invert", model=ANY_SIZE)
    assert contents(source) == before


@pytest.mark.parametrize("painted", ["white on black", "transparent"])
async def test_a_mask_limits_the_change_however_it_is_painted(
    connect: Hosts, source: Path, photo: Image.Image, tmp_path: Path, painted: str
) -> None:
    if painted == "transparent":
        mask, inside = Image.new("RGBA", photo.size, (255, 255, 255, 255)), (255, 255, 255, 0)
    else:
        mask, inside = Image.new("RGB", photo.size, (0, 0, 0)), (255, 255, 255)
    mask.paste(inside, (64, 64, 192, 192))
    mask.save(tmp_path / "mask.png")
    async with connect() as host:
        told = await host(
            "edit_image",
            images=[str(source)],
            mask=str(tmp_path / "mask.png"),
            prompt="Invert",
            model=ANY_SIZE,
            output_format="png",
        )
        assert not told.failed, told.text
        shown = await host("show_image", handle=told.image["handle"])
    assert told.previews == shown.previews
    _check_changed_inside_only(pixels(told.path), photo)


def _check_changed_inside_only(result: Image.Image, photo: Image.Image) -> None:
    assert result.size == photo.size
    assert differ(result, photo, (64, 64, 192, 192))
    for outside in ((0, 0, 256, 64), (0, 192, 256, 256), (0, 64, 64, 192), (192, 64, 256, 192)):
        assert not differ(result, photo, outside)


async def test_every_picture_of_an_answer_with_several_is_delivered(connect: Hosts, source: Path) -> None:
    async with connect() as host:
        told = await host(
            "edit_image",
            images=[str(source)],
            prompt="Layers",
            model="sandbox/three-pictures",
            output_format="png",
        )
        images = told.fields["images"]
        last = await host("show_image", handle=images[2]["handle"], preview="none")
    assert told.text.startswith("Made 3 pictures with sandbox/three-pictures for $0.03")
    assert len({image["handle"] for image in images}) == 3
    assert len({image["path"] for image in images}) == 3
    assert len(told.previews) == 1, "they share one"
    for image in images:
        assert image["path"] in told.text
        with Image.open(image["path"]) as picture:
            assert picture.format == "PNG"
    assert last.image["path"] == images[2]["path"]


@pytest.mark.parametrize("response_format", ["b64_json", "b64_ephemeral"])
async def test_a_picture_that_comes_in_base64_is_delivered_without_a_link(
    connect: Hosts, made: Journal, response_format: str
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", response_format=response_format, **SMALL)
    assert made()[0]["fields"]["response_format"] == response_format
    assert pixels(told.path).size == (320, 192)
    assert "url" not in told.image
    assert "Link:" not in told.text


async def test_the_persons_response_format_is_the_default_and_a_call_may_differ(
    connect: Hosts, made: Journal
) -> None:
    async with connect(response_format="b64_ephemeral") as host:
        await host("generate_image", prompt="A fox", **SMALL)
        await host("generate_image", prompt="A fox", response_format="url", **SMALL)
    assert [sent["fields"]["response_format"] for sent in made()] == ["b64_ephemeral", "url"]


async def test_folder_and_name_may_be_chosen(connect: Hosts, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "inside"
    async with connect() as host:
        told = await host(
            "generate_image",
            prompt="A fox",
            output_dir=str(folder),
            filename="hero.png",
            output_format="webp",
            **SMALL,
        )
        home = await host("generate_image", prompt="A fox", output_dir="~/mine", filename="hero", **SMALL)
    assert told.path == folder / "hero.png"
    assert home.path == tmp_path / "mine" / "hero.webp"


async def test_nothing_is_ever_overwritten(connect: Hosts) -> None:
    async with connect() as host:
        first = await host("generate_image", prompt="A fox", filename="same", **SMALL)
        before = first.path.read_bytes()
        others = [
            await host("generate_image", prompt=prompt, filename="same", **SMALL)
            for prompt in ("A wolf", "A hare")
        ]
    assert len({first.path, *(told.path for told in others)}) == 3
    assert first.path.read_bytes() == before


async def test_no_unfinished_file_is_left(connect: Hosts, settings: Settings) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", **SMALL)
        await host("generate_image", prompt="A fox", model="sandbox/truncated-image")
    assert list(settings.output_dir.iterdir()) == [told.path]


@in_both_eras
async def test_progress_is_told_while_the_model_works(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/slow-0.9", size="256x256")
        again = await host(
            "generate_image", prompt="A fox", model="sandbox/slow-0.9", size="256x256", again=True
        )
    assert told.progress[0] == "Preparing, 0 s"
    assert any(line.startswith("sandbox/slow-0.9 is working, ") for line in told.progress)
    usual = "sandbox/slow-0.9 is working (it usually takes about 1 s), "
    assert any(line.startswith(usual) for line in again.progress)


@pytest.mark.parametrize(("preview", "longest"), [("auto", 512), ("large", 1024), ("none", 0)])
async def test_the_preview_is_as_large_as_the_call_asks(connect: Hosts, preview: str, longest: int) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model=ANY_SIZE, size="1024x768", preview=preview)
    assert [_longest_side(block) for block in told.previews] == ([longest] if longest else [])


@pytest.mark.parametrize(("preview", "longest"), [("none", 0), ("large", 1024)])
async def test_the_persons_preview_is_the_default(connect: Hosts, preview: str, longest: int) -> None:
    async with connect(preview=preview) as host:
        told = await host("generate_image", prompt="A fox", model=ANY_SIZE, size="1024x768")
    assert [_longest_side(block) for block in told.previews] == ([longest] if longest else [])


def _longest_side(block: ImageContent) -> int:
    with Image.open(BytesIO(base64.b64decode(block.data))) as picture:
        return max(picture.size)


@pytest.mark.parametrize(
    ("fault", "media_type", "previews"),
    [
        ("wrong-type", "image/jpeg", 1),
        ("png16", "image/png", 1),
        ("png-palette", "image/png", 1),
        ("jpeg-cmyk", "image/jpeg", 1),
        ("jpeg-rotated", "image/jpeg", 1),
        ("gif", "image/gif", 1),
        ("animated-webp", "image/webp", 1),
        ("avif", "image/avif", 1),
        ("mp4", "video/mp4", 0),
        ("data-prefix", "image/webp", 1),
    ],
)
async def test_whatever_comes_is_named_after_its_bytes(
    connect: Hosts, fault: str, media_type: str, previews: int
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model=f"sandbox/{fault}", size="128x96")
    assert not told.failed, told.text
    assert told.image["media_type"] == media_type
    assert told.path.suffix == {"image/jpeg": ".jpg"}.get(media_type, f".{media_type.partition('/')[2]}")
    assert len(told.previews) == previews
    assert all(block.mime_type in ("image/png", "image/jpeg", "image/webp") for block in told.previews)


async def test_a_vector_result_is_kept_as_it_is(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A logo", model="recraft-ai/recraft-v3-svg")
    assert told.path.suffix == ".svg"
    assert told.image["media_type"] == "image/svg+xml"
    assert b"<svg" in told.path.read_bytes()


NEVER_FETCHED = [
    "url-404",
    "url-redirect-loop",
    "url-html",
    "url-empty",
    "url-truncated",
    "truncated-image",
    "bomb",
]


@pytest.mark.parametrize("fault", NEVER_FETCHED)
async def test_what_was_paid_for_and_cannot_be_had_stays_reachable(
    connect: Hosts, settings: Settings, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(result_files, "RETRY_AFTER_SECONDS", ())
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model=f"sandbox/{fault}", size="256x256")
        gallery = await host("list_images")
        (listed,) = gallery.fields["images"]
        again = await host("show_image", handle=listed["handle"])
    assert "path" not in listed
    assert f"not fetched yet: call show_image with {listed['handle']}" in gallery.text
    assert told.failed
    assert again.failed
    assert listed["missing"] is True
    assert (told.fields["error"]["kind"], told.fields["error"]["charged"]) == ("delivery", "yes")
    for part in ("was made, but", "$0.01 was charged", "Do not make it again", listed["url"], "30 days"):
        assert part in told.text
        assert part in again.text
    assert f"show_image with {listed['handle']}" in told.text
    assert list(settings.output_dir.iterdir()) == [], "nothing wrong is saved as a picture"


async def test_a_result_without_an_end_is_given_up(
    connect: Hosts, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_files, "MAX_RESULT_BYTES", 2**20)
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/url-endless", size="256x256")
    assert "it is larger than 1 MiB" in told.text
    assert list(settings.output_dir.iterdir()) == []


async def test_a_result_that_drips_is_given_up_in_time(
    connect: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_files, "RETRY_AFTER_SECONDS", ())
    monkeypatch.setattr(result_files, "DOWNLOAD_SECONDS", 0.3)
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/url-slow", size="256x256")
    assert "it takes longer than 0.3 seconds" in told.text


@pytest.mark.parametrize("fault", ["url-503-once", "url-redirect"])
async def test_a_passing_trouble_with_a_link_is_overcome_in_the_same_call(connect: Hosts, fault: str) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model=f"sandbox/{fault}", size="256x256")
    assert not told.failed, told.text
    assert pixels(told.path).size == (256, 256)


async def test_show_image_fetches_what_had_not_arrived(
    connect: Hosts, monkeypatch: pytest.MonkeyPatch, made: Journal
) -> None:
    monkeypatch.setattr(result_files, "RETRY_AFTER_SECONDS", ())
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/url-503-once", size="256x256")
        assert told.failed
        assert "status 503" in told.text
        (waiting,) = (await host("list_images")).fields["images"]
        later = await host("show_image", handle=waiting["handle"])
        listed = (await host("list_images")).fields["images"]
    assert not later.failed, later.text
    assert "had not arrived; it was fetched again" in later.text
    assert pixels(later.path).size == (256, 256)
    assert listed[0]["path"] == str(later.path)
    assert "missing" not in listed[0]
    assert len(made()) == 1, "the picture is not made, and paid for, twice"


async def test_a_damaged_base64_result_says_that_it_is_paid_and_lost(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/bad-base64")
    assert "its base64 is damaged" in told.text
    assert "$0.01 was charged." in told.text


async def test_a_free_result_that_cannot_be_read_is_not_called_paid_for(
    connect: Hosts, answering: Callable[..., Awaitable[str]]
) -> None:
    body = b'{"created": 1, "data": [{"b64_json": "%%%"}], "cost": 0}'
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with connect(base_url=await answering(head + body)) as host:
        told = await host("generate_image", prompt="A fox", model="test/test")
    assert told.fields["error"]["charged"] == "no"
    assert "its base64 is damaged. Nothing was charged." in told.text
