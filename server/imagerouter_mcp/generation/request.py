"""What is asked for, and what came of it: the two ends of a generation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from imagerouter_mcp.gallery.entries import Record

Progress = Callable[[str], Awaitable[None]]
"""Tells whoever waits, in a few words, that the work goes on."""


async def silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """A picture that somebody asked for; "auto" leaves the choice to the person's settings or the service.

    Attributes:
        prompt: What to show, or what to change.
        model: A model id, or "" for the person's default.
        size: `WIDTHxHEIGHT` in pixels, or "auto".
        quality: "auto", "low", "medium" or "high".
        output_format: "auto", "webp", "jpeg" or "png".
        response_format: "auto", "url", "b64_json" or "b64_ephemeral".
        images: Source images: path, `file://`, http(s) address, data URI, handle or `last`.
        mask: One more of these, or "".
        output_dir: Where to save, or "" for the person's folder.
        filename: The file's name, or "" to name it after the prompt.
    """

    prompt: str
    model: str = ""
    size: str = "auto"
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
        notes: Sentences that the person should know.
    """

    record: Record
    notes: tuple[str, ...] = ()
