"""Browse the gallery picture by picture: pages of a list that stays as it was while new pictures arrive."""

import json
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from imagerouter_mcp.database.schema import Connection, Database
from imagerouter_mcp.gallery.days import start_of
from imagerouter_mcp.gallery.entries import is_here
from imagerouter_mcp.gallery.query import CONDITION, condition_value
from imagerouter_mcp.gallery.stored_values import StoredRow

MOST_ON_A_PAGE = 500
_LISTS_KEPT = 4
"""How many lists are remembered: 100,000 pictures take 800 kB."""
_POSITIONS = 1 << 16
"""More than the pictures of any generation. A place is a generation's id times this, plus the position."""

Kind = Literal["image", "video"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures a list has. Each condition that is given must hold.

    Attributes:
        query: Words, as `Gallery.list` takes them.
        kind: What they are.
        model: The model's id.
        since: The first day, in the person's time zone.
        until: The last day.
    """

    query: str = ""
    kind: Kind | None = None
    model: str | None = None
    since: date | None = None
    until: date | None = None

    def condition(self) -> tuple[str, list[object]]:
        """Return the condition on the tables `images` and `generations`, and the values in it."""
        parts: dict[str, list[object]] = {}
        if self.query.strip():
            parts[CONDITION] = [condition_value(self.query)]
        if self.kind:
            sign = "" if self.kind == "video" else "NOT "
            parts[f"coalesce(media_type, '') {sign}LIKE 'video/%'"] = []
        if self.model:
            parts["model = ?"] = [self.model]
        if self.since:
            parts["created_at >= ?"] = [start_of(self.since).timestamp()]
        if self.until:
            parts["created_at < ?"] = [start_of(self.until + timedelta(days=1)).timestamp()]
        return " AND ".join(parts), [value for values in parts.values() for value in values]


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture or video of a page.

    Attributes:
        handle: Its own.
        number: Which one of its call it is, counted from 1.
        generation: The handle of its generation.
        call: The handle of its call.
        created_at: In UTC.
        prompt: As it was sent.
        model: The model's id.
        cost_usd: Of its whole generation; None if unknown.
        path: Its file, if it has arrived.
        media_type: Of its file.
        width: In pixels.
        height: In pixels.
        bytes: The size of its file.
        seconds: The length of a video, if known.
    """

    handle: str
    number: int
    generation: str
    call: str
    created_at: datetime
    prompt: str
    model: str
    cost_usd: Decimal | None
    path: Path | None
    media_type: str | None
    width: int | None
    height: int | None
    bytes: int | None
    seconds: float | None

    @property
    def here(self) -> bool:
        """Whether its file is there, and may be looked at."""
        return is_here(self.path)

    @property
    def kind(self) -> Kind:
        """What it is; what has not arrived counts as a picture."""
        return "video" if (self.media_type or "").startswith("video/") else "image"


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        total: How many pictures the list has.
        anchor: What keeps the list as it is: later pictures are not in it.
        pictures: Newest first; those of one generation in their order.
    """

    total: int
    anchor: int
    pictures: list[Shown]


@dataclass(frozen=True, slots=True)
class State:
    """What can change while somebody looks.

    Attributes:
        newest: The anchor of a new list.
        deleted: Grows with each deletion.
        version: Changes with whatever is written to the database, by any process.
    """

    newest: int
    deleted: int
    version: int


class Browsing:
    """Reads pages. Every method raises `ConfigurationError` if the gallery cannot be used.

    Args:
        database: Its own connection, so that a long search keeps nobody waiting.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lists: OrderedDict[tuple[Wanted, int, int], array[int]] = OrderedDict()

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._database.close()

    def page(self, which: Wanted, anchor: int | None, offset: int, limit: int) -> Page:
        """Return a page of a list.

        Args:
            which: The pictures that the list has.
            anchor: From the first page of the list; None for a new list.
            offset: How many pictures come before the page.
            limit: How many it has at most.
        """
        limit = min(limit, MOST_ON_A_PAGE)
        with self._database.reading() as connection:
            state = _state(connection)
            anchor = state.newest if anchor is None else anchor
            if which == Wanted():
                total, places = _of_all(connection, anchor, offset, limit)
            else:
                listed = self._listed(connection, which, anchor, state.deleted)
                total, places = len(listed), listed[offset : offset + limit]
            return Page(total, anchor, _shown(connection, places))

    def models(self) -> list[tuple[str, int]]:
        """Return the models in the gallery with the number of their generations, the most used first."""
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT model, count(*) AS made FROM generations GROUP BY model ORDER BY made DESC, model"
            ).fetchall()

    def state(self) -> State:
        """Return what tells whether anything has changed."""
        with self._database.reading() as connection:
            return _state(connection)

    def _listed(self, connection: Connection, which: Wanted, anchor: int, deleted: int) -> "array[int]":
        """Return the places of all pictures of a list. Up to its anchor, it changes only by deletions."""
        key = which, anchor, deleted
        if key not in self._lists:
            condition, values = which.condition()
            found = connection.execute(
                f"SELECT generation_id * {_POSITIONS} + position FROM generations"  # noqa: S608 - our own words
                " JOIN images ON generation_id = generations.id"
                f" WHERE original_of IS NULL AND generations.id <= ? AND {condition}"
                " ORDER BY generations.id DESC, position",
                (anchor, *values),
            )
            self._lists[key] = array("q", (place for (place,) in found))
        self._lists.move_to_end(key)
        if len(self._lists) > _LISTS_KEPT:
            self._lists.popitem(last=False)
        return self._lists[key]


def _state(connection: Connection) -> State:
    newest, deleted = connection.execute(
        "SELECT (SELECT coalesce(max(id), 0) FROM generations), (SELECT coalesce(max(id), 0) FROM deleted)"
    ).fetchone()
    (version,) = connection.execute("SELECT data_version FROM pragma_data_version").fetchone()
    return State(newest, deleted, int(version))


def _of_all(connection: Connection, anchor: int, offset: int, limit: int) -> tuple[int, Sequence[int]]:
    """Return how many pictures there are, and the places of some, from the index alone."""
    own = "FROM images WHERE original_of IS NULL AND generation_id <= ?"
    (total,) = connection.execute(f"SELECT count(*) {own}", (anchor,)).fetchone()
    found = connection.execute(
        f"SELECT generation_id * {_POSITIONS} + position {own}"
        " ORDER BY generation_id DESC, position LIMIT ? OFFSET ?",
        (anchor, limit, offset),
    )
    return total, [place for (place,) in found]


def _shown(connection: Connection, places: Sequence[int]) -> list[Shown]:
    """Return the pictures at some places of a list, in its order."""
    found = connection.execute(_AT_PLACES, (json.dumps(list(places)),))
    return [_picture(row) for row in found.fetchall()]


_SHOWN = (
    "handle, number, generation, call, created_at, prompt, model, cost_usd, path, media_type, width, height,"
    " bytes, seconds"
)
# CROSS JOIN has SQLite begin with the places, of which there are few.
_AT_PLACES = f"""
    WITH places AS (SELECT CAST(value AS BIGINT) AS place FROM json_each(?))
    SELECT images.handle, position + 1 + coalesce((
            SELECT count(*) FROM journal AS other WHERE other.call = journal.call AND other.id < journal.id
        ), 0), generations.handle, coalesce(call, generations.handle), generations.created_at,
        generations.prompt, generations.model, cost_usd, path, media_type, width, height, bytes, seconds
    FROM places CROSS JOIN images JOIN generations ON generations.id = generation_id
        LEFT JOIN journal ON journal.handle = generations.handle
    WHERE generation_id = place / {_POSITIONS} AND position = place % {_POSITIONS}
    ORDER BY generation_id DESC, position
"""  # noqa: S608 - our own words


def _picture(values: Sequence[Any]) -> Shown:
    row = StoredRow(_SHOWN, values)
    shown = Shown(
        row.text("handle"),
        row.whole_number("number") or 1,
        row.text("generation"),
        row.text("call"),
        row.moment("created_at"),
        row.text("prompt"),
        row.text("model"),
        row.amount("cost_usd"),
        row.path("path"),
        row.optional_text("media_type"),
        row.whole_number("width"),
        row.whole_number("height"),
        row.whole_number("bytes"),
        row.number("seconds"),
    )
    row.name_damage()
    return shown
