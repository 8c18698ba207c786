"""Send requests as a stranger would: without a token, to any address, without following redirects."""

import json
import socket
import ssl
import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from imagerouter_mcp import __version__
from imagerouter_mcp.errors import ImageRouterError

SECONDS = 10.0
"""Time limit for each step of a request; web hosts give a token request as long."""
HTTPS_PORT = 443
_MOST_BYTES = 256 * 1024
_DAY_SECONDS = 86400
AGENT = f"imagerouter-mcp-doctor/{__version__}"


class NoReplyError(ImageRouterError):
    """A server could not be reached, or did not answer."""

    kind = "unreachable"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        status: Its status.
        headers: Its headers, by their names in lower case.
        body: The beginning of its body.
        gap: Seconds between its first bytes and its end.
        cookies: What it sets, as a browser sends it back.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    gap: float = 0.0
    cookies: str = ""

    @property
    def json(self) -> dict[str, Any]:
        """Its body as a JSON object, or an empty one."""
        try:
            found: object = json.loads(self.body)
        except ValueError:
            return {}
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

    @property
    def location(self) -> SplitResult:
        """Where it redirects to."""
        return urlsplit(self.headers.get("location", ""))


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        url: The whole address.
        method: Its method.
        headers: Its headers.
        body: Its body.
        announced: The size of a body that is announced but not sent.
        seconds: The time limit for each step.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    announced: int | None = None
    seconds: float = SECONDS


def ask(request: Request) -> Reply:
    """Send a request and return any answer.

    Raises:
        NoReplyError: There is none.
    """
    with _sent(request) as answer:
        headers = {name.lower(): value for name, value in answer.getheaders()}
        first = answer.read1(_MOST_BYTES)
        arrived = time.monotonic()
        rest = answer.read(_MOST_BYTES)
        gap = time.monotonic() - arrived
        cookies = "; ".join(each.partition(";")[0] for each in answer.headers.get_all("set-cookie", []))
        return Reply(answer.status, headers, first + rest, gap, cookies)


def post_json(url: str, content: object, **headers: str) -> Reply:
    """Send JSON; raises as `ask` does."""
    kinds = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return ask(Request(url, "POST", {**kinds, **headers}, json.dumps(content).encode()))


def certificate_days(parts: SplitResult) -> float:
    """Return how many more days a server's certificate is valid; raises as `ask` does."""
    host = parts.hostname or ""
    with (
        _explained(parts),
        socket.create_connection((host, parts.port or HTTPS_PORT), SECONDS) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secured,
    ):
        ends = cast("dict[str, str]", secured.getpeercert())["notAfter"]
    return (ssl.cert_time_to_seconds(ends) - time.time()) / _DAY_SECONDS


@contextmanager
def _sent(request: Request) -> Generator[HTTPResponse]:
    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    size = len(request.body or b"") if request.announced is None else request.announced
    with _explained(parts), closing(_connection(parts, request.seconds)) as connection:
        connection.putrequest(request.method, target, skip_accept_encoding=True)
        for name, value in {"User-Agent": AGENT, "Content-Length": str(size), **request.headers}.items():
            connection.putheader(name, value)
        connection.endheaders(request.body)
        yield connection.getresponse()


def _connection(parts: SplitResult, seconds: float) -> HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        return HTTPSConnection(host, parts.port, timeout=seconds, context=ssl.create_default_context())
    return HTTPConnection(host, parts.port, timeout=seconds)


@contextmanager
def _explained(parts: SplitResult) -> Generator[None]:
    """Turn the failures of a connection into sentences."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise NoReplyError(
            f"The certificate of {parts.hostname} is not accepted: {error.verify_message}.",
            "Have the proxy send a valid certificate for this name, with its whole chain.",
        ) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise NoReplyError(
            f"{parts.netloc} does not answer: {reason}.",
            "Check the address, its entry in DNS, the firewall, and that the server runs.",
        ) from None
