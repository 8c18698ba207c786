"""Plan before paying: from a request and the model list to what will be sent, or a free refusal.

`choose_model` needs no source image; `make_plan` may need the size of the first one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.facts import facts_of
from imagerouter_mcp.api.model_list import ModelEntry
from imagerouter_mcp.generation.planning.background import (
    asks_for_transparency,
    choose_remover,
    only_removes_background,
    sent_prompt,
    what_gives_it,
)
from imagerouter_mcp.generation.planning.checks import check_model, check_request
from imagerouter_mcp.generation.planning.cuts import cut_around, guided
from imagerouter_mcp.generation.planning.finishing import Box, Cut, Finishing
from imagerouter_mcp.generation.planning.model_choice import ModelChoice, Need, Preference, choose
from imagerouter_mcp.generation.planning.notes import expectations, plan_notes
from imagerouter_mcp.generation.planning.prices import Estimate, estimate
from imagerouter_mcp.generation.planning.request import Kind, Request
from imagerouter_mcp.generation.planning.sizes import (
    Wish,
    area_of,
    exact_shape,
    read_ratio,
    read_wish,
    sides,
    size_for,
    size_to_finish,
)

MaskConvention = Literal["transparent", "white"]
"""Where a provider edits: OpenAI where the mask is transparent, Runware where it is white."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to save the results: a folder, and a file name without extension."""

    folder: Path
    stem: str

    def numbered(self, count: int) -> "list[Destination]":
        """Return `count` destinations, numbered as the answer numbers its results."""
        return [Destination(self.folder, f"{self.stem}-{number}") for number in range(1, count + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything needed to send a request and to deliver its answer; the journal keeps it as JSON.

    Attributes:
        kind: Whether to make a picture or a video.
        prompt: As the caller wrote it.
        fields: The request's fields by their API names.
        why: Why this model, as the end of a sentence; "" for a named model.
        estimate: What it may cost, or None if the model list does not say.
        sends_mask: Whether the mask is sent; a model that takes none still gets what lies around it.
        convention: How a mask marks what to edit, for the provider that will serve the model.
        destination: Where to save the results.
        origins: The names of the source images in the record.
        fetched: For each source, the SHA-256 of its download; "" if it was not fetched.
        follows: For a second step, the generation whose picture it works on; "" for none.
        transparency: Which calls make a background transparent, as a sentence for a result that has none;
            "" where nobody asked for transparency.
        notes: Sentences for the person.
        expected: How the model is known to differ from what was asked. Only a dry run tells it; a delivery
            tells what was made.
        finishing: What is done here with each picture that the model makes; None for nothing.
    """

    kind: Kind
    prompt: str
    fields: dict[str, str]
    why: str
    estimate: Estimate | None
    sends_mask: bool = True
    convention: MaskConvention = "white"
    destination: Destination
    origins: tuple[str, ...]
    fetched: tuple[str, ...] = ()
    follows: str = ""
    transparency: str = ""
    notes: tuple[str, ...]
    expected: tuple[str, ...] = ()
    finishing: Finishing | None = None

    @property
    def model(self) -> str:
        """The model's id."""
        return self.fields["model"]

    @property
    def cut(self) -> Cut | None:
        """The part of the first source that is sent, if nothing outside the mask is to change."""
        return self.finishing.cut if self.finishing else None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the result in pixels, if they were asked for."""
        if self.finishing and self.finishing.size:
            return self.finishing.size
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

    @classmethod
    def kept(cls, text: str | None) -> "Plan | None":
        """Return the plan that a journal entry keeps; None if it has none or cannot be read."""
        try:
            return cls.from_json(text or "")
        except ValueError:  # another version wrote it; the result is still there
            return None


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def choose_model(
    request: Request,
    listing: Listing | None,
    popular: Sequence[str],
    preference: Preference,
    *,
    unread: str = "",
) -> ModelChoice:
    """Choose the model and check that it can do what is asked.

    Args:
        request: What is asked for.
        listing: The model list, or None if it cannot be read; then only the service can judge.
        popular: Model ids, most used first; needed if no model is named.
        preference: The person's settings.
        unread: Why the list cannot be read, as a sentence.

    Raises:
        PlanError: It cannot work; the message names what would.
    """
    check_request(request)
    need = need_of(request)
    if only_removes_background(request):
        choice = choose_remover(request, listing)
    else:
        choice = choose(request.model, need, listing, popular, preference, unread=unread)
    check_model(request, need, choice, listing)
    return choice


@dataclass(frozen=True, slots=True)
class MaskedSource:
    """What a masked edit changes.

    Attributes:
        size: Width and height of the source, in pixels.
        region: The box around what changes.
        kept: The box around what does not.
    """

    size: tuple[int, int]
    region: Box
    kept: Box


def make_plan(
    request: Request,
    choice: ModelChoice,
    *,
    response_format: str,
    destination: Destination,
    source: tuple[int, int] | None = None,
    masked: MaskedSource | None = None,
    origins: tuple[str, ...] = (),
    fetched: tuple[str, ...] = (),
    source_notes: tuple[str, ...] = (),
    listed: bool = True,
    remover: ModelEntry | None = None,
) -> Plan:
    """Turn a request and its model into a plan.

    Args:
        request: What is asked for.
        choice: From `choose_model`.
        response_format: The person's default.
        destination: Where to save the results.
        source: Width and height of the first source image, in pixels, if there is one.
        masked: What the edit changes, if nothing else is to change.
        origins: The names of the source images in the record.
        fetched: For each, the SHA-256 of its download; "" if it was not fetched.
        source_notes: What was done to the source images, a sentence each.
        listed: Whether the model list could be read.
        remover: The cheapest listed model that removes backgrounds.

    Raises:
        PlanError: The aspect ratio cannot be used.
    """
    entry = choice.known
    wish = read_wish(request.size, request.aspect_ratio)
    sent = request
    if masked:
        cut = cut_around(masked.region, masked.size, entry, area_of(wish))
        size = "auto" if entry.facts.does else f"{cut.size[0]}x{cut.size[1]}"
        finishing = Finishing(output_format=request.format, cut=cut)
        prompt = guided(request.prompt, entry, cut, masked.region, masked.kept)
        sent = replace(request, prompt=prompt, output_format="png", filename="")  # without loss
    elif wish.size and request.kind == "image" and choice.entry:
        size = size_to_finish(wish.size, entry)
        finishing = _finishing(request, wish, size, source)
    else:
        size = size_for(wish, source, entry)
        finishing = _finishing(request, wish, size, source)
    notes = plan_notes(request, choice, size, finishing, listed=listed)
    return Plan(
        kind=request.kind,
        prompt=request.prompt,
        fields=_fields(sent, entry, size, response_format),
        why=choice.why,
        estimate=estimate(choice.entry),
        sends_mask=not masked or entry.takes_mask is not False,
        convention=_convention(choice),
        destination=destination,
        origins=origins,
        fetched=fetched,
        transparency=what_gives_it(remover) if asks_for_transparency(request) else "",
        notes=(*notes, *source_notes),
        expected=tuple(expectations(request, choice, size, finishing)),
        finishing=finishing,
    )


def _finishing(request: Request, wish: Wish, size: str, source: tuple[int, int] | None) -> Finishing | None:
    """Return how to finish a picture in exactly the requested size or, if `fit` is given, shape."""
    if request.kind != "image":
        return None
    exact = wish.size
    fit = "cover" if request.fit == "auto" else request.fit
    if exact is None and request.fit != "auto" and (ratio := read_ratio(wish.shape, source)):
        exact = exact_shape(sides(size), ratio, fit)
    return Finishing(size=exact, fit=fit, output_format=request.format) if exact else None


def plan_cut_out(request: Request, picture: Plan, handle: str, remover: ModelEntry) -> tuple[Plan, Plan]:
    """Plan the removal of a picture's background as a second step.

    Args:
        request: What is asked for.
        picture: The plan of the picture.
        handle: The handle of its generation.
        remover: From `remover_for`.

    Returns:
        The picture's plan and the step's. Whichever file is more likely the last one has the name that was
        asked for. The step's source is filled in once the picture has been made.
    """
    place = picture.destination
    price = estimate(remover)
    first, second = Destination(place.folder, f"{place.stem}-uncut"), place
    if facts_of(picture.model).transparency == "asked":  # the step is seldom needed then
        first, second = place, Destination(place.folder, f"{place.stem}-cutout")
        price = price and replace(price, low=Decimal(), likely=Decimal())
    step = Plan(
        kind="image",
        prompt=request.prompt,
        fields=_fields(replace(request, prompt="", size="auto", quality="auto"), remover, "auto", "auto")
        | {"response_format": picture.fields["response_format"]},
        why="",
        estimate=price,
        destination=second,
        origins=(),
        follows=handle,
        transparency=picture.transparency,
        notes=(),
        finishing=None if request.mask else picture.finishing,
    )
    return replace(picture, destination=first, transparency=""), step


def need_of(request: Request) -> Need:
    """Return what a request needs its model to do.

    Raises:
        PlanError: Its size or aspect ratio cannot be read.
    """
    size = None if request.is_cut else read_wish(request.size, request.aspect_ratio).size
    return Need(
        images=len(request.images),
        mask=bool(request.mask) and not request.is_cut,
        size=f"{size[0]}x{size[1]}" if size else "auto",
        kind=request.kind,
        seconds=request.seconds,
        quality=request.quality,
        output_format="auto" if request.is_cut else request.format,
    )


def _fields(request: Request, entry: ModelEntry, size: str, response_format: str) -> dict[str, str]:
    """Return the fields to send, by their API names, without those left to the service."""
    facts = entry.facts
    output_format = request.format
    if request.background == "transparent" and facts.transparency and output_format == "auto":
        output_format = "png"
    optional = {
        "size": entry.sizes[0] if size == "auto" and facts.needs_size and entry.sizes else size,
        "quality": "auto" if entry.takes_quality is False else request.quality,
        "output_format": output_format if facts.takes_output_format else "auto",
        "seconds": _seconds(request, entry),
    }
    sent = {"model": entry.id}
    if request.prompt:
        sent["prompt"] = sent_prompt(request, facts)
    sent |= {name: value for name, value in optional.items() if value != "auto"}
    asked = request.response_format
    return {**sent, "response_format": response_format if asked == "auto" else asked}


def _seconds(request: Request, entry: ModelEntry) -> str:
    """Return the length of a video to send: what is asked for, else the model's own."""
    if request.kind != "video":
        return "auto"
    usual = entry.default_seconds
    if usual is None and entry.facts.needs_size and entry.seconds:
        usual = entry.seconds[0]
    length = request.seconds or usual
    return f"{length:g}" if length else "auto"


def _convention(choice: ModelChoice) -> MaskConvention:
    """Return the convention of the provider that will serve the model; by default, its vendor."""
    providers = choice.entry.providers if choice.entry else ()
    return "transparent" if "openai" in (providers or (choice.id.partition("/")[0],)) else "white"
