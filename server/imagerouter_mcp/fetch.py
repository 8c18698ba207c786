"""Download from addresses that others chose: source images given by URL, and results."""

import math
import ssl
import sys
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.util import find_spec
from io import BytesIO
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpcore
import httpx

from imagerouter_mcp import __version__
from imagerouter_mcp.addresses import (
    PURPOSE,
    AddressRefusedError,
    DownloadTransport,
    Network,
    Policy,
    Purpose,
)
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.lines import one_line
from imagerouter_mcp.proxies import ProxiedTransport

MAX_REDIRECTS = 5
_HEADERS = {"User-Agent": f"imagerouter-mcp/{__version__}", "Accept-Encoding": "identity"}
_ENCODINGS = frozenset({"", "identity", "gzip"})
"""Content encodings that are accepted although none was requested."""
_MAX_REASON = 120
_PIECE_BYTES = 2**20
"""Downloads are written to disk in pieces of this size, outside the event loop."""
_SMALL_BYTES = 256
"""Average size of the chunks of a download. Smaller ones would take long to parse."""
_SPARE_BYTES = 4000 * _SMALL_BYTES
"""How far a download may be below that average, whatever came before."""
_CHUNKS_IN_A_TURN = 100
"""How many chunks are taken before other work has a turn."""
_WRITTEN_AT_ONCE = 2**16
"""Up to this size, handing a piece to a thread takes longer than writing it."""
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Statuses after which another try may succeed."""


if find_spec("sniffio") is None:
    # httpcore tries to import it eight times a call, and each time Python searches its whole path for it.
    sys.modules["sniffio"] = None  # pyright: ignore[reportArgumentType] - Python's way to say that there is none


class FetchError(Exception):
    """A download failed.

    Attributes:
        reason: Why, as the end of a sentence, such as "it answers with status 404".
        passing: Whether another try may succeed.
        private: Whether its address is one that only this machine or its network should reach.
    """

    def __init__(self, reason: str, *, passing: bool = False, private: bool = False) -> None:
        self.reason = reason
        self.passing = passing
        self.private = private


@cache
def tls_context() -> ssl.SSLContext:
    """Make the TLS settings of all https connections; this takes 40 ms, so it is done once.

    Raises:
        ConfigurationError: The environment names a certificate file that cannot be used.
    """
    try:
        return httpx.create_ssl_context()
    except OSError:
        raise ConfigurationError(
            "The certificate file that SSL_CERT_FILE or SSL_CERT_DIR names cannot be used.",
            "Correct or remove it in the configuration of this MCP server, and restart the server.",
        ) from None


def http_client() -> httpx.AsyncClient:
    """Make the client for ImageRouter, which keeps connections alive and uses the environment's proxies.

    It follows no redirect, because its requests carry the API key.

    Raises:
        ConfigurationError: As for `tls_context`.
    """
    return httpx.AsyncClient(transport=ProxiedTransport(tls_context()), headers=_HEADERS)


def is_readable(response: httpx.Response) -> bool:
    """Return whether a body can be read piece by piece without one piece filling the memory."""
    return response.headers.get("content-encoding", "").strip().lower() in _ENCODINGS


async def in_turns(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield chunks, with a turn for other work now and then: very small ones can come without a pause."""
    many = 0
    async for chunk in chunks:
        many += 1
        if many % _CHUNKS_IN_A_TURN == 0:
            await anyio.lowlevel.checkpoint()
        yield chunk


async def unpacked(response: httpx.Response, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield a body without its layer of gzip, in pieces of at most `_PIECE_BYTES` if it has one.

    httpx would unpack 64 MiB at once of what is received at once.

    Args:
        response: Tells whether it is packed; see `is_readable`.
        chunks: The body as it arrives.

    Raises:
        httpx.DecodingError: It is not gzip, although it says so.
    """
    if response.headers.get("content-encoding", "").strip().lower() != "gzip":
        async for chunk in chunks:
            yield chunk
        return
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        async for chunk in chunks:
            packed = chunk
            while packed and not unpacking.eof:
                yield unpacking.decompress(packed, _PIECE_BYTES)
                packed = unpacking.unconsumed_tail
                await anyio.lowlevel.checkpoint()
        yield unpacking.flush()
    except zlib.error:
        raise httpx.DecodingError("it sent no gzip, but said so") from None


class Fetcher:
    """Downloads from addresses that others chose. Never sends the API key or a cookie.

    Args:
        policy: Which private addresses are allowed.
        stall_seconds: Seconds without a byte after which a connection counts as dead.
        network: How names are resolved and connections made; by default the system's way.

    Raises:
        ConfigurationError: As for `tls_context`.
    """

    def __init__(
        self,
        policy: Policy,
        stall_seconds: float,
        network: Network | None = None,
    ) -> None:
        self._timeout = httpx.Timeout(stall_seconds, pool=None)
        self._http = httpx.AsyncClient(
            transport=DownloadTransport(policy, tls_context(), network),
            headers=_HEADERS,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            event_hooks={"response": [_check_redirect]},
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def download(
        self,
        url: str,
        target: BinaryIO,
        *,
        max_bytes: int,
        seconds: float,
        purpose: Purpose = "source",
        max_redirects: int = MAX_REDIRECTS,
    ) -> int:
        """Download an address into a file, replacing the file's content.

        Args:
            url: An http or https address.
            target: An open binary file.
            max_bytes: The largest accepted size.
            seconds: Time limit for the whole download.
            purpose: What it is for; a result may also come from the service's own origin if that is private.
            max_redirects: How many redirects are followed.

        Returns:
            The size in bytes.

        Raises:
            FetchError: The download failed; says whether another try may help.
        """
        target.seek(0)
        target.truncate()
        async with _limited(seconds), self._open(url, purpose, max_redirects) as response:
            return await _copy(response, target, max_bytes)

    async def ask(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int,
        seconds: float,
    ) -> tuple[int, bytes]:
        """Send a request and return the status and the body of its answer. No redirect is followed.

        Args:
            url: An http or https address.
            form: What is posted; None for a GET.
            headers: Further headers.
            max_bytes: The largest accepted body.
            seconds: Time limit for the whole answer.

        Raises:
            FetchError: There is no answer, or one that is too large.
        """
        _check(url)
        body = BytesIO()
        async with (
            _limited(seconds),
            self._http.stream(
                "GET" if form is None else "POST",
                url,
                data=form,
                headers=headers,
                timeout=self._timeout,
                extensions={PURPOSE: "source"},
            ) as response,
        ):
            await _copy(response, body, max_bytes)
            return response.status_code, body.getvalue()

    @asynccontextmanager
    async def _open(self, url: str, purpose: Purpose, max_redirects: int) -> AsyncGenerator[httpx.Response]:
        """Send the request and follow redirects one by one, checking each address before it is requested."""
        for _ in range(max_redirects + 1):
            _check(url)
            async with self._http.stream(
                "GET", url, timeout=self._timeout, extensions={PURPOSE: purpose}
            ) as response:
                if response.has_redirect_location:
                    url = _target(url, response.headers["location"])
                    continue
                if not response.is_success:
                    status = response.status_code
                    raise FetchError(f"it answers with status {status}", passing=status in _PASSING)
                yield response
                return
        raise FetchError(
            f"it redirects more than {max_redirects} times" if max_redirects else "it redirects elsewhere"
        )


@asynccontextmanager
async def _limited(seconds: float) -> AsyncGenerator[None]:
    """Limit the time of a block, and turn its failures into `FetchError`."""
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise FetchError(f"it takes longer than {seconds:g} seconds", passing=True) from None
    except AddressRefusedError as error:
        raise FetchError(str(error), private=True) from None
    except ConfigurationError as error:
        raise FetchError(f"the proxy for it cannot be used ({error.what})") from None
    except (httpx.TimeoutException, httpcore.TimeoutException):
        raise FetchError("it does not answer", passing=True) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        raise FetchError("it is not a web address") from None
    except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError) as error:
        # The message may repeat what the server sent in place of an answer.
        reason = one_line(str(error) or type(error).__name__, _MAX_REASON)
        raise FetchError(f"the connection failed ({reason})", passing=True) from error


async def _check_redirect(response: httpx.Response) -> None:
    """Refuse a redirect to an invalid address; httpx would call it a broken connection, which may pass."""
    if response.has_redirect_location:
        httpx.URL(_target(str(response.url), response.headers["location"]))


def _target(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise FetchError("it redirects to what is not a web address") from None


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError when it is none
    except ValueError:
        raise FetchError("it is not a web address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchError("it is not an http or https address")
    if parts.username or parts.password:
        raise FetchError("it holds a user name or a password")


async def _copy(response: httpx.Response, target: BinaryIO, max_bytes: int) -> int:
    if not is_readable(response):
        raise FetchError("it is compressed in a way that was not asked for")
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise FetchError(_too_large(max_bytes))
    total = 0
    async for piece in unpacked(response, _received(response)):
        total += len(piece)
        if total > max_bytes:
            raise FetchError(_too_large(max_bytes))
        if len(piece) <= _WRITTEN_AT_ONCE:
            target.write(piece)
        else:
            await anyio.to_thread.run_sync(target.write, piece)
    return total


async def _received(response: httpx.Response) -> AsyncGenerator[bytes]:
    """Yield what arrives, in pieces of about `_PIECE_BYTES`.

    Raises:
        FetchError: It arrives in too many small chunks.
    """
    gathered, spare = bytearray(), _SPARE_BYTES
    async for chunk in response.aiter_raw():
        spare = min(spare + len(chunk) - _SMALL_BYTES, _SPARE_BYTES)
        if spare < 0:
            raise FetchError("it arrives in too many small chunks")
        gathered += chunk
        if len(gathered) >= _PIECE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _too_large(max_bytes: int) -> str:
    shown = f"{math.ceil(max_bytes / 2**20)} MiB" if max_bytes >= 2**20 else f"{max_bytes // 1024} KiB"
    return f"it is larger than {shown}"
