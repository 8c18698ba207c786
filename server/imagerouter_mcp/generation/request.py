"""What is asked for, and what came of it: the two ends of a generation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from imagerouter_mcp.gallery.entries import Record
from imagerouter_mcp.generation.prices import Estimate

Progress = Callable[[str], Awaitable[None]]
"""Tells whoever waits, in a few words, that the work goes on."""


async def silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """A picture that somebody asked for; "auto" leaves the choice to the person's settings or the service.

    Attributes:
        prompt: What to show, or what to change.
        model: A model id, "auto", "cheapest", "free", or "" for the person's default.
        size: `WIDTHxHEIGHT` in pixels, or "auto".
        aspect_ratio: `W:H`, "square", "landscape", "portrait", "match", or "".
        quality: "auto", "low", "medium" or "high".
        output_format: "auto", "webp", "jpeg" or "png".
        response_format: "auto", "url", "b64_json" or "b64_ephemeral".
        images: Source images: path, `file://`, http(s) address, data URI, handle or `last`.
        mask: One more of these, regions such as `box:0,0,100%,50%`, or "".
        output_dir: Where to save, or "" for the person's folder.
        filename: The file's name, or "" to name it after the prompt.
    """

    prompt: str
    model: str = ""
    size: str = "auto"
    aspect_ratio: str = ""
    quality: str = "auto"
    output_format: str = "auto"
    response_format: str = "auto"
    images: tuple[str, ...] = ()
    mask: str = ""
    output_dir: str = ""
    filename: str = ""


@dataclass(frozen=True, slots=True)
class Generation:
    """What came of a request.

    Attributes:
        record: As the gallery holds it, its images with their handles.
        why: Why this model, as the end of a sentence; "" where it was named.
        estimate: What it was expected to cost, where the catalogue told.
        notes: Sentences that the person should know.
    """

    record: Record
    why: str = ""
    estimate: Estimate | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of several requests made at once.

    Attributes:
        generations: Those that succeeded, in the order in which they were asked for.
        failures: A sentence for each that did not.
    """

    generations: tuple[Generation, ...]
    failures: tuple[str, ...] = ()
