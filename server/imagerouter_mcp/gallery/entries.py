"""What the gallery holds: records and the images in them, and the journal's entries."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

State = Literal["preparing", "queued", "working", "done", "failed", "unknown", "not_sent"]
"""Where a generation is: its sources are looked at; it waits for its turn; the request has left; the result
is recorded; it failed and costs nothing more than its error says; the request has left and no answer came;
it ended before the request left."""
OPEN_STATES: tuple[State, ...] = ("preparing", "queued", "working")
"""Somebody is at work on it, or was when the process died."""


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """A generated image as it is to be recorded.

    Attributes:
        path: Its file, or None while it could not be fetched.
        url: Where the service keeps it, or None.
        media_type: From its bytes, or None while there are none.
        width: In pixels, as displayed.
        height: In pixels, as displayed.
        bytes: The size of its file.
        seconds: The length of a video, where it can be told.
    """

    path: Path | None = None
    url: str | None = None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class GalleryImage(StoredImage):
    """An image in the gallery, with its handle, such as `img_7f3a`."""

    handle: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of a generation.

    Attributes:
        generation: The generation's own handle, such as `gen_7f3a`.
        created_at: In UTC.
        prompt: As it was sent.
        revised_prompt: What the model made of it.
        model: The model's id.
        parameters: As they were sent.
        sources: The source images: handles, paths, addresses.
        cost_usd: In USD.
        latency_ms: In milliseconds.
        images: At least one.
    """

    generation: str
    created_at: datetime
    prompt: str
    revised_prompt: str | None
    model: str
    parameters: dict[str, Any]
    sources: tuple[str, ...]
    cost_usd: Decimal | None
    latency_ms: int | None
    images: tuple[GalleryImage, ...]


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Money set aside for a generation that is about to be sent.

    Attributes:
        handle: The generation's.
        model: The model that was chosen.
        usd: The most that it is expected to cost.
        plan: What it takes to deliver the answer, as JSON.
    """

    handle: str
    model: str
    usd: Decimal
    plan: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One generation in the journal.

    Attributes:
        handle: Its own, such as `gen_7f3a`.
        call: The handle of the first generation of the same call.
        owner: The process at work on it, or the last that was.
        state: Where it is.
        delivered: Whether somebody got what came of it.
        created_at: In UTC.
        prompt: As it was asked for.
        model: As it was asked for, then the one that was chosen.
        reserved_usd: The most that it was expected to cost; None before that is known.
        plan: What it takes to deliver its answer, as JSON; None before it is planned.
        notes: Sentences that the person should know.
        error: Why there is no result.
    """

    handle: str
    call: str
    owner: str
    state: State
    delivered: bool
    created_at: datetime
    prompt: str
    model: str
    reserved_usd: Decimal | None
    plan: str | None
    notes: tuple[str, ...]
    error: dict[str, Any] | None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN_STATES
