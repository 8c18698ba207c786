"""What is asked for, and what came of it: the two ends of a call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from imagerouter_mcp.gallery.entries import Record, State
from imagerouter_mcp.generation.prices import Estimate

Progress = Callable[[str], Awaitable[None]]
"""Tells whoever waits, in a few words, that the work goes on."""


Kind = Literal["image", "video"]
THINGS: dict[Kind, str] = {"image": "picture", "video": "video"}
"""What each is called in a sentence."""


async def silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """A picture or video that somebody asked for; "auto" leaves the choice to the settings or the service.

    Attributes:
        prompt: What to show, or what to change.
        kind: What is to be made.
        model: A model id, "auto", "cheapest", "free", or "" for the person's default.
        size: `WIDTHxHEIGHT` in pixels, or "auto".
        aspect_ratio: `W:H`, "square", "landscape", "portrait", "match", or "".
        seconds: The length of a video, or 0 for the model's own.
        quality: "auto", "low", "medium" or "high".
        output_format: "auto", "webp", "jpeg" or "png".
        response_format: "auto", "url", "b64_json" or "b64_ephemeral".
        images: Source images: path, `file://`, http(s) address, data URI, handle or `last`.
        mask: One more of these, regions such as `box:0,0,100%,50%`, or "".
        output_dir: Where to save, or "" for the person's folder.
        filename: The file's name, or "" to name it after the prompt.
    """

    prompt: str
    kind: Kind = "image"
    model: str = ""
    size: str = "auto"
    aspect_ratio: str = ""
    seconds: float = 0
    quality: str = "auto"
    output_format: str = "auto"
    response_format: str = "auto"
    images: tuple[str, ...] = ()
    mask: str = ""
    output_dir: str = ""
    filename: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one call of a tool asks for.

    Attributes:
        tool: The tool's name.
        requests: One for each result, alike but for their models.
        max_cost_usd: What all of it may cost at most by the caller's own word, -1 for no such word.
        again: Whether an earlier call that asked for the same shall not answer it.
        confirmed: Whether the person has agreed to the price.
    """

    tool: str
    requests: tuple[GenerationRequest, ...]
    max_cost_usd: float = -1
    again: bool = False
    confirmed: bool = False

    @property
    def kind(self) -> Kind:
        """What it asks for: pictures, or a video."""
        return self.requests[0].kind


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
    """What came of a call.

    Attributes:
        call: The call's handle, which is that of its first generation; "" of what is only shown again.
        generations: Those that succeeded, in the order in which they were asked for.
        failures: A sentence for each that did not.
    """

    call: str
    generations: tuple[Generation, ...]
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that goes on while its caller is answered.

    Attributes:
        call: The handle by which to ask for it.
        state: Where the one that is furthest behind is.
        model: The model, or several.
        prompt: As it was asked for.
        elapsed: Seconds since it was asked for.
        ask_again: Seconds after which it is worth asking again.
        words: What is known of it, as the beginning of a sentence.
    """

    call: str
    state: State
    model: str
    prompt: str
    elapsed: float
    ask_again: int
    words: str
