"""Events in a server, each reported once: the JSON log writes them down and the metrics count them.

Events are log records, so that a server that nobody listens to spends nothing on them. No event holds a
prompt, a key, a token or a link.
"""

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from imagerouter_mcp.errors import ImageRouterError

Stage = Literal["prepare", "queue", "service", "deliver"]
"""A part of a generation: planned and its sources read, waiting for its turn, sent until answered, stored."""

logger = logging.getLogger(__name__)
logger.propagate = False  # whoever listens adds a handler here


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestServed:
    """An HTTP request has been answered.

    Attributes:
        client: Its address.
        method: Its method.
        path: Its path, without the query, which may hold a signature.
        status: The answer's status; 0 if there was none.
        seconds: How long it took.
    """

    client: str
    method: str
    path: str
    status: int
    seconds: float

    def __str__(self) -> str:
        status = self.status or "unanswered"
        return f"{self.client} {self.method} {self.path} {status} {1000 * self.seconds:.0f} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled:
    """A tool has answered.

    Attributes:
        tool: Its name; "unknown" for a name that is no tool's.
        outcome: "ok", "unfinished", "question" (to the person), "cancelled" or the kind of the error.
        seconds: How long it took.
        generation: The handle of the call that the answer is about, if it is about one.
    """

    tool: str
    outcome: str
    seconds: float
    generation: str | None = None

    def __str__(self) -> str:
        return f"{self.tool} answered: {self.outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationEnded:
    """A generation has ended, with a picture or video or without.

    Attributes:
        generation: Its handle.
        model: The model's id if it may have cost something; else it may be anything that a caller wrote.
        outcome: "ok" or the kind of the error.
        cost_usd: What the service charged, where known.
        up_to_usd: The most that it may have charged, where that is all that is known.
    """

    generation: str
    model: str | None
    outcome: str
    cost_usd: Decimal | None = None
    up_to_usd: Decimal | None = None

    def __str__(self) -> str:
        return f"{self.generation} ended: {self.outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAsked:
    """An app that a person uses has asked for a token.

    Attributes:
        grant: What it showed: "authorization_code" signs in, "refresh_token" stays signed in.
        outcome: "ok" or the code of the error; "invalid_grant" means that the person has to sign in again.
    """

    grant: str
    outcome: str

    def __str__(self) -> str:
        return f"A token was asked for by {self.grant}: {self.outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBegan:
    """A part of a generation has begun."""

    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEnded:
    """A part of a generation has ended, in whatever way."""

    stage: Stage
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRenewed:
    """This server has renewed its lease in the database, or has failed to."""

    outcome: Literal["ok", "failed"]


Event = RequestServed | ToolCalled | GenerationEnded | TokenAsked | StageBegan | StageEnded | LeaseRenewed


def tell(event: ToolCalled | GenerationEnded | TokenAsked) -> None:
    """Report an event to the log and the metrics."""
    logger.info("%s", event)


def tell_metrics(event: StageBegan | StageEnded | LeaseRenewed) -> None:
    """Report an event to the metrics alone; it happens too often for a log."""
    logger.debug("%s", event)


@contextmanager
def stage(name: Stage) -> Generator[None]:
    """Report to the metrics when a part of a generation begins and ends."""
    if not logger.isEnabledFor(logging.DEBUG):
        yield
        return
    began = time.perf_counter()
    tell_metrics(StageBegan(stage=name))
    try:
        yield
    finally:
        tell_metrics(StageEnded(stage=name, seconds=time.perf_counter() - began))


def failed(generation: str, model: str, error: ImageRouterError) -> GenerationEnded:
    """Return the event of a generation that failed.

    Args:
        generation: Its handle.
        model: The model's id.
        error: What it failed with; its cost is an upper bound if the service kept what it had set aside.
    """
    cost = error.cost_usd
    return GenerationEnded(
        generation=generation,
        model=model if cost else None,
        outcome=error.kind,
        cost_usd=None if error.kept else cost,
        up_to_usd=cost if error.kept else None,
    )


def event_of(record: logging.LogRecord) -> Event | None:
    """Return the event that a log record holds, if any."""
    match record.args:
        case (event,) if isinstance(event, Event):
            return event
        case _:
            return None


def listen(handler: logging.Handler, level: int) -> None:
    """Give a handler every event of at least a level.

    Args:
        handler: The handler.
        level: `logging.INFO` for what people read, `logging.DEBUG` for all.
    """
    handler.addFilter(lambda record: record.levelno >= level)
    logger.addHandler(handler)
    logger.setLevel(min(level, logger.level or level))
