"""Reduce colour profiles to their colours.

A profile can hold texts, names, serial numbers and private data of any length. What leaves the machine is a
new profile with only the tags that convert colours, each as long as its type requires (ICC.1:2022).
"""

from collections.abc import Callable, Iterator

from imagerouter_mcp.images.inspect.binary import NotAPictureError, number

MAX_PROFILE_BYTES = 4 << 20

_HEADER = 128
_ENTRY = 12
_MAX_TAGS = 100
_MATRIX = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
_KEPT = frozenset(
    {*_MATRIX, b"kTRC", b"wtpt", b"bkpt", b"chad", b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2"}
)
_SUFFICIENT = (frozenset(_MATRIX), frozenset({b"kTRC"}), frozenset({b"A2B0"}))
"""A profile with any of these sets of tags defines its colours."""
_SPACES = frozenset({b"RGB ", b"GRAY", b"CMYK"})
_CLASSES = frozenset({b"scnr", b"mntr", b"prtr", b"spac"})
_CONNECTIONS = frozenset({b"XYZ ", b"Lab "})
_D50 = bytes.fromhex("0000f6d6000100000000d32d")
"""The illuminant in every header."""
_PARAMETERS = (1, 3, 4, 5, 7)
"""Number of parameters of each type of parametric curve."""


def colours_only(profile: bytes) -> bytes:
    """Return a profile with the same colours and nothing else, or nothing if `profile` defines none."""
    try:
        space, device, connection = profile[16:20], profile[12:16], profile[20:24]
        known = space in _SPACES and device in _CLASSES and connection in _CONNECTIONS
        if not known or profile[36:40] != b"acsp" or len(profile) > MAX_PROFILE_BYTES:
            return b""
        tags = dict(_tags(profile))
    except NotAPictureError:
        return b""
    if not any(wanted <= tags.keys() for wanted in _SUFFICIENT):
        return b""
    version = bytes((profile[8], profile[9] & 0xF0, 0, 0))
    intent = bytes(3) + bytes((profile[67] & 3,))
    head = bytes(8) + version + device + space + connection + bytes(12) + b"acsp" + bytes(24) + intent + _D50
    return _assembled(head.ljust(_HEADER, b"\0"), tags)


def _tags(profile: bytes) -> Iterator[tuple[bytes, bytes]]:
    for index in range(min(number(profile, _HEADER), _MAX_TAGS)):
        at = _HEADER + 4 + _ENTRY * index
        name = profile[at : at + 4]
        start, length = number(profile, at + 4), number(profile, at + 8)
        if name in _KEPT:
            data = _plain(profile[start : start + length])
            if data:
                yield name, data


def _plain(data: bytes) -> bytes:
    """Return a tag's data cut to its type's length, with reserved bytes cleared; empty for other types."""
    measure = _LENGTHS.get(data[:4])
    length = measure(data) if measure else 0
    return data[:4] + bytes(4) + data[8:length] if 0 < length <= len(data) else b""


def _curve(data: bytes) -> int:
    return 12 + 2 * number(data, 8)


def _function(data: bytes) -> int:
    kind = number(data, 8, 2)
    return 12 + 4 * _PARAMETERS[kind] if kind < len(_PARAMETERS) else 0


def _table(data: bytes) -> int:
    """Return the length of a lookup table, from the channels and grid points in its header."""
    channels, made, grid = (number(data, at, 1) for at in (8, 9, 10))
    cells = grid**channels * made
    if data[:4] == b"mft1":
        return 48 + 256 * channels + cells + 256 * made
    return 52 + 2 * (number(data, 48, 2) * channels + cells + number(data, 50, 2) * made)


_LENGTHS: dict[bytes, Callable[[bytes], int]] = {
    b"XYZ ": lambda _: 20,
    b"sf32": lambda _: 8 + 9 * 4,  # the only kept tag of this type is a 3 × 3 matrix
    b"curv": _curve,
    b"para": _function,
    b"mft1": _table,
    b"mft2": _table,
}


def _assembled(head: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Join the header, the tag table and the data, each distinct one once, aligned to four bytes."""
    table = len(tags).to_bytes(4, "big")
    places: dict[bytes, int] = {}
    body = bytearray()
    at = _HEADER + 4 + _ENTRY * len(tags)
    for name, data in tags.items():
        if data not in places:
            places[data] = at + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + places[data].to_bytes(4, "big") + len(data).to_bytes(4, "big")
    whole = head + table + body
    return len(whole).to_bytes(4, "big") + whole[4:]
