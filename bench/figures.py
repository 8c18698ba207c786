"""A measured figure beside its limit, and the table of them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row: what was measured, here and with the bare libraries, and what is promised.

    Attributes:
        what: What was measured.
        ours: Our own figure, with its unit.
        bare: The same job with the libraries alone.
        value: What the promise is about: a ratio or a difference; None if it was not measured.
        limit: The most that `value` may be.
        unit: Of value and limit.
    """

    what: str
    ours: str
    bare: str
    value: float | None
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        """Whether the promise holds in this run, or was not measured."""
        return self.value is None or self.value <= self.limit


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = ["| what | ours | bare libraries | compared | promised |", "|---|---|---|---|---|"]
    for figure in figures:
        mark = "" if figure.holds else " **over**"
        compared = "" if figure.value is None else f"{figure.value:.2f} {figure.unit}{mark}"
        promised = f"≤ {figure.limit:g} {figure.unit}"
        rows.append(f"| {figure.what} | {figure.ours} | {figure.bare} | {compared} | {promised} |")
    return "\n".join(rows)
