"""Finish pictures as the tool does, and read back what was made."""

import io
from collections.abc import Sequence

from PIL import Image

from imagerouter_mcp.images.finish.pipeline import (
    Job,
    Made,
    Source,
    cells,
    check_job,
    finish,
    join,
    prepare_for_cell,
)
from support.hostile_pictures import saved


def parts_of(made: Made) -> dict[str, bytes]:
    """Return the files, by their names within their set."""
    with made:
        return {name: made.file.read(length) for name, length in made.parts}


def finished(data: bytes, *steps: str, extension: str = "") -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the files that steps make of a picture, and the notes."""
    job, source = Job(steps, extension=extension), Source(io.BytesIO(data), "logo.png")
    made = finish(job, source, heavy=check_job(job, [source]))
    return parts_of(made), made.notes


def picture_of(picture: Image.Image, *steps: str) -> Image.Image:
    """Return what steps make of a picture, which travels as PNG."""
    made, _ = finished(saved(picture, "PNG"), *steps)
    return Image.open(io.BytesIO(made[""]))


def resized(picture: Image.Image, *size: int) -> Image.Image:
    """Scale a picture, each pixel the mean of those that it covers."""
    return picture.resize((size[0], size[1]), Image.Resampling.BOX)  # pyright: ignore[reportUnknownMemberType] - its stub names NumPy


def alpha_at(picture: Image.Image, at: tuple[int, int]) -> int:
    """Return how opaque a pixel is, from 0 to 255."""
    return picture.convert("RGBA").getchannel("A").crop((*at, at[0] + 1, at[1] + 1)).tobytes()[0]


def joined(pictures: Sequence[Image.Image], *steps: str) -> Image.Image:
    """Return what steps make of several pictures, which travel as PNG."""
    job = Job(steps, count=len(pictures))
    sources = [Source(io.BytesIO(saved(picture, "PNG")), f"{n}.png") for n, picture in enumerate(pictures)]
    check_job(job, sources)
    sizes = cells(job, sources)
    prepared = [prepare_for_cell(job, source, size) for source, size in zip(sources, sizes, strict=True)]
    return Image.open(io.BytesIO(parts_of(join(job, prepared, sizes[0], sources[0]))[""]))
