"""What the gallery holds: records with their images, and the journal's entries."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

State = Literal["preparing", "queued", "working", "done", "failed", "unknown", "not_sent"]
"""The stage of a generation: preparing its sources; waiting for its turn; the request was sent; the result is
recorded; it failed, and its error says what it cost; the request got no answer; it ended before the request
was sent."""
OPEN_STATES: tuple[State, ...] = ("preparing", "queued", "working")
"""A process is working on the generation, or was when it died."""


MADE_HERE = "no model"
"""What a record has in place of a model if its pictures were made without one, for free."""


def is_here(path: Path | None) -> bool:
    """Return whether a recorded file is there; one in an object store counts as there."""
    return path is not None and (not path.is_absolute() or os.path.isfile(path))  # noqa: PTH113 - `is_file` raises if it may not look


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """A generated image, before it is recorded.

    Attributes:
        path: Its file, or None if it could not be fetched. In an object store it is the key, which is no
            absolute path.
        url: Where the service keeps it, or None.
        media_type: Determined from its bytes; None without a file.
        width: In pixels, as displayed.
        height: In pixels, as displayed.
        bytes: The size of its file.
        seconds: The length of a video, if known.
        finishing: How it was made of its original, or is to be made once that arrives, as JSON; None if it is
            as the model made it.
        original: The model's own picture, if this one was made of it here.
    """

    path: Path | None = None
    url: str | None = None
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    finishing: str | None = None
    original: "StoredImage | None" = None

    @property
    def here(self) -> bool:
        """Whether its file is there and readable; a file in an object store counts as there."""
        return is_here(self.path)


@dataclass(frozen=True, kw_only=True)
class GalleryImage(StoredImage):
    """An image in the gallery.

    Attributes:
        handle: Such as `img_7f3a`.
        original: The model's own picture, if this one was made of it here.
        damaged: The columns of its row that could not be read.
    """

    handle: str
    original: "GalleryImage | None" = None
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What was sent for a generation and what the service said about it.

    Attributes:
        prompt: The prompt as it was sent.
        revised_prompt: The model's own version of the prompt.
        model: The model's id.
        parameters: The other parameters as they were sent.
        sources: The source images: handles, paths, addresses.
        cost_usd: What the service charged.
        latency_ms: How long the service took.
    """

    prompt: str
    revised_prompt: str | None = None
    model: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sources: tuple[str, ...] = ()
    cost_usd: Decimal | None = None
    latency_ms: int | None = None

    @property
    def made_here(self) -> bool:
        """Whether the pictures were made without a model, for free."""
        return self.model == MADE_HERE


@dataclass(frozen=True, kw_only=True)
class Record(Metadata):
    """A recorded generation.

    Attributes:
        generation: The generation's own handle, such as `gen_7f3a`.
        created_at: In UTC.
        images: At least one.
        damaged: The columns of its row that could not be read.
    """

    generation: str
    created_at: datetime
    images: tuple[GalleryImage, ...]
    damaged: tuple[str, ...] = ()

    @property
    def damage(self) -> tuple[str, ...]:
        """A sentence about each row of it that is damaged."""
        rows = {self.generation: self.damaged} | {image.handle: image.damaged for image in self.images}
        return tuple(
            f"What the gallery keeps of {handle} is damaged, and its {' and '.join(columns)} not known."
            for handle, columns in rows.items()
            if columns
        )

    @property
    def originals(self) -> tuple[GalleryImage, ...]:
        """The model's own pictures, of which some of the images were made here."""
        return tuple(image.original for image in self.images if image.original)


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Money reserved for a generation that is about to be sent.

    Attributes:
        handle: The generation's handle.
        model: The chosen model.
        usd: The most it is expected to cost.
        plan: What is needed to deliver the answer, as JSON.
    """

    handle: str
    model: str
    usd: Decimal
    plan: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One generation in the journal.

    Attributes:
        handle: The generation's handle, such as `gen_7f3a`.
        call: The handle of the first generation of the same call.
        owner: The process that works on it, or the last one that did.
        state: Its stage.
        delivered: Whether somebody got its outcome.
        created_at: In UTC.
        prompt: The requested prompt.
        model: The requested model, later the chosen one.
        reserved_usd: The most it was expected to cost; None until that is known.
        plan: What is needed to deliver its answer, as JSON; None until it is planned.
        notes: Sentences for the person.
        error: Why there is no result.
        damaged: The columns of its row that could not be read.
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
    damaged: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """True until the generation has ended."""
        return self.state in OPEN_STATES
