"""What a caller gets: the results of a call, or how to collect them later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.entries import Record, State
from imagerouter_mcp.generation.planning.prices import Estimate


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one request.

    Attributes:
        record: As the gallery holds it, its images with their handles.
        why: Why this model, as the end of a sentence; "" for a named model.
        estimate: What it was expected to cost, if that was known.
        notes: Sentences for the person.
        number: Of its request within the call, from 1.
    """

    record: Record
    why: str = ""
    estimate: Estimate | None = None
    notes: tuple[str, ...] = ()
    number: int = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one request of several came to nothing."""

    model: str
    error: ImageRouterError

    def __str__(self) -> str:
        return f"{self.model}: {self.error}"


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of a call.

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
        words: How it goes, as the beginning of a sentence.
        notes: Sentences for whoever asked.
    """

    call: str
    state: State
    model: str
    prompt: str
    elapsed: float
    ask_again: int
    words: str
    notes: tuple[str, ...] = ()


def summed_up(call: str, models: Sequence[str], outcomes: Sequence[Result | ImageRouterError]) -> Finished:
    """Sum up a call from the outcomes of its requests.

    Args:
        call: Its handle.
        models: The model of each request.
        outcomes: What came of each.

    Raises:
        ImageRouterError: Nothing was made; this failure says most about money and names the others.
    """
    results = tuple(
        replace(outcome, number=number)
        for number, outcome in enumerate(outcomes, start=1)
        if isinstance(outcome, Result)
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, ImageRouterError)]
    if not results:
        raise _as_one(errors)
    failures = (
        Failure(model, outcome)
        for model, outcome in zip(models, outcomes, strict=True)
        if isinstance(outcome, ImageRouterError)
    )
    return Finished(call, results, tuple(failures))


def _as_one(errors: Sequence[ImageRouterError]) -> ImageRouterError:
    """Return the failure that says most about money, with what all of them cost."""
    worst = max(errors, key=lambda error: ("no", "unknown", "yes").index(error.charged))
    also = dict.fromkeys(str(error) for error in errors if str(error) != str(worst))
    worst.others = tuple(error for error in errors if error is not worst)
    worst.remedy = " ".join((worst.remedy, *(f"Also: {other}" for other in also)))
    return worst
