"""Soften the edge of a mask towards its inside."""

from PIL import Image, ImageChops, ImageFilter, ImageStat

from imagerouter_mcp.images.pixels.arithmetic import LEVELS, mapped

_SHARE = 0.18
"""Width of the edge, as a share of the region's thickness."""
_SMOOTH, _MOST_SHARE = 9, 0.4
"""Pixels over which even the strongest change shows no edge, and the largest share of the thickness for
them."""
_WIDEST = 0.04
"""Largest width of the edge, as a share of the mask's longer side."""
_WIDE_SHARE, _WIDEST_WIDE = 0.5, 0.12
"""The same limits where both pictures look alike."""
_NARROWEST = 1.5
"""Least width of the edge in pixels."""


def softened(mask: Image.Image, alike: Image.Image) -> Image.Image:
    """Return a mask that fades in from its edge.

    Strokes too thin for the usual edge get a narrower one. Where old and new look nearly alike the edge is
    wider, because a slight change of tone would show as an outline.

    Args:
        mask: In mode L; levels from 128 on count as selected.
        alike: In the same mode and size, white where old and new look alike.
    """
    hard = mapped(mask, [0] * 128 + [255] * 128)
    thickness = _thickness(hard)
    smooth = min(_SMOOTH, _MOST_SHARE * thickness)
    width = max(_NARROWEST, smooth, min(_SHARE * thickness, _WIDEST * max(mask.size)))
    wide = max(width, min(_WIDE_SHARE * thickness, _WIDEST_WIDE * max(mask.size)))
    soft = Image.composite(_faded(hard, wide), _faded(hard, width), alike)
    reached = soft.filter(ImageFilter.BoxBlur(2 * width))
    reached = mapped(reached, [min(255, 16 * level) for level in LEVELS])
    thin = ImageChops.subtract(hard, reached)
    return ImageChops.lighter(soft, ImageChops.multiply(_faded(hard, 1), thin))


def _thickness(hard: Image.Image) -> float:
    """Return a region's thickness in pixels: twice its area divided by the length of its edge."""
    edge = ImageChops.subtract(hard, hard.filter(ImageFilter.MinFilter(3)))
    return 2 * ImageStat.Stat(hard).sum[0] / (ImageStat.Stat(edge).sum[0] or 1)


def _faded(hard: Image.Image, width: float) -> Image.Image:
    """Fade from 0 at the edge to 255 at a given width inside, gently at both ends."""
    blurred = hard.filter(ImageFilter.GaussianBlur(width / 2))
    return mapped(blurred, [round(255 * _eased(max(0.0, 2 * level / 255 - 1))) for level in LEVELS])


def _eased(share: float) -> float:
    return share * share * (3 - 2 * share)
