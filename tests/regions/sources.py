"""Source pictures of every kind that people edit, and what of them has to stay."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from imagerouter_mcp.images.pixels.arithmetic import LEVELS, mapped

Size = tuple[int, int]

SMALL, LARGE = (480, 360), (4000, 3000)
_SKY = (92, 140, 190)


@cache
def scenery(size: Size) -> Image.Image:
    """Return a smooth sky, with things of hard edges in the lower half."""
    slope = mapped(Image.linear_gradient("L"), [level // 5 for level in LEVELS])
    sky = Image.merge("RGB", [mapped(slope, [base + level for level in LEVELS]) for base in _SKY])
    picture = _sized(sky, (960, 720))
    draw = ImageDraw.Draw(picture)
    for n in range(40):
        x, y, r = n * 233 % 960, 400 + n * 97 % 320, 14 + n * 31 % 60
        draw.ellipse(
            (x - r, y - r, x + r, y + r), fill=(30 + n * 71 % 190, 30 + n * 113 % 190, 30 + n * 29 % 190)
        )
    return _sized(picture.filter(ImageFilter.GaussianBlur(1.5)), size)


def _sized(picture: Image.Image, size: Size) -> Image.Image:
    return picture.resize(size, Image.Resampling.BICUBIC)  # pyright: ignore[reportUnknownMemberType] - its annotation names NumPy


def _plain(folder: Path) -> Path:
    return _saved(scenery(SMALL), folder / "photo.png")


def _photo(folder: Path) -> Path:
    return _saved(scenery(LARGE), folder / "photo.jpg")


def _turned(folder: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = scenery(SMALL).transpose(Image.Transpose.ROTATE_90)
    return _saved(lying, folder / "turned.jpg", 92, exif)


def _transparent(folder: Path) -> Path:
    picture = scenery(SMALL).convert("RGBA")
    hole = Image.new("L", SMALL, 255)
    ImageDraw.Draw(hole).ellipse((170, 120, 310, 240), fill=0)
    picture.putalpha(hole.filter(ImageFilter.GaussianBlur(1)))
    return _saved(picture, folder / "transparent.png")


def _grey(folder: Path) -> Path:
    return _saved(scenery(SMALL).convert("L"), folder / "grey.png")


def _deep(folder: Path) -> Path:
    lifted = scenery(SMALL).convert("I").point(lambda level: level * 251 + 77)  # pyright: ignore[reportUnknownMemberType] - as above
    return _saved(lifted.convert("I;16"), folder / "deep.png")


def _inks(folder: Path) -> Path:
    return _saved(scenery(SMALL).convert("CMYK"), folder / "inks.jpg", 95)


def _palette(folder: Path) -> Path:
    return _saved(scenery(SMALL).quantize(128), folder / "palette.gif")


def _webp(folder: Path) -> Path:
    return _saved(scenery(SMALL), folder / "photo.webp")


def _tiff(folder: Path) -> Path:
    return _saved(scenery(SMALL), folder / "scan.tif")


def _panorama(folder: Path) -> Path:
    return _saved(scenery((960, 200)), folder / "panorama.png")


def _saved(picture: Image.Image, path: Path, quality: int = 90, exif: Image.Exif | None = None) -> Path:
    picture.save(path, quality=quality, exif=exif or Image.Exif())
    return path


KINDS: dict[str, Callable[[Path], Path]] = {
    "photo": _plain,
    "12 MP": _photo,
    "EXIF-turned": _turned,
    "transparent": _transparent,
    "grey": _grey,
    "16-bit": _deep,
    "CMYK": _inks,
    "palette": _palette,
    "WebP": _webp,
    "TIFF": _tiff,
    "panorama": _panorama,
}


def decoded(path: Path) -> Image.Image:
    """Return a picture as it has to stay: upright, in its own colours."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
    if picture.mode == "P":
        picture = picture.convert("RGB")
    return picture
