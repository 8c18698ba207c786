"""Keep other people's text on one line, without characters that control the display."""

import unicodedata

_JOINERS = frozenset("\u200c\u200d")
"""Invisible, but needed in Persian and Indic words and in emoji."""
_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control, formatting, surrogate, line separator, paragraph separator."""


def one_line(text: str, limit: int | None = None) -> str:
    """Replace every control, formatting and line-separating character with a space.

    Args:
        text: Any text.
        limit: The longest result, in characters; a longer text ends in "…".
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(" " if _steers(character) else character for character in text)


def collapse(text: str, limit: int | None = None) -> str:
    """Replace each run of spaces and unprintable characters with one space.

    Args:
        text: Any text.
        limit: The longest result, in characters; a longer text ends in "…".
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
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


def _steers(character: str) -> bool:
    return unicodedata.category(character) in _STEERING and character not in _JOINERS
