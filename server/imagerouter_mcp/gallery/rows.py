"""Write records as rows and read them back, within a transaction of `records.Gallery`."""

import json
import os
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from imagerouter_mcp.database.schema import Connection
from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.gallery.entries import GalleryImage, Metadata, Record, StoredImage
from imagerouter_mcp.gallery.stored_values import StoredRow

_HANDLE_DIGITS = 4
_TRIES_PER_LENGTH = 4
"""Collisions before a handle gets another digit. With a tenth of the handles of a length taken, that happens
once in 10,000."""
_RECORD = "handle, created_at, prompt, revised_prompt, model, parameters, sources, cost_usd, latency_ms"
_IMAGE = "handle, path, url, media_type, width, height, bytes, seconds, finishing"
_MAX_SOURCE = 2000
"""Characters of a source that a record keeps; paths and working addresses are shorter."""


def insert(
    connection: Connection,
    handle: str,
    created_at: datetime,
    metadata: Metadata,
    images: Sequence[StoredImage],
) -> Record:
    """Write a generation under its handle, images and originals under new ones; return the record."""
    prompt, model = storable(metadata.prompt), storable(metadata.model)
    revised_prompt = None if metadata.revised_prompt is None else storable(metadata.revised_prompt)
    originals = sum(image.original is not None for image in images)
    handles = new_handles(connection, "img", len(images) + originals)
    (number,) = connection.execute(
        "INSERT INTO generations (handle, created_at, prompt, revised_prompt, model, parameters, sources,"
        " cost_usd, latency_ms, words) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            handle,
            created_at.timestamp(),
            prompt,
            revised_prompt,
            model,
            json.dumps(dict(metadata.parameters), default=str),
            json.dumps([_short_source(source) for source in metadata.sources]),
            None if metadata.cost_usd is None else str(metadata.cost_usd),
            metadata.latency_ms,
            folded(" ".join((prompt, revised_prompt or "", model, handle, *handles))),
        ),
    ).fetchone()
    own = iter(handles[len(images) :])
    named = list(zip(handles, images, strict=False))
    for handle_of_result, image in named:
        _insert_image(connection, number, handle_of_result, image)
    for handle_of_result, image in named:
        if image.original:
            _insert_image(connection, number, next(own), image.original, original_of=handle_of_result)
    return select(connection, "id = ?", (number,), 1)[0]


def update(connection: Connection, handle: str, image: StoredImage) -> GalleryImage:
    """Replace the row of an image unless its file is there; return the image as its rows have it then."""
    found = _images(connection, "handle = ?1 OR original_of = ?1", handle)
    if not found:
        raise was_deleted(handle)
    (recorded,) = found
    if recorded.here:
        return recorded
    connection.execute(
        "UPDATE images SET path = ?, url = ?, media_type = ?, width = ?, height = ?, bytes = ?,"
        " seconds = ?, finishing = ? WHERE handle = ?",
        (*_columns(image), handle),
    )
    if image.original and not recorded.original:
        of = connection.execute("SELECT generation_id FROM images WHERE handle = ?", (handle,)).fetchone()[0]
        (own,) = new_handles(connection, "img", 1)
        _insert_image(connection, of, own, image.original, original_of=handle)
        connection.execute("UPDATE generations SET words = words || ' ' || ? WHERE id = ?", (own, of))
    return _images(connection, "handle = ?1 OR original_of = ?1", handle)[0]


def _insert_image(
    connection: Connection,
    generation: int,
    handle: str,
    image: StoredImage,
    *,
    original_of: str | None = None,
) -> None:
    connection.execute(
        "INSERT INTO images (generation_id, position, handle, path, url, media_type, width, height, bytes,"
        " seconds, finishing, original_of)"
        " SELECT ?1, coalesce(max(position) + 1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM images"
        " WHERE generation_id = ?1",
        (generation, handle, *_columns(image), original_of),
    )


def select(connection: Connection, where: str, values: Sequence[object], limit: int) -> list[Record]:
    """Read records, newest first.

    They are ordered by insertion, so setting back the clock does not hide the newest.

    Args:
        connection: Within a transaction, so that images match their generations.
        where: A condition on the table `generations`; it must not contain text from outside.
        values: The values of its question marks.
        limit: The maximum number of records.
    """
    found = connection.execute(
        f"SELECT id, {_RECORD} FROM generations WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608 - see `where`
        (*values, limit),
    ).fetchall()
    images = _images_of(connection, [number for number, *_ in found])
    return [_record(row, images[number]) for number, *row in found if number in images]


def by_call(connection: Connection, records: Sequence[Record]) -> list[Record]:
    """Return records with those of one call together in the order of its requests, the newest call first."""
    asked = json.dumps([record.generation for record in records])
    found = connection.execute(
        "SELECT handle, call, id FROM journal WHERE handle IN (SELECT value FROM json_each(?))", (asked,)
    )
    places = {handle: (call, place) for handle, call, place in found}
    newest: dict[str, int] = {}

    def order(record: Record) -> tuple[int, int]:
        call, place = places.get(record.generation, (record.generation, 0))
        return newest.setdefault(call, len(newest)), place

    return sorted(records, key=order)


def _record(values: Sequence[Any], images: tuple[GalleryImage, ...]) -> Record:
    row = StoredRow(_RECORD, values)
    return Record(
        generation=row.text("handle"),
        created_at=row.moment("created_at"),
        prompt=row.text("prompt"),
        revised_prompt=row.optional_text("revised_prompt"),
        model=row.text("model"),
        parameters=row.json_object("parameters") or {},
        sources=row.json_texts("sources"),
        cost_usd=row.amount("cost_usd"),
        latency_ms=row.whole_number("latency_ms"),
        images=images,
        damaged=row.name_damage(),
    )


def _images_of(connection: Connection, generations: Sequence[int]) -> dict[int, tuple[GalleryImage, ...]]:
    """Read the images of generations that have some."""
    numbers = ", ".join(str(int(number)) for number in generations) or "NULL"
    rows = connection.execute(
        f"SELECT generation_id, original_of, {_IMAGE} FROM images"  # noqa: S608 - our own words and numbers
        f" WHERE generation_id IN ({numbers}) ORDER BY generation_id, position"
    )
    by_generation = groupby(rows, itemgetter(0))
    return {number: _with_originals(row[1:] for row in each) for number, each in by_generation}


def _images(connection: Connection, where: str, value: object) -> tuple[GalleryImage, ...]:
    rows = connection.execute(
        f"SELECT original_of, {_IMAGE} FROM images WHERE {where} ORDER BY position",  # noqa: S608 - our own words
        (value,),
    )
    return _with_originals(rows)


def _with_originals(rows: Iterable[Sequence[Any]]) -> tuple[GalleryImage, ...]:
    """Read images of one generation, each with its original if that is among them too."""
    found = [(original_of, _image(columns)) for original_of, *columns in rows]
    originals = dict(found)
    handles = {image.handle for _, image in found}
    return tuple(
        replace(image, original=originals.get(image.handle))
        for original_of, image in found
        if original_of not in handles
    )


def _image(values: Sequence[Any]) -> GalleryImage:
    row = StoredRow(_IMAGE, values)
    return GalleryImage(
        handle=row.text("handle"),
        path=row.path("path"),
        url=row.optional_text("url"),
        media_type=row.optional_text("media_type"),
        width=row.whole_number("width"),
        height=row.whole_number("height"),
        bytes=row.whole_number("bytes"),
        seconds=row.number("seconds"),
        finishing=row.optional_text("finishing"),
        damaged=row.name_damage(),
    )


def _columns(image: StoredImage) -> tuple[object, ...]:
    path = None if image.path is None else os.fsencode(image.path)
    url = None if image.url is None else storable(image.url)
    measured = image.media_type, image.width, image.height, image.bytes, image.seconds
    return path, url, *measured, image.finishing


def new_handles(connection: Connection, prefix: str, amount: int) -> list[str]:
    """Choose free handles; the transaction's write lock keeps them free.

    Args:
        connection: Within a transaction that holds the write lock.
        prefix: "img" or "gen".
        amount: The number of handles.
    """
    chosen: list[str] = []
    tries = 0
    while len(chosen) < amount:
        digits = _HANDLE_DIGITS + tries // _TRIES_PER_LENGTH
        handle = f"{prefix}_{secrets.randbits(4 * digits):0{digits}x}"
        taken = any(connection.execute(query, (handle,)).fetchone() for query in _TAKEN[prefix])
        if taken or handle in chosen:
            tries += 1
        else:
            chosen.append(handle)
    return chosen


_TAKEN = {
    "img": ("SELECT 1 FROM images WHERE handle = ?", "SELECT 1 FROM deleted WHERE handle = ?"),
    "gen": (
        "SELECT 1 FROM generations WHERE handle = ?",
        "SELECT 1 FROM journal WHERE handle = ?",
        "SELECT 1 FROM deleted WHERE handle = ?",
    ),
}
"""Queries that find a taken handle, by its prefix."""


def was_deleted(handle: str) -> NotFoundError:
    """Return the error for a handle whose picture was deleted."""
    return NotFoundError(f"{handle} was deleted.", "Name another picture; list_images finds them.")


def folded(text: str) -> str:
    """Return text in the form in which it is searched: case-folded and in one Unicode normal form."""
    whole = storable(text).replace("\0", "\ufffd")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", whole).casefold())


def storable(text: str) -> str:
    """Replace lone surrogates, which JSON and command lines can carry and UTF-8 cannot."""
    return text.encode(errors="replace").decode()


def storable_json(value: object) -> str:
    """Write JSON whose texts every database can store and look into."""
    return storable(json.dumps(value, ensure_ascii=False)).replace("\\u0000", "\\ufffd")


def _short_source(source: str) -> str:
    """Shorten a source for its record; picture data is left out."""
    if source[:5].lower() == "data:":
        return f"{source.split(',', 1)[0][:80]},… ({len(source)} characters)"
    return source if len(source) <= _MAX_SOURCE else f"{source[:_MAX_SOURCE]}…"
