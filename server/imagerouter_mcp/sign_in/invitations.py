"""Store invitations, which sign a person's browser in, and the browsers that are signed in."""

from imagerouter_mcp.sign_in.secrets_kept import digest, new_code, new_secret, typed_code
from imagerouter_mcp.sign_in.store import Store

DAY_SECONDS = 24 * 3600
BROWSER_SECONDS = 180 * DAY_SECONDS
"""Seconds that a browser stays signed in after its last visit."""


class Invitations(Store):
    """Gives invitations, each of which signs one browser in."""

    def invite(self, person: str, days: int) -> str:
        """Create an invitation and return its code; earlier ones of the same person become invalid.

        Args:
            person: The id of the person, who may have been invited before with another browser.
            days: Days that it is valid.
        """
        code, now = new_code(), self._now()
        with self._database.writing() as connection:
            connection.execute("DELETE FROM invitations WHERE person = ? OR expires_at <= ?", (person, now))
            connection.execute(
                "INSERT INTO invitations (code, person, expires_at) VALUES (?, ?, ?)",
                (digest(code), person, now + days * DAY_SECONDS),
            )
        return code

    def accept(self, code: str) -> str | None:
        """Use up an invitation; return the id of its person, or None if it is invalid.

        Args:
            code: Its code, as a person types it.
        """
        with self._database.writing() as connection:
            found = connection.execute(
                "DELETE FROM invitations WHERE code = ? AND expires_at > ? RETURNING person",
                (digest(typed_code(code)), self._now()),
            ).fetchone()
        return str(found[0]) if found else None

    def withdraw(self, person: str) -> None:
        """Withdraw a person's invitations."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM invitations WHERE person = ?", (person,))


class Browsers(Store):
    """The browsers in which people are signed in. Each has a secret in a cookie."""

    def sign_in(self, person: str) -> str:
        """Sign a person in and return a new secret for the browser."""
        secret, now = new_secret(), self._now()
        with self._database.writing() as connection:
            connection.execute("DELETE FROM browsers WHERE expires_at <= ?", (now,))
            connection.execute(
                "INSERT INTO browsers (token, person, expires_at) VALUES (?, ?, ?)",
                (digest(secret), person, now + BROWSER_SECONDS),
            )
        return secret

    def find(self, secret: str) -> str | None:
        """Return the id of the person who is signed in; a visit on a new day extends the time."""
        now = self._now()
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT person, expires_at FROM browsers WHERE token = ? AND expires_at > ?",
                (digest(secret), now),
            ).fetchone()
        if found and found[1] < now + BROWSER_SECONDS - DAY_SECONDS:
            with self._database.writing() as connection:
                connection.execute(
                    "UPDATE browsers SET expires_at = ? WHERE token = ?",
                    (now + BROWSER_SECONDS, digest(secret)),
                )
        return str(found[0]) if found else None

    def sign_out(self, secret: str) -> None:
        """Sign one browser out."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM browsers WHERE token = ?", (digest(secret),))

    def end_all(self, person: str) -> None:
        """Sign a person out of every browser."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM browsers WHERE person = ?", (person,))
