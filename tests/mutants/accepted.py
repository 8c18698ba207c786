"""Faults that no test has to notice, each with its reason; listed in `accepted.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from mutants.faults import Fault

_LIST = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Accepted:
    """Faults of one kind in one function.

    Attributes:
        module: The file, relative to the package.
        function: The qualified name of the function; empty at the top of the module.
        kind: The kind of fault.
        reason: Why no test notices.
        after: What is written in place of the right code; without it every fault of the kind is meant.
        equivalent: Whether the changed program does the same: such a fault is never drawn.
    """

    module: str
    function: str
    kind: str
    reason: str
    after: str | None = None
    equivalent: bool = False

    def matches(self, fault: Fault) -> bool:
        """Return whether it speaks of a fault."""
        same_place = (self.module, self.function, self.kind) == (fault.module, fault.function, fault.kind)
        return same_place and self.after in (None, fault.after)


def read_accepted() -> list[Accepted]:
    """Read the list."""
    return [Accepted(**entry) for entry in tomllib.loads(_LIST.read_text("utf-8"))["accepted"]]
