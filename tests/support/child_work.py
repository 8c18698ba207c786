"""Works for a child process of `images.confined`: what goes wrong there, and what it is allowed."""

import os
import signal
import time
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images.confined import Fields
from imagerouter_mcp.images.inspect.binary import NotAPictureError


def limits(_file: BinaryIO) -> tuple[None, Fields]:
    """Return the process's limits, and how much it gives way to others."""
    import resource  # noqa: PLC0415 - not on Windows

    kinds = ("RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_CORE")
    found = {kind: resource.getrlimit(getattr(resource, kind)) for kind in kinds}
    return None, {**found, "nice": os.nice(0)}


def compute(_file: BinaryIO) -> tuple[None, Fields]:
    """Never end."""
    while True:
        pass


def allocate(_file: BinaryIO, *, mebibytes: int) -> tuple[BinaryIO, Fields]:
    """Return so many bytes."""
    return BytesIO(bytes(mebibytes << 20)), {}


def alone(_file: BinaryIO, *, place: str) -> tuple[None, Fields]:
    """Be in a place for a while, and fail if somebody else is there."""
    Path(place).mkdir()
    time.sleep(0.2)
    Path(place).rmdir()
    return None, {}


def die(_file: BinaryIO, *, how: str) -> tuple[None, Fields]:
    """End in a certain way."""
    match how:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crashed":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "refused":
            raise InvalidSourceError("It is a cat.", "Give a dog.")
        case "no picture":
            raise NotAPictureError("it is a poem")
        case _:
            os._exit(3)
    return None, {}


def worker(_file: BinaryIO) -> tuple[Image.Image, Fields]:
    """Return a picture, and which process made it."""
    return Image.new("L", (2, 1), 7), {"process": os.getpid()}


def encode_in_little_memory(_file: BinaryIO) -> tuple[BinaryIO, Fields]:
    """Encode a picture as WebP in less memory than libwebp wants."""
    import resource  # noqa: PLC0415 - not on Windows

    from PIL import Image  # noqa: PLC0415 - of no use to the other works

    from imagerouter_mcp.images.pixels.encode import saved  # noqa: PLC0415 - as above

    picture = Image.new("RGB", (3000, 3000))
    resource.setrlimit(resource.RLIMIT_DATA, (60 << 20, 60 << 20))
    return saved(picture, "WEBP"), {}
