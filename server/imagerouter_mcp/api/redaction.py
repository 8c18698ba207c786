"""Remove the API key from what the service says, however it is spelled there."""

import re
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from string import ascii_lowercase, ascii_uppercase

from pydantic import SecretStr

from imagerouter_mcp.lines import UNSEEN

STAND_IN = "[API key]"
_SHORTEST_KEY = 8
"""Characters. Anything shorter is no key, and could occur in ordinary text."""
_SHORTEST_PIECE = 12
"""Characters of a key that are removed although the rest of it is missing."""
_CHUNK = 6
"""Characters. A piece of the length above contains one of the chunks into which the key is divided."""
_ESCAPED = re.compile(
    r"%([0-9a-f]{2})|(?-i:\\U)([0-9a-f]{8})|[\\%]u([0-9a-f]{4})|\\u\{([0-9a-f]{1,12})\}|\\x([0-9a-f]{2})"
    r"|&#x([0-9a-f]{1,12});?|&#([0-9]{1,12});?|(&)amp;|\\(.)",
    re.IGNORECASE,
)
"""A character as URLs, JSON and other languages, and HTML write it."""
_ORDINARY = bytes(set(range(0x20, 0x7F)) - set(b"\\%&"))
_MOST_ODD = 4000
"""Bytes of a piece that are not ordinary; each takes some microseconds, and honest answers have few."""
_LAYERS = 3
"""Maximum number of levels of nested escaping."""
_LOWER_CASE = str.maketrans(ascii_uppercase, ascii_lowercase)


class Redactor:
    """Replaces the key, and long pieces of it, with a stand-in.

    The key is found in upper and lower case, with any of its characters escaped or with invisible ones
    between them, in base64, and in hexadecimal digits.

    Args:
        key: The API key, or None when the person has set none.
    """

    def __init__(self, key: SecretStr | None) -> None:
        secret = key.get_secret_value() if key else ""
        known = len(secret) >= _SHORTEST_KEY
        self._spellings = _spellings(secret) if known else ()
        self._chunks = tuple({chunk for spelling in self._spellings for chunk in _chunks(spelling)})
        self._key = secret.encode() if known else None
        self._in_bytes = _pattern(secret) if known else None

    def text(self, text: str) -> str:
        """Return a text without the key."""
        return _without(text, self._found(text), lambda _: STAND_IN)

    def blot(self, piece: bytes) -> bytes:
        """Return as many bytes without the key, which is found as in a text.

        Escapes and unseen characters cost time: a piece with very many loses only the whole key.
        """
        if self._in_bytes is None:
            return piece
        if len(piece.translate(None, _ORDINARY)) > _MOST_ODD:
            return self._in_bytes.sub(lambda found: _blots(len(found[0])), piece)
        text = piece.decode("utf-8", "surrogateescape")
        blotted = _without(text, self._found(text), lambda key: _blots(len(_bytes(key))).decode())
        return _bytes(blotted)

    def body(self, body: bytes | bytearray) -> bytes | bytearray:
        """Return the bytes of an answer without the key, also where it is escaped as in JSON or in a URL."""
        if self._key is None or self._in_bytes is None:
            return body
        if self._key in body or b"\\u00" in body or b"%" in body:
            return self._in_bytes.sub(STAND_IN.encode(), body)
        return body

    def _found(self, text: str) -> list[tuple[int, int]]:
        """Return where the key and pieces of it are, in order."""
        if not self._spellings or len(text) < _SHORTEST_KEY:
            return []
        plain, starts = _plain(text)
        plain = _lower(plain)
        if not any(chunk in plain for chunk in self._chunks):
            return []
        spans: list[tuple[int, int]] = []
        for first, last in sorted(span for spelling in self._spellings for span in _pieces(plain, spelling)):
            if spans and starts[first] < spans[-1][1]:
                spans[-1] = spans[-1][0], max(spans[-1][1], starts[last])
            else:
                spans.append((starts[first], starts[last]))
        return spans


def _without(text: str, spans: Iterable[tuple[int, int]], stand_in: Callable[[str], str]) -> str:
    """Return a text with something else in place of some spans, which are in order."""
    parts: list[str] = []
    end = 0
    for first, last in spans:
        parts += [text[end:first], stand_in(text[first:last])]
        end = last
    return "".join([*parts, text[end:]])


def _blots(length: int) -> bytes:
    return STAND_IN.encode().ljust(length, b"-")[:length]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _spellings(secret: str) -> tuple[str, ...]:
    key = secret.encode()
    in_base64 = [_in_base64(key, before) for before in range(3)]
    for_urls = [text.translate({ord("+"): "-", ord("/"): "_"}) for text in in_base64]
    return tuple(dict.fromkeys(map(_lower, (secret, key.hex(), *in_base64, *for_urls))))


def _in_base64(key: bytes, before: int) -> str:
    """Return the characters of base64 that the key alone decides, with so many bytes before it."""
    text = b64encode(bytes(before) + key).decode().rstrip("=")
    shared_with_the_next = len(text) % 4 != 0
    return text[(0, 2, 3)[before] : len(text) - shared_with_the_next]


def _pattern(secret: str) -> re.Pattern[bytes]:
    """Return a pattern that finds the key in JSON that has not been decoded."""
    each = (rf"(?:{re.escape(c)}|\\u00{ord(c):02x}|%{ord(c):02x})" for c in secret)
    return re.compile("".join(each).encode(), re.IGNORECASE)


def _pieces(plain: str, spelling: str) -> Iterator[tuple[int, int]]:
    """Find pieces of a spelling that are long enough to be removed, as spans."""
    enough = min(_SHORTEST_PIECE, len(spelling))
    for number, chunk in enumerate(_chunks(spelling)):
        at = plain.find(chunk)
        while at >= 0:
            first, last = _extended(plain, spelling, at, number * _CHUNK)
            if last - first >= enough:
                yield first, last
            at = plain.find(chunk, last)


def _chunks(spelling: str) -> list[str]:
    """Divide a spelling; what is left over at its end is in no chunk."""
    return [spelling[at : at + _CHUNK] for at in range(0, len(spelling) - _CHUNK + 1, _CHUNK)]


def _extended(plain: str, spelling: str, at: int, offset: int) -> tuple[int, int]:
    """Return the longest span around a chunk that is a piece of a spelling."""
    first, last, end = at, at + _CHUNK, offset + _CHUNK
    while first and offset and plain[first - 1] == spelling[offset - 1]:
        first, offset = first - 1, offset - 1
    while last < len(plain) and end < len(spelling) and plain[last] == spelling[end]:
        last, end = last + 1, end + 1
    return first, last


def _plain(text: str) -> tuple[str, Sequence[int]]:
    """Return a text unescaped and without unseen characters, and where each of its characters begins."""
    starts: Sequence[int] = range(len(text) + 1)
    if text.isascii() and text.isprintable() and not any(mark in text for mark in "\\%&"):
        return text, starts  # as base64 is, which is long
    for _ in range(_LAYERS):
        if not _ESCAPED.search(text):
            break
        text, starts = _replaced(text, starts, _ESCAPED, _character)
    return _replaced(text, starts, UNSEEN, lambda _: "")


def _replaced(
    text: str, starts: Sequence[int], pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]
) -> tuple[str, Sequence[int]]:
    """Replace each match by one character or none; return also where each character began."""
    parts: list[str] = []
    begins: list[int] = []
    at = 0
    for found in pattern.finditer(text):
        character = by(found)
        parts += [text[at : found.start()], character]
        begins += starts[at : found.start() + len(character)]
        at = found.end()
    return ("".join([*parts, text[at:]]), [*begins, *starts[at:]]) if at else (text, starts)


def _character(found: re.Match[str]) -> str:
    *hexadecimal, decimal, ampersand, itself = found.groups()
    if ampersand or itself:
        return ampersand or itself
    digits = next(filter(None, hexadecimal), None)
    code = int(digits, 16) if digits else int(decimal)
    return chr(min(code, sys.maxunicode))


def _lower(text: str) -> str:
    """Return a text with ASCII letters in lower case, so that positions stay."""
    return text.translate(_LOWER_CASE)
