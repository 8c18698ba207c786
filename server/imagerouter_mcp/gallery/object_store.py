"""Use an object store (S3, Google Cloud Storage, Azure) for what several servers share.

An object appears whole or not at all. Failures are `OSError`s, like those of files: a `FileNotFoundError` for
a missing object, else an `ObjectStoreError`.
"""

import errno
import logging
import re
import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import from_url
from pydantic import SecretStr

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.lines import cut_middle, one_line

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig
    from obstore.store import ObjectStore as Client

logger = logging.getLogger(__name__)

CHECKED_SECONDS = 30.0
"""Seconds that a store counts as writable after an object was written."""
MAX_REQUESTS = 16
"""Maximum number of concurrent requests: each holds a thread, for a minute if the store does not answer."""
PROBE_SECONDS = 0.5
"""How long to wait for one of these to end before a probe, a small request with a short timeout."""
OPEN_SECONDS = 2.0
"""How long the circuit breaker stays open after a failure."""
_WHOLE_BYTES = 32 * 2**20
"""Largest object that is sent in one request, which can require that the object is new."""
_OF_THE_MACHINE = "169.254.169.254"
"""Where machines of a cloud get credentials; it is asked when none are set."""
_READ_BYTES = 2**20
_LOGGED = 600
"""Maximum length of an error in the log: the request is at its beginning, the cause at its end."""
_REQUEST_SECONDS = 300
"""Longest time that a request takes, and that it waits for its turn."""
_CLIENT_OPTIONS: "ClientConfig" = {
    "connect_timeout": "5s",
    "read_timeout": "20s",
    "timeout": f"{_REQUEST_SECONDS}s",
    "allow_http": True,  # where the operator names such an address
}
_PROBE_OPTIONS: "ClientConfig" = {**_CLIENT_OPTIONS, "timeout": "1500ms"}
_CAUSES = {
    "MissingAccessKeyId": "AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not",
    "MissingSecretAccessKey": "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not",
    "<Code>InvalidAccessKeyId<": "it does not know the access key (AWS_ACCESS_KEY_ID)",
    "<Code>SignatureDoesNotMatch<": "the secret is not the access key's (AWS_SECRET_ACCESS_KEY)",
    "<Code>InvalidToken<": "it refuses the session token (AWS_SESSION_TOKEN)",
    "<Code>ExpiredToken<": "the temporary key has expired (AWS_SESSION_TOKEN)",
    "MissingAccount": "AZURE_STORAGE_ACCOUNT_NAME is not set",
    "InvalidAccessKey {": "the account's key is malformed (AZURE_STORAGE_ACCOUNT_KEY)",
    "<Code>AuthenticationFailed<": "it refuses the key or the signature (AZURE_STORAGE_ACCOUNT_KEY, "
    "AZURE_STORAGE_SAS_TOKEN)",
    "service account file": "the service account cannot be read (GOOGLE_APPLICATION_CREDENTIALS, "
    "GOOGLE_SERVICE_ACCOUNT_KEY)",
}
"""What is wrong, with the variable where an operator corrects it, by what is in obstore's error text."""
_RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class ObjectStoreError(OSError):
    """The object store failed; `strerror` says why, as the end of a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EIO, reason)


_NO_ANSWER = "it did not answer in time"
_NOT_REACHED = "it cannot be reached"


@dataclass(slots=True)
class _CircuitBreaker:
    """Lets requests fail at once while a store is away, so that they do not hold all threads.

    It opens when the store cannot be reached or does not answer in time. All people of a process share it;
    times are on a steady clock.
    """

    written_at: float = float("-inf")
    """When an object was last written."""
    opened_at: float = float("-inf")
    """When it last opened."""
    why: str = ""
    """Why it opened, as the end of a sentence."""
    answered_at: float = float("-inf")
    """When the store last answered, or when it was last probed."""
    slots: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MAX_REQUESTS)
    )
    probing: threading.Lock = field(default_factory=threading.Lock)

    def fail_if_open(self) -> None:
        """Raise an `ObjectStoreError` while it is open."""
        if time.monotonic() - self.opened_at < OPEN_SECONDS:
            raise ObjectStoreError(self.why)


class ObjectStore:
    """Objects below a prefix of a bucket.

    Args:
        client: obstore's client of the bucket.
        prober: Another client, with a short timeout, for the probe.
        address: The bucket's address, as the operator wrote it.
        prefix: Prefix of every key: empty, or ends with a slash.
        breaker: The store's circuit breaker.
    """

    def __init__(
        self,
        client: "Client",
        prober: "Client",
        address: str,
        prefix: str = "",
        breaker: _CircuitBreaker | None = None,
    ) -> None:
        self.address = address
        self._client = client
        self._prober = prober
        self._prefix = prefix
        self._breaker = breaker or _CircuitBreaker()

    def under(self, folder: str) -> "ObjectStore":
        """Return the objects below a folder of this one."""
        prefix = f"{self._prefix}{folder}/"
        return ObjectStore(self._client, self._prober, self.address, prefix, self._breaker)

    def check(self) -> bool:
        """Return True if objects can be written; write one to find out, unless one was written lately.

        Raises:
            ConfigurationError: Objects cannot be written; says why.
        """
        if time.monotonic() - self._breaker.written_at < CHECKED_SECONDS:
            return True
        try:
            with self._asking():
                obstore.put(self._client, f"{self._prefix}check", b"")
        except OSError as error:
            raise ConfigurationError(
                f"Pictures cannot be kept in the object store: {error.strerror}.",
                "The person who runs the server must correct IMAGEROUTER_OBJECT_STORE, the variables of its "
                "cloud, or the store.",
            ) from None
        self._breaker.written_at = time.monotonic()
        return True

    def try_out(self) -> None:
        """Write, list, read and delete an object: the server needs all four.

        Raises:
            ConfigurationError: One of them fails; says which, and why.
        """
        key, what = f"tried-{secrets.token_hex(8)}", "written"
        try:
            with self._asking():
                obstore.put(self._client, self._prefix + key, b"tried")
            what = "listed"
            self.sizes(key)
            what = "read"
            for _ in self.read(key):
                pass
            what = "deleted"
            self.delete(key)
        except OSError as error:
            raise ConfigurationError(
                f"Objects cannot be {what} in {self.address}: {error.strerror}.",
                "Correct IMAGEROUTER_OBJECT_STORE, the store's address (AWS_ENDPOINT if not Amazon's), "
                "the credentials, or what these may do there.",
            ) from None

    def put(self, key: str, file: Path) -> bool:
        """Write a file as an object.

        Args:
            key: The object's key. An object over 32 MiB replaces an earlier one, so derive its key from its
                content.
            file: The file.

        Returns:
            Whether the object is new; an existing one of up to 32 MiB is left as it was.

        Raises:
            OSError: It was not written.
        """
        in_one_request = file.stat().st_size <= _WHOLE_BYTES
        try:
            with self._asking():
                obstore.put(
                    self._client,
                    self._prefix + key,
                    file,
                    mode="create" if in_one_request else "overwrite",
                    use_multipart=not in_one_request,
                )
        except FileExistsError:
            return False
        return True

    def read(self, key: str) -> Iterator[bytes]:
        """Yield an object's content in pieces.

        Raises:
            FileNotFoundError: There is no such object.
            OSError: It cannot be read completely.
        """
        with self._asking():
            found = obstore.get(self._client, self._prefix + key)
            for piece in found.stream(min_chunk_size=_READ_BYTES):
                yield bytes(piece)

    def delete(self, *keys: str) -> None:
        """Remove objects, skipping those that do not exist.

        Raises:
            OSError: They cannot be removed.
        """
        for key in keys:
            with suppress(FileNotFoundError), self._asking():
                obstore.delete(self._client, self._prefix + key)

    def sizes(self, folder: str, older_than: timedelta = timedelta()) -> dict[str, int]:
        """Return the objects of a folder, with their sizes in bytes.

        Args:
            folder: Prefix of their keys.
            older_than: Age that objects must have at least.

        Raises:
            OSError: They cannot be listed.
        """
        latest = datetime.now(UTC) - older_than
        with self._asking():
            return {
                each["path"].removeprefix(self._prefix): each["size"]
                for batch in obstore.list(self._client, f"{self._prefix}{folder}")  # pyright: ignore[reportUnknownMemberType] - its type names a library that is not installed
                for each in batch
                if each["last_modified"] <= latest
            }

    @contextmanager
    def _asking(self) -> Generator[None]:
        """Send a request unless the circuit is open; turn obstore's errors into `OSError`s that say why."""
        self._acquire_slot()
        try:
            with self._explained():
                yield
            self._breaker.answered_at = time.monotonic()
        finally:
            self._breaker.slots.release()

    def _acquire_slot(self) -> None:
        """Wait until fewer requests are under way: for long if the store is busy, never if it is silent."""
        breaker, ends = self._breaker, time.monotonic() + _REQUEST_SECONDS
        breaker.fail_if_open()
        while not breaker.slots.acquire(timeout=PROBE_SECONDS):
            breaker.fail_if_open()
            if time.monotonic() > ends:
                raise ObjectStoreError("too many requests wait for it")
            self._probe()

    def _probe(self) -> None:
        """See whether the store answers at all, unless it has just answered or another thread probes it.

        Raises:
            ObjectStoreError: It does not, which opens the circuit.
        """
        breaker = self._breaker
        if time.monotonic() - breaker.answered_at < PROBE_SECONDS or not breaker.probing.acquire(
            blocking=False
        ):
            return
        try:
            obstore.head(self._prober, f"{self._prefix}check")
        except (BaseError, ValueError, FileNotFoundError) as error:
            if (reason := _reason(str(error))) in (_NO_ANSWER, _NOT_REACHED):
                raise self._failed(error, reason) from error
        finally:
            breaker.answered_at = time.monotonic()
            breaker.probing.release()

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except AlreadyExistsError as error:
            raise FileExistsError(errno.EEXIST, "it is there already") from error
        except FileNotFoundError as error:
            if "NoSuchBucket" not in str(error):
                raise FileNotFoundError(errno.ENOENT, "there is no such object") from error
            raise self._failed(error, "there is no such bucket") from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            reason = _cause(str(error)) or "it refuses these credentials, or they may not do this"
            raise self._failed(error, reason) from error
        except (BaseError, ValueError) as error:
            raise self._failed(error, _reason(str(error))) from error

    def _failed(self, error: Exception | str, reason: str) -> ObjectStoreError:
        self._breaker.written_at = float("-inf")
        if reason in (_NO_ANSWER, _NOT_REACHED):
            self._breaker.opened_at, self._breaker.why = time.monotonic(), reason
        logger.warning("The object store %s: %s: %s", self.address, reason, cut_middle(str(error), _LOGGED))
        return ObjectStoreError(reason)


def open_object_store(address: str, credentials: Mapping[str, SecretStr]) -> ObjectStore:
    """Return the object store at an address.

    Args:
        address: Such as `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
        credentials: By the names of the cloud's variables in lower case. Without any, obstore uses the roles
            and identities that the platform gives.

    Raises:
        ConfigurationError: The address cannot be used, or a setting that it needs is missing.
    """
    try:
        config: Any = {name: secret.get_secret_value() for name, secret in credentials.items()}
        client: Client = from_url(
            address, config=config, client_options=_CLIENT_OPTIONS, retry_config=_RETRIES
        )
        prober: Client = from_url(
            address, config=config, client_options=_PROBE_OPTIONS, retry_config={"max_retries": 0}
        )
    except (BaseError, ValueError) as error:
        reason = _cause(str(error)) or "its address, or a variable of its cloud, is wrong"
        raise ConfigurationError(
            f"The object store {address} cannot be used: {reason}.",
            "Correct IMAGEROUTER_OBJECT_STORE, or the variables of its cloud (docs/hosting.md).",
        ) from None
    return ObjectStore(client, prober, address)


def _cause(error_text: str) -> str | None:
    """Return which variable an obstore error is about, as the end of a sentence; None if about none."""
    return next((cause for sign, cause in _CAUSES.items() if sign in error_text), None)


def _reason(error_text: str) -> str:
    """Shorten obstore's error text to the reason in a few words."""
    error_text = one_line(error_text)
    if _OF_THE_MACHINE in error_text:
        return "no credentials are set, and this machine has none of its own"
    if status := re.search(r"non-2xx status code: (\d{3}) ([\w ]{1,40})", error_text):
        return f"it answers {status[1]} ({status[2].strip()})"
    if "timed out" in error_text or "TimedOut" in error_text or "Timeout" in error_text:
        return _NO_ANSWER
    return _NOT_REACHED if "error sending request" in error_text else "it did not answer as it should"
