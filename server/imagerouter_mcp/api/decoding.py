"""Decode the JSON of an answer within bounds of memory, and make its texts safe to repeat.

Everything that the service says passes here once: behind this module each text is visible, on one line, of
bounded length and without the API key.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from functools import cache

from imagerouter_mcp.api.decoded import as_list, as_object
from imagerouter_mcp.lines import one_line

MAX_VALUES = 500_000
"""Upper bound on what an answer holds; the model list has some 10,000 values."""
_LONG = 2**20
"""Bytes. Longer strings are base64; they do not pass the parser, which would hold up everything else."""
_LONGEST_TEXT = 8000
"""Characters of any other text; the longest that is used is an address."""
_LONGEST_INTEGER = 30
"""Digits. Python refuses to read integers of more than some thousand digits, and reads long ones slowly."""


class TooManyValuesError(Exception):
    """The answer would fill the memory once decoded."""


def decode(body: bytes | bytearray, redact: Callable[[str], str]) -> object:
    """Decode JSON.

    Args:
        body: An answer's body.
        redact: Removes the API key from a text.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested too deeply.
        TooManyValuesError: It has too many values.
    """
    if sum(map(body.count, (b",", b"[", b"{", b":"))) > MAX_VALUES or body.count(b'"') > 4 * MAX_VALUES:
        raise TooManyValuesError
    parts: list[bytes | bytearray] = [*body.split(b'"')]
    mark = secrets.token_hex(16)
    long: dict[str, str] = {}
    for number, part in enumerate(parts):
        if len(part) > _LONG and b"\\" not in part:
            long[f"{mark}{number}"] = part.decode("utf-8", "replace")
            parts[number] = f"{mark}{number}".encode()
    decoded = json.loads(b'"'.join(parts), parse_int=_integer)

    @cache  # a list repeats most of its texts
    def clean(text: str) -> str:
        return one_line(redact(text), _LONGEST_TEXT)

    return _safe(decoded, long, clean)


def _safe(value: object, long: Mapping[str, str], clean: Callable[[str], str], name: str = "") -> object:
    """Return a decoded value whose texts are safe to repeat; pictures in base64 stay as they are."""
    if isinstance(value, str):
        text = long.get(value, value)
        if name == "b64_json" or (name == "url" and text[:5].lower() == "data:"):
            return text
        return clean(text[: _LONGEST_TEXT + 1])
    if parts := as_list(value):
        return [_safe(part, long, clean) for part in parts]
    if fields := as_object(value):
        items = fields.items()
        return {str(_safe(key, long, clean)): _safe(part, long, clean, key) for key, part in items}
    return value


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)
