"""Ways to get in over HTTP without the token or a link that holds: as bearer, to download, to upload."""

import http.client
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from imagerouter_mcp.gallery.signed_links import Links, Purpose
from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.http_serving import INITIALIZE, Serving, bare_environment, sandbox_environment, serving

Row = Callable[[str, str, str], None]
Answer = tuple[int, bytes]

SECTION = "Getting in over HTTP"
TOKEN, OLD_TOKEN = "right-token-0123456789abcdef01234567", "old-token-fedcba98765432100123456789"
SECRET, OTHER_SECRET = (
    "link-secret-of-this-test-0123456789abcdef",
    "another-secret-of-a-test-0123456789abcdef",
)
DAY = 86_400
PING: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@dataclass(frozen=True)
class Target:
    """A server that asks for a token, with one picture made, one link unused and one session begun."""

    server: Serving
    links: Links
    handle: str
    session: str
    data: Path


def guarded(sandbox: Sandbox, home: Path, *tokens: str) -> dict[str, str]:
    """The environment of a server that asks for a token."""
    return {
        **bare_environment(home),
        **sandbox_environment(sandbox, home),
        "IMAGEROUTER_MCP_TOKEN": ",".join(tokens or (TOKEN,)),
        "IMAGEROUTER_LINK_SECRET": SECRET,
    }


@pytest.fixture(scope="module")
def target(
    session_sandbox: tuple[Sandbox, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    home = tmp_path_factory.mktemp("home")
    with serving(guarded(session_sandbox[0], home)) as server:
        began = httpx.post(server.url, json=INITIALIZE, headers=with_token(JSON), trust_env=False, timeout=60)
        session = began.headers["mcp-session-id"]
        call = {"name": "generate_image", "arguments": {"prompt": "A fox", "model": "test/test"}}
        made = httpx.post(
            server.url,
            json={"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
            headers={**with_token(JSON), "Mcp-Session-Id": session},
            trust_env=False,
            timeout=60,
        )
        (line,) = [line for line in made.text.splitlines() if line.startswith('data: {"jsonrpc"')][-1:]
        (image,) = json.loads(line.removeprefix("data: "))["result"]["structuredContent"]["images"]
        yield Target(server, Links(server.base, SECRET.encode()), image["handle"], session, home / "data")


def with_token(headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "Authorization": f"Bearer {TOKEN}"}


def ask(
    server: Serving, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
) -> Answer:
    """One request with its target as it is written, which httpx would tidy."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        connection.putrequest(method, target)
        for name, value in headers.items():
            for each in value.split("\n"):  # a header several times
                connection.putheader(name, each)
        connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, b"" if method == "GET" and answer.status == 200 else answer.read()
    finally:
        connection.close()


def knock(
    target: Target, path: str = "/mcp", *, method: str = "POST", body: object = INITIALIZE, **headers: str
) -> Answer:
    """A first request of a client, with headers of the caller's."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(target.server, method, path, {**JSON, **named}, json.dumps(body).encode())


def test_a_slash_too_many_is_cut_off_without_naming_a_host(target: Target, row: Row) -> None:
    """Behind a proxy that ends TLS, the server's own idea of its scheme would be http."""
    link = target.links.download(target.handle).removeprefix(target.server.base)
    for what, path in (("download link", link.replace("?", "/?")), ("bearer", "/mcp/")):
        answer = httpx.get(f"{target.server.base}{path}", headers=with_token(JSON), trust_env=False)
        assert answer.status_code == 307
        assert answer.headers["location"] == path.replace("/?", "?").removesuffix("/")
        row(SECTION, f"{what}: a slash behind the path", "307, to a path alone")


BEARER: list[tuple[str, Callable[[Target], Answer]]] = [
    ("no Authorization", knock),
    ("an empty Authorization", lambda t: knock(t, Authorization="")),
    ("`Bearer` alone", lambda t: knock(t, Authorization="Bearer")),
    ("a wrong token", lambda t: knock(t, Authorization="Bearer wrong")),
    ("the token without its scheme", lambda t: knock(t, Authorization=TOKEN)),
    ("the token as Basic", lambda t: knock(t, Authorization=f"Basic {TOKEN}")),
    ("the token and one character more", lambda t: knock(t, Authorization=f"Bearer {TOKEN}x")),
    ("the token without its last character", lambda t: knock(t, Authorization=f"Bearer {TOKEN[:-1]}")),
    ("the token in capitals", lambda t: knock(t, Authorization=f"Bearer {TOKEN.upper()}")),
    (
        "the token twice, as the setting lists two",
        lambda t: knock(t, Authorization=f"Bearer {TOKEN},{TOKEN}"),
    ),
    ("the secret of the links as token", lambda t: knock(t, Authorization=f"Bearer {SECRET}")),
    ("a wrong token, then the right one", lambda t: knock(t, Authorization=f"Bearer x\nBearer {TOKEN}")),
    ("the right token, then a wrong one", lambda t: knock(t, Authorization=f"Bearer {TOKEN}\nBearer x")),
    ("the token in the query", lambda t: knock(t, f"/mcp?access_token={TOKEN}&token={TOKEN}")),
    ("the token as cookie", lambda t: knock(t, Cookie=f"Authorization=Bearer {TOKEN}; token={TOKEN}")),
    ("the token in Proxy-Authorization", lambda t: knock(t, Proxy_Authorization=f"Bearer {TOKEN}")),
    ("the token in X-Authorization", lambda t: knock(t, X_Authorization=f"Bearer {TOKEN}")),
    (
        "the token in X-Forwarded-Authorization",
        lambda t: knock(t, X_Forwarded_Authorization=f"Bearer {TOKEN}"),
    ),
    (
        "a session of a client that had it, without it",
        lambda t: knock(t, body=PING, Mcp_Session_Id=t.session),
    ),
    ("the same, to end that session", lambda t: knock(t, method="DELETE", Mcp_Session_Id=t.session)),
    ("the same, to listen to it", lambda t: knock(t, method="GET", Mcp_Session_Id=t.session)),
    (
        "a request of the newer protocol, which has no session",
        lambda t: knock(t, body=PING, Mcp_Protocol_Version="2026-07-28", Mcp_Method="tools/list"),
    ),
    ("`OPTIONS`", lambda t: knock(t, method="OPTIONS")),
    ("`HEAD`", lambda t: knock(t, method="HEAD")),
    ("`/health/../mcp`", lambda t: knock(t, "/health/../mcp")),
    ("`/files/../mcp`", lambda t: knock(t, "/files/../mcp")),
    ("`/uploads/../mcp`", lambda t: knock(t, "/uploads/../mcp")),
    ("`/files/%2e%2e/mcp`", lambda t: knock(t, "/files/%2e%2e/mcp")),
    ("`/files/..%2fmcp`", lambda t: knock(t, "/files/..%2fmcp")),
    ("`//mcp`", lambda t: knock(t, "//mcp")),
    ("`/mcp/`", lambda t: knock(t, "/mcp/")),
    ("`/MCP`", lambda t: knock(t, "/MCP")),
    ("`/mcp;/health`", lambda t: knock(t, "/mcp;/health")),
    ("`/mcp%3f/health`", lambda t: knock(t, "/mcp%3f/health")),
    ("an absolute target with another host", lambda t: knock(t, "http://localhost/health/../mcp")),
    (
        "X-Original-URL and X-Rewrite-URL",
        lambda t: knock(t, "/health", X_Original_URL="/mcp", X_Rewrite_URL="/mcp"),
    ),
    ("X-HTTP-Method-Override", lambda t: knock(t, "/health", method="GET", X_HTTP_Method_Override="POST")),
    ("X-Forwarded-For: 127.0.0.1", lambda t: knock(t, X_Forwarded_For="127.0.0.1", X_Real_IP="127.0.0.1")),
    (
        "Forwarded with a user",
        lambda t: knock(t, Forwarded="for=127.0.0.1;by=127.0.0.1", X_Remote_User="root"),
    ),
]
"""Each must end without an answer of MCP."""


def served_mcp(answer: Answer) -> bool:
    """Whether a tool, a session or anything else of MCP was reached."""
    status, body = answer
    return (status < 400 and b'"status":"ok"' not in body) or b'"jsonrpc"' in body or b"event:" in body


@pytest.mark.parametrize(("tried", "attempt"), BEARER, ids=[tried for tried, _ in BEARER])
def test_nobody_gets_in_without_the_token(
    target: Target, row: Row, tried: str, attempt: Callable[[Target], Answer]
) -> None:
    status, body = attempt(target)
    health_only = tried == "X-HTTP-Method-Override"
    assert not served_mcp((status, body)) or (health_only and status == 200), (status, body)
    assert TOKEN.encode() not in body
    row(SECTION, f"bearer: {tried}", f"{status}, {'health alone' if health_only else 'refused'}")


def test_with_the_token_the_same_request_is_served(target: Target) -> None:
    """Else the attempts above would prove nothing."""
    assert served_mcp(knock(target, Authorization=f"Bearer {TOKEN}"))
    assert served_mcp(
        knock(target, body=PING, Authorization=f"Bearer {TOKEN}", Mcp_Session_Id=target.session)
    )


def test_a_token_opens_nothing_once_it_has_been_replaced(sandbox: Sandbox, tmp_path: Path, row: Row) -> None:
    shown = {**JSON, "Authorization": f"Bearer {OLD_TOKEN}"}
    with serving(guarded(sandbox, tmp_path, TOKEN, OLD_TOKEN)) as meanwhile:
        answer = httpx.post(meanwhile.url, json=INITIALIZE, headers=shown, trust_env=False, timeout=60)
        session = answer.headers["mcp-session-id"]
    with serving(guarded(sandbox, tmp_path)) as after:
        for headers, tried in ((shown, ""), ({**shown, "Mcp-Session-Id": session}, ", with its session")):
            answer = httpx.post(after.url, json=PING, headers=headers, trust_env=False, timeout=60)
            assert answer.status_code == 401
            row(SECTION, f"bearer: a token that was replaced{tried}", "401, refused")


def fetch(target: Target, name: str, **query: str) -> Answer:
    told = "&".join(f"{key}={value}" for key, value in query.items())
    return ask(target.server, "GET", f"/files/{name}?{told}", {})


def signed(
    target: Target, *, name: str = "", seconds: int = DAY, links: Links | None = None
) -> dict[str, str]:
    """Expiry and signature of a download link."""
    expires = str(int(time.time()) + seconds)
    return {
        "expires": expires,
        "signature": (links or target.links).sign("files", name or target.handle, expires),
    }


def _flipped(signature: str) -> str:
    return signature[:-1] + ("0" if signature[-1] != "0" else "1")


def _with(target: Target, change: Callable[[dict[str, str]], dict[str, str]]) -> Answer:
    return fetch(target, target.handle, **change(signed(target)))


def _later(good: dict[str, str]) -> dict[str, str]:
    return {**good, "expires": str(int(good["expires"]) + DAY)}


DOWNLOADS: list[tuple[str, Callable[[Target], Answer]]] = [
    ("no signature at all", lambda t: fetch(t, t.handle)),
    ("an empty signature", lambda t: _with(t, lambda good: {**good, "signature": ""})),
    ("its last digit changed", lambda t: _with(t, lambda g: {**g, "signature": _flipped(g["signature"])})),
    ("half of it", lambda t: _with(t, lambda good: {**good, "signature": good["signature"][:32]})),
    ("in capitals", lambda t: _with(t, lambda good: {**good, "signature": good["signature"].upper()})),
    ("with a space behind it", lambda t: _with(t, lambda g: {**g, "signature": g["signature"] + "%20"})),
    ("letters of no alphabet of ours", lambda t: _with(t, lambda good: {**good, "signature": "%C3%A9" * 32})),
    ("a later expiry under the same signature", lambda t: _with(t, _later)),
    ("no expiry", lambda t: _with(t, lambda good: {"signature": good["signature"]})),
    ("an expiry of -1", lambda t: _with(t, lambda good: {**good, "expires": "-1"})),
    ("an expiry of 1e12", lambda t: _with(t, lambda good: {**good, "expires": "1e12"})),
    ("an expiry with a plus sign", lambda t: _with(t, lambda g: {**g, "expires": f"%2B{g['expires']}"})),
    ("expired a second ago", lambda t: fetch(t, t.handle, **signed(t, seconds=-1))),
    ("expired a year ago", lambda t: fetch(t, t.handle, **signed(t, seconds=-365 * DAY))),
    ("a link to another picture", lambda t: fetch(t, t.handle, **signed(t, name="img_0000"))),
    (
        "a link of a server with another secret",
        lambda t: fetch(t, t.handle, **signed(t, links=Links(t.server.base, OTHER_SECRET.encode()))),
    ),
    (
        "the signature of an upload link",
        lambda t: _with(t, lambda g: {**g, "signature": t.links.sign("uploads", t.handle, g["expires"])}),
    ),
    (
        "two signatures, the second one right",
        lambda t: _with(t, lambda g: {**g, "signature": f"0&signature={g['signature']}"}),
    ),
    ("another spelling of the handle", lambda t: fetch(t, t.handle.upper(), **signed(t))),
    ("the bearer token instead", lambda t: ask(t.server, "GET", f"/files/{t.handle}", with_token({}))),
    (
        "a whole link to the gallery's database",
        lambda t: fetch(t, "gallery.sqlite3", **signed(t, name="gallery.sqlite3")),
    ),
    (
        "a whole link to `..%2flink-secret`",
        lambda t: fetch(t, "..%2flink-secret", **signed(t, name="../link-secret")),
    ),
]


@pytest.mark.parametrize(("tried", "attempt"), DOWNLOADS, ids=[tried for tried, _ in DOWNLOADS])
def test_no_download_link_but_a_whole_one_gives_a_picture(
    target: Target, row: Row, tried: str, attempt: Callable[[Target], Answer]
) -> None:
    status, body = attempt(target)
    assert status in (403, 404, 410), (status, body)
    assert SECRET.encode() not in body
    row(SECTION, f"download link: {tried}", f"{status}, refused")


def test_a_whole_download_link_gives_the_picture(target: Target) -> None:
    assert fetch(target, target.handle, **signed(target))[0] == 200


def test_a_picture_replaced_by_a_link_to_a_secret_is_not_served(target: Target, row: Row) -> None:
    (stored,) = (target.data.parent / "pictures").glob("A-fox*")
    aside = stored.with_suffix(".aside")
    stored.rename(aside)
    try:
        stored.symlink_to("/proc/self/environ")
        status, body = fetch(target, target.handle, **signed(target))
    finally:
        stored.unlink()
        aside.rename(stored)
    assert status == 404
    assert TOKEN.encode() not in body
    row(SECTION, "download link: its file replaced by a link to the environment", f"{status}, refused")


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    return file.getvalue()


def bring(target: Target, name: str, query: Mapping[str, str], method: str = "PUT") -> Answer:
    told = "&".join(f"{key}={value}" for key, value in query.items())
    return ask(target.server, method, f"/uploads/{name}?{told}", {}, picture())


def permit(target: Target, name: str, *, seconds: int = 600, purpose: Purpose = "uploads") -> dict[str, str]:
    """Expiry and signature of an upload link."""
    expires = str(int(time.time()) + seconds)
    return {"expires": expires, "signature": target.links.sign(purpose, name, expires)}


NAME = "upload_0123456789abcdef"
OTHER_NAME = "upload_fedcba9876543210"


def _permit_later(target: Target) -> dict[str, str]:
    good = permit(target, NAME)
    return {**good, "expires": str(int(good["expires"]) + 60)}


UPLOADS: list[tuple[str, Callable[[Target], Answer]]] = [
    ("no signature at all", lambda t: bring(t, NAME, {})),
    ("a signature of zeros", lambda t: bring(t, NAME, {**permit(t, NAME), "signature": "0" * 64})),
    ("expired a second ago", lambda t: bring(t, NAME, permit(t, NAME, seconds=-1))),
    ("a later expiry under the same signature", lambda t: bring(t, NAME, _permit_later(t))),
    ("a link to another name", lambda t: bring(t, NAME, permit(t, OTHER_NAME))),
    ("the signature of a download link", lambda t: bring(t, NAME, permit(t, NAME, purpose="files"))),
    ("another method", lambda t: bring(t, NAME, permit(t, NAME), method="PATCH")),
    ("the form, without a signature", lambda t: bring(t, NAME, {}, method="GET")),
    (
        "a whole link to a name that is no upload's",
        lambda t: bring(t, "link-secret", permit(t, "link-secret")),
    ),
    (
        "a whole link to a folder above",
        lambda t: bring(t, "..%2fgallery.sqlite3", permit(t, "../gallery.sqlite3")),
    ),
    (
        "the bearer token instead",
        lambda t: ask(t.server, "PUT", f"/uploads/{NAME}", with_token({}), picture()),
    ),
]


@pytest.mark.parametrize(("tried", "attempt"), UPLOADS, ids=[tried for tried, _ in UPLOADS])
def test_no_upload_link_but_a_whole_one_takes_a_picture(
    target: Target, row: Row, tried: str, attempt: Callable[[Target], Answer]
) -> None:
    status, body = attempt(target)
    assert status in (403, 404, 405, 410), (status, body)
    assert not list((target.data / "uploads").glob(f"*{NAME}*"))
    row(SECTION, f"upload link: {tried}", f"{status}, refused")


def test_an_upload_link_that_was_used_takes_nothing_more(target: Target, row: Row) -> None:
    name = "upload_00000000000000aa"
    query = permit(target, name)
    assert bring(target, name, query)[0] == 201
    stored = target.data / "uploads" / name
    before = stored.read_bytes()
    for method in ("PUT", "POST", "GET"):
        status, _ = bring(target, name, query, method)
        assert status == 409
        row(SECTION, f"upload link: used before, once more by {method}", f"{status}, refused")
    assert stored.read_bytes() == before


def test_an_upload_link_that_is_used_many_times_at_once_works_once(
    target: Target, session_sandbox: tuple[Sandbox, Any], row: Row
) -> None:
    """Also when the requests come to two processes that share the data folder."""
    home = target.data.parent
    environment = guarded(session_sandbox[0], home)
    name = "upload_00000000000000bb"
    query = permit(target, name)
    with serving(environment) as equal, ThreadPoolExecutor(12) as threads:
        servers = [target, Target(equal, target.links, target.handle, target.session, target.data)] * 6
        statuses = sorted(status for status, _ in threads.map(bring, servers, [name] * 12, [query] * 12))
    assert statuses == [201] + [409] * 11
    row(SECTION, "upload link: 12 times at once, at two equal processes", "1 is taken, 11 are refused")
