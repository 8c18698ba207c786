"""What arrives where a host keeps only a part of the answer, and how a picture reaches a chat.

One test for each row of what hosts are known to keep; see `tools/generation_result.py`.
"""

import base64
import json
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from mcp.types import ImageContent, TextContent

from imagerouter_mcp.gallery.entries import GalleryImage, StoredImage
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.tools.media_lines import media_lines
from support.recording import RecordingGallery

Hosts = Callable[..., AbstractAsyncContextManager[Any]]

OPENCLAW = "openclaw-bundle-mcp"
OPENCLAW_CHARACTERS = 20_000
CLAUDE_DESKTOP_BYTES = 1_048_576
LIMIT_OF_AN_ANSWER = 900_000
NOISE = {"prompt": "Noise", "model": "sandbox/noise", "size": "2048x2048"}
"""Pixels that no encoder makes small."""
FOX = {"prompt": "A red fox", "model": "black-forest-labs/FLUX-1-schnell", "size": "1024x768"}


def whole(told: Any) -> str:  # noqa: ANN401 - of conftest.py
    """The answer as it travels."""
    return told.result.model_dump_json(by_alias=True, exclude_none=True)


def check_complete(kept: str, told: Any) -> None:  # noqa: ANN401 - of conftest.py
    """Whether what a host keeps has all that the person and the model need."""
    image = told.image
    missing = [
        part
        for part in (image["path"], image["url"], image["handle"], told.fields["model"])
        if part not in kept
    ]
    assert not missing
    assert re.search(r"0\.0013\b", kept), "the cost"


async def test_claude_code_and_codex_keep_the_structured_content(connect: Hosts) -> None:
    async with connect(name="codex-mcp-client") as host:
        told = await host("generate_image", **FOX)
    check_complete(json.dumps(told.result.structured_content), told)


async def test_opencode_keeps_text_and_images(connect: Hosts) -> None:
    async with connect(name="opencode") as host:
        told = await host("generate_image", **FOX)
    check_complete("\n".join(b.text for b in told.result.content if isinstance(b, TextContent)), told)
    assert any(isinstance(block, ImageContent) for block in told.result.content)


async def test_openclaw_keeps_the_first_20_000_characters_of_json(connect: Hosts) -> None:
    async with connect(name=OPENCLAW) as host:
        told = await host("generate_image", **FOX)
    kept = whole(told)
    assert len(kept) < OPENCLAW_CHARACTERS, "nothing is cut at all"
    check_complete(kept, told)


async def test_a_host_that_cuts_like_openclaw_and_is_not_known_to_keeps_all_but_the_picture(
    connect: Hosts,
) -> None:
    async with connect() as host:
        told = await host("generate_image", preview="large", **FOX)
    kept = whole(told)[:OPENCLAW_CHARACTERS]
    check_complete(kept, told)


async def test_claude_desktop_keeps_a_mebibyte(connect: Hosts) -> None:
    async with connect(name="claude-ai") as host:
        told = await host("generate_image", preview="large", **NOISE)
    kept = whole(told).encode()
    assert len(kept) < CLAUDE_DESKTOP_BYTES
    assert len(kept) < LIMIT_OF_AN_ANSWER
    (preview,) = told.previews
    assert len(preview.data) > 200_000, "as big as fits"
    for part in (told.image["path"], told.image["url"], told.image["handle"]):
        assert part in told.text


async def test_several_large_pictures_fit_into_one_answer(connect: Hosts) -> None:
    async with connect() as host:
        noise = await host("generate_image", preview="none", **{**NOISE, "size": "1024x1024"})
        told = await host(
            "edit_image",
            images=[noise.image["handle"]],
            prompt="Layers",
            model="sandbox/three-pictures",
            output_format="png",
            preview="large",
        )
    assert len(told.fields["images"]) == 3
    assert all((image["width"], image["height"]) == (1024, 1024) for image in told.fields["images"])
    assert len(whole(told)) < LIMIT_OF_AN_ANSWER
    assert told.previews
    assert {image["path"] for image in told.fields["images"]} == set(re.findall(r"Saved: (.+) \(", told.text))


async def test_the_default_preview_is_small(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_image", **NOISE)
    (preview,) = told.previews
    assert 1000 < len(preview.data) <= 60_000
    assert len(base64.b64decode(preview.data)) < told.image["bytes"]


async def test_openclaw_gets_no_preview_unless_it_asks(connect: Hosts) -> None:
    async with connect(name=OPENCLAW) as host:
        silent = await host("generate_image", **FOX)
        asked = await host("show_image", preview="large")
    assert silent.previews == []
    assert len(asked.previews) == 1


@pytest.mark.parametrize("folder", ["media", "workspace", "workspace/tmp/deep"])
async def test_openclaw_is_given_the_path_where_it_may_read_it(
    connect: Hosts, tmp_path: Path, folder: str
) -> None:
    async with connect(name=OPENCLAW) as host:
        told = await host("generate_image", output_dir=str(tmp_path / ".openclaw" / folder), **FOX)
        again = await host("show_image")
    for each in (told, again):
        assert each.text.splitlines()[-1] == f"MEDIA:{told.path}"
        assert each.fields["media"] == [f"MEDIA:{told.path}"]


async def test_openclaw_is_given_the_path_where_no_link_is_public(connect: Hosts) -> None:
    """The sandbox's links are http, which OpenClaw takes from no tool."""
    async with connect(name=OPENCLAW) as host:
        linked = await host("generate_image", **FOX)
        unlinked = await host("generate_image", response_format="b64_json", **FOX)
    for told in (linked, unlinked):
        assert told.text.splitlines()[-1] == f"MEDIA:{told.path}"


def test_a_public_link_stands_in_for_a_file_that_openclaw_may_not_read(tmp_path: Path) -> None:
    url = "https://storage.imagerouter.io/fox.png"
    outside = GalleryImage(handle="img_1", path=tmp_path / "fox.png", url=url)
    inside = GalleryImage(handle="img_2", path=tmp_path / ".openclaw" / "media" / "fox.png", url=url)
    deep = GalleryImage(handle="img_6", path=tmp_path / ".openclaw" / "workspace" / "a" / "fox.png", url=url)
    beside = GalleryImage(handle="img_3", path=tmp_path / ".openclaw" / "media-not" / "fox.png", url=url)
    unfetched = GalleryImage(handle="img_4", url=url)
    lost = GalleryImage(handle="img_5")

    def lines(*images: GalleryImage, openclaw: bool = True) -> Sequence[str]:
        return media_lines(images, None, openclaw=openclaw)

    assert lines(outside) == [f"MEDIA:{url}"]
    assert lines(inside) == [f"MEDIA:{inside.path}"]
    assert lines(deep) == [f"MEDIA:{deep.path}"]
    assert lines(beside) == [f"MEDIA:{url}"]
    assert lines(unfetched) == [f"MEDIA:{url}"]
    assert lines(lost) == []
    assert lines(outside, openclaw=False) == [f"MEDIA:{outside.path}"]
    assert lines(outside, inside) == [f"MEDIA:{url}", f"MEDIA:{inside.path}"]


async def test_who_asks_decides_between_public_link_and_path(
    connect: Hosts, settings: Settings, source: Path
) -> None:
    url = "https://storage.imagerouter.io/fox.png"
    with closing(gallery_database(settings.data_dir)) as database:
        RecordingGallery(database).record(
            prompt="A fox",
            model="test/test",
            images=[StoredImage(path=source, url=url, media_type="image/png")],
        )
    async with connect(name=OPENCLAW) as openclaw, connect(media_lines=True) as other:
        assert (await openclaw("show_image")).fields["media"] == [f"MEDIA:{url}"]
        assert (await other("show_image")).fields["media"] == [f"MEDIA:{source}"]


@pytest.mark.parametrize("name", ["claude-ai", "openclaw", "pytest"])
async def test_other_hosts_get_no_media_lines(connect: Hosts, name: str) -> None:
    async with connect(name=name) as host:
        told = await host("generate_image", **FOX)
    assert "MEDIA:" not in whole(told)
    assert "media" not in told.fields
    assert len(told.previews) == 1


async def test_other_hosts_get_media_lines_when_the_person_wants_them(
    connect: Hosts, settings: Settings
) -> None:
    async with connect(media_lines=True) as host:
        told = await host("generate_image", **FOX)
    assert told.text.splitlines()[-1] == f"MEDIA:{told.path}"
    assert told.path.parent == settings.output_dir
    assert len(told.previews) == 1
