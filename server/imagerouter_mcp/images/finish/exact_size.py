"""Make a picture file of exactly one size of another picture file."""

import math
from pathlib import Path
from typing import BinaryIO, cast

from imagerouter_mcp.images.confined import Fields, TooLargeError, in_child
from imagerouter_mcp.images.finish.decoded_source import decoded
from imagerouter_mcp.images.finish.saving import kind_for, save
from imagerouter_mcp.images.finish.shape import Fit, Size, shaped
from imagerouter_mcp.images.finish.steps import Convert, FormatName
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.cost import is_heavy
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.pixels.decode import one_at_a_time

_LIGHT_PIXELS = 1 << 23
"""Of a result; a child process makes a larger one."""


def exact_size(path: Path, size: Size, fit: Fit, output_format: str) -> BinaryIO:
    """Make a picture of exactly one size, here or in a child process as the cost demands.

    Args:
        path: The picture.
        size: Width and height.
        fit: See `shape.shaped`.
        output_format: "png", "jpeg" or "webp"; "auto" keeps the one that it has, where that is written here.

    Returns:
        The new picture as an unnamed temporary file, at its beginning; the caller closes it.

    Raises:
        NotAPictureError: It cannot be decoded, or not be encoded in this size.
        StoppedError: It takes too much time or memory.
        OSError: It cannot be read, or the new one not be written.
    """
    with path.open("rb") as file:
        if is_heavy(inspect(file)) or math.prod(size) > _LIGHT_PIXELS:
            return in_child(exact_size_in_child, file, size=size, fit=fit, output_format=output_format)[0]
        return _made(file, size, fit, output_format)


def exact_size_in_child(
    file: BinaryIO, *, size: list[int], fit: Fit, output_format: str
) -> tuple[BinaryIO, Fields]:
    """Make a picture of exactly one size, as `confined.Work`."""
    return _made(file, cast("Size", tuple(size)), fit, output_format), {}


@one_at_a_time
def _made(file: BinaryIO, size: Size, fit: Fit, output_format: str) -> BinaryIO:
    convert = Convert(cast("FormatName", output_format) if output_format != "auto" else "")
    try:
        picture, kind, profile, _ = decoded(file, "The picture", in_srgb=False)
        return save(shaped(picture, size, fit), kind_for(convert, kind), convert, profile)[0]
    except MemoryError:
        raise TooLargeError from None
    except ValueError as error:  # of WebP, which has sides up to 16,383 pixels
        raise NotAPictureError(str(error)) from None
