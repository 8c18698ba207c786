"""Send one request to ImageRouter, watch for signs of life, and decode the answer.

Three facts about the service shape this module: an error can arrive with status 200; a space arrives every
three seconds while a picture is made; and a request that was sent can complete and be charged although no
answer arrives.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
from anyio import to_thread
from pydantic import SecretStr

from imagerouter_mcp.api.decoding import MAX_VALUES, TooManyValuesError, decode
from imagerouter_mcp.api.error_objects import LOOK_FIRST, has_error_object, read_error
from imagerouter_mcp.api.kept import Head, clean_answer, kept_answer, read_answer
from imagerouter_mcp.api.liveness import SilenceError, Watch, watched
from imagerouter_mcp.api.quoting import quoted
from imagerouter_mcp.api.rate_limit import RateLimit
from imagerouter_mcp.api.redaction import Redactor
from imagerouter_mcp.errors import (
    ConfigurationError,
    ImageRouterError,
    OutcomeUnknownError,
    ServiceUnreachableError,
    UnexpectedResponseError,
)
from imagerouter_mcp.fetch import in_turns, is_readable, unpacked
from imagerouter_mcp.proxies import FRESH
from imagerouter_mcp.settings import KEYS_PAGE, key_complaint

logger = logging.getLogger(__name__)

Heartbeat = Callable[[], Awaitable[None]]
"""Called at each sign of life while the service works."""

CONNECT_SECONDS = 15.0
"""How long connecting may take."""
MAX_ANSWER_BYTES = 100 * 2**20
"""Upper bound on a paid answer: enough for a 75 MB picture in base64."""
MAX_LIST_BYTES = 16 * 2**20
"""Upper bound on any other answer; the model list has some 100 kB."""
_DECODED_AT_ONCE = 2**13
"""Bytes of an answer up to which handing it to a thread takes longer than decoding it."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_OK, _TOO_MANY = 200, 429
_SANDBOX = "imagerouter-sandbox"
"""What our own sandbox calls itself in its `Server` header."""


async def no_heartbeat() -> None:
    """Ignore a sign of life."""


@dataclass(frozen=True, slots=True)
class Call:
    """What to send.

    Attributes:
        method: The HTTP method.
        url: The whole address.
        paid: Whether the call may cost money, which decides what a lost answer means.
        authorized: Whether the API key goes with it.
        seconds: How long it may take in all.
        content: Further arguments of httpx: `json`, `files`, `content` and `headers`, or `params`.
        kept: The file that stores the answer as it arrives, so that it outlives this process.
    """

    method: str
    url: str
    seconds: float
    paid: bool = False
    authorized: bool = True
    content: Mapping[str, Any] | None = None
    kept: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A decoded answer, and whether it came from the sandbox."""

    body: object
    sandbox: bool


class ServiceHTTP:
    """Sends calls over one shared HTTP client.

    Args:
        http: The process's client.
        key: The API key, or None when the person has set none.
        stall_seconds: Seconds without a byte after which a connection counts as dead.
    """

    def __init__(self, http: httpx.AsyncClient, key: SecretStr | None, stall_seconds: float) -> None:
        self.rate_limit = RateLimit()
        self._http = http
        self._key = key
        self._redactor = Redactor(key)
        self._decoding = anyio.CapacityLimiter(1)  # an answer is in memory several times while it is decoded
        self._stall_seconds = stall_seconds
        self._timeout = httpx.Timeout(None, connect=min(CONNECT_SECONDS, stall_seconds), write=stall_seconds)

    def with_key(self, key: SecretStr, limit: RateLimit) -> "ServiceHTTP":
        """Return one that sends another key over the same connections.

        Args:
            key: The key.
            limit: What is known of that key's limit.
        """
        other = copy(self)
        other.rate_limit, other._key, other._redactor = limit, key, Redactor(key)  # noqa: SLF001 - of its own class
        return other

    async def send(self, call: Call, heartbeat: Heartbeat = no_heartbeat) -> Answer:
        """Send one call and decode its answer.

        Raises:
            ConfigurationError: No usable key is set, and the call needs one.
            ServiceUnreachableError: The call never reached the service, or could not cost anything.
            OutcomeUnknownError: A paid call was sent, and its answer did not arrive.
            UnexpectedResponseError: The answer is not the service's JSON.
            APIError: The service refused; the subclass says why.
        """
        _host(call)  # refuses what is no address
        authorization = self.authorization() if call.authorized else {}
        try:
            with watched(self._stall_seconds, call.seconds) as watch:
                async with self._open(call, authorization, watch) as response:
                    watch.alive()
                    if call.paid:
                        self.rate_limit.learn(response.status_code, response.headers)
                    body = await self._read(response, call, watch, heartbeat)
        except SilenceError as silence:
            raise _no_answer(call, str(silence)) from None
        except _NEVER_SENT as error:
            raise _unreachable(call, self._reason(error)) from error
        except httpx.HTTPError as error:
            reason = self._reason(error)
            raise _no_answer(call, f"the connection broke ({reason})") from error
        head = Head.of(response)
        if len(body) <= _DECODED_AT_ONCE:
            return self._decode(call, head, body)
        return await to_thread.run_sync(self._decode, call, head, body, limiter=self._decoding)

    @asynccontextmanager
    async def _open(
        self, call: Call, authorization: Mapping[str, str], watch: Watch
    ) -> AsyncGenerator[httpx.Response]:
        """Send the request and return the answer's beginning.

        The service closes idle connections, sometimes at the moment when one is used again. A paid request
        therefore has a new connection, and a free request is sent again.
        """
        try:
            response = await self._http.send(
                self._request(call, authorization, watch, fresh=call.paid), stream=True
            )
        except _BROKEN:
            if call.paid:
                raise
            response = await self._http.send(
                self._request(call, authorization, watch, fresh=True), stream=True
            )
        try:
            yield response
        finally:
            await response.aclose()

    def _request(
        self, call: Call, authorization: Mapping[str, str], watch: Watch, *, fresh: bool
    ) -> httpx.Request:
        content = dict(call.content or {})
        return self._http.build_request(
            call.method,
            call.url,
            headers={**authorization, **content.pop("headers", {})},
            timeout=self._timeout,
            extensions={"trace": watch.trace, FRESH: fresh},
            **content,
        )

    async def _read(
        self, response: httpx.Response, call: Call, watch: Watch, heartbeat: Heartbeat
    ) -> bytearray:
        if not is_readable(response):
            raise UnexpectedResponseError(
                "ImageRouter's answer is compressed in a way that was not asked for.",
                LOOK_FIRST if call.paid else "Check the proxy settings and IMAGEROUTER_BASE_URL.",
                charged="unknown" if call.paid else "no",
            )
        most = MAX_ANSWER_BYTES if call.paid else MAX_LIST_BYTES
        body = bytearray()
        with kept_answer(call.kept, response) as keep:
            async for chunk in unpacked(response, in_turns(response.aiter_raw())):
                watch.alive()
                if not body and chunk.isspace():
                    await heartbeat()
                    continue
                keep(chunk)
                body += chunk
                if len(body) > most:
                    raise UnexpectedResponseError(
                        f"ImageRouter's answer is larger than {most // 2**20} MiB.",
                        f"{LOOK_FIRST} Ask for the picture by URL: response_format=url."
                        if call.paid
                        else "Try again later.",
                        charged="unknown" if call.paid else "no",
                    )
        return body

    def read_kept(self, call: Call) -> Answer:
        """Decode the answer that an earlier process stored; raises what `send` raises.

        Raises:
            OutcomeUnknownError: The answer never arrived, or not completely.
        """
        found = read_answer(call.kept, self._redactor.blot) if call.kept else None
        if found is None:
            raise _no_answer(call, "the server ended before the answer came")
        try:
            return self._decode(call, *found)
        except UnexpectedResponseError:  # JSON that was cut short
            raise _no_answer(call, "the server ended before the whole answer came") from None

    def clean_kept(self, kept: Path) -> None:
        """Remove the key from a stored answer that stays. A failure to write is logged and ignored."""
        try:
            clean_answer(kept, self._redactor.blot)
        except OSError as error:
            logger.warning("%s could not be searched for the API key: %s.", kept, error.strerror or error)

    def authorization(self) -> dict[str, str]:
        """Return the header with the API key.

        Raises:
            ConfigurationError: No key is set, or it cannot be one.
        """
        if self._key is None:
            raise ConfigurationError(
                "No ImageRouter API key is set.",
                f"Make a key at {KEYS_PAGE} and store it with the command `imagerouter-mcp key`, or set "
                "IMAGEROUTER_API_KEY for this server and restart it; to try it without a key, start it with "
                "--sandbox.",
            )
        key = self._key.get_secret_value()
        if complaint := key_complaint(key):
            raise ConfigurationError(
                f"The ImageRouter API key {complaint}.",
                f"Copy it again from {KEYS_PAGE} into IMAGEROUTER_API_KEY, or store it with the command "
                "`imagerouter-mcp key`, and restart the server.",
            )
        return {"Authorization": f"Bearer {key}"}

    def _decode(self, call: Call, head: Head, body: bytes | bytearray) -> Answer:
        try:
            decoded = decode(self._redactor.body(body), self._redactor.text)
        except (ValueError, RecursionError):
            raise self._not_json(call, head, body) from None
        except TooManyValuesError:
            raise UnexpectedResponseError(
                f"ImageRouter's answer has more than {MAX_VALUES} values.",
                LOOK_FIRST if call.paid else "Try again later.",
                charged="unknown" if call.paid else "no",
            ) from None
        if head.status >= httpx.codes.INTERNAL_SERVER_ERROR and not has_error_object(decoded):
            raise self._not_json(call, head, body)
        error = read_error(head.status, head.headers, decoded, paid=call.paid)
        if error:
            raise error
        return Answer(decoded, sandbox=head.headers.get("server") == _SANDBOX)

    def _not_json(self, call: Call, head: Head, body: bytes | bytearray) -> ImageRouterError:
        """Return the error for an answer that is not the service's: a proxy's error page, a wrong address."""
        return _foreign(call, head, self._redactor.text(body[:2000].decode("utf-8", "replace")))

    def _reason(self, error: httpx.HTTPError) -> str:
        """Return the error's own words, which may quote what a broken server sent."""
        return quoted(self._redactor.text(str(error) or type(error).__name__), marks="")


def _unreachable(call: Call, reason: str) -> ServiceUnreachableError:
    return ServiceUnreachableError(
        f"ImageRouter could not be reached at {_host(call)}: {reason}.",
        "Check the internet connection, the proxy settings and IMAGEROUTER_BASE_URL, then try again.",
    )


def _no_answer(call: Call, what: str) -> ImageRouterError:
    """Return the error for a lost answer: only free calls may simply be tried again."""
    if not call.paid:
        return ServiceUnreachableError(
            f"ImageRouter at {_host(call)} did not answer: {what}.", "Try again in a moment."
        )
    return OutcomeUnknownError(
        f"The request was sent to ImageRouter, and {what}.",
        f"{LOOK_FIRST} A slow model may need a higher IMAGEROUTER_TIMEOUT.",
    )


def _foreign(call: Call, head: Head, text: str) -> ImageRouterError:
    status = head.status
    begin = quoted(text, limit=120)
    if call.paid and status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return OutcomeUnknownError(
            f"A gateway in front of ImageRouter answered with status {status} instead: {begin}.",
            LOOK_FIRST,
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServiceUnreachableError(
            f"ImageRouter at {_host(call)} answered with status {status}: {begin}.", "Try again in a minute."
        )
    if status == _TOO_MANY and (error := read_error(status, head.headers, {"message": text})):
        return error
    if status != _OK:
        return UnexpectedResponseError(
            f"{_host(call)} answered with status {status} and not as ImageRouter does: {begin}.",
            "Check IMAGEROUTER_BASE_URL: it is only the origin, such as https://api.imagerouter.io.",
        )
    return UnexpectedResponseError(
        f"ImageRouter's answer is not JSON: {begin}.",
        LOOK_FIRST if call.paid else "Try again.",
        charged="unknown" if call.paid else "no",
    )


def _host(call: Call) -> str:
    try:
        return httpx.URL(call.url).host
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigurationError(
            "The configured address of ImageRouter is not a web address.",
            "Correct or remove IMAGEROUTER_BASE_URL, and restart the server.",
        ) from None
