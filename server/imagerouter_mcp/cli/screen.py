"""Find out what the terminal can show, and show progress on one line of it."""

import os
import sys
from io import TextIOWrapper
from typing import TextIO

from imagerouter_mcp.settings import TerminalSettings

_USUAL_COLUMNS = 80


def columns(stream: TextIO | None) -> int:
    """Return the width of the terminal behind a stream; 0 if there is none, or none that moves its cursor."""
    if stream is None or not stream.isatty() or TerminalSettings().term == "dumb":
        return 0
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):  # a stream without a descriptor
        return 0


def speak_any_language() -> None:
    """Make stdout and stderr replace what they cannot encode, so that no answer is lost over a letter.

    What stdin cannot decode is kept as lone surrogates, which are refused as a prompt and as a key.
    """
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace"), (sys.stderr, "replace")):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=errors)


def silence_stdout() -> None:
    """Discard the rest of stdout, whose reader is gone, so that Python does not complain at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def line_start(stream: TextIO | None) -> str:
    """Return the sequence that replaces the current line of a terminal, or ""."""
    return "\r\x1b[K" if columns(stream) else ""


class ProgressLine:
    """A line on a terminal's stderr that shows progress."""

    def __init__(self) -> None:
        self._columns = columns(sys.stderr)
        self._start = line_start(sys.stderr)

    async def show(self, progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG002 - the SDK's
        """Replace the line."""
        if self._columns:
            print(
                f"{self._start}{(message or '')[: self._columns - 3]} …", end="", file=sys.stderr, flush=True
            )

    def clear(self) -> None:
        """Remove the line."""
        print(self._start, end="", file=sys.stderr, flush=True)
