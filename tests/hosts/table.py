"""The tables of what was tried: printed, and written into the documentation between marks."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HEAD = ("client", "version", "what was shown", "introduces itself as", "a call may last", "passed")


@dataclass(slots=True)
class Row:
    """One client.

    Attributes:
        client: What it is called.
        version: Which version of it was tried.
        shown: What was seen, step by step.
        problems: What was not as it should be; none where it passed.
        introduced: How it names itself to the server.
        lasts: How long it lets a call last, where that was measured.
    """

    client: str
    version: str
    shown: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])
    introduced: str = ""
    lasts: str = ""

    def expect(self, what: str, *, seen: bool, otherwise: str) -> None:
        """Note a step: what was shown, or what went wrong."""
        if seen:
            self.shown.append(what)
        else:
            self.problems.append(f"{what}: {otherwise.strip()[-400:] or 'nothing was said'}")

    @property
    def cells(self) -> list[str]:
        """The row's cells."""
        shown = [*self.shown, *(f"**not** {problem}" for problem in self.problems)]
        passed = "no" if self.problems else "yes"
        return [self.client, self.version, "; ".join(shown), self.introduced, self.lasts, passed]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def write(name: str, table: str, file: Path) -> None:
    """Put a table between the marks of its name."""
    begin, end = f"<!-- {name}: written by `make hosts` -->", f"<!-- {name} end -->"
    before, _, rest = file.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    file.write_text(f"{before}{begin}\n{table}\n{end}{after}", "utf-8")
