"""Recognise and measure SVG, and decide whether it may be drawn.

The parser is expat, which fetches nothing. Parsing stops when a document declares entities: such a document
has no measured size and is not drawn.
"""

import codecs
import math
import os
import re
from dataclasses import dataclass
from typing import BinaryIO
from xml.parsers import expat

from imagerouter_mcp.images.inspect.binary import CUT_SHORT, Measured, NotAPictureError

_PROLOGUE = re.compile(
    r"(?>\s++|<\?.*?\?>|<!--.*?-->|<!DOCTYPE\s++(?:\w+:)?svg\b[^\[>]*+(?:\[.*?\]\s*+)?>)*+",
    re.DOTALL | re.IGNORECASE,
)
_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?svg[\s/>]")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LENGTH = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)(?:px)?\s*")
_END = re.compile(rb"</(?:[\w.-]+:)?svg\s*+>\s*+(?><!--.*?-->\s*+)*+\Z", re.DOTALL)
_MOST_BYTES = 16 << 20
"""Largest document to parse."""
_PIECE = 4 << 20
"""Bytes to parse at a time. Expat reads what has no end yet, such as a path's data, again with each piece."""
_TAIL = 4096
"""Bytes at the end of an unparsed document to search for its closing tag."""

_INSIDE = re.compile(r"\s*(?:#|data:image/(?:png|jpeg|jpg|gif|webp)[;,])", re.IGNORECASE)
"""What a reference may point to: a part of the same document, or an embedded raster picture."""


def is_svg(head: bytes) -> bool:
    """Return whether `<svg>` is the first element, after any byte order mark, comments and doctype."""
    encoding = next((name for bom, name in _BOMS.items() if head.startswith(bom)), "utf-8")
    text = head.decode(encoding, errors="ignore")
    start = _PROLOGUE.match(text)
    return bool(_ROOT.match(text, start.end() if start else 0))


def measure_svg(file: BinaryIO) -> Measured:
    """Read the size in pixels from the root element's `width` and `height`, else from its `viewBox`."""
    if file.seek(0, os.SEEK_END) > _MOST_BYTES:
        raise NotAPictureError(f"it is a drawing of more than {_MOST_BYTES >> 20} MiB")
    file.seek(0)
    outline = _Outline(only_root=True)
    try:
        while piece := file.read(_PIECE):
            outline.parser.Parse(piece)
        outline.parser.Parse(b"", True)  # noqa: FBT003 - the parameter has no name
    except expat.ExpatError as error:
        if error.code in _UNFINISHED:
            raise NotAPictureError(CUT_SHORT) from None
        raise NotAPictureError("it is not well-formed XML") from None
    except _EntitiesDeclared:
        _check_end(file)
        return Measured()
    return _size(outline.root or {})


def drawable_text(document: bytes) -> str | None:
    """Return a document's text if it may be drawn: UTF-8, without entities and external references.

    A renderer reads local files that an `href` names, so any such reference rules out the whole document.
    Attributes are compared without their prefix, so that no namespace can hide one.
    """
    try:
        text = document.decode("utf-8-sig")
        # A fixed encoding keeps a declared one from making expat read different text.
        outline = _Outline("utf-8")
        outline.parser.Parse(text.encode(), True)  # noqa: FBT003 - the parameter has no name
    except (UnicodeDecodeError, expat.ExpatError, _EntitiesDeclared):
        return None
    return None if outline.reaches_outside else text


_UNFINISHED = frozenset(
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
)


class _EntitiesDeclared(Exception):  # noqa: N818 - stops the parser and never leaves this module
    pass


@dataclass
class _Outline:
    """What expat finds in a document."""

    encoding: str | None = None
    only_root: bool = False
    root: dict[str, str] | None = None
    reaches_outside: bool = False

    def __post_init__(self) -> None:
        self.parser = expat.ParserCreate(self.encoding)
        self.parser.StartElementHandler = self._start
        self.parser.EntityDeclHandler = self._entity
        self.parser.ProcessingInstructionHandler = self._instruction

    def _start(self, _name: str, attributes: dict[str, str]) -> None:
        if self.root is None:
            self.root = attributes
            if self.only_root:
                self.parser.StartElementHandler = None
        for name, value in attributes.items():
            if name.rpartition(":")[2].lower() in ("href", "base") and not _INSIDE.match(value):
                self.reaches_outside = True

    def _instruction(self, _target: str, _data: str) -> None:
        self.reaches_outside = True  # such as <?xml-stylesheet href="…"?>

    def _entity(self, *_declaration: object) -> None:
        raise _EntitiesDeclared


def _check_end(file: BinaryIO) -> None:
    file.seek(max(0, file.seek(0, 2) - _TAIL))
    if not _END.search(file.read()):
        raise NotAPictureError(CUT_SHORT)


def _size(root: dict[str, str]) -> Measured:
    sides = [_LENGTH.fullmatch(root.get(name, "")) for name in ("width", "height")]
    numbers = [float(side[1]) for side in sides if side]
    if len(numbers) < len(sides):
        box = [_LENGTH.fullmatch(part) for part in re.split(r"[\s,]+", root.get("viewBox", "").strip())[2:]]
        numbers = [float(side[1]) for side in box if side]
    if len(numbers) != len(sides) or not all(numbers):
        return Measured()
    width, height = (math.ceil(length) for length in numbers)
    return Measured(width, height)
