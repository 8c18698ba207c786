"""Make one picture from another, in this thread or, if that is heavy, in a child process."""

import importlib
import io
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from imagerouter_mcp.images.confined import Fields, in_child
from imagerouter_mcp.images.inspect.cost import is_heavy
from imagerouter_mcp.images.inspect.inspection import inspect

Derivation = Callable[..., tuple[Image.Image, Fields]]
"""A module-level function that takes a file and JSON-compatible arguments, and returns a picture without a
palette and what there is to say about it."""


def derived(derivation: Derivation, file: BinaryIO, **arguments: object) -> tuple[Image.Image, Fields]:
    """Call a function here or in a child process, depending on the picture's cost.

    Args:
        derivation: The function to call.
        file: The picture, open for reading; it is left at its beginning.
        arguments: For `derivation`.

    Raises:
        NotAPictureError: It is no picture.
        StoppedError: It took too much time or memory, or failed.
    """
    if not is_heavy(inspect(file)):
        return derivation(file, **arguments)
    return derived_in_child(derivation, file, **arguments)


def derived_in_child(
    derivation: Derivation, file: BinaryIO, **arguments: object
) -> tuple[Image.Image, Fields]:
    """Call a function as `derived` does, always in a child process."""
    names = {"module": derivation.__module__, "name": derivation.__name__}
    made, fields = in_child(derive_in_child, file, **names, arguments=arguments)
    with made:
        mode, size = fields.pop("mode"), tuple(fields.pop("size"))
        return Image.frombytes(mode, size, made.read()), fields


def derive_in_child(file: BinaryIO, *, module: str, name: str, arguments: Fields) -> tuple[BinaryIO, Fields]:
    """Call a `Derivation` by its name, as `confined.Work`."""
    derivation: Derivation = getattr(importlib.import_module(module), name)
    picture, fields = derivation(file, **arguments)
    return io.BytesIO(picture.tobytes()), {**fields, "mode": picture.mode, "size": picture.size}
