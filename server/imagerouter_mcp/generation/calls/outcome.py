"""What a caller gets: the results of a call, or how to collect them later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from imagerouter_mcp.errors import DeliveryError, ImageRouterError, NotNeededError
from imagerouter_mcp.gallery.entries import Record, State
from imagerouter_mcp.generation.planning.prices import Estimate, total

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.preview import Preview


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one request that succeeded.

    Attributes:
        record: The gallery's record; its images have handles.
        why: Why this model, as the end of a sentence; "" for a named model.
        estimate: What it was expected to cost, if that was known.
        notes: Sentences for the person.
        number: The request's number within the call, from 1.
        first_step: The record of the picture before its background was removed in the same call; None for
            a picture that was made in one step.
        previews: The previews that were made on the way, by the images' files.
    """

    record: Record
    why: str = ""
    estimate: Estimate | None = None
    notes: tuple[str, ...] = ()
    number: int = 1
    first_step: Record | None = None
    previews: "Mapping[Path, Preview]" = field(default_factory=dict[Path, "Preview"])

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of its steps, in their order."""
        return (self.first_step, self.record) if self.first_step else (self.record,)

    @property
    def model(self) -> str:
        """The model, or the two that worked on it one after the other."""
        return " and ".join(record.model for record in self.records)

    @property
    def cost_usd(self) -> Decimal | None:
        """What ImageRouter charged for all its steps; None if one of them is not known."""
        costs = [record.cost_usd for record in self.records if record.cost_usd is not None]
        return sum(costs, Decimal()) if len(costs) == len(self.records) else None

    @property
    def latency_ms(self) -> int | None:
        """Sum of its steps' known latencies, in milliseconds; None if none is known."""
        latencies = [record.latency_ms for record in self.records if record.latency_ms is not None]
        return sum(latencies) if latencies else None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one request of several failed, or only its second step."""

    model: str
    error: ImageRouterError
    second_step: bool = False

    def __str__(self) -> str:
        return f"{self.model}: {self.error}"


@dataclass(frozen=True, slots=True)
class Finished:
    """The outcome of a call.

    Attributes:
        call: The call's handle, which is that of its first generation; "" for a picture that is shown again.
        results: Those that succeeded, in the order of the requests.
        failures: Those that failed.
        notes: Sentences for whoever asked, about the call as a whole.
        shown: Whether somebody asks to see what an earlier call made.
        repeated: Whether the same call was made before, and this one neither made nor cost anything.
    """

    call: str
    results: tuple[Result, ...]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    shown: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that goes on after its caller was answered.

    Attributes:
        call: The handle to collect it by.
        state: The state of the generation that is furthest behind.
        model: The model, or several.
        prompt: As the caller wrote it.
        elapsed: Seconds since the call began.
        ask_again: Seconds after which it is worth asking again.
        words: Its progress, as the beginning of a sentence.
        usual: Seconds that the model usually takes, if that is known.
        notes: Sentences for whoever asked.
    """

    call: str
    state: State
    model: str
    prompt: str
    elapsed: float
    ask_again: int
    words: str
    usual: float | None = None
    notes: tuple[str, ...] = ()


Outcome = Result | ImageRouterError


def summed_up(
    call: str, models: Sequence[str], outcomes: Sequence[Outcome], steps: Mapping[int, int] | None = None
) -> Finished:
    """Sum up a call from the outcomes of its generations.

    Args:
        call: Its handle.
        models: The model of each generation.
        outcomes: The outcome of each.
        steps: Maps the index of each second step to the index of the picture that it works on.

    Raises:
        ImageRouterError: Nothing was made; the failure that says most about money names the others.
    """
    second = {picture: step for step, picture in (steps or {}).items()}
    places = [place for place in range(len(outcomes)) if place not in (steps or {})]
    results: list[Result] = []
    failures: list[Failure] = []
    for number, place in enumerate(places, start=1):
        made, model = outcomes[place], models[place]
        if isinstance(made, ImageRouterError):
            failures.append(Failure(model, made))
        elif place in second:
            result, failed = _after(made, models[second[place]], outcomes[second[place]])
            results.append(replace(result, number=number))
            failures += failed
        else:
            results.append(replace(made, number=number))
    if not results:
        raise _as_one([failure.error for failure in failures])
    return Finished(call, tuple(results), tuple(failures))


def _after(made: Result, model: str, step: Outcome) -> tuple[Result, list[Failure]]:
    """Return a picture's result after its second step, and the step's failure if it failed."""
    if isinstance(step, Result):
        price = total([made.estimate, step.estimate])
        notes = (*made.notes, *step.notes, *_others(made.record))
        first, *more = step.record.images
        images = (replace(first, original=made.record.images[0]), *more)
        record = replace(step.record, images=images)
        return Result(record, made.why, price, notes, first_step=made.record), []
    if step.kind == NotNeededError.kind:
        return replace(made, notes=(*made.notes, step.what)), []
    if step.kind != DeliveryError.kind:
        first = f"{step.remedy} " if step.charged == "unknown" else ""
        step.remedy = (
            f"{first}The picture is there with its background: edit_image with images="
            f"{made.record.images[0].handle} and model={model} tries again, and finish_image with "
            '"cutout" removes a plain background for free.'
        )
    return made, [Failure(model, step, second_step=True)]


def _others(record: Record) -> list[str]:
    """Return a sentence if a model gave several pictures at once; only the first was worked on."""
    handles = ", ".join(image.handle for image in record.images[1:])
    return (
        [f"{record.model} gave {len(record.images)} pictures; the others are {handles}."] if handles else []
    )


def _as_one(errors: Sequence[ImageRouterError]) -> ImageRouterError:
    """Return the failure that says most about money, with what all of them cost."""
    worst = max(errors, key=lambda error: ("no", "unknown", "yes").index(error.charged))
    also = dict.fromkeys(str(error) for error in errors if str(error) != str(worst))
    worst.others = tuple(error for error in errors if error is not worst)
    worst.remedy = " ".join((worst.remedy, *(f"Also: {other}" for other in also)))
    return worst
