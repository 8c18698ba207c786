"""Run the doctor's checks side by side, each within its own time limit."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import anyio

from imagerouter_mcp.errors import ImageRouterError

Verdict = Literal["ok", "warning", "failure", "unknown"]
_MARKS: dict[Verdict, str] = {"ok": "ok", "warning": "note", "failure": "FAIL", "unknown": "?"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        name: What was checked.
        state: Whether it is in order, or "unknown".
        what: What was found, as a sentence without secrets.
        remedy: What to do about it, as a sentence; empty if nothing is wrong.
    """

    name: str
    state: Verdict
    what: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """Return the finding as one line of text."""
        return f"{_MARKS[self.state]:<5} {self.name:<18} {self.what} {self.remedy}".rstrip()


@dataclass(frozen=True, slots=True)
class Check:
    """Something to check.

    Attributes:
        name: What is checked.
        run: Does the check. An `ImageRouterError` that it raises becomes a failure.
        seconds: Time limit.
        needs: Names of checks whose failure explains a failure of this one.
    """

    name: str
    run: Callable[[], Awaitable[Sequence[Finding]]]
    seconds: float
    needs: tuple[str, ...] = ()


async def run_checks(checks: Sequence[Check], earlier: Sequence[Finding] = ()) -> list[Finding]:
    """Run checks side by side and return their findings in order, each cause only once.

    Args:
        checks: What to check.
        earlier: Findings of earlier checks, which may explain a failure too.
    """
    found: list[Sequence[Finding]] = [()] * len(checks)

    async def run(place: int, check: Check) -> None:
        found[place] = await _run_in_time(check)

    async with anyio.create_task_group() as tasks:
        for place, check in enumerate(checks):
            tasks.start_soon(run, place, check)
    failed = {finding.name for finding in chain(earlier, *found) if finding.state == "failure"}
    return [
        finding
        for check, findings in zip(checks, found, strict=True)
        for finding in findings
        if finding.state != "failure" or not failed.intersection(check.needs)
    ]


async def _run_in_time(check: Check) -> Sequence[Finding]:
    try:
        with anyio.fail_after(check.seconds):
            return await check.run()
    except TimeoutError:
        what = f"No answer within {check.seconds:g} seconds."
        remedy = "Try again. If it keeps happening, find out what it is waiting for."
        return [Finding(check.name, "failure", what, remedy)]
    except ImageRouterError as error:
        return [Finding(check.name, "failure", error.what, error.remedy)]
