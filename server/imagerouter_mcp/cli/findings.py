"""What an examination finds, and running many of them side by side, each within its time."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import anyio

from imagerouter_mcp.errors import ImageRouterError

State = Literal["ok", "warning", "failure"]
_MARKS: dict[State, str] = {"ok": "ok", "warning": "note", "failure": "FAIL"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        state: Whether it is as it should be.
        what: What was found, as a sentence, without secrets.
        remedy: What to do about it, as a sentence; empty where nothing is wrong.
    """

    name: str
    state: State
    what: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """The finding as a line of text."""
        return f"{_MARKS[self.state]:<5} {self.name:<18} {self.what} {self.remedy}".rstrip()


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at.

    Attributes:
        name: What.
        look: Finds out; an `ImageRouterError` that it raises is a failure.
        seconds: How long that may take.
    """

    name: str
    look: Callable[[], Awaitable[Sequence[Finding]]]
    seconds: float


async def examine(checks: Sequence[Check]) -> list[Finding]:
    """Run checks side by side.

    Returns:
        Their findings, in the order of the checks.
    """
    found: list[Sequence[Finding]] = [()] * len(checks)

    async def run(place: int, check: Check) -> None:
        found[place] = await _within_its_time(check)

    async with anyio.create_task_group() as tasks:
        for place, check in enumerate(checks):
            tasks.start_soon(run, place, check)
    return [finding for findings in found for finding in findings]


async def _within_its_time(check: Check) -> Sequence[Finding]:
    try:
        with anyio.fail_after(check.seconds):
            return await check.look()
    except TimeoutError:
        what = f"No answer within {check.seconds:g} seconds."
        return [Finding(check.name, "failure", what, "Try again; if it stays so, look at what it waits for.")]
    except ImageRouterError as error:
        return [Finding(check.name, "failure", error.what, error.remedy)]
