"""What came otherwise than asked is said, each once."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageEnhance

from imagerouter_mcp.api.wire import GenerationAnswer, ResultItem
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.generation.differences import differences
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.images.pixels.comparison import reduced

PHOTO = Image.radial_gradient("L").resize((320, 240)).convert("RGB")  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy


def told(
    path: Path,
    *also: ResultItem,
    kind: str = "png",
    url: str | None = None,
    against: bool = False,
    beside: Path | None = None,
    **asked: str,
) -> list[str]:
    """What is said of a stored file, for a request with these fields."""
    fields = {"model": "acme/edit", "response_format": "url", **asked}
    plan = Plan(
        kind="image",
        prompt="snow",
        fields=fields,
        why="",
        estimate=None,
        destination=Destination(path.parent, "snow"),
        origins=(),
        notes=(),
    )
    stored = StoredImage(path=path, url=url, media_type=f"image/{kind}", width=320, height=240)
    source = io.BytesIO()
    PHOTO.save(source, "PNG")
    answer = GenerationAnswer(items=[ResultItem(url=url, b64_json=None if url else "AAAA"), *also])
    images = (
        [stored, StoredImage(path=beside, media_type="image/png", width=320, height=240)]
        if beside
        else [stored]
    )
    return differences(plan, answer, images, reduced(source) if against else None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    PHOTO.save(tmp_path / "made.png")
    return tmp_path / "made.png"


def test_what_came_as_asked_needs_no_word(path: Path) -> None:
    assert told(path, size="320x240", output_format="png") == []


def test_another_size_format_and_a_public_link_are_said(path: Path) -> None:
    made = told(
        path, url="https://x.test/a.png", size="64x64", output_format="webp", response_format="b64_ephemeral"
    )
    assert made == [
        "64x64 was asked for; acme/edit made 320x240.",
        "webp was asked for; acme/edit answered PNG.",
        "b64_ephemeral was asked for, but ImageRouter answered a link, which anyone who has it can open.",
    ]


def test_one_public_link_among_several_results_is_said(path: Path) -> None:
    (made,) = told(path, ResultItem(url="https://x.test/b.png"), response_format="b64_ephemeral")
    assert "answered a link" in made


def test_the_pages_of_a_layered_tiff_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "layers.tiff"
    PHOTO.save(path, save_all=True, append_images=[PHOTO, PHOTO])
    assert told(path, kind="tiff") == ["The TIFF has 3 pages, one for each layer."]


def test_a_stretched_source_is_an_echo(path: Path) -> None:
    PHOTO.resize((500, 500)).save(path)  # pyright: ignore[reportUnknownMemberType] - as above
    assert "returned the source image unchanged" in told(path, against=True)[0]


def test_one_echo_among_several_results_is_said(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (320, 240), "red").save(other)
    assert "returned the source image unchanged" in told(path, beside=other, against=True)[0]


def test_real_edits_are_no_echo_even_where_they_are_small(path: Path) -> None:
    hat = PHOTO.copy()
    ImageDraw.Draw(hat).rectangle((140, 20, 170, 40), (200, 30, 30))
    for edited in (hat, ImageEnhance.Brightness(PHOTO).enhance(0.9)):
        edited.save(path)
        assert told(path, against=True) == []
