"""Convert between a picture's own colours and sRGB, which models use."""

import io
from contextlib import suppress
from typing import cast

from PIL import Image

_SPACES = {b"RGB ": "RGB", b"CMYK": "CMYK"}


class ColourSpace:
    """A picture's colour space, defined by its profile and mode.

    Args:
        profile: ICC profile, or nothing; RGB without one is sRGB.
        mode: The picture's Pillow mode.
    """

    def __init__(self, profile: bytes, mode: str) -> None:
        self._own = "CMYK" if mode == "CMYK" else "RGB"
        self._to_screen = self._from_screen = None
        if _SPACES.get(profile[16:20]) == self._own and mode in ("CMYK", "RGB", "RGBA"):
            self._read(profile)

    def _read(self, profile: bytes) -> None:
        """Build both conversions; an unusable profile is ignored."""
        with suppress(ImportError):
            from PIL import ImageCms  # noqa: PLC0415 - Pillow may have been built without Little CMS

            with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
                own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
                # Pillow does not annotate what this returns.
                screen = cast("ImageCms.ImageCmsProfile", ImageCms.createProfile("sRGB"))  # pyright: ignore[reportUnknownMemberType]
                to_screen = ImageCms.buildTransform(own, screen, self._own, "RGB")
                self._from_screen = ImageCms.buildTransform(screen, own, "RGB", self._own)
                self._to_screen = to_screen

    def to_screen(self, picture: Image.Image) -> Image.Image:
        """Convert a picture in this space to RGB, or to RGBA if it has an alpha channel."""
        return _converted(picture, self._to_screen, "RGB")

    def from_screen(self, picture: Image.Image) -> Image.Image:
        """Convert a picture in mode RGB or RGBA to this space."""
        return _converted(picture, self._from_screen, self._own)


def _converted(picture: Image.Image, conversion: object, mode: str) -> Image.Image:
    if conversion is None and picture.mode in (mode, f"{mode}A"):
        return picture
    alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
    colours = picture.convert("RGB") if alpha else picture
    if conversion is None:
        result = colours if colours.mode == mode else colours.convert(mode)
    else:
        from PIL import ImageCms  # noqa: PLC0415 - as above

        result = cast(
            "Image.Image", ImageCms.applyTransform(colours, cast("ImageCms.ImageCmsTransform", conversion))
        )
    result.info.clear()
    if alpha and mode == "RGB":
        result.putalpha(alpha)
    return result
