"""Colour profiles for pictures."""

from typing import Any, cast

from PIL import ImageCms


def swapped_profile() -> bytes:
    """Return sRGB's profile with red and green exchanged, which no viewer takes for sRGB."""
    srgb = cast("Any", ImageCms).createProfile("sRGB")  # the annotation does not say what it returns
    profile = ImageCms.ImageCmsProfile(srgb).tobytes()
    return profile.replace(b"rXYZ", b"xxxx").replace(b"gXYZ", b"rXYZ").replace(b"xxxx", b"gXYZ")
