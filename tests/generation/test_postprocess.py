"""What is told of a result that was made of a model's picture, or of why that picture is the result."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from imagerouter_mcp.generation.planning.finishing import Cut, Finishing, Size
from imagerouter_mcp.generation.postprocess import Made, Postprocessing
from support.hostile_pictures import saved, svg
from support.source_pictures import png

SIZE = (320, 240)
WHOLE = (0, 0, *SIZE)
REGION = (80, 60, 240, 180)


def scenery(mode: str = "RGB") -> Image.Image:
    """Draw a picture that can be found in an answer."""
    picture = Image.merge(
        "RGB", [Image.radial_gradient("L").rotate(turn).crop(WHOLE) for turn in (0, 90, 180)]
    )
    draw = ImageDraw.Draw(picture)
    for x in range(0, SIZE[0], 40):
        draw.ellipse((x, x // 2, x + 30, x // 2 + 50), (x // 2, 90, 200 - x // 2))
    return picture.convert(mode)


def changed(picture: Image.Image) -> Image.Image:
    """Return what a model makes of it: a red box in the region."""
    made = picture.convert("RGB")
    made.paste((214, 40, 52), (120, 90, 200, 150))
    return made


async def laid_in(
    folder: Path, answer: Image.Image | bytes, source: bytes | None = None, output_format: str = "auto"
) -> Made:
    """Have an answer laid into its source."""
    for name, data in (
        ("answer", answer if isinstance(answer, bytes) else saved(answer, "PNG")),
        ("source", saved(scenery(), "PNG") if source is None else source),
    ):
        (folder / name).write_bytes(data)
    mask = Image.new("L", SIZE)
    mask.paste(255, REGION)
    mask.save(folder / "mask.png")
    finishing = Finishing(output_format=output_format, cut=Cut(box=WHOLE, size=SIZE, inner=WHOLE))
    work = Postprocessing(finishing, "acme/fox", folder / "source", folder / "mask.png")
    return await work.finish(folder / "answer")


def kind_of(made: Made) -> tuple[str | None, str]:
    """Return format and mode of a result; a preview must show the same."""
    assert made.file
    with made.file, Image.open(io.BytesIO(made.file.read())) as picture:
        if made.preview:
            preview = Image.open(io.BytesIO(made.preview.data))
            apart = ImageStat.Stat(ImageChops.difference(preview, picture.convert("RGB")))
            assert max(apart.mean) < 3
        return picture.format, picture.mode


async def test_what_a_masked_edit_kept_and_changed_is_said(tmp_path: Path) -> None:
    made = await laid_in(tmp_path, changed(scenery()))
    assert made.preview
    assert kind_of(made) == ("PNG", "RGB")
    assert made.note == "Outside the mask every pixel is the source's; inside, 25 % changed."


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (scenery(), "acme/fox changed nothing there; other words or another model may change it."),
        (
            ImageChops.invert(scenery()).rotate(180),
            "What acme/fox drew around the mask does not match the source",
        ),
        (
            changed(scenery()).reduce(4),
            "The changed part was made at 320x240, enlarged 4.0 times; size=2K or 4K asks for more detail.",
        ),
    ],
    ids=["nothing", "another picture", "too small"],
)
async def test_an_answer_that_disappoints_is_called_what_it_is(
    tmp_path: Path, answer: Image.Image, said: str
) -> None:
    made = await laid_in(tmp_path, answer)
    assert kind_of(made) == ("PNG", "RGB")
    assert said in made.note


@pytest.mark.parametrize(
    ("mode", "output_format", "kind", "said"),
    [
        ("CMYK", "png", ("TIFF", "CMYK"), "Its CMYK colours were kept, in a TIFF."),
        ("CMYK", "jpeg", ("JPEG", "RGB"), "JPEG is not exact: only PNG keeps every pixel outside the mask."),
        ("CMYK", "jpeg", ("JPEG", "RGB"), "It was converted from CMYK to RGB."),
        ("RGB", "webp", ("WEBP", "RGB"), "WEBP is not exact"),
    ],
)
async def test_what_a_format_does_to_the_source_is_said(
    tmp_path: Path, mode: str, output_format: str, kind: tuple[str, str], said: str
) -> None:
    source = saved(scenery(mode), "TIFF")
    made = await laid_in(tmp_path, changed(scenery()), source, output_format)
    assert made.preview
    assert kind_of(made) == kind
    assert said in made.note
    assert ("every pixel is the source's" in made.note) == (output_format == "png")


async def test_a_colour_source_of_16_bits_is_said_to_be_reduced(tmp_path: Path) -> None:
    width, height = SIZE
    row = b"\0" + b"".join(bytes((x % 256, 7, 90, 8, x // 2, 9)) for x in range(width))
    made = await laid_in(tmp_path, changed(scenery()), png(width, height, 16, 2, row * height))
    assert kind_of(made) == ("PNG", "RGB")
    assert made.note.endswith(" Its 16 bits per channel were reduced to 8.")


@pytest.mark.parametrize(
    ("answer", "source", "said"),
    [
        (svg("<rect/>"), None, "acme/fox made no pixel image, so nothing could be laid into the source."),
        (scenery(), b"no picture", "could not be laid into the source, because"),
        (
            scenery(),
            saved(scenery("F"), "TIFF"),
            "could not be laid into the source, because the source image has 32",
        ),
    ],
)
async def test_where_nothing_can_be_laid_in_the_models_picture_is_the_result(
    tmp_path: Path, answer: Image.Image | bytes, source: bytes | None, said: str
) -> None:
    made = await laid_in(tmp_path, answer, source)
    assert made.file is None
    assert said in made.note
    assert "charged" not in made.note, "the picture was paid for"


async def test_a_source_that_is_gone_leaves_the_part_as_it_came(tmp_path: Path) -> None:
    (tmp_path / "answer.png").write_bytes(saved(scenery(), "PNG"))
    finishing = Finishing(cut=Cut(box=WHOLE, size=SIZE, inner=WHOLE))
    work = Postprocessing(finishing, "acme/fox", tmp_path / "gone", tmp_path / "gone.png")
    made = await work.finish(tmp_path / "answer.png")
    assert (made.file, made.note) == (
        None,
        "The source is no longer kept, so this is the part as the model made it.",
    )


@pytest.mark.parametrize(
    ("came", "size", "said"),
    [
        (saved(scenery(), "PNG"), SIZE, ""),
        (svg("<rect/>"), (99, 99), "It was left in its own size: a vector drawing fits any size."),
        (
            saved(scenery(), "GIF", save_all=True, append_images=[changed(scenery())]),
            (99, 99),
            "It was left in its own size: it has several frames or pages.",
        ),
        (
            saved(scenery(), "PNG"),
            (16_400, 20),
            "It could not be cropped to 16400x20",
        ),
    ],
)
async def test_a_picture_that_stays_as_it_came_says_why(
    tmp_path: Path, came: bytes, size: Size, said: str
) -> None:
    (tmp_path / "came").write_bytes(came)
    work = Postprocessing(Finishing(size=size, output_format="webp"), "acme/fox", tmp_path, tmp_path)
    made = await work.finish(tmp_path / "came")
    assert made.file is None
    assert made.note.startswith(said)
    assert bool(made.note) == bool(said)


async def test_a_picture_in_the_size_asked_for_says_what_came(tmp_path: Path) -> None:
    (tmp_path / "came.png").write_bytes(saved(scenery(), "PNG"))
    work = Postprocessing(Finishing(size=(160, 100)), "acme/fox", tmp_path, tmp_path)
    made = await work.finish(tmp_path / "came.png")
    assert made.note == "acme/fox made 320x240; here it was cropped to 160x100."
    assert kind_of(made) == ("PNG", "RGB")
