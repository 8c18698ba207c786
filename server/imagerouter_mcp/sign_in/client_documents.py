"""Fetch the documents that describe clients; a document's https address is the client's id (CIMD).

Whoever starts a sign-in chooses the address, so it is fetched with the safeguards of a source image and more:
https only, no redirects, few bytes, a limited rate. A copy is fresh for a day; if the document cannot be
fetched after that, the last good copy is used, because some hosts refuse servers in clouds.
"""

import io
import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from anyio import to_thread

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.fetch import Fetcher, FetchError
from imagerouter_mcp.sign_in.store import Store

DOCUMENT_BYTES = 5 * 1024
FETCH_SECONDS = 5.0
"""A host that waits for tokens meanwhile does so for 10 s; the last good copy must reach it in time."""
FRESH_SECONDS = 24 * 3600
FAILED_SECONDS = 60
"""Seconds after a failure during which the same address is not fetched again."""
FETCHES_A_MINUTE = 60
"""Maximum number of fetches, of all documents together."""
MOST_COPIES = 5_000
"""Maximum number of copies; beyond it, the oldest are deleted."""
_LONGEST_ADDRESS = 2_000
_SECRETS = ("client_secret", "client_secret_expires_at")
"""Fields that a public document must not have."""


class DocumentError(Exception):
    """The document cannot be used; `str()` says why, as the end of a sentence."""


def is_document_address(client: str) -> bool:
    """Return whether a client's id is a document's address as the specification requires."""
    try:
        parts = urlsplit(client)
        _ = parts.port  # raises ValueError if it is invalid
    except ValueError:
        return False
    dotted = {".", ".."} & set(parts.path.split("/"))
    return (
        client.startswith("https://")
        and client.isascii()
        and client.isprintable()
        and len(client) <= _LONGEST_ADDRESS
        and bool(parts.hostname)
        and len(parts.path) > 1
        and not (parts.username or parts.password or dotted)
        and not set(client) & set(" #?\\")
    )


class ClientDocuments(Store):
    """Fetches documents and keeps the last good copy of each.

    Args:
        database: Where copies are kept.
        fetcher: Returns what downloads them.
    """

    def __init__(self, database: Database, fetcher: Callable[[], Fetcher]) -> None:
        super().__init__(database)
        self._fetcher = fetcher
        self._failed_at: OrderedDict[str, float] = OrderedDict()
        self._fetched_at: list[float] = []
        """When the fetches of the last minute began."""

    async def find(self, address: str) -> dict[str, Any]:
        """Return the document of a client.

        Raises:
            DocumentError: There is no usable document.
        """
        copy, fetched_at = await to_thread.run_sync(self._copy, address)
        if copy and fetched_at > self._now() - FRESH_SECONDS:
            return copy
        try:
            fetched = await self._fetch(address)
        except DocumentError:
            if copy:
                return copy
            raise
        await to_thread.run_sync(self._keep, address, fetched)
        return fetched

    async def _fetch(self, address: str) -> dict[str, Any]:
        now = self._now()
        self._fetched_at = [at for at in self._fetched_at if at > now - 60]
        if len(self._fetched_at) >= FETCHES_A_MINUTE:
            raise DocumentError("too many apps are signing in at once; try again in a minute")
        if self._failed_at.get(address, 0) > now - FAILED_SECONDS:
            raise DocumentError("it could not be fetched a moment ago; try again in a minute")
        self._fetched_at.append(now)
        file = io.BytesIO()
        try:
            await self._fetcher().download(
                address, file, max_bytes=DOCUMENT_BYTES, seconds=FETCH_SECONDS, max_redirects=0
            )
            return _read(address, file.getvalue())
        except FetchError as error:
            self._note_failure(address, now)
            raise DocumentError(error.reason) from None
        except DocumentError:
            self._note_failure(address, now)
            raise

    def _note_failure(self, address: str, now: float) -> None:
        self._failed_at[address] = now
        self._failed_at.move_to_end(address)
        if len(self._failed_at) > MOST_COPIES:
            self._failed_at.popitem(last=False)

    def _copy(self, address: str) -> tuple[dict[str, Any] | None, int]:
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT metadata, fetched_at FROM client_documents WHERE address = ?", (address,)
            ).fetchone()
        return (json.loads(found[0]), found[1]) if found else (None, 0)

    def _keep(self, address: str, document: dict[str, Any]) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM client_documents WHERE address IN (SELECT address FROM client_documents"
                " ORDER BY fetched_at DESC, address LIMIT 1000 OFFSET ?)",
                (MOST_COPIES - 1,),
            )
            connection.execute(
                "INSERT INTO client_documents (address, metadata, fetched_at) VALUES (?, ?, ?)"
                " ON CONFLICT (address) DO UPDATE SET metadata = excluded.metadata,"
                " fetched_at = excluded.fetched_at",
                (address, json.dumps(document), self._now()),
            )


def _read(address: str, content: bytes) -> dict[str, Any]:
    """Read a document.

    Raises:
        DocumentError: It does not describe a client at this address.
    """
    try:
        document = json.loads(content.decode())
    except (ValueError, RecursionError):
        raise DocumentError("it is not JSON") from None
    if not isinstance(document, dict):
        raise DocumentError("it is not a JSON object")
    fields = cast("dict[str, Any]", document)
    if fields.get("client_id") != address:
        raise DocumentError("its client_id is not its address")
    if any(name in fields for name in _SECRETS):
        raise DocumentError("it has a client secret, which everybody can read there")
    return fields
