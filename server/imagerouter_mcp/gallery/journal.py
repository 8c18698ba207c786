"""The journal: an entry for each generation, written before money is spent and before anything is reported.

An entry belongs to the process that works on it. When that process has died, the first process that notices
takes over its entries: it ends those that were never sent, and settles the rest.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast, get_args

from imagerouter_mcp.database.schema import Connection, Database
from imagerouter_mcp.gallery import rows
from imagerouter_mcp.gallery.entries import (
    OPEN_STATES,
    Entry,
    Metadata,
    Record,
    Reservation,
    State,
    StoredImage,
)
from imagerouter_mcp.gallery.error_fields import error_field
from imagerouter_mcp.gallery.ledger import committed
from imagerouter_mcp.gallery.owners import OwnersAtWork
from imagerouter_mcp.gallery.stored_values import StoredRow
from imagerouter_mcp.money import Budget, Exceeded

JOINED_FOR = timedelta(minutes=10)
"""How long after its end a call answers the same call, if it may have cost money or was delivered."""
LISTED_FOR = timedelta(days=7)
"""How long generations that ended without a result are listed, and those that cost nothing are kept."""
_SWEPT_EVERY = timedelta(days=1)

_PROMPT_KEPT, _MODEL_KEPT = 400, 100
"""Characters of what was asked for; lists show no more. Of a refused call nothing else is kept. The plan
of one that is sent has the whole prompt, until its record has it."""

_COLUMNS = "handle, call, owner, state, delivered, created_at, prompt, model, reserved_usd, job, notes, error"
_OPEN = ", ".join(f"'{state}'" for state in OPEN_STATES)
_OWNED = "coalesce(owner, '') = coalesce(?, '')"
"""Whether an entry belongs to an owner, whose name may be damaged."""
_ENDS = "ended_at = ?, clock = clock_name(), ended_uptime = uptime()"
"""Sets when a generation ended; `_now` gives the value."""
_LATELY = (
    "CASE WHEN clock = clock_name() THEN ended_uptime >= uptime() - ?1"
    " ELSE ended_at >= ?2 OR uptime() <= ?1 AND NOT EXISTS (SELECT 1 FROM journal AS later"
    " WHERE later.clock = journal.clock AND later.ended_uptime > journal.ended_uptime + ?1) END"
)
"""Whether a generation ended within `JOINED_FOR`, whatever was done to the time of day; `_joined_since` gives
the values. Nobody knows how long a machine was switched off. So while it has run for less than `JOINED_FOR`,
what ended last before counts too, however old the time of day makes it. PostgreSQL has only one clock."""


class Journal:
    """The journal, as one process uses it. Every method raises `ConfigurationError` if it cannot be used.

    Args:
        database: Holds the entries.
        owners: Tells which processes are at work.
    """

    def __init__(self, database: Database, owners: OwnersAtWork) -> None:
        self._database = database
        self._owners = owners
        self._sweep_at = datetime.min.replace(tzinfo=UTC)

    def close(self) -> None:
        """Release this process's lock, so that other processes can take over its open entries."""
        self._owners.release()

    def begin(
        self,
        fingerprint: str,
        requests: Sequence[tuple[str, str]],
        *,
        again: bool,
        join_delivered: bool = True,
        own_key: bool = False,
    ) -> tuple[list[str], bool]:
        """Enter a call, unless the same call is running, or ended lately and may have cost money.

        Args:
            fingerprint: Equal for calls that ask for the same.
            requests: The requested prompt and model of each generation.
            again: Enter the call in any case.
            join_delivered: Whether to join a call even if its result was delivered.
            own_key: Whether the person's own API key pays.

        Returns:
            The handles of the new generations, of which the first is the call's, and False; or the handle of
            the earlier call and True.
        """
        owner = self._owners.hold()
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            if now >= self._sweep_at:
                self._sweep_at = now + _SWEPT_EVERY
                _sweep(connection, now - LISTED_FOR)
            earlier = None if again else _same(connection, fingerprint, join_delivered=join_delivered)
            if earlier:
                return [earlier], True
            handles = rows.new_handles(connection, "gen", len(requests))
            connection.executemany(
                "INSERT INTO journal (handle, call, fingerprint, owner, state, delivered, created_at, prompt,"
                " model, notes, own_key) VALUES (?, ?, ?, ?, 'preparing', false, ?, ?, ?, '[]', ?)",
                [
                    (
                        handle,
                        handles[0],
                        fingerprint,
                        owner,
                        now.timestamp(),
                        rows.storable(prompt[:_PROMPT_KEPT]),
                        rows.storable(model[:_MODEL_KEPT]),
                        own_key,
                    )
                    for handle, (prompt, model) in zip(handles, requests, strict=True)
                ],
            )
            return handles, False

    def same_call(self, fingerprint: str, *, join_delivered: bool = True) -> str | None:
        """Return the earlier call that `begin` would answer with, if there is one."""
        with self._database.reading() as connection:
            return _same(connection, fingerprint, join_delivered=join_delivered)

    def planned(self, prompt: str) -> list[Entry]:
        """Return the last planned generations with a prompt that may have cost money, newest first."""
        return self._select(
            f"job IS NOT NULL AND prompt = ? AND coalesce({error_field('charged')}, 'unknown') != 'no'"
            " ORDER BY id DESC LIMIT 20",
            rows.storable(prompt[:_PROMPT_KEPT]),
        )

    def lately(self, handle: str) -> list[Entry]:
        """Return all generations of a call if one of them is open or has lately ended; else none.

        Args:
            handle: The handle of any of them.
        """
        return self._select(
            "call IN (SELECT call FROM journal WHERE call = (SELECT call FROM journal WHERE handle = ?3)"  # noqa: S608 - our own words
            f" AND (state IN ({_OPEN}) OR {_LATELY})) ORDER BY id",
            *_joined_since(),
            handle,
        )

    def delivered_before(self, call: str, others: Collection[str]) -> bool:
        """Return whether a call had ended and been delivered before one of some others began.

        Args:
            call: The call.
            others: Generations of other calls.
        """
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT 1 FROM journal WHERE handle IN (SELECT value FROM json_each(?)) AND created_at >"
                " (SELECT max(coalesce(ended_at, 1e99)) FROM journal WHERE call = ? AND delivered) LIMIT 1",
                (json.dumps(list(others)), call),
            ).fetchone()
        return found is not None

    def reserve(
        self,
        reservations: Sequence[Reservation],
        budgets: Sequence[Budget] = (),
        most_calls: int | None = None,
    ) -> Exceeded | None:
        """Reserve money for generations that are ready to be sent, if every budget allows it.

        Args:
            reservations: One for each generation of a call.
            budgets: What may be spent.
            most_calls: How many calls may be under way, this one included; None for any number.

        Returns:
            None if the money was reserved; else what does not allow it, and nothing changed.
        """
        requested = sum((each.usd for each in reservations), Decimal())
        with self._database.writing() as connection:
            if most_calls is not None and _calls_under_way(connection) >= most_calls:
                return Exceeded(None)
            for budget in budgets:
                already = committed(connection, budget.first, budget.last, own_key=budget.own)
                if already + (budget.others_usd or 0) + requested > budget.usd:
                    return Exceeded(budget, already)
            connection.executemany(
                "UPDATE journal SET state = 'queued', model = ?, reserved_usd = ?, job = ? WHERE handle = ?"
                " AND state = 'preparing'",  # and not given up meanwhile
                [(rows.storable(each.model), str(each.usd), each.plan, each.handle) for each in reservations],
            )
        return None

    def drop(self, handles: Collection[str]) -> None:
        """Remove generations that no caller knows of and for which nothing was sent."""
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM journal WHERE handle = ?", [(handle,) for handle in handles])

    def replan(self, handle: str, plan: str) -> None:
        """Replace the plan of a generation that has not been sent."""
        with self._database.writing() as connection:
            connection.execute("UPDATE journal SET job = ? WHERE handle = ?", (plan, handle))

    def leaves(self, handle: str) -> bool:
        """Note that a queued generation's request is about to leave.

        Returns:
            Whether it may leave: False if another process has taken the generation over meanwhile.
        """
        return self._moves(handle, "queued", "working")

    def returned(self, handle: str) -> None:
        """Note that a request failed before it began; the generation is queued again."""
        self._moves(handle, "working", "queued")

    def _moves(self, handle: str, before: State, after: State) -> bool:
        owner = self._owners.hold()
        with self._database.writing() as connection:
            moved = connection.execute(
                "UPDATE journal SET state = ? WHERE handle = ? AND owner = ? AND state = ? RETURNING handle",
                (after, handle, owner, before),
            )
            return moved.fetchone() is not None

    def record(
        self,
        handle: str,
        images: Sequence[StoredImage],
        notes: Sequence[str],
        metadata: Metadata,
    ) -> Record:
        """Record a generation's result and end its entry, in one transaction.

        Once this returns, the record survives any end of the process. An entry that ended as unknown is done
        now, and one that another process has recorded stays as it is.

        Args:
            handle: The generation's handle.
            images: At least one.
            notes: Sentences for the person.
            metadata: What was sent, and what the service said about it.
        """
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            for recorded in rows.select(connection, "handle = ?", (handle,), 1):
                return recorded
            record = rows.insert(connection, handle, now, metadata, images)
            connection.execute(
                f"UPDATE journal SET state = 'done', {_ENDS}, error = NULL, notes = ? WHERE handle = ?",  # noqa: S608 - our own words
                (_now(), json.dumps(list(notes)), handle),
            )
        return record

    def end(self, handle: str, state: State, error: Mapping[str, object]) -> None:
        """End a generation without a result, unless it has ended; a known failure replaces an unknown one.

        Args:
            handle: The generation's handle.
            state: "failed", "unknown" or "not_sent".
            error: The reason, as JSON fields.
        """
        with self._database.writing() as connection:
            connection.execute(
                f"UPDATE journal SET state = ?1, {_ENDS}, error = ?3 WHERE handle = ?4"  # noqa: S608 - our own words
                f" AND (state IN ({_OPEN}) OR state = 'unknown' AND ?1 != 'unknown')",
                (state, _now(), rows.storable_json(dict(error)), handle),
            )

    def note_delivered(self, call: str) -> None:
        """Note that somebody got the outcome of a call."""
        with self._database.writing() as connection:
            connection.execute("UPDATE journal SET delivered = true WHERE call = ?", (call,))

    def call(self, handle: str) -> list[Entry]:
        """Return all generations of a call, in their order; none if the handle is unknown.

        Args:
            handle: The handle of any of them.
        """
        return self._select(
            "call = (SELECT call FROM journal WHERE handle = ?1) OR handle = ?1 ORDER BY id",
            rows.storable(handle),
        )

    def unfinished(self, limit: int) -> list[Entry]:
        """Return open generations, unknown outcomes and unreported failures, newest first."""
        return self._select(
            f"(state IN ({_OPEN}, 'unknown') OR NOT delivered) AND state != 'done'"  # the first is an index's
            f" AND coalesce({error_field('kind')}, '') != 'not_needed'"
            f" AND (state IN ({_OPEN}) OR created_at >= ?) ORDER BY id DESC LIMIT ?",
            (datetime.now(UTC) - LISTED_FOR).timestamp(),
            limit,
        )

    def adopt(self, live: Collection[str]) -> list[Entry]:
        """Take over entries of dead processes, and entries of this one that no running call works on.

        Entries that were never sent end as "not_sent". Those that were sent belong to this process now.

        Args:
            live: The handles of the calls that this process works on.

        Returns:
            The entries that were sent; the caller must settle them.
        """
        own = self._owners.name
        owners = self._owners_of_open()
        return [
            *(self._stranded(live) if own in owners else ()),
            *(entry for name in owners if name != own for entry in self._adopt_from(name)),
        ]

    def needless(self, answers: Collection[str]) -> list[str]:
        """Return the generations whose answers nobody needs: those recorded or never sent."""
        ended = self._select(
            "state IN ('done', 'not_sent') AND handle IN (SELECT value FROM json_each(?))",
            json.dumps(list(answers)),
        )
        return [entry.handle for entry in ended]

    def sweep(self, older_than: timedelta) -> None:
        """Remove the lock files of killed processes; see `Owners.sweep`."""
        self._owners.sweep(older_than)

    def _stranded(self, live: Collection[str]) -> list[Entry]:
        left = self._select(f"state IN ({_OPEN}) AND owner = ? ORDER BY id", self._owners.name)
        stranded = [entry for entry in left if entry.call not in live]
        for entry in stranded:
            if entry.state != "working":
                self.end(entry.handle, "not_sent", NEVER_SENT)
        return [entry for entry in stranded if entry.state == "working"]

    def _owners_of_open(self) -> list[str]:
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT DISTINCT owner FROM journal WHERE state IN ({_OPEN}) AND coalesce(owner, '') != ''"  # noqa: S608 - our own words
            )
            return [name for (name,) in found]

    def _adopt_from(self, name: str) -> list[Entry]:
        with self._owners.has_ended(name) as ended:
            if not ended:
                return []
            owner = self._owners.hold()
            with self._database.writing() as connection:
                connection.execute(
                    f"UPDATE journal SET state = 'not_sent', {_ENDS}, error = ? WHERE {_OWNED} AND state"  # noqa: S608 - our own words
                    " IN ('preparing', 'queued')",
                    (_now(), rows.storable_json(NEVER_SENT), name),
                )
                sent = connection.execute(
                    f"UPDATE journal SET owner = ? WHERE {_OWNED} AND state = 'working' RETURNING handle",  # noqa: S608 - our own words
                    (owner, name),
                ).fetchall()
        return [entry for (handle,) in sent for entry in self._select("handle = ?", handle)]

    def _select(self, where: str, *values: object) -> list[Entry]:
        with self._database.reading() as connection:
            found = connection.execute(f"SELECT {_COLUMNS} FROM journal WHERE {where}", values)  # noqa: S608 - our own words
            return [_entry(row) for row in found]


NEVER_SENT = {
    "kind": "not_sent",
    "what": "The work on it ended before the request was sent.",
    "remedy": "Ask for it again.",
    "charged": "no",
}
"""The error of a request that a dead process had not sent."""


_HAS_ERROR = ("failed", "unknown", "not_sent")
_ERROR_FIELDS = {"kind", "what", "remedy", "charged"}
_UNREADABLE = {
    "kind": "damaged",
    "what": "What the gallery keeps of this call is damaged, so nobody knows what became of it.",
    "remedy": "Look at https://imagerouter.io before you ask for it again.",
}


def _sweep(connection: Connection, before: datetime) -> None:
    """Forget ended generations that cost nothing, and the plans of the others, which their records repeat."""
    ended = (before.timestamp(),)
    connection.execute(
        "DELETE FROM journal WHERE state IN ('failed', 'not_sent') AND ended_at < ?"  # noqa: S608 - our own words
        f" AND {error_field('charged')} = 'no'",
        ended,
    )
    connection.execute("UPDATE journal SET job = NULL WHERE ended_at < ? AND job IS NOT NULL", ended)


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _calls_under_way(connection: Connection) -> int:
    counted = "SELECT count(DISTINCT call) FROM journal WHERE state IN ('queued', 'working')"
    return int(connection.execute(counted).fetchone()[0])


def _joined_since() -> tuple[float, float]:
    seconds = JOINED_FOR.total_seconds()
    return seconds, _now() - seconds


def _same(connection: Connection, fingerprint: str, *, join_delivered: bool) -> str | None:
    """Return the newest call that asks for the same and need not, or must not, be paid for once more."""
    found = connection.execute(
        f"SELECT call FROM journal WHERE fingerprint = ?3 AND (state IN ({_OPEN}) OR {_LATELY}"  # noqa: S608 - our own words
        " AND (?4 OR NOT delivered) AND (state IN ('done', 'unknown') OR state = 'failed' AND"
        f" coalesce({error_field('charged')}, 'unknown') != 'no')) ORDER BY id DESC LIMIT 1",
        (*_joined_since(), fingerprint, join_delivered),
    ).fetchone()
    return found[0] if found else None


def _entry(values: Sequence[Any]) -> Entry:
    """Read an entry; its outcome counts as unknown if its state or its error cannot be read."""
    row = StoredRow(_COLUMNS, values)
    handle, call, state = row.text("handle"), row.text("call"), row.text("state")
    error = row.json_object("error")
    known = state in get_args(State)
    if not known or (state in _HAS_ERROR and not (error and error.keys() >= _ERROR_FIELDS)):
        charged = "no" if state == "not_sent" else "unknown"
        error, state = {**_UNREADABLE, "charged": charged}, state if known else "unknown"
    return Entry(
        handle=handle,
        call=call if call.startswith("gen_") else handle,
        owner=row.text("owner"),
        state=cast("State", state),
        delivered=bool(row.number("delivered")),
        created_at=row.moment("created_at"),
        prompt=row.text("prompt"),
        model=row.text("model"),
        reserved_usd=row.amount("reserved_usd"),
        plan=row.optional_text("job"),
        notes=row.json_texts("notes"),
        error=error,
        damaged=row.name_damage(),
    )
