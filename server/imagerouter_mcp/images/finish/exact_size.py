"""Convert a picture file to an exact size."""

import math
from collections.abc import Sequence
from functools import partial
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
"""Pixels up to which a result is made here; a child process makes larger ones."""


def exact_size(path: Path, size: Size, fit: Fit, output_format: str) -> BinaryIO:
    """Make a copy of a picture in an exact size, in a child process if that is heavy.

    Args:
        path: The picture.
        size: Width and height.
        fit: As in `shape.shaped`.
        output_format: "png", "jpeg" or "webp"; "auto" keeps the picture's format if it can be written here.

    Returns:
        The copy as an unnamed temporary file, at its beginning; the caller closes it.

    Raises:
        NotAPictureError: It cannot be decoded, or cannot be encoded in this size.
        StoppedError: It takes too much time or memory.
        OSError: A file cannot be read or written.
    """
    with path.open("rb") as file:
        heavy = is_heavy(inspect(file)) or math.prod(size) > _LIGHT_PIXELS
        make = partial(in_child, made_exact) if heavy else made_exact
        return make(file, size=size, fit=fit, output_format=output_format)[0]


@one_at_a_time
def made_exact(
    file: BinaryIO, *, size: Sequence[int], fit: Fit, output_format: str
) -> tuple[BinaryIO, Fields]:
    """Do the work of `exact_size`, as `confined.Work`."""
    convert = Convert(cast("FormatName", output_format) if output_format != "auto" else "")
    try:
        picture, kind, profile, _ = decoded(file, "The picture", in_srgb=False)
        exact = shaped(picture, (size[0], size[1]), fit)
        return save(exact, kind_for(convert, kind), convert, profile)[0], {}
    except MemoryError:
        raise TooLargeError from None
    except ValueError as error:  # WebP has sides of up to 16,383 pixels
        raise NotAPictureError(str(error)) from None
