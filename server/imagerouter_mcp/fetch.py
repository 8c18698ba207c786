"""Download of addresses that others chose: source images by URL, and results."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import anyio
import anyio.to_thread
import httpx

from imagerouter_mcp import __version__
from imagerouter_mcp.errors import ConfigurationError

MAX_REDIRECTS = 5
MAX_CONNECTIONS = 100
_LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")
"""What lies on this machine is never asked for through a proxy."""
_BUFFER_BYTES = 2**20
"""Downloads reach the disk in pieces of this size, written off the event loop."""
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Statuses after which the same address may answer well a moment later."""


class FetchError(Exception):
    """An address could not be fetched.

    Attributes:
        reason: Why, as the end of a sentence: "it answers with status 404".
        passing: Whether another try may succeed.
    """

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.passing = passing


def http_client() -> httpx.AsyncClient:
    """The process's one HTTP client: connections kept alive, proxies of the environment honoured.

    Raises:
        ConfigurationError: The environment names a proxy or a certificate file that cannot be used.
    """
    try:
        return httpx.AsyncClient(
            headers={"User-Agent": f"imagerouter-mcp/{__version__}"},
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=20),
            mounts=dict.fromkeys(_LOOPBACK),
        )
    except (ImportError, ValueError, OSError, httpx.InvalidURL):
        # httpx's own words may repeat a proxy's password.
        raise ConfigurationError(
            "The proxy settings (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) or SSL_CERT_FILE of the environment "
            "cannot be used; a proxy must be an http:// or https:// address.",
            "Correct or remove them in the configuration of this MCP server, and restart the server.",
        ) from None


class Fetcher:
    """Fetches addresses without ever sending the API key.

    Args:
        http: The process's client.
        stall_seconds: Seconds without a byte after which a connection counts as dead.
    """

    def __init__(self, http: httpx.AsyncClient, stall_seconds: float) -> None:
        self._http = http
        self._timeout = httpx.Timeout(stall_seconds, pool=None)

    async def download(self, url: str, target: BinaryIO, *, max_bytes: int, seconds: float) -> int:
        """Stream what lies at an address into a file, from the file's beginning.

        Args:
            url: An http or https address.
            target: An open binary file; its earlier content is dropped.
            max_bytes: The most that is accepted.
            seconds: How long it may take in all.

        Returns:
            How many bytes there were.

        Raises:
            FetchError: It could not be had; says whether another try may help.
        """
        target.seek(0)
        target.truncate()
        try:
            with anyio.fail_after(seconds):
                async with self._open(url) as response:
                    return await _copy(response, target, max_bytes)
        except TimeoutError:
            raise FetchError(f"it takes longer than {seconds:g} seconds", passing=True) from None
        except httpx.TimeoutException:
            raise FetchError("it does not answer", passing=True) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise FetchError("it is not a web address") from None
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise FetchError(f"the connection failed ({reason})", passing=True) from error

    @asynccontextmanager
    async def _open(self, url: str) -> AsyncGenerator[httpx.Response]:
        """Follow redirects hop by hop, so that each address is looked at before it is asked."""
        for _ in range(MAX_REDIRECTS + 1):
            _check(url)
            async with self._http.stream("GET", url, timeout=self._timeout) as response:
                if response.has_redirect_location:
                    url = _target(url, response.headers["location"])
                    continue
                if not response.is_success:
                    status = response.status_code
                    raise FetchError(f"it answers with status {status}", passing=status in _PASSING)
                yield response
                return
        raise FetchError(f"it redirects more than {MAX_REDIRECTS} times")


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
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise FetchError(_too_large(max_bytes))
    total = 0
    buffer = bytearray()
    async for chunk in response.aiter_bytes():
        total += len(chunk)
        if total > max_bytes:
            raise FetchError(_too_large(max_bytes))
        buffer += chunk
        if len(buffer) >= _BUFFER_BYTES:
            await anyio.to_thread.run_sync(target.write, bytes(buffer))
            buffer.clear()
    await anyio.to_thread.run_sync(target.write, bytes(buffer))
    return total


def _too_large(max_bytes: int) -> str:
    return f"it is larger than {math.ceil(max_bytes / 2**20)} MiB"
