"""Choose the model: the one that was named, the person's own, or one that fits the request."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from imagerouter_mcp.api.catalogue import Listing, closest_ids
from imagerouter_mcp.api.model_list import ModelEntry
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.finishing import enlargement
from imagerouter_mcp.generation.planning.prices import price_words
from imagerouter_mcp.generation.planning.request import Kind
from imagerouter_mcp.generation.planning.sizes import sides, size_to_finish
from imagerouter_mcp.money import dollars, usd
from imagerouter_mcp.settings import AUTO_MAX_USD, AUTO_VIDEO_USD

CANDIDATES = (
    "google/gemini-2.5-flash",
    "bytedance/seedream-4.5",
    "qwen/qwen-image-2512",
    "black-forest-labs/FLUX-2-klein-9b",
    "openai/gpt-image-1.5",
    "black-forest-labs/FLUX-1-schnell",
    "stabilityai/sd3",
)
"""Well-known models of several prices and abilities, best first, reviewed November 2026. They are tried when
no popular model fits. The third and the last two take masks."""
_LONGEST_ID = 200
"""Characters; the longest real id has some 50."""
WORDS = ("", "auto", "cheapest", "free")
"""What a caller may write in place of a model id."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a request needs its model to do.

    Attributes:
        images: How many source images there are.
        mask: Whether there is a mask.
        size: `WIDTHxHEIGHT`, or "auto". A video needs a model that makes it; for a picture such models are
            preferred.
        kind: Whether to make a picture or a video.
        seconds: The length of a video, or 0 for any.
        quality: "low", "medium" or "high", or "auto" for any.
        output_format: "webp", "jpeg" or "png", or "auto" for any.
    """

    images: int = 0
    mask: bool = False
    size: str = "auto"
    kind: Kind = "image"
    seconds: float = 0
    quality: str = "auto"
    output_format: str = "auto"

    def fits(self, entry: ModelEntry) -> bool:
        """Return whether the model can do this: it takes every input and refuses none of the settings."""
        facts = entry.facts
        return (
            entry.output == self.kind
            and not (self.images and not entry.takes_image)
            and self.images <= facts.max_sources
            and not (self.mask and not entry.takes_mask)
            and (self.kind == "image" or entry.accepts_size(self.size))
            and entry.accepts_seconds(self.seconds)
            and (self.quality == "auto" or not facts.qualities or self.quality in facts.qualities)
        )

    def unlisted(self, entry: ModelEntry) -> int:
        """Count the wishes that the model cannot meet according to the list."""
        facts = entry.facts
        return sum(
            (
                self.size != "auto" and (facts.ignores_size or not entry.lists_size(self.size)),
                self.size != "auto" and self._is_enlarged(entry),
                bool(self.seconds) and self.seconds not in entry.seconds,
                self.quality != "auto" and not entry.takes_quality,
                self.output_format != "auto" and not entry.makes_format(self.output_format),
            )
        )

    def _is_enlarged(self, entry: ModelEntry) -> bool:
        """Tell whether what the model makes has to be enlarged to this size."""
        size = sides(self.size)
        return enlargement(sides(size_to_finish(size, entry)), size) > 1

    def __str__(self) -> str:
        """Return it as the end of "a model that …"."""
        if self.kind == "video":
            does = "makes videos of pictures" if self.images else "makes videos from text"
        else:
            does = (
                "edits with a mask" if self.mask else "edits" if self.images else "makes pictures from text"
            )
        length = f" of {self.seconds:g} s" if self.seconds else ""
        is_bound = self.kind == "video" and self.size != "auto"
        return f"{does}{length} at {self.size}" if is_bound else f"{does}{length}"


@dataclass(frozen=True, slots=True)
class Preference:
    """The person's settings for choosing a model.

    Attributes:
        model: The model for pictures.
        edit_model: The model for edits.
        video_model: The model for videos.
        auto_max_usd: The highest likely price at which "auto" chooses a model for pictures.
    """

    model: str | None = None
    edit_model: str | None = None
    video_model: str | None = None
    auto_max_usd: Decimal = AUTO_MAX_USD

    def auto_limit(self, kind: Kind) -> Decimal:
        """Return the highest likely price at which "auto" chooses a model, in USD."""
        return AUTO_VIDEO_USD if kind == "video" else self.auto_max_usd


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model and its entry in the list, if it has one.

    Attributes:
        id: Its id.
        entry: Its entry in the list, or None.
        why: Why it was chosen, as the end of a sentence; "" for a named model.
        alias: The name that was given in place of its id, if any.
    """

    id: str
    entry: ModelEntry | None
    why: str = ""
    alias: str = ""

    @property
    def known(self) -> ModelEntry:
        """Its entry; for an unlisted model, one that holds only the id."""
        return self.entry or ModelEntry(self.id)


def choose(
    asked: str,
    need: Need,
    listing: Listing | None,
    popular: Sequence[str],
    preference: Preference,
    *,
    unread: str = "",
) -> ModelChoice:
    """Choose the model for a request.

    Args:
        asked: A model's id, or one of `WORDS`.
        need: What the request needs it to do.
        listing: The model list, or None if it cannot be read.
        popular: Model ids, most used first.
        preference: The person's settings.
        unread: Why the list cannot be read, as a sentence.

    Raises:
        PlanError: There is no such model, or none fits; the message names some that would.
    """
    asked = asked.strip()
    if asked.lower() not in WORDS:
        return named(asked, listing)
    word = asked.lower() or "auto"
    if word == "auto" and (own := _own(need, listing, preference)):
        return own
    if listing is None:
        raise PlanError(
            f"The model list cannot be read, so no model can be chosen. {unread}".rstrip(),
            "Name one in `model`, or try again.",
        )
    return _chosen(word, need, _fitting(need, listing, popular), preference, _less(need, listing))


def named(model_id: str, listing: Listing | None) -> ModelChoice:
    """Return the model with this id, or the only one that the name matches.

    An id that is not listed is left to the service: it knows more ids than it lists, and refuses an unknown
    one at once and at no cost.

    Raises:
        PlanError: It cannot be an id.
    """
    entry = listing.meant(model_id) if listing else None
    if entry is not None:
        return ModelChoice(entry.id, entry, alias="" if model_id == entry.id else " ".join(model_id.split()))
    if len(model_id) > _LONGEST_ID or re.search(r"\s", model_id) or not model_id.isprintable():
        raise PlanError(
            f"What was given as `model` ({len(model_id)} characters) is not a model id.",
            "Give one such as google/gemini-2.5-flash, or find one with search_models.",
        )
    return ModelChoice(model_id, None)


def is_choosable(entry: ModelEntry) -> bool:
    """Return whether a model may be chosen when nobody named it."""
    return not entry.is_dummy and not entry.facts.does and entry.takes_prompt


def instead(model_id: str, need: Need, listing: Listing) -> str:
    """Return which listed models to use instead of one that the service does not know, as a sentence."""
    near = closest_ids(listing, model_id)
    if near:
        return f"The closest ids are {', '.join(near)}; search_models finds others."
    return f"Use a model of the list{examples(need, listing)}."


def examples(need: Need, listing: Listing | None) -> str:
    """Return up to three models that could do it, with prices, as the end of a sentence, or ""."""
    fitting = _fitting(need, listing) if listing else []
    named = [f"{entry.id} ({price_words(entry)})" for entry in fitting[:3]]
    return f", for example {', '.join(named)}" if named else ""


def cheapest(need: Need, listing: Listing) -> ModelEntry | None:
    """Return the cheapest paid model that fits."""
    return min((entry for entry in _fitting(need, listing) if not entry.free), key=_likely, default=None)


def _own(need: Need, listing: Listing | None, preference: Preference) -> ModelChoice | None:
    """Return the person's own model, unless the list says that it cannot do this."""
    edits = preference.edit_model if need.images else None
    own = (("IMAGEROUTER_EDIT_MODEL", edits), ("IMAGEROUTER_MODEL", preference.model))
    if need.kind == "video":
        own = (("IMAGEROUTER_VIDEO_MODEL", preference.video_model),)
    for variable, model_id in own:
        if not model_id or model_id.lower() in WORDS:
            continue
        try:
            found = named(model_id, listing)
        except PlanError as error:
            raise PlanError(f"The person's {variable} cannot be used: {error.what}", error.remedy) from None
        if found.entry is None or need.fits(found.entry):
            return replace(found, why=f"it is your {variable}")
    return None


def _chosen(
    word: str, need: Need, fitting: Sequence[ModelEntry], preference: Preference, less: str
) -> ModelChoice:
    limit = preference.auto_limit(need.kind)
    match word:
        case "cheapest":
            paid = (entry for entry in fitting if not entry.free)
            found, why = sorted(paid, key=_likely), f"it is the cheapest that {need}"
        case "free":
            found = [entry for entry in fitting if entry.id.endswith(":free")]
            why = f"it is the first free one that {need}"
        case _:
            found = [entry for entry in fitting if _likely(entry) <= limit]
            why = f"it is a popular one that {need} for up to {dollars(limit)}"
    if found:
        return ModelChoice(found[0].id, found[0], f"{why} ({price_words(found[0])})")
    others = ", ".join(f"{entry.id} ({price_words(entry)})" for entry in sorted(fitting, key=_likely)[:3])
    within = f" for up to {dollars(limit)}" if word == "auto" else ""
    sort = {"cheapest": "paid ", "free": "free "}.get(word, "")
    raise PlanError(
        f"There is no {sort}model that {need}{within}.",
        f"Name one in `model`: {others}." if others else less,
    )


def _less(need: Need, listing: Listing) -> str:
    """Return what to ask for if no model can do what is needed."""
    able = [entry for entry in _fitting(replace(need, seconds=0), listing) if entry.seconds]
    if not need.seconds or not able:
        return "Ask for less: another size, or no mask."
    lengths = [(length, entry) for entry in able for length in entry.seconds]
    close, entry = min(lengths, key=lambda each: (abs(each[0] - need.seconds), _likely(each[1])))
    return f"Ask for {close:g} seconds, the nearest length, with {entry.id} ({price_words(entry)})."


def _fitting(need: Need, listing: Listing, popular: Sequence[str] = ()) -> list[ModelEntry]:
    """Return the models that may be chosen for a need; those that list what is asked for come first."""
    fitting = (entry for entry in _ranked(listing, popular) if is_choosable(entry) and need.fits(entry))
    return sorted(fitting, key=need.unlisted)


def _ranked(listing: Listing, popular: Sequence[str]) -> Iterator[ModelEntry]:
    """Yield every model once: popular ones, reviewed ones, then the rest by score."""
    first = {entry.id: entry for model in (*popular, *CANDIDATES) if (entry := listing.find(model))}
    yield from first.values()
    rest = (entry for entry in listing.models if entry.id not in first)
    yield from sorted(rest, key=lambda entry: -(entry.score or 0.0))


def _likely(entry: ModelEntry) -> Decimal:
    return usd(entry.price.likely) if entry.price else Decimal("Infinity")
