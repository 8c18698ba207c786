"""What came otherwise than asked is said, each once."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from imagerouter_mcp.api.wire import GenerationAnswer, ResultItem
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.generation.differences import differences
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.images.pixels.comparison import look_at

PHOTO = Image.radial_gradient("L").resize((320, 240)).convert("RGB")  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy


def told(
    path: Path,
    *also: ResultItem,
    kind: str = "png",
    url: str | None = None,
    against: bool = False,
    beside: Path | None = None,
    transparency: str = "",
    origins: tuple[str, ...] = ("/source.png",),
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
        origins=origins,
        transparency=transparency,
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
    looks = [
        look for image in images if (against or transparency) and image.path and (look := look_at(image.path))
    ]
    return differences(plan, answer, images, looks, look_at(source) if against else None)


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
        "b64_ephemeral was asked for, but ImageRouter answered with a link, which anyone can open.",
    ]


def test_one_public_link_among_several_results_is_said(path: Path) -> None:
    (made,) = told(path, ResultItem(url="https://x.test/b.png"), response_format="b64_ephemeral")
    assert "answered with a link" in made


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


def test_another_shape_than_the_sources_is_said_though_no_size_was_asked_for(path: Path) -> None:
    Image.linear_gradient("L").save(path)
    (note,) = told(path, against=True)
    assert note.startswith("The source has 320x240; acme/edit made 256x256.")
    assert not told(path, against=True, size="320x240"), "then the size that was asked for counts"
    assert not told(path, against=True, origins=("/source.png", "/other.png")), "it may follow either"
    Image.linear_gradient("L").resize((1344, 992)).save(path)  # pyright: ignore[reportUnknownMemberType] - as above
    assert told(path, against=True) == []


@pytest.mark.parametrize(
    ("colour", "said"),
    [
        ("black", "black"),
        ((4, 2, 6), "black"),
        ("white", "white"),
        ("blue", "of one colour, #"),
        ("yellow", "of one colour, #"),
        ((200, 30, 30), "of one colour, #c"),
        ((9, 9, 9, 0), "transparent"),
    ],
)
def test_a_picture_with_nothing_in_it_is_said(path: Path, colour: str | tuple[int, ...], said: str) -> None:
    mode = "RGBA" if len(colour) == 4 and not isinstance(colour, str) else "RGB"
    for kind in ("png", "webp", "jpeg"):
        picture = Image.new(mode, (320, 240), colour)
        if kind == "jpeg" and mode == "RGBA":
            continue
        picture.save(path, kind)
        assert f"There is nothing to see: the whole picture is {said}" in told(path, against=True)[-1]


def _night() -> Image.Image:
    sky = Image.new("RGB", (1024, 1024), (3, 4, 8))
    for at in range(12):
        sky.putpixel((83 * at + 20, 61 * at + 30), (60, 60, 70))
    return sky


def _line_on_white() -> Image.Image:
    paper = Image.new("RGB", (1600, 1200), "white")
    ImageDraw.Draw(paper).line((700, 600, 760, 620), "black", 2)
    return paper


def _white_product() -> Image.Image:
    shadow = Image.new("RGB", (1000, 1000), "white")
    ImageDraw.Draw(shadow).ellipse((300, 700, 700, 740), (225, 225, 225))
    return shadow.filter(ImageFilter.GaussianBlur(20))


def _black_logo() -> Image.Image:
    logo = Image.new("RGBA", (512, 512))
    ImageDraw.Draw(logo).rectangle((200, 200, 300, 300), (0, 0, 0, 255))
    return logo


@pytest.mark.parametrize("made", [_night, _line_on_white, _white_product, _black_logo])
@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_an_honest_picture_of_few_tones_raises_no_alarm(
    path: Path, made: Callable[[], Image.Image], kind: str
) -> None:
    picture = made()
    if picture.mode == "RGBA" and kind == "jpeg":
        return
    picture.save(path, kind, quality=75)
    assert not [note for note in told(path, against=True) if "nothing to see" in note]


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "no transparency"), (0.001, "under 1 %"), (0.25, "25 %"), (0.999, "over 99 %")],
)
def test_transparency_is_measured_where_it_was_asked_for(path: Path, share: float, said: str) -> None:
    cut = Image.radial_gradient("L").resize((1000, 1000)).convert("RGBA")  # pyright: ignore[reportUnknownMemberType] - as above
    cut.paste((0, 0, 0, 0), (0, 0, 1000, round(1000 * share)))
    cut.save(path)
    (note,) = told(path, transparency="Call this.", size="320x240")
    assert note.startswith(f"Measured: {said}")
    assert note.endswith("Call this.") is (share == 0)
    assert not told(path, size="320x240"), "nobody asked"


def test_a_cut_out_that_keeps_its_colours_is_no_echo(path: Path) -> None:
    cut = PHOTO.convert("RGBA")
    cut.putalpha(Image.linear_gradient("L").resize(PHOTO.size))  # pyright: ignore[reportUnknownMemberType] - as above
    cut.save(path)
    assert told(path, against=True) == []
