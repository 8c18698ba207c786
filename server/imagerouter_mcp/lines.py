"""Text of others on one line: nothing in it can begin another, turn writing around, or steer a terminal."""

import unicodedata

_JOINERS = frozenset("\u200c\u200d")
"""Invisible, but part of words in Persian and Indic scripts, and of emoji."""
_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control, formatting, half a surrogate pair, and what separates lines and paragraphs."""


def one_line(text: str, limit: int | None = None) -> str:
    """A text with a space for whatever is no character to be read.

    Args:
        text: Whatever it holds.
        limit: The longest result, in characters.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(" " if _steers(character) else character for character in text)


def _steers(character: str) -> bool:
    return unicodedata.category(character) in _STEERING and character not in _JOINERS
