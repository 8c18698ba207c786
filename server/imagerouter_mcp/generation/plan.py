"""Plan before paying: from a request and the catalogue to what is sent, or a refusal that costs nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from imagerouter_mcp.api.catalogue import Listing, ModelEntry, closest_ids
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.request import ImageRequest

MAX_IMAGES = 16
"""The service takes up to 16 source images."""
MAX_PROMPT = 10_000
"""Characters; the lower of the two limits that the service was seen to have."""
FREE_MAX_SIDE = 1024
"""`:free` models refuse more than this in either direction, in pixels."""
CANDIDATES = (
    "google/gemini-2.5-flash",
    "openai/gpt-image-1.5",
    "black-forest-labs/FLUX-2-klein-9b",
    "bytedance/seedream-4.5",
    "qwen/qwen-image-2512",
    "black-forest-labs/FLUX-1-schnell",
    "stabilityai/sd3",
)
"""Well-known models of several prices and abilities, best first, to name where a person has to choose; the
last three take masks."""

_SIZE = re.compile(r"(\d{1,5})\s*[xX×*]\s*(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be sent.

    Attributes:
        model: The model's id.
        fields: The request's fields by their API names.
        notes: What the person should know beforehand.
    """

    model: str
    fields: dict[str, str]
    notes: tuple[str, ...]


def make_plan(
    request: ImageRequest, listing: Listing | None, *, default_model: str | None, response_format: str
) -> Plan:
    """Turn a request into what is sent.

    Args:
        request: What is asked for.
        listing: The catalogue, or None when it cannot be had; then the service alone judges.
        default_model: The person's own model for calls that name none.
        response_format: The person's own default.

    Raises:
        PlanError: It cannot work; the sentence names what would.
    """
    _check_words(request)
    model, entry, notes = _choose(request, listing, default_model)
    size = _normal_size(request.size)
    if entry and listing:
        _check_abilities(request, entry, listing)
        _check_size(size, entry)
        notes += _ignored(request, entry)
    fields = {
        "model": model,
        "prompt": request.prompt,
        "size": size,
        "quality": request.quality,
        "output_format": request.output_format,
    }
    sent = {name: value for name, value in fields.items() if value and value != "auto"}
    wanted = request.response_format
    sent["response_format"] = response_format if wanted == "auto" else wanted
    return Plan(model, sent, notes)


def price_words(entry: ModelEntry) -> str:
    """A model's price for a sentence: "about $0.04 a picture"."""
    if entry.free:
        return "free"
    if entry.price is None:
        return "price unknown"
    return f"about {dollars(entry.price.likely)}"


def dollars(amount: float) -> str:
    """USD with as many digits as matter, at least two: $0.04, $0.0006, $1.75."""
    digits = f"{amount:.6f}".rstrip("0")
    whole, _, fraction = digits.partition(".")
    return f"${whole}.{fraction:0<2}"


def _check_words(request: ImageRequest) -> None:
    if not request.prompt.strip() and not request.images:
        raise PlanError("The prompt is empty.", "Describe the picture in the prompt.")
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


def _choose(
    request: ImageRequest, listing: Listing | None, default_model: str | None
) -> tuple[str, ModelEntry | None, tuple[str, ...]]:
    model = request.model.strip() or default_model or ""
    if not model:
        raise PlanError(
            "No model is named, and IMAGEROUTER_MODEL is not set.",
            f"Name one in `model`{for_example(request, listing)}.",
        )
    if listing is None:
        return model, None, ("The model list could not be read, so the request was not checked against it.",)
    entry = listing.find(model)
    if entry:
        return model, entry, ()
    near = closest_ids(listing, model)
    if near:
        raise PlanError(
            f"There is no model {model!r} at ImageRouter.",
            f"Closest are {_listed(near)}. Use one of these, or find others with search_models.",
        )
    return model, None, (f"{model} is not in ImageRouter's model list; it was sent as it is.",)


def for_example(request: ImageRequest, listing: Listing | None) -> str:
    """Up to three models that could do it, with prices, as the end of a sentence; may be empty."""
    if listing is None:
        return f", for example {CANDIDATES[0]}"
    fitting = (entry for model in CANDIDATES if (entry := listing.find(model)) and _fits(request, entry))
    named = [f"{entry.id} ({price_words(entry)})" for entry in fitting][:3]
    if not named:
        named = [
            f"{e.id} ({price_words(e)})" for e in listing.models if _fits(request, e) and not e.is_dummy
        ][:3]
    return f", for example {_listed(named)}" if named else ""


def _fits(request: ImageRequest, entry: ModelEntry) -> bool:
    """Whether nothing that the list tells speaks against it."""
    return (
        entry.output == "image"
        and not (request.images and entry.takes_image is False)
        and not (request.mask and entry.takes_mask is False)
    )


def _check_abilities(request: ImageRequest, entry: ModelEntry, listing: Listing) -> None:
    if entry.output != "image":
        raise PlanError(
            f"{entry.id} makes videos, not pictures.",
            f"Use an image model{for_example(request, listing)}.",
        )
    if request.images and entry.takes_image is False:
        raise PlanError(
            f"{entry.id} takes no source images.",
            f"Use a model that edits{for_example(request, listing)}, or search_models with supports=edit.",
        )
    if request.mask and entry.takes_mask is False:
        raise PlanError(
            f"{entry.id} takes no mask.",
            f"Leave the mask out and describe the change, or use a model that takes one"
            f"{for_example(request, listing)}.",
        )


def _normal_size(size: str) -> str:
    text = size.strip().lower()
    if text in ("", "auto"):
        return "auto"
    match = _SIZE.fullmatch(text)
    if not match or int(match[1]) == 0 or int(match[2]) == 0:
        raise PlanError(
            f"{size!r} is not a size.", 'Give it as WIDTHxHEIGHT in pixels, such as "1024x1024", or "auto".'
        )
    return f"{int(match[1])}x{int(match[2])}"


def _check_size(size: str, entry: ModelEntry) -> None:
    if size == "auto":
        return
    if entry.sizes and size not in entry.sizes:
        raise PlanError(
            f"{entry.id} does not make {size}.",
            f"The nearest that it makes is {_nearest(size, entry)}, of {_listed(entry.sizes)}.",
        )
    if entry.id.endswith(":free") and max(_sides(size)) > FREE_MAX_SIDE:
        raise PlanError(
            f"Free models make pictures up to {FREE_MAX_SIDE}x{FREE_MAX_SIDE}, not {size}.",
            "Ask for a smaller size, or use the paid model of the same name.",
        )


def _nearest(size: str, entry: ModelEntry) -> str:
    """The accepted size of the nearest shape, and of these the nearest in area."""
    width, height = _sides(size)

    def distance(other: str) -> tuple[float, int]:
        w, h = _sides(other)
        return (round(abs(w / h - width / height), 3), abs(w * h - width * height))

    return min((s for s in entry.sizes if _SIZE.fullmatch(s)), key=distance, default="auto")


def _sides(size: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(size)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _ignored(request: ImageRequest, entry: ModelEntry) -> tuple[str, ...]:
    if request.quality != "auto" and entry.takes_quality is False:
        return (f"{entry.id} has no quality setting; it ignores quality={request.quality}.",)
    return ()


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
