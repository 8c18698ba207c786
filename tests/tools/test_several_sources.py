"""Edits with several source images: all arrive, at both generations of the service."""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.sandbox.pictures.edits import print_boxes

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]
Change = Callable[..., None]

MODEL = "qwen/qwen-image-edit-2511"
"""Hangs every source but the first as a print along the lower edge of the result."""
WIDTH, HEIGHT = 640, 384


def prints(path: Path, count: int) -> list[Any]:
    """Return the colours in the middle of the prints."""
    with Image.open(path) as picture:
        result = picture.convert("RGB")
    assert result.size == (WIDTH, HEIGHT)
    boxes = print_boxes((0, 0, WIDTH, HEIGHT), count)
    return [result.getpixel(((left + right) // 2, (top + bottom) // 2)) for left, top, right, bottom in boxes]


@pytest.mark.parametrize("service", ["live", "february"])
@pytest.mark.parametrize("count", [2, 3, 16])
async def test_every_source_is_seen_in_the_result(  # noqa: PLR0917 - one case, and its fixtures
    connect: Hosts, change_sandbox: Change, source: Path, tmp_path: Path, service: str, count: int
) -> None:
    change_sandbox(service=service)
    colours = [(12 + 9 * n, 200 - 7 * n, 34 + 11 * n) for n in range(count - 1)]
    others = [tmp_path / f"{n}.png" for n in range(count - 1)]
    for path, colour in zip(others, colours, strict=True):
        Image.new("RGB", (90, 90), colour).save(path)
    async with connect() as host:
        told = await host(
            "edit_image",
            images=[str(path) for path in (source, *others)],
            prompt="Combine them",
            model=MODEL,
            size=f"{WIDTH}x{HEIGHT}",
            output_format="png",
        )
    assert not told.failed, told.text
    assert prints(told.path, count - 1) == colours


def save_noise(path: Path, side: int) -> str:
    """Save a picture of about three bytes a pixel."""
    Image.frombytes("RGB", (side, side), os.urandom(3 * side * side)).save(path, compress_level=0)
    return str(path)


@pytest.mark.parametrize("service", ["live", "february"])
async def test_sources_that_are_too_large_together_are_shrunk_where_they_go_as_json(
    connect: Hosts, change_sandbox: Change, made: Journal, tmp_path: Path, service: str
) -> None:
    change_sandbox(service=service)
    paths = [save_noise(tmp_path / f"{side}.png", side) for side in (1600, 40, 1700)]
    async with connect() as host:
        told = await host(
            "edit_image", images=paths, prompt="Combine them", model=MODEL, size=f"{WIDTH}x{HEIGHT}"
        )
    assert not told.failed, told.text
    (entry,) = made()
    sent = entry["files"]
    assert sent[1]["width"] == 40
    if service == "live":
        assert "2 pictures were compressed or scaled down to fit into one request of 20 MB." in told.text
        assert sum(file["bytes"] for file in sent) * 4 / 3 < 20_000_000
        assert [file["content_type"] for file in sent] == ["image/jpeg", "image/png", "image/jpeg"]
    else:
        assert "scaled down" not in told.text
        assert [file["width"] for file in sent] == [1600, 40, 1700]
