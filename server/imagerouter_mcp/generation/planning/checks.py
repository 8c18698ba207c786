"""Refuse, before paying, what a model or the service is known not to do, and name what would work."""

import re
from collections.abc import Mapping

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.facts import MAX_PROMPT, prompt_length
from imagerouter_mcp.api.model_list import FREE_MAX_SIDE, ModelEntry
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.background import sent_prompt
from imagerouter_mcp.generation.planning.finishing import MOST_FINISHED
from imagerouter_mcp.generation.planning.model_choice import ModelChoice, Need, cheapest, examples
from imagerouter_mcp.generation.planning.prices import price_words
from imagerouter_mcp.generation.planning.request import THINGS, Request
from imagerouter_mcp.generation.planning.sizes import (
    nearest,
    own_sizes,
    read_wish,
    sides,
    size_to_finish,
)

MAX_SECONDS = 60
"""The longest video that the service takes."""
MOST_EXTREME = 20
"""Most extreme aspect ratio of a result that is cropped here; a web banner has 11:1."""
_SIZES_TOLD = 12


def check_request(request: Request) -> None:
    """Refuse what no model can do.

    Raises:
        PlanError: It cannot work with any model.
    """
    if re.search("[\ud800-\udfff]", request.prompt):
        raise PlanError(
            "The prompt holds half a character, which cannot be sent.", "Write it again, in UTF-8."
        )
    if prompt_length(request.prompt) > MAX_PROMPT:
        raise PlanError(
            f"The prompt has {prompt_length(request.prompt)} characters; ImageRouter takes {MAX_PROMPT}.",
            "Shorten it.",
        )
    if request.background == "transparent" and request.format == "jpeg":
        raise PlanError("JPEG has no transparency.", "Ask for png or webp, or leave the format out.")
    if request.mask and not request.images:
        raise PlanError("A mask needs a source image to lie on.", "Give the picture in `images`.")
    if request.seconds and not 1 <= request.seconds <= MAX_SECONDS:
        raise PlanError(
            f"A video cannot be {request.seconds:g} seconds long.", f"Ask for 1 to {MAX_SECONDS} seconds."
        )
    read_wish(request.size, request.aspect_ratio)


def check_different(choices: Mapping[str, ModelChoice]) -> None:
    """Check that a comparison does not pay twice for one model.

    Args:
        choices: Each model by the text that named it: its id, an alias, "auto".

    Raises:
        PlanError: Two texts name the same model.
    """
    named: dict[str, str] = {}
    for text, choice in choices.items():
        first = named.setdefault(choice.id, text)
        if first != text:
            raise PlanError(
                f"{first!r} and {text!r} name the same model, {choice.id}.",
                "Leave one out, or name another model; popular_models and search_models find them.",
            )


def check_model(request: Request, need: Need, choice: ModelChoice, listing: Listing | None) -> None:
    """Check that the chosen model can do this, as far as the model list and the data file say.

    Args:
        request: What is asked for.
        need: What the request needs its model to do.
        choice: The model.
        listing: The model list, or None if it cannot be read.

    Raises:
        PlanError: The model cannot do this.
    """
    entry = choice.known
    if choice.entry:
        _check_abilities(entry, need, listing)
        _check_size(entry, need, listing)
        _check_length(entry, need)
    _check_prompt(request, entry)
    _check_sources(entry, need, listing)
    _check_quality(entry, request.quality)


def _check_abilities(entry: ModelEntry, need: Need, listing: Listing | None) -> None:
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


def _check_size(entry: ModelEntry, need: Need, listing: Listing | None) -> None:
    if need.size == "auto":
        return
    if need.kind == "image":
        _check_finished_size(entry, need.size)
    elif not entry.accepts_size(need.size):
        raise _no_such_size(entry, need, listing)


def _check_finished_size(entry: ModelEntry, size: str) -> None:
    """Check that a size which the model does not make can be made here from one that it makes."""
    width, height = sides(size)
    made = size_to_finish((width, height), entry)
    if made == size:
        return
    if width * height > MOST_FINISHED:
        raise PlanError(
            f"{entry.id} makes {made} at most, and a picture is enlarged here to {MOST_FINISHED / 1e6:.0f} "
            f"megapixels at most; {size} has {width * height / 1e6:.0f}.",
            f"Ask for less, such as {made}.",
        )
    if not 1 / MOST_EXTREME <= width / height <= MOST_EXTREME:
        raise PlanError(
            f"{size} is too narrow: hardly anything of a picture would be left.",
            f"Ask for a shape of up to {MOST_EXTREME}:1.",
        )


def _no_such_size(entry: ModelEntry, need: Need, listing: Listing | None) -> PlanError:
    """Return the error for a video size that the model does not make."""
    own = own_sizes(entry)
    if not own:
        return PlanError(
            f"Free models make videos up to {FREE_MAX_SIDE}x{FREE_MAX_SIDE}, not {need.size}.",
            f"Ask for a smaller size, or use a model that {need}{_would(need, listing)}.",
        )
    width, height = sides(need.size)
    close = nearest(width / height, width * height, own)
    more = f" and {len(own) - _SIZES_TOLD} more" if len(own) > _SIZES_TOLD else ""
    return PlanError(
        f"{entry.id} does not make {need.size}.",
        f"The nearest that it makes is {close}, of {', '.join(own[:_SIZES_TOLD])}{more}.",
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


def _check_prompt(request: Request, entry: ModelEntry) -> None:
    facts = entry.facts
    if not request.images and (facts.needs_source or not entry.takes_prompt):
        raise PlanError(
            f"{entry.id} {facts.does or 'takes no prompt'}; it needs a picture to work on.",
            "Give one in `images` of edit_image.",
        )
    if not entry.takes_prompt:
        return
    if not request.prompt.strip():
        raise PlanError("The prompt is empty.", "Say what to show, or what to change.")
    length = prompt_length(sent_prompt(request, facts))
    if not facts.min_prompt <= length <= facts.max_prompt:
        raise PlanError(
            f"{entry.id} takes prompts of {facts.min_prompt} to {facts.max_prompt} characters; this one has "
            f"{length}.",
            "Shorten it, or use another model." if length > facts.max_prompt else "Say more.",
        )


def _check_sources(entry: ModelEntry, need: Need, listing: Listing | None) -> None:
    most = entry.facts.max_sources
    if need.images <= most:
        return
    takes = "one source image" if most == 1 else f"{most} source images at most"
    fewer = "Leave some out"
    if need.kind == "image" and (others := examples(need, listing)):
        fewer = f"{fewer}, or use a model that {need}{others}"
    raise PlanError(f"{entry.id} takes {takes}; {need.images} were given.", f"{fewer}.")


def _check_quality(entry: ModelEntry, quality: str) -> None:
    accepted = ("auto", *entry.facts.qualities)
    if entry.takes_quality is False or not entry.facts.qualities or quality in accepted:
        return
    raise PlanError(
        f"{entry.id} does not make quality={quality}.",
        f"Use quality {' or '.join(accepted)}, or a paid model.",
    )


def _would(need: Need, listing: Listing | None) -> str:
    """Return the cheapest model that could, or else examples, as the end of a sentence."""
    cheap = cheapest(need, listing) if listing else None
    return f": the cheapest is {cheap.id} ({price_words(cheap)})" if cheap else examples(need, listing)
