"""`imagerouter-mcp doctor --remote URL`: check from outside what hosts on the web need from a server.

Nothing secret is sent. To try signing in, a client is registered that nobody ever uses, and that expires.
"""

import socket
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from imagerouter_mcp import __version__
from imagerouter_mcp.cli.checks import Finding
from imagerouter_mcp.cli.remote_requests import (
    HTTPS_PORT,
    NoReplyError,
    Reply,
    Request,
    ask,
    certificate_days,
    post_json,
)
from imagerouter_mcp.cli.sign_in_checks import sign_in_findings
from imagerouter_mcp.http_app.exposure import is_loopback

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "imagerouter-mcp doctor", "version": __version__},
    },
}
MOST_SECONDS = 60.0
"""Time limit for all of it, as each answer may take several seconds."""
_NO_SERVER = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
"""Statuses of a proxy that has no server to pass a request on to; `/health` itself never has one."""
_REDIRECTIONS = range(300, 400)
_DAYS = 14
"""A certificate that expires sooner should have been renewed."""
_CLOCK_SECONDS = 60
_GAP_SECONDS = 0.1
"""The probe's two events are a second apart; what a buffer holds back arrives at once."""
_TRIES = 3
_LARGEST_UPLOAD = 25 * 2**20
_UPLOAD_SECONDS = 3.0
_WEB_AGENT = "Claude-User"
"""What claude.ai calls itself."""


def examine(url: str) -> list[Finding]:
    """Check a server from outside.

    Args:
        url: Its MCP address, as people type it into a host.
    """
    found: list[Finding] = []
    ends = time.monotonic() + MOST_SECONDS
    try:
        for finding in _findings(url):
            found.append(finding)
            if time.monotonic() >= ends:
                what = (
                    f"Not everything was checked: its answers took more than {MOST_SECONDS:.0f} s together."
                )
                remedy = "Find out whether the proxy or the server is slow, then run this again."
                found.append(Finding("time", "failure", what, remedy))
                break
    except NoReplyError as error:
        found.append(Finding("reached", "failure", error.what, error.remedy))
    return found


def _findings(url: str) -> Iterator[Finding]:
    """Ask one thing after the other; nothing more if the proxy has no server to ask."""
    parts = urlsplit(url)
    yield _address(parts)
    health = ask(Request(_at(parts, "/health")))
    yield from _transport(parts)
    if health.status in _NO_SERVER:
        what = f"The proxy answers with status {health.status}: it has no server that is ready."
        remedy = "See that the servers run, and ask each for /ready, which says what is lacking."
        yield Finding("health", "failure", what, remedy)
        return
    yield from _probes(parts, health)
    yield _clock(health)
    yield _stream(parts)
    refused = post_json(url, INITIALIZE)
    yield _redirects(refused)
    yield _request_id(parts)
    yield _uploads(parts)
    yield _agents(url, refused)
    yield from _access(url, refused)


def _at(parts: SplitResult, path: str) -> str:
    """Return the address of another path of the server; a prefix that a proxy adds stays."""
    prefix = parts.path.rstrip("/").removesuffix("/mcp")
    return f"{parts.scheme}://{parts.netloc}{prefix}{path}"


def _address(parts: SplitResult) -> Finding:
    """Say whether hosts on the web can reach the address: https, port 443, public, by IPv4."""
    name = "address"
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or parts.scheme, socket.AF_INET)
    except OSError:
        what = f"{parts.hostname} has no IPv4 address that this machine finds."
        return Finding(name, "failure", what, "Hosts on the web use IPv4: add an A record.")
    addresses = {str(each[4][0]) for each in found}
    if not all(ip_address(each).is_global for each in addresses):
        what = f"{parts.hostname} can only be reached from this machine or a private network."
        remedy = "Hosts on that network can connect. claude.ai and ChatGPT need a public address."
        return Finding(name, "warning", what, remedy)
    if parts.scheme != "https" or parts.port not in (None, HTTPS_PORT):
        what = f"{parts.scheme}://{parts.netloc} is not https on port 443."
        return Finding(name, "failure", what, "claude.ai and ChatGPT only connect to https on port 443.")
    return Finding(name, "ok", f"{parts.hostname} has a public IPv4 address.")


def _transport(parts: SplitResult) -> Iterator[Finding]:
    if parts.scheme != "https":
        if is_loopback(parts.hostname or ""):
            return
        what = "The connection is not encrypted: anyone on the network path can read tokens and pictures."
        yield Finding("tls", "warning", what, "Put a proxy with TLS in front of the server.")
        return
    days = certificate_days(parts)
    if days < _DAYS:
        what = f"The certificate expires {'within a day' if days < 1 else f'in {days:.0f} days'}."
        yield Finding("tls", "warning", what, "Check that it is renewed automatically.")
    else:
        yield Finding("tls", "ok", f"The certificate is valid for {days:.0f} days.")


def _probes(parts: SplitResult, health: Reply) -> Iterator[Finding]:
    version = health.json.get("version")
    if health.status == HTTPStatus.OK and isinstance(version, str):
        yield Finding("health", "ok", f"imagerouter-mcp {version} answers.")
    else:
        what = f"/health answers with status {health.status}, and not as imagerouter-mcp does."
        yield Finding("health", "failure", what, "Have the proxy pass every path on to the server.")
    ready = ask(Request(_at(parts, "/ready")))
    if ready.status == HTTPStatus.OK and ready.json.get("status") == "ready":
        yield Finding("ready", "ok", "The server is ready.")
        return
    lacking = ready.json.get("lacking") or [ready.json.get("status") or f"status {ready.status}"]
    what = f"The server is not ready: {', '.join(map(str, lacking))}."
    yield Finding("ready", "failure", what, "Look at the server's log and settings.")


def _clock(health: Reply) -> Finding:
    try:
        server_time = parsedate_to_datetime(health.headers.get("date", ""))
    except ValueError:
        return Finding("clock", "unknown", "The server does not tell its time.", "Check that it uses NTP.")
    off = abs(server_time.timestamp() - time.time())
    if off > _CLOCK_SECONDS:
        what = f"The clocks of the server and of this machine differ by {off:.0f} s."
        return Finding(
            "clock", "failure", what, "Tokens and links expire at the wrong time: set both clocks by NTP."
        )
    return Finding("clock", "ok", "The server's clock agrees with this machine's.")


def _stream(parts: SplitResult) -> Finding:
    """Say whether events arrive as they are sent: the probe sends two, a second apart."""
    name = "event streams"
    for _ in range(_TRIES):
        reply = ask(Request(_at(parts, "/health"), headers={"Accept": "text/event-stream"}))
        if not reply.headers.get("content-type", "").startswith("text/event-stream"):
            remedy = "Check it with a generation: progress must appear while it runs."
            return Finding(
                name, "unknown", "This server has no stream that can be tried without a token.", remedy
            )
        if reply.gap > _GAP_SECONDS:
            return Finding(name, "ok", "Events arrive as they are sent.")
    what = "Events are held back until the answer is complete, so that no progress is seen."
    return Finding(name, "failure", what, "Turn buffering off in the proxy (nginx: proxy_buffering off).")


def _redirects(refused: Reply) -> Finding:
    if refused.status in _REDIRECTIONS:
        what = (
            f"It redirects to {refused.location.scheme}://{refused.location.netloc}{refused.location.path}."
        )
        remedy = "Hosts drop the token when redirected: give people the address that it redirects to."
        return Finding("redirects", "failure", what, remedy)
    return Finding("redirects", "ok", "It does not redirect.")


def _request_id(parts: SplitResult) -> Finding:
    sent = "doctor-0000"
    reply = ask(Request(_at(parts, "/health"), headers={"X-Request-Id": sent}))
    back = reply.headers.get("x-request-id")
    if back == sent:
        return Finding("request id", "ok", "X-Request-Id passes the proxy both ways.")
    if back:
        return Finding("request id", "ok", "The proxy sets X-Request-Id itself.")
    remedy = "Have the proxy pass it on, so that its log can be matched with the server's."
    return Finding("request id", "warning", "X-Request-Id does not come back.", remedy)


def _uploads(parts: SplitResult) -> Finding:
    """Announce the largest upload, to an address that no upload has; nothing of it is sent."""
    name = "uploads"
    announced = Request(
        _at(parts, "/uploads/none"),
        "POST",
        {"Content-Type": "image/png"},
        announced=_LARGEST_UPLOAD,
        seconds=_UPLOAD_SECONDS,
    )
    try:
        reply = ask(announced)
    except NoReplyError:
        what = "The proxy waits for the body, so its limit cannot be found without sending 25 MiB."
        return Finding(name, "unknown", what, "Try it once with an upload link.")
    if reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        what = "The proxy refuses uploads of 25 MiB."
        return Finding(name, "failure", what, "Raise its limit (nginx: client_max_body_size 26m).")
    return Finding(name, "ok", "The proxy passes on uploads of 25 MiB.")


def _agents(url: str, refused: Reply) -> Finding:
    reply = post_json(url, INITIALIZE, **{"User-Agent": _WEB_AGENT})
    if reply.status == refused.status:
        return Finding("bot filter", "ok", f"A client that calls itself {_WEB_AGENT} gets the same answer.")
    what = f"A client that calls itself {_WEB_AGENT} gets status {reply.status} instead of {refused.status}."
    return Finding("bot filter", "failure", what, "Turn the bot filter off for this name.")


def _access(url: str, refused: Reply) -> Sequence[Finding]:
    """Say who has access, and which hosts can connect."""
    if refused.status in _REDIRECTIONS:
        return []
    if refused.status == HTTPStatus.MISDIRECTED_REQUEST:
        remedy = "Set IMAGEROUTER_PUBLIC_URL, or add the name to IMAGEROUTER_HTTP_HOSTS."
        return [Finding("name", "failure", "The server does not know this host name.", remedy)]
    if refused.status == HTTPStatus.OK:
        what = "Anyone who reaches this address has access and spends the operator's credits."
        remedy = "Keep it on loopback, or set IMAGEROUTER_MCP_TOKEN."
        return [Finding("access", "warning", what, remedy)]
    asked = refused.headers.get("www-authenticate", "")
    if refused.status != HTTPStatus.UNAUTHORIZED or not asked.lower().startswith("bearer"):
        what = f"Without a token it answers with status {refused.status}, not with 401 and WWW-Authenticate."
        remedy = "Hosts only sign in at a 401: have the proxy pass it on unchanged."
        return [Finding("access", "failure", what, remedy)]
    if "resource_metadata=" in asked:
        return [_every_method(url, asked), *sign_in_findings(url, asked)]
    return [
        _every_method(url, asked),
        Finding("access", "ok", "It asks for the token of IMAGEROUTER_MCP_TOKEN."),
        Finding(
            "hosts",
            "warning",
            "Claude Code, Codex, VS Code, Cursor and others that send a header can connect; claude.ai and "
            "ChatGPT cannot, because nobody can sign in here.",
            "`imagerouter-mcp setup HOST --url … --token` registers this server with a host that sends a "
            "header.",
        ),
    ]


def _every_method(url: str, asked: str) -> Finding:
    others = {method: ask(Request(url, method)) for method in ("GET", "DELETE")}
    wrong = [
        method
        for method, reply in others.items()
        if reply.status != HTTPStatus.UNAUTHORIZED or reply.headers.get("www-authenticate") != asked
    ]
    if wrong:
        what = f"{' and '.join(wrong)} without a token is not answered with the same 401."
        return Finding("401", "failure", what, "Have the proxy pass on every method.")
    return Finding("401", "ok", "Every method without a token is answered with 401.")
