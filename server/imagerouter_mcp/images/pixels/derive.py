"""Make one picture of another: in this thread, or in a child process where that takes much."""

import importlib
import io
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from imagerouter_mcp.images.confined import Fields, in_child
from imagerouter_mcp.images.inspect.cost import is_heavy
from imagerouter_mcp.images.inspect.inspection import inspect

Derivation = Callable[..., tuple[Image.Image, Fields]]
"""A function at the top of a module. It takes a file, and arguments as JSON has them, and returns a picture
without a palette, and what it tells about that."""


def derived(derivation: Derivation, file: BinaryIO, **arguments: object) -> tuple[Image.Image, Fields]:
    """Call a function here or in a child process, as the picture's cost demands.

    Args:
        derivation: What to call.
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
    """Call a function in a child process; as `derived`."""
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
