"""What it takes to deliver a generation's answer, in this process or, after its end, in another."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from imagerouter_mcp.generation.prices import Estimate
from imagerouter_mcp.generation.request import Kind
from imagerouter_mcp.generation.sizes import sides


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the results of one request go: a folder, and a name without extension."""

    folder: Path
    stem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One generation on its way.

    Attributes:
        handle: The generation's.
        call: The handle of its call.
        kind: What is made.
        prompt: As it was asked for.
        fields: The request's fields by their API names.
        why: Why this model, as the end of a sentence; "" where it was named.
        estimate: What it may cost, where the catalogue tells.
        destination: Where the results go.
        origins: What the record calls the source images.
        notes: What the person should know.
    """

    handle: str
    call: str
    kind: Kind
    prompt: str
    fields: dict[str, str]
    why: str
    estimate: Estimate | None
    destination: Destination
    origins: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def model(self) -> str:
        """The model's id."""
        return self.fields["model"]

    @property
    def size(self) -> tuple[int, int] | None:
        """The dimensions that were asked for, if any."""
        return sides(self.fields["size"]) if "size" in self.fields else None

    def as_json(self) -> dict[str, Any]:
        """In terms of JSON, as the journal keeps it."""
        return _adapter().dump_python(self, mode="json")

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Job":
        """As it was before `as_json`."""
        return _adapter().validate_python(kept)


@cache
def _adapter() -> TypeAdapter[Job]:
    return TypeAdapter(Job)
