"""Store people's own ImageRouter keys, encrypted and bound to their owners."""

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.people.register import People
from imagerouter_mcp.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_PURPOSE = b"imagerouter-mcp: API keys of people"
_KEY_BYTES = 32
"""The length of a Fernet key."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A person's key.

    Attributes:
        key: The key; None if it cannot be decrypted.
        encrypted: As it is in the database.
        refused: Whether it is disabled because ImageRouter refused it.
    """

    key: SecretStr | None
    encrypted: str
    refused: bool


class ApiKeys:
    """The stored keys. Every method raises `ConfigurationError` if the database cannot be used.

    Args:
        database: The database that `PEOPLE` describes.
        secrets: The first one encrypts keys; each of them decrypts.
    """

    def __init__(self, database: Database, secrets: Sequence[SecretStr]) -> None:
        self._database = database
        self._fernet = _fernet(secrets)

    def find(self, person: str) -> StoredKey | None:
        """Return the key of the person with an id, usable or not; None if there is none."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT encrypted, refused_at FROM api_keys WHERE person = ?", (person,)
            ).fetchone()
        return StoredKey(self._decrypted(person, found[0]), found[0], found[1] is not None) if found else None

    def store(self, person: str, key: SecretStr) -> None:
        """Store a person's key in place of any before.

        Raises:
            ConfigurationError: The person was removed.
        """
        encrypted = self._fernet.encrypt(f"{person}\n{key.get_secret_value()}".encode()).decode()
        with self._database.writing() as connection:
            if not connection.execute("SELECT 1 FROM people WHERE id = ?", (person,)).fetchone():
                raise ConfigurationError(
                    "This person was removed from the server, so the key was not stored.",
                    "Once the operator has added them again (imagerouter-mcp people add or invite), store it "
                    "again.",
                )
            connection.execute(
                "INSERT INTO api_keys (person, encrypted, stored_at) VALUES (?, ?, ?)"
                " ON CONFLICT (person) DO UPDATE SET encrypted = excluded.encrypted,"
                " stored_at = excluded.stored_at, refused_at = NULL",
                (person, encrypted, int(time.time())),
            )

    def remove(self, person: str) -> None:
        """Remove a person's key, if there is one."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM api_keys WHERE person = ?", (person,))

    def refuse(self, person: str, stored: StoredKey) -> None:
        """Disable a key that ImageRouter refused, unless another one has been stored since."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE api_keys SET refused_at = ? WHERE person = ? AND encrypted = ?",
                (int(time.time()), person, stored.encrypted),
            )

    def rotate(self) -> tuple[int, list[str]]:
        """Encrypt all keys again with the first secret.

        Returns:
            How many were encrypted, and the ids of the people whose keys cannot be decrypted; these stay.
        """
        unreadable: list[str] = []
        with self._database.writing() as connection:
            rows = connection.execute("SELECT person, encrypted FROM api_keys").fetchall()
            for person, encrypted in rows:
                if self._decrypted(person, encrypted) is None:
                    unreadable.append(person)
                    continue
                connection.execute(
                    "UPDATE api_keys SET encrypted = ? WHERE person = ?",
                    (self._fernet.rotate(encrypted.encode()).decode(), person),
                )
        return len(rows) - len(unreadable), unreadable

    def unreadable(self) -> tuple[int, int]:
        """Return how many keys cannot be decrypted, and how many there are."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT person, encrypted FROM api_keys").fetchall()
        return sum(self._decrypted(*row) is None for row in rows), len(rows)

    def _decrypted(self, person: str, encrypted: str) -> SecretStr | None:
        """Return a key; None if it was encrypted with another secret, changed, or is somebody else's."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - few servers need it

        try:
            whose, _, key = self._fernet.decrypt(encrypted.encode()).decode().partition("\n")
        except (InvalidToken, UnicodeError):
            return None
        return SecretStr(key) if whose == person else None


def open_api_keys(settings: Settings, people: People) -> ApiKeys:
    """Return the stored keys of a server's people.

    Raises:
        ConfigurationError: There is no secret to encrypt them with.
    """
    _check_secrets(settings)
    return ApiKeys(people.database, settings.key_secrets)


def check_key_settings(settings: Settings) -> None:
    """Check that a server with these settings can store people's keys, without reading any.

    Raises:
        ConfigurationError: There is only one person, or no secret to encrypt keys with.
    """
    if not settings.people:
        raise ConfigurationError(
            "IMAGEROUTER_OWN_KEYS is set, but this server has only one person.",
            "Set IMAGEROUTER_PEOPLE=1 too, or remove it.",
        )
    _check_secrets(settings)


def _check_secrets(settings: Settings) -> None:
    if not settings.key_secrets:
        raise ConfigurationError(
            "IMAGEROUTER_KEY_SECRETS is not set; people's own ImageRouter keys are encrypted with it.",
            "Set it to a random text, such as openssl rand -hex 32 prints, and keep a copy of it.",
        )


def unreadable_keys(keys: ApiKeys) -> str:
    """Return a warning about keys that cannot be decrypted; "" if all can.

    Raises:
        ConfigurationError: None can be decrypted.
    """
    unreadable, number = keys.unreadable()
    what = f"IMAGEROUTER_KEY_SECRETS does not decrypt {unreadable} of {number} stored API keys of people."
    if unreadable and unreadable == number:
        raise ConfigurationError(
            what,
            "Add the secret that they were encrypted with behind the others, separated by a comma. If it is "
            "lost, imagerouter-mcp people keys remove NAME removes each, and people store theirs again.",
        )
    return f"{what} imagerouter-mcp people keys list shows whose." if unreadable else ""


def in_words(stored: StoredKey | None) -> str:
    """Describe a person's key, showing at most its last four characters."""
    if stored is None:
        return "no key of their own"
    if stored.key is None:
        return "a key that cannot be decrypted"
    return f"a key that ends in {ending(stored.key)}{', which ImageRouter refused' if stored.refused else ''}"


def ending(key: SecretStr) -> str:
    """Return the last four characters of a key; none if the text is too short to be a key."""
    text = key.get_secret_value()
    return f"…{text[-4:]}" if len(text) >= _KEY_BYTES else "…"


def _fernet(secrets: Sequence[SecretStr]) -> "MultiFernet":
    try:
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 - few servers need it
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        raise ConfigurationError(
            "People's own ImageRouter keys need the package cryptography, which is not installed.",
            "Install imagerouter-mcp[team].",
        ) from None
    derived = (
        HKDF(SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.get_secret_value().encode())
        for secret in secrets
    )
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
