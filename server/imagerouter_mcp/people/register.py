"""Keep the register of the people who may use a server."""

import hashlib
import secrets
import time
import unicodedata
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from imagerouter_mcp.database.opening import open_database
from imagerouter_mcp.database.schema import Connection, Database
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.people.people_tables import PEOPLE
from imagerouter_mcp.people.person import LOCAL, Person, person_id
from imagerouter_mcp.people.personal_limits import NO_LIMITS, Limits
from imagerouter_mcp.settings import Settings

if TYPE_CHECKING:
    from imagerouter_mcp.database.postgres import PostgresServer

BY_OPERATOR = "operator"
"""The issuer of people whom the operator names."""
PEOPLE_FILE = "people.sqlite3"
"""The file that holds the register where there is no PostgreSQL."""
_LONGEST_NAME = 60
_COLUMNS = "id, issuer, subject, name"
_REMOVED = "person != ? AND person NOT IN (SELECT id FROM people)"


class NameNotUsableError(ConfigurationError):
    """The name is invalid or taken."""


class People:
    """The register. Every method raises `ConfigurationError` if it cannot be used.

    Args:
        database: The database that `PEOPLE` describes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def database(self) -> Database:
        """The database that holds the register."""
        return self._database

    def close(self) -> None:
        """Close the database. The next method opens it again."""
        self._database.close()

    def add(self, issuer: str, subject: str, name: str) -> Person:
        """Add a person, or return the one who is known by this issuer and subject.

        Args:
            issuer: The provider or operator that identifies them.
            subject: The issuer's name for them.
            name: The operator's name for them.

        Raises:
            NameNotUsableError: The name is invalid or taken.
        """
        person = Person(person_id(issuer, subject), issuer, subject, checked_name(name))
        with self._database.writing() as connection:
            if known := _one(connection, "id = ?", person.id):
                return known
            if taken := _named(connection, name):
                raise NameNotUsableError(
                    f"There is somebody called {taken.name} already.", "Choose another name."
                )
            connection.execute(
                "INSERT INTO people (id, issuer, subject, name, folded_name, limits, added_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    person.id,
                    issuer,
                    subject,
                    person.name,
                    _folded(name),
                    NO_LIMITS.to_json(),
                    int(time.time()),
                ),
            )
        return person

    def vouched_for(self, issuer: str, subject: str, name: str) -> Person | None:
        """Return a person whom a provider identified, adding a new one; None if they are blocked.

        Args:
            issuer: The provider.
            subject: The provider's identifier for them.
            name: The provider's name for them; if it is invalid or taken, another is made from it.
        """
        person = person_id(issuer, subject)
        with self._database.reading() as connection:
            known = _one(connection, "id = ?", person)
            if _is_blocked(connection, person):
                return None
        for chosen in () if known else _names_like(name or subject, person):
            try:
                return self.add(issuer, subject, chosen)
            except NameNotUsableError:
                continue
        return known

    def let_in(self, person: str) -> Person | None:
        """Return the person with an id, unless the operator blocked them."""
        with self._database.reading() as connection:
            return None if _is_blocked(connection, person) else _one(connection, "id = ?", person)

    def find_named(self, name: str) -> Person | None:
        """Return the person with a name, ignoring case, or None."""
        with self._database.reading() as connection:
            return _named(connection, name)

    def named(self, name: str) -> Person:
        """Return the person with a name, ignoring case.

        Raises:
            ConfigurationError: There is nobody of this name.
        """
        found = self.find_named(name)
        if found is None:
            raise ConfigurationError(
                f"There is nobody called {name[:_LONGEST_NAME]!r}.",
                "imagerouter-mcp people list shows who there is.",
            )
        return found

    def by_token(self, token: str) -> Person | None:
        """Return the person to whom the operator gave a token, unless they are blocked."""
        with self._database.reading() as connection:
            found = _one(connection, "id = (SELECT person FROM tokens WHERE token = ?)", _digest(token))
            return None if found is None or _is_blocked(connection, found.id) else found

    def everybody(self) -> list[tuple[Person, Limits]]:
        """Return all people in the order of their names, each with their limits."""
        with self._database.reading() as connection:
            found = connection.execute(f"SELECT {_COLUMNS}, limits FROM people ORDER BY folded_name")  # noqa: S608 - our own words
            return [(Person(*row[:-1]), Limits.from_json(row[-1])) for row in found.fetchall()]

    def new_token(self, person: Person) -> str:
        """Create a bearer token for a person; the one that the operator gave before stops working."""
        token = f"imagerouter_{secrets.token_urlsafe(32)}"
        with self._database.writing() as connection:
            connection.execute("DELETE FROM tokens WHERE person = ?", (person.id,))
            connection.execute(
                "INSERT INTO tokens (token, person) VALUES (?, ?)", (_digest(token), person.id)
            )
        return token

    def sign_out(self, person: Person) -> None:
        """Revoke the token that the operator gave to a person."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM tokens WHERE person = ?", (person.id,))

    def limits(self, person: str) -> Limits:
        """Return the limits of the person with an id; the local person has none."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT limits FROM people WHERE id = ?", (person,)).fetchone()
        return Limits.from_json(found[0]) if found else NO_LIMITS

    def limit(self, person: Person, limits: Limits) -> None:
        """Set the limits of a person; they apply from the next call on."""
        with self._database.writing() as connection:
            connection.execute("UPDATE people SET limits = ? WHERE id = ?", (limits.to_json(), person.id))

    def block(self, person: Person) -> None:
        """Block a person, whatever credentials they send; what they own is kept."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO blocked_people (id, name) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
                (person.id, person.name),
            )

    def blocked(self) -> dict[str, str]:
        """Return the names of blocked people by their ids, including people who were removed."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT id, name FROM blocked_people ORDER BY name, id")
            return dict(found.fetchall())

    def allow(self, person: str) -> None:
        """Unblock the person with an id."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM blocked_people WHERE id = ?", (person,))

    def remove(self, person: Person) -> None:
        """Remove a person and their tokens, so that their requests are refused.

        What they committed is kept apart: somebody added again under the same name starts at zero.
        """
        apart = f"{person.id} {secrets.token_hex(8)}"
        with self._database.writing() as connection:
            connection.execute("DELETE FROM people WHERE id = ?", (person.id,))
            connection.execute("UPDATE committed SET person = ? WHERE person = ?", (apart, person.id))

    def removed(self) -> list[str]:
        """Return the ids of people who were removed and not added again: their sums stay."""
        with self._database.reading() as connection:
            found = connection.execute(f"SELECT person FROM committed WHERE {_REMOVED}", (LOCAL.id,))  # noqa: S608 - our own words
            once = {apart.partition(" ")[0] for (apart,) in found.fetchall()}
            there = {person for (person,) in connection.execute("SELECT id FROM people").fetchall()}
            return sorted(once - there)

    def committed_by_removed(self, day: date) -> Decimal:
        """Return what the budget of a day still counts for people who were removed, in USD."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT day, spent_usd, under_way_usd FROM committed WHERE {_REMOVED}",  # noqa: S608 - our own words
                (LOCAL.id,),
            )
            return _counted(found, day.isoformat())

    @contextmanager
    def committing(self, person: str, day: date) -> Generator["Committed"]:
        """Keep everybody else from committing money until the block ends.

        Args:
            person: The id of the person who commits money.
            day: Today, in the operator's time zone.
        """
        with self._database.writing() as connection:
            yield Committed(connection, person, day)


class Committed:
    """What people have committed of the budget that they share.

    Args:
        connection: A connection within an exclusive write transaction.
        person: The id of the person who commits more.
        day: The day of the budget.
    """

    def __init__(self, connection: Connection, person: str, day: date) -> None:
        self._connection = connection
        self._person = person
        self._day = day.isoformat()

    def is_let_in(self) -> bool:
        """Return whether the person is still there and not blocked; the local person always is."""
        person, connection = self._person, self._connection
        known = person == LOCAL.id or _one(connection, "id = ?", person)
        return bool(known) and not _is_blocked(connection, person)

    def by_others(self) -> Decimal:
        """Return what everybody else has spent that day or has reserved on any day, in USD."""
        found = self._connection.execute(
            "SELECT day, spent_usd, under_way_usd FROM committed WHERE person != ?", (self._person,)
        )
        return _counted(found, self._day)

    def note(self, spent_usd: Decimal, under_way_usd: Decimal) -> None:
        """Replace the sums of the person.

        Args:
            spent_usd: USD that the person spent that day.
            under_way_usd: USD reserved for their calls under way, of any day.
        """
        self._connection.execute(
            "INSERT INTO committed (person, day, spent_usd, under_way_usd) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (person) DO UPDATE SET day = excluded.day, spent_usd = excluded.spent_usd,"
            " under_way_usd = excluded.under_way_usd",
            (self._person, self._day, str(spent_usd), str(under_way_usd)),
        )


def open_register(settings: Settings, server: "PostgresServer | None" = None) -> People:
    """Return the register that the operator's settings name.

    Args:
        settings: The settings.
        server: Their PostgreSQL if it is connected already; None to connect.
    """
    file = settings.data_dir / PEOPLE_FILE
    return People(open_database(settings.database_url, file, PEOPLE, server))


def _counted(rows: Iterable[tuple[str, str, str]], today: str) -> Decimal:
    """Sum what rows of `committed` (day, spent, under way) take from a day's budget."""
    return sum(
        (Decimal(under_way) + (Decimal(spent) if day == today else 0) for day, spent, under_way in rows),
        Decimal(),
    )


def checked_name(name: str) -> str:
    """Return a name without spaces around it.

    Raises:
        NameNotUsableError: It is empty, too long or not a name.
    """
    stripped = " ".join(name.split())
    usable = 0 < len(stripped) <= _LONGEST_NAME and stripped.isprintable() and stripped[0].isalnum()
    if not usable or _folded(stripped) == _folded(LOCAL.name):
        raise NameNotUsableError(
            "This name cannot be used.",
            f"Give one of at most {_LONGEST_NAME} characters that begins with a letter or a digit, "
            f"other than “{LOCAL.name}”.",
        )
    return stripped


def _names_like(name: str, person: str) -> Iterator[str]:
    """Yield a provider's name for somebody, then distinct variants of it."""
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    begun = " ".join(shown.split())[: _LONGEST_NAME - 15].strip() or "Somebody"
    yield begun
    yield from (f"{begun} {number}" for number in range(2, 10))
    yield f"{begun} {person[2:12]}"
    yield f"Somebody {person[2:12]}"


def _is_blocked(connection: Connection, person: str) -> bool:
    found = connection.execute("SELECT 1 FROM blocked_people WHERE id = ?", (person,)).fetchone()
    return found is not None


def _named(connection: Connection, name: str) -> Person | None:
    """Return the person with a name; earlier versions folded the stored names differently."""
    folded = _folded(name)
    if found := _one(connection, "folded_name = ?", folded):
        return found
    everybody = connection.execute(f"SELECT {_COLUMNS} FROM people ORDER BY added_at")  # noqa: S608 - our own words
    alike = [person for row in everybody if _folded((person := Person(*row)).name) == folded]
    return next((person for person in alike if person.name == name), alike[0] if alike else None)


def is_same_name(one: str, other: str) -> bool:
    """Return whether two names are read as the same one."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    """Return the form in which names that read alike are equal."""
    plain = unicodedata.normalize("NFKC", " ".join(name.split()))  # first: only then has ℌ a small letter
    return unicodedata.normalize("NFKC", plain.casefold())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _one(connection: Connection, where: str, value: str) -> Person | None:
    found: Any = connection.execute(f"SELECT {_COLUMNS} FROM people WHERE {where}", (value,)).fetchone()  # noqa: S608 - our own words
    return Person(*found) if found else None
