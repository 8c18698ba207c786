"""Keep other people's text on one line, and everything in it visible."""

import logging
import re
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner: Persian and Indic words and emoji need them between two characters."""
_STYLES = "\ufe0e\ufe0f"
"""Variation selectors that choose between text and emoji; they follow a symbol, a digit or a mark."""
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    r"\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What is not seen, or controls how the rest is seen: controls, surrogates, line separators, formatting
characters, what Unicode calls default-ignorable (DerivedCoreProperties.txt), and the empty Braille cell."""
_PILE = re.compile(
    r"(?<=[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]++"
)
"""Combining marks that follow four others; piled up, they cover the lines above and below."""


def one_line(text: str, limit: int | None = None) -> str:
    """Replace every character that is not seen, or that controls the display, with a space.

    Args:
        text: Any text.
        limit: The longest result, in characters; a longer text ends in "…".
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return _PILE.sub("", UNSEEN.sub(_seen, text))


def collapse(text: str, limit: int | None = None) -> str:
    """Replace each run of white space and unseen characters with one space.

    Args:
        text: Any text.
        limit: The longest result, in characters; a longer text ends in "…".
    """
    line = " ".join(one_line(text).split())
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def cut_middle(text: str, limit: int) -> str:
    """Collapse a text and cut a long one in the middle, so that the name at the end of a path stays.

    Args:
        text: Any text.
        limit: The longest result, in characters.
    """
    line = collapse(text)
    end = (limit - 1) // 2
    return line if len(line) <= limit else f"{line[: limit - 1 - end]}…{line[-end:]}"


class VisibleFormatter(logging.Formatter):
    """Formats log records so that no text of others begins a line or hides; tracebacks are indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the record's line; the format's own control characters stay."""
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802 - as logging has it
        """Return the lines of a traceback."""
        return "\n".join(f"  {one_line(line)}" for line in super().formatException(ei).splitlines())


def _seen(found: re.Match[str]) -> str:
    """Return a character that belongs where it stands, and a space for any other."""
    start, end = found.span()
    before, after = found.string[max(0, start - 1) : start], found.string[end : end + 1]
    if found[0] in _JOINERS:
        joins = _is_foreign(before) or before in _STYLES
        return found[0] if before and joins and _is_foreign(after) else " "
    if found[0] in _STYLES and before and not UNSEEN.match(before):
        return found[0] if unicodedata.category(before)[0] in "SPN" else " "
    return " "


def _is_foreign(character: str) -> bool:
    """Return whether a character is seen, and from a script or a set of symbols that needs joiners."""
    return bool(character) and not character.isascii() and not UNSEEN.match(character)
