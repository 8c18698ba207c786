"""Make results of the models' own pictures, as a plan's `Finishing` says."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread

from imagerouter_mcp.generation.planning.finishing import Finishing
from imagerouter_mcp.images.confined import StoppedError
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.workers import decode


@dataclass(frozen=True, slots=True)
class Made:
    """What finishing made of a model's picture.

    Attributes:
        file: The result, at its beginning; the caller closes it. None if the model's picture is the result.
        note: What was done or could not be done, as a sentence; "" if there was nothing to do.
    """

    file: BinaryIO | None = None
    note: str = ""


_UNCHANGED = {"vector": "a drawing can be drawn at any", "video": "it is a video"}
_SEVERAL = "it has several frames or pages"

Finish = Callable[[Path], Awaitable[Made]]
"""Makes a result of the model's own picture. It raises `OSError` only if that cannot be read."""


async def finish(finishing: Finishing, model: str, picture: Path) -> Made:
    """Make a result of a model's own picture.

    What was paid for arrives in any case: where this cannot be done, the model's picture is the result.

    Args:
        finishing: What to do.
        model: Its name, for the note.
        picture: The model's picture.

    Raises:
        NotAPictureError: It is not a whole picture.
        OSError: It cannot be read.
    """
    from imagerouter_mcp.images.finish.exact_size import exact_size  # noqa: PLC0415 - loads Pillow

    seen = await to_thread.run_sync(inspect, picture)
    if seen.format.kind != "image" or seen.animated:
        return Made(note=f"It was left in its own size: {_UNCHANGED.get(seen.format.kind, _SEVERAL)}.")
    came = seen.width or 0, seen.height or 0
    if not finishing.size or not finishing.applies(came):
        return Made()
    try:
        file = await decode(
            "sources", picture, exact_size, picture, finishing.size, finishing.fit, finishing.output_format
        )
    except (NotAPictureError, StoppedError, OSError) as error:
        reason = str(error) or "it takes too much memory"
        return Made(
            note=f"It could not be {finishing.words(came)}, because {reason}: this is what {model} made."
        )
    return Made(file, f"{model} made {came[0]}x{came[1]}; here it was {finishing.words(came)}.")
