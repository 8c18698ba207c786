"""Plan before paying: from a request and the model list to what will be sent, or a free refusal.

`choose_model` needs no source image; `make_plan` may need the size of the first one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.model_list import FREE_MAX_SIDE, ModelEntry
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.model_choice import (
    ModelChoice,
    Need,
    Preference,
    cheapest,
    choose,
    examples,
)
from imagerouter_mcp.generation.planning.prices import Estimate, estimate, price_words
from imagerouter_mcp.generation.planning.request import THINGS, Kind, Request
from imagerouter_mcp.generation.planning.sizes import (
    nearest,
    own_sizes,
    read_ratio,
    read_size,
    sides,
    size_of_shape,
)

MAX_IMAGES = 16
"""The most source images that the service takes."""
MAX_SECONDS = 60
"""The longest video that the service takes."""
MAX_PROMPT = 10_000
"""Characters; the lower of the two limits that the service was seen to have."""
_SIZES_TOLD = 12

MaskConvention = Literal["transparent", "white"]
"""Where a provider edits: OpenAI where the mask is transparent, Runware where it is white."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to save the results: a folder, and a file name without extension."""

    folder: Path
    stem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything needed to send a request and to deliver its answer; the journal keeps it as JSON.

    Attributes:
        kind: Whether to make a picture or a video.
        prompt: As the caller wrote it.
        fields: The request's fields by their API names.
        why: Why this model, as the end of a sentence; "" for a named model.
        estimate: What it may cost, or None if the model list does not say.
        convention: How a mask marks what to edit, for the provider that will serve the model.
        destination: Where to save the results.
        origins: What the record calls the source images.
        notes: Sentences for the person.
    """

    kind: Kind
    prompt: str
    fields: dict[str, str]
    why: str
    estimate: Estimate | None
    convention: MaskConvention = "white"
    destination: Destination
    origins: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def model(self) -> str:
        """The model's id."""
        return self.fields["model"]

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels, if they were asked for."""
        return sides(self.fields["size"]) if "size" in self.fields else None

    def to_json(self) -> str:
        """Return the plan as JSON."""
        return _adapter().dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Read what `to_json` wrote, in this version or an earlier one.

        Raises:
            ValueError: It is not a plan.
        """
        return _adapter().validate_json(text)


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def choose_model(
    request: Request, listing: Listing | None, popular: Sequence[str], preference: Preference
) -> ModelChoice:
    """Choose the model and check that it can do what is asked.

    Args:
        request: What is asked for.
        listing: The model list, or None if it cannot be read; then only the service can judge.
        popular: Model ids, most used first; needed if no model is named.
        preference: The person's settings.

    Raises:
        PlanError: It cannot work; the message names what would.
    """
    _check_words(request)
    _check_seconds(request)
    if read_size(request.size) and request.aspect_ratio not in ("", "auto"):
        raise PlanError("Both size and aspect_ratio are given.", "Give one of the two.")
    need = need_of(request)
    choice = choose(request.model, need, listing, popular, preference)
    if choice.entry and listing:
        _check_abilities(choice.entry, need, listing)
        _check_size(choice.entry, need, listing)
        _check_length(choice.entry, need)
    _check_speciality(request, choice)
    return choice


def make_plan(
    request: Request,
    choice: ModelChoice,
    *,
    response_format: str,
    destination: Destination,
    source: tuple[int, int] | None = None,
    origins: tuple[str, ...] = (),
    source_notes: tuple[str, ...] = (),
    listed: bool = True,
) -> Plan:
    """Turn a request and its model into a plan.

    Args:
        request: What is asked for.
        choice: From `choose_model`.
        response_format: The person's default.
        destination: Where to save the results.
        source: Width and height of the first source image, in pixels, if there is one.
        origins: What the record calls the source images.
        source_notes: What was done to the source images, a sentence each.
        listed: Whether the model list could be read.

    Raises:
        PlanError: The aspect ratio cannot be used.
    """
    entry = choice.entry
    size = read_size(request.size)
    ratio = read_ratio(request.aspect_ratio, source)
    wanted = size_of_shape(ratio, entry) if ratio else f"{size[0]}x{size[1]}" if size else "auto"
    known = choice.known
    does = f"{known.facts.does} and " if known.facts.does else ""
    fields = {
        "model": choice.id,
        "prompt": request.prompt,
        "size": wanted,
        "quality": "auto" if entry and entry.takes_quality is False else request.quality,
        "output_format": request.output_format,
        "seconds": f"{request.seconds:g}" if request.seconds else "auto",
    }
    sent = {name: value for name, value in fields.items() if value and value != "auto"}
    sent["response_format"] = (
        response_format if request.response_format == "auto" else request.response_format
    )
    notes = [
        *_about_the_list(choice, listed=listed),
        *_about_quality(request, entry),
        *([f"{choice.id} {does}ignores the prompt."] if request.prompt and not known.takes_prompt else []),
        *([f"{request.aspect_ratio} was asked for as {wanted}."] if ratio else []),
        *(
            ["ImageRouter was seen to begin videos with the first picture alone."]
            if request.kind == "video" and len(request.images) > 1
            else []
        ),
        *source_notes,
    ]
    return Plan(
        kind=request.kind,
        prompt=request.prompt,
        fields=sent,
        why=choice.why,
        estimate=estimate(entry),
        convention=_convention(choice),
        destination=destination,
        origins=origins,
        notes=tuple(notes),
    )


def need_of(request: Request) -> Need:
    """Return what a request needs its model to do.

    Raises:
        PlanError: Its size is not a size.
    """
    size = read_size(request.size)
    return Need(
        bool(request.images),
        bool(request.mask),
        f"{size[0]}x{size[1]}" if size else "auto",
        request.kind,
        request.seconds,
    )


def _convention(choice: ModelChoice) -> MaskConvention:
    """Return the convention of the provider that will serve the model; by default, its vendor."""
    providers = choice.entry.providers if choice.entry else ()
    return "transparent" if "openai" in (providers or (choice.id.partition("/")[0],)) else "white"


def _check_words(request: Request) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in request.prompt):
        raise PlanError("The prompt holds half a character, which cannot be sent.", "Write it again.")
    if len(request.prompt) > MAX_PROMPT:
        raise PlanError(
            f"The prompt has {len(request.prompt)} characters; ImageRouter takes {MAX_PROMPT}.", "Shorten it."
        )
    if len(request.images) > MAX_IMAGES:
        raise PlanError(
            f"There are {len(request.images)} source images; ImageRouter takes {MAX_IMAGES} at most.",
            "Leave some out.",
        )
    if request.mask and not request.images:
        raise PlanError("A mask needs a source image to lie on.", "Give the picture in `images`.")


def _check_abilities(entry: ModelEntry, need: Need, listing: Listing) -> None:
    if entry.output != need.kind:
        other = "generate_video" if entry.output == "video" else "generate_image"
        raise PlanError(
            f"{entry.id} makes {THINGS[entry.output]}s, not {THINGS[need.kind]}s.",
            f"Call {other}, or use a model that {need}{examples(need, listing)}.",
        )
    if need.images and entry.takes_image is False:
        raise PlanError(
            f"{entry.id} takes no source images.", f"Use a model that {need}{_would(need, listing)}."
        )
    if need.mask and entry.takes_mask is False:
        raise PlanError(
            f"{entry.id} takes no mask.",
            f"Leave the mask out and describe the change, or use a model that {need}{_would(need, listing)}.",
        )


def _would(need: Need, listing: Listing) -> str:
    """Return the cheapest model that could, or else examples, as the end of a sentence."""
    cheap = cheapest(need, listing)
    return f": the cheapest is {cheap.id} ({price_words(cheap)})" if cheap else examples(need, listing)


def _check_size(entry: ModelEntry, need: Need, listing: Listing) -> None:
    if entry.accepts_size(need.size):
        return
    width, height = sides(need.size)
    own = own_sizes(entry)
    if not own:
        raise PlanError(
            f"Free models make pictures up to {FREE_MAX_SIDE}x{FREE_MAX_SIDE}, not {need.size}.",
            f"Ask for a smaller size, or use a model that {need}{_would(need, listing)}.",
        )
    close = nearest(width / height, width * height, own)
    more = f" and {len(own) - _SIZES_TOLD} more" if len(own) > _SIZES_TOLD else ""
    raise PlanError(
        f"{entry.id} does not make {need.size}.",
        f"The nearest that it makes is {close}, of {', '.join(own[:_SIZES_TOLD])}{more}.",
    )


def _check_seconds(request: Request) -> None:
    if request.seconds and not 1 <= request.seconds <= MAX_SECONDS:
        raise PlanError(
            f"A video cannot be {request.seconds:g} seconds long.", f"Ask for 1 to {MAX_SECONDS} seconds."
        )


def _check_length(entry: ModelEntry, need: Need) -> None:
    if entry.accepts_seconds(need.seconds):
        return
    close = min(entry.seconds, key=lambda length: abs(length - need.seconds))
    raise PlanError(
        f"{entry.id} makes no videos of {need.seconds:g} seconds.",
        f"The nearest length that it makes is {close:g}, of "
        f"{', '.join(f'{length:g}' for length in entry.seconds)}.",
    )


def _check_speciality(request: Request, choice: ModelChoice) -> None:
    facts = choice.known.facts
    if facts.needs_source and not request.images:
        raise PlanError(
            f"{choice.id} {facts.does}; it needs a picture to work on.", "Give one in `images` of edit_image."
        )
    if choice.known.takes_prompt and not request.prompt.strip():
        raise PlanError("The prompt is empty.", "Say what the picture shows, or what to change.")


def _about_the_list(choice: ModelChoice, *, listed: bool) -> list[str]:
    if not listed:
        return ["The model list could not be read, so the request was not checked against it."]
    if choice.entry is None:
        return [f"{choice.id} is not in ImageRouter's model list; it was sent as it is."]
    return []


def _about_quality(request: Request, entry: ModelEntry | None) -> list[str]:
    if request.quality != "auto" and entry and entry.takes_quality is False:
        return [f"{entry.id} has no quality setting; quality={request.quality} was left out."]
    return []
