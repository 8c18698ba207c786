"""Which model makes the picture: the one that was named, the person's own, or one chosen for the call."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imagerouter_mcp.api.catalogue import Listing, closest_ids
from imagerouter_mcp.api.model_list import ModelEntry
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.prices import price_words
from imagerouter_mcp.generation.request import Kind
from imagerouter_mcp.generation.special import SPECIAL
from imagerouter_mcp.money import dollars

CANDIDATES = (
    "google/gemini-2.5-flash",
    "bytedance/seedream-4.5",
    "qwen/qwen-image-2512",
    "black-forest-labs/FLUX-2-klein-9b",
    "openai/gpt-image-1.5",
    "black-forest-labs/FLUX-1-schnell",
    "stabilityai/sd3",
)
"""Well-known models of several prices and abilities, reviewed November 2026, best first: chosen from where
the popularity ranking has none that fits. The third and the last two take masks."""
AUTO_VIDEO_USD = 0.5
"""The likely price of a video up to which one is chosen: half of the models of November 2026."""
_LONGEST_ID = 200
"""Characters; the longest real id has some 50."""
WORDS = ("", "auto", "cheapest", "free")
"""What may stand in place of a model's id."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a call asks of its model.

    Attributes:
        images: Whether it has source images.
        mask: Whether it has a mask.
        size: `WIDTHxHEIGHT`, or "auto".
        kind: What it is to make.
        seconds: The length of a video, or 0 for any.
    """

    images: bool = False
    mask: bool = False
    size: str = "auto"
    kind: Kind = "image"
    seconds: float = 0

    def fits(self, entry: ModelEntry) -> bool:
        """Whether the model's entry says that it can do this; what the list does not tell counts as no."""
        return (
            entry.output == self.kind
            and not (self.images and not entry.takes_image)
            and not (self.mask and not entry.takes_mask)
            and entry.accepts_size(self.size)
            and entry.accepts_seconds(self.seconds)
        )

    def __str__(self) -> str:
        """As the end of "a model that …"."""
        if self.kind == "video":
            does = "makes videos of pictures" if self.images else "makes videos from text"
        else:
            does = (
                "edits with a mask" if self.mask else "edits" if self.images else "makes pictures from text"
            )
        length = f" of {self.seconds:g} s" if self.seconds else ""
        return f"{does}{length}" if self.size == "auto" else f"{does}{length} at {self.size}"


@dataclass(frozen=True, slots=True)
class Preference:
    """What the person set.

    Attributes:
        model: The model for pictures.
        edit_model: The same for edits.
        video_model: The same for videos.
        auto_max_usd: The likely price up to which "auto" chooses for pictures.
    """

    model: str | None = None
    edit_model: str | None = None
    video_model: str | None = None
    auto_max_usd: float = 0.05

    def auto_limit(self, kind: Kind) -> float:
        """The likely price up to which "auto" chooses, in USD."""
        return AUTO_VIDEO_USD if kind == "video" else self.auto_max_usd


@dataclass(frozen=True, slots=True)
class Choice:
    """A model, and why it is this one, as the end of a sentence; no reason where it was named."""

    id: str
    entry: ModelEntry | None
    why: str = ""


def choose(
    asked: str, need: Need, listing: Listing | None, popular: Sequence[str], preference: Preference
) -> Choice:
    """Find the model of a call.

    Args:
        asked: A model's id, or one of `WORDS`.
        need: What the call asks of it.
        listing: The catalogue, or None when it cannot be had.
        popular: Model ids, the most used first.
        preference: What the person set.

    Raises:
        PlanError: There is no such model, or none that fits; the sentence names what would.
    """
    asked = asked.strip()
    if asked.lower() not in WORDS:
        return named(asked, listing)
    word = asked.lower() or "auto"
    if word == "auto" and (own := _own(need, listing, preference)):
        return own
    if listing is None:
        raise PlanError(
            "The model list cannot be read, so no model can be chosen.", "Name one in `model`, or try again."
        )
    fitting = [entry for entry in _ranked(listing, popular) if is_choosable(entry) and need.fits(entry)]
    return _chosen(word, need, fitting, preference)


def named(model_id: str, listing: Listing | None) -> Choice:
    """The model of an id.

    The service knows aliases that it does not list, and its refusal costs nothing: an id like no other is
    left to it.

    Raises:
        PlanError: There is none, and others are spelt much like it.
    """
    if len(model_id) > _LONGEST_ID or re.search(r"\s", model_id) or not model_id.isprintable():
        raise PlanError(
            f"What was given as `model` ({len(model_id)} characters) is not a model id.",
            "Give one such as google/gemini-2.5-flash, or find one with search_models.",
        )
    entry = listing.find(model_id) if listing else None
    if entry or listing is None:
        return Choice(entry.id if entry else model_id, entry)
    near = closest_ids(listing, model_id)
    if near:
        raise PlanError(
            f"There is no model {model_id[:100]!r} at ImageRouter.",
            f"Closest are {', '.join(near)}. Use one of these, or find others with search_models.",
        )
    return Choice(model_id, None)


def is_choosable(entry: ModelEntry) -> bool:
    """Whether a model may be chosen for a person who named none."""
    return not entry.is_dummy and entry.id not in SPECIAL


def examples(need: Need, listing: Listing | None, count: int = 3) -> str:
    """Models that could do it, with prices, as the end of a sentence: ", for example …"; may be empty."""
    fitting = [e for e in _ranked(listing, ()) if is_choosable(e) and need.fits(e)] if listing else []
    named = [f"{entry.id} ({price_words(entry)})" for entry in fitting[:count]]
    return f", for example {', '.join(named)}" if named else ""


def cheapest(need: Need, listing: Listing) -> ModelEntry | None:
    """The cheapest paid model that fits."""
    fitting = [
        entry for entry in listing.models if is_choosable(entry) and need.fits(entry) and not entry.free
    ]
    return min(fitting, key=_likely, default=None)


def _own(need: Need, listing: Listing | None, preference: Preference) -> Choice | None:
    """The person's own model, unless the list says that it cannot do this."""
    edits = preference.edit_model if need.images else None
    own = (("IMAGEROUTER_EDIT_MODEL", edits), ("IMAGEROUTER_MODEL", preference.model))
    if need.kind == "video":
        own = (("IMAGEROUTER_VIDEO_MODEL", preference.video_model),)
    for variable, model_id in own:
        if not model_id:
            continue
        if model_id.lower() in WORDS:
            continue
        try:
            found = named(model_id, listing)
        except PlanError as error:
            raise PlanError(f"The person's {variable} cannot be used: {error.what}", error.remedy) from None
        if found.entry is None or need.fits(found.entry):
            return Choice(found.id, found.entry, f"it is your {variable}")
    return None


def _chosen(word: str, need: Need, fitting: Sequence[ModelEntry], preference: Preference) -> Choice:
    limit = preference.auto_limit(need.kind)
    match word:
        case "cheapest":
            paid = sorted((entry for entry in fitting if not entry.free), key=_likely)
            found, why = paid, f"it is the cheapest that {need}"
        case "free":
            found = [entry for entry in fitting if entry.id.endswith(":free")]
            why = f"it is the first free one that {need}"
        case _:
            found = [entry for entry in fitting if _likely(entry) <= limit]
            why = f"it is a popular one that {need} for up to {dollars(limit)}"
    if found:
        return Choice(found[0].id, found[0], f"{why} ({price_words(found[0])})")
    others = ", ".join(f"{entry.id} ({price_words(entry)})" for entry in sorted(fitting, key=_likely)[:3])
    within = f" for up to {dollars(limit)}" if word == "auto" else ""
    sort = {"cheapest": "paid ", "free": "free "}.get(word, "")
    raise PlanError(
        f"There is no {sort}model that {need}{within}.",
        f"Name one in `model`: {others}." if others else "Ask for less: another size, or no mask.",
    )


def _ranked(listing: Listing, popular: Sequence[str]) -> Iterator[ModelEntry]:
    """Every model once: the popular ones, the reviewed ones, then the rest by score."""
    first = {entry.id: entry for model in (*popular, *CANDIDATES) if (entry := listing.find(model))}
    yield from first.values()
    rest = (entry for entry in listing.models if entry.id not in first)
    yield from sorted(rest, key=lambda entry: -(entry.score or 0.0))


def _likely(entry: ModelEntry) -> float:
    return entry.price.likely if entry.price else math.inf
