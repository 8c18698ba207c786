"""File names from prompts or from people, valid on Windows, macOS and Linux."""

import re
import unicodedata

from imagerouter_mcp.errors import PlanError

MAX_NAME_BYTES = 120
"""Limit of a whole file name in UTF-8 bytes. File systems allow 255 (encrypted home folders 143); the rest is
room for programs that extend names: synchronisation, downloads, archives."""
_ROOM = 16
"""Part of `MAX_NAME_BYTES` reserved for the extension and a number that makes the name unique."""
_MAX_WORDS = 8
_MAX_MARKS = 8
"""Combining marks kept on one letter; no script needs more."""

_FALLBACK = "picture"

_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{device}{digit}" for device in ("COM", "LPT") for digit in "0123456789¹²³"}
)
"""Windows's device names, which are reserved with any extension."""
_FORBIDDEN = frozenset('<>:"/\\|?*')
"""Characters that Windows does not allow in a name; POSIX only forbids the slash."""
_APOSTROPHES = frozenset("'’ʼ")
_JOINERS = frozenset("\u200c\u200d")
"""Invisible, but needed in Persian and Indic words and in emoji."""

_EXTENSIONS = re.compile(
    r"\.(?:a?png|jpe?g|jfif|webp|gif|avif|hei[cf]|ico|svg|tiff?|bmp|mp4|mov|webm)\Z", re.IGNORECASE
)


def file_stem(prompt: str) -> str:
    """Make a file name without extension from the first words of a prompt.

    Letters and digits of every script are kept (in NFC); everything else separates words. The result is never
    empty or reserved, and has no dot or dash at either end.

    Args:
        prompt: Any text, even an empty one.
    """
    words = "".join(map(_letter_or_space, unicodedata.normalize("NFC", prompt))).split()
    stem = _limited("-".join(_few_marks(word) for word in words[:_MAX_WORDS])).strip("-_")
    if not stem:
        return _FALLBACK
    return f"{_FALLBACK}-{stem}" if is_reserved(stem) else stem


def checked_filename(filename: str) -> str:
    """Check a file name that a person gave, and drop its picture extension.

    The extension of the actual type takes its place later.

    Raises:
        PlanError: The name is not valid on all three systems; the message says why.
    """
    name = unicodedata.normalize("NFC", filename).strip()
    stem = _EXTENSIONS.sub("", name)
    reason = _complaint(stem)
    if reason:
        shown = "".join(c for c in name[:60] if c.isprintable())
        raise PlanError(
            f"The filename {shown!r} cannot be used: {reason}.",
            'Give a plain name such as "red-fox"; folders go into output_dir.',
        )
    return stem


def is_picture_name(name: str) -> bool:
    """Return whether a name ends as a picture's or a video's does."""
    return _EXTENSIONS.search(name) is not None


def file_name(stem: str, extension: str, copy: int) -> str:
    """Build a whole file name, shortening the stem if the name would exceed `MAX_NAME_BYTES`.

    Args:
        stem: From `file_stem` or `checked_filename`.
        extension: Without a dot.
        copy: A number added to the stem from 2 on.
    """
    end = f"-{copy}.{extension}" if copy > 1 else f".{extension}"
    return f"{_cut(stem, MAX_NAME_BYTES - len(end.encode())).rstrip('-_. ')}{end}"


def is_reserved(stem: str) -> bool:
    """Return whether Windows reserves a name for a device."""
    return stem.partition(".")[0].rstrip().upper() in _RESERVED


def _complaint(stem: str) -> str | None:
    """Return why a name is refused, as the end of a sentence, or None."""
    forbidden = sorted(_FORBIDDEN.intersection(stem))
    checks = (
        (not stem, "it is empty"),
        ("/" in stem or "\\" in stem, "it has a folder in it"),
        (bool(forbidden), f"Windows does not allow {' '.join(forbidden)} in names"),
        (any(map(_is_invisible, stem)), "it has invisible characters in it"),
        (stem[:1] in (".", "-"), "it begins with a dot or a dash"),
        (stem[-1:] in (".", " "), "it ends with a dot or a space"),
        (is_reserved(stem), "Windows reserves that name for a device"),
        (
            len(stem.encode(errors="replace")) > MAX_NAME_BYTES - _ROOM,
            f"it is longer than {MAX_NAME_BYTES - _ROOM} bytes",
        ),
    )
    return next((reason for applies, reason in checks if applies), None)


def _is_invisible(character: str) -> bool:
    """Return whether a character is for control, formatting, private use, a surrogate or unassigned."""
    return unicodedata.category(character).startswith("C") and character not in _JOINERS


def _letter_or_space(character: str) -> str:
    category = unicodedata.category(character)
    # Category M includes the variation selectors and enclosing keycaps of emoji, which are dropped.
    if category[0] in "LN" or (category in ("Mn", "Mc") and not "\ufe00" <= character <= "\ufe0f"):
        return "" if character in _APOSTROPHES else character
    if character in _APOSTROPHES or category == "Cf":
        return ""
    return " "


def _few_marks(word: str) -> str:
    """Drop marks without a letter before them, and all but `_MAX_MARKS` on each letter."""
    kept: list[str] = []
    marks = _MAX_MARKS
    for character in word:
        marks = marks + 1 if _is_mark(character) else 0
        if marks <= _MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _limited(stem: str) -> str:
    """Shorten a stem at the end of a word if one is near, else between letters."""
    limit = MAX_NAME_BYTES - _ROOM
    if len(stem.encode()) <= limit:
        return stem
    cut = _cut(stem, limit)
    whole_words = cut.rpartition("-")[0]
    return whole_words if len(whole_words) * 2 > len(cut) else cut


def _cut(text: str, limit: int) -> str:
    """Cut a text to a limit of UTF-8 bytes without splitting a letter from its marks."""
    end = len(text.encode()[:limit].decode(errors="ignore"))
    if end == len(text):
        return text
    while end and _is_mark(text[end]):
        end -= 1
    return text[:end]
