"""Attacks on the studio: stolen and guessed links, pages of other sites, paths, values, uploads, streams."""

import asyncio
import io
import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from mcp import Client
from PIL import Image

from imagerouter_mcp.http_app.studio.one_time_codes import OneTimeCodes
from imagerouter_mcp.http_app.studio.opening_links import studio_codes
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App
from support.http_in_process import served
from support.studio import entered

Row = Callable[[str, str, str], None]

SECTION = "The studio"
READS = (
    "/studio/gallery",
    "/studio/filters",
    "/studio/pictures/img_1",
    "/studio/thumbnails?size=320&handles=img_1",
    "/studio/changes",
)
WRITES = (
    ("DELETE", "/studio/pictures/img_1"),
    ("POST", "/studio/delete"),
    ("POST", "/studio/uploads"),
    ("POST", "/mcp"),
)
DATA = (*(("GET", path) for path in READS), *WRITES)
EVIL = "https://evil.example"
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
PING: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
REFUSED = (400, 401, 403, 404, 405, 413, 415, 421)


@dataclass
class Studio:
    """A studio that serves, with its gallery, and a client without a token."""

    client: httpx.AsyncClient
    app: App
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def origin(self) -> str:
        """The origin of its own page."""
        return str(self.client.base_url).rstrip("/")

    async def send(self, method: str, path: str, **headers: str) -> httpx.Response:
        """Send a request with the token of a browser that was let in, and further headers."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = PING if method == "POST" else None
        return await self.client.request(method, path, json=body, headers={**JSON, **self.headers, **named})


@pytest.fixture
async def studio(settings: Settings) -> AsyncGenerator[Studio]:
    """Serve a studio with one picture; a browser has been let in."""
    async with AsyncExitStack() as running:
        links, app = await running.enter_async_context(served(settings, studio_only=True))
        client = await running.enter_async_context(
            httpx.AsyncClient(base_url=links.base_url, trust_env=False, timeout=60)
        )
        await entered(client, app)
        token = client.headers.pop("Authorization")
        yield Studio(client, app, {"Authorization": token})


async def test_nobody_gets_in_without_a_token(studio: Studio, row: Row) -> None:
    token = studio.headers["Authorization"].removeprefix("Bearer ")
    code = studio_codes(studio.app.settings).new()
    shown: dict[str, tuple[str, dict[str, str]]] = {
        "no token": ("", {}),
        "the token in the query": (f"?token={token}&access_token={token}&authorization={token}", {}),
        "the token as cookie": ("", {"Cookie": f"token={token}; Authorization=Bearer {token}"}),
        "the token as Basic": ("", {"Authorization": f"Basic {token}"}),
        "the token without its last character": ("", {"Authorization": f"Bearer {token[:-1]}"}),
        "the token in capitals": ("", {"Authorization": f"Bearer {token.upper()}"}),
        "the token of another server": ("", {"Authorization": f"Bearer {'A' * len(token)}"}),
        "a code in place of a token": ("", {"Authorization": f"Bearer {code}"}),
    }
    for tried, (query, headers) in shown.items():
        for method, path in DATA:
            answer = await studio.client.request(method, f"{path}{query}", headers=headers)
            assert answer.status_code == 401, (tried, path)
        row(SECTION, f"{tried}, at each of its {len(DATA)} paths", "401, refused")


async def test_a_link_opens_the_studio_once_and_only_its_own(studio: Studio, row: Row) -> None:
    codes = studio_codes(studio.app.settings)
    used, good = codes.new(), codes.new()
    codes.redeem(used)
    stranger = OneTimeCodes(
        b"the secret of another server, 0123456789abcdef", studio.app.settings.data_dir
    ).new()
    flipped = f"{good[:-1]}{'A' if good[-1] != 'A' else 'B'}"
    bodies: dict[str, object] = {
        "a used code": {"code": used},
        "a code of another server": {"code": stranger},
        "a code with its last character changed": {"code": flipped},
        "no text as code": {"code": [good, {"code": good}]},
    }
    for tried, body in bodies.items():
        answer = await studio.client.post("/studio/session", json=body)
        assert answer.status_code == 403, tried
        assert "token" not in answer.json()
        row(SECTION, f"stolen link: {tried}", "403, refused")


async def test_of_twenty_that_redeem_a_link_at_once_one_gets_in(studio: Studio, row: Row) -> None:
    code = studio_codes(studio.app.settings).new()
    verdicts = await asyncio.gather(
        *(asyncio.to_thread(studio_codes(studio.app.settings).redeem, code) for _ in range(20))
    )
    assert sorted(verdicts) == ["good", *["used"] * 19]
    row(SECTION, "stolen link: twenty redeem it at the same moment", "one gets in, 19 are refused")


async def test_guessing_is_slow_and_odd_bodies_are_refused(studio: Studio, row: Row) -> None:
    odd = {
        "a body of 1 MB": b'{"code": "' + b"A" * 1_000_000 + b'"}',
        "10,000 levels": b"[" * 10_000,
        "no JSON": b"code=1",
        "a code that is a path": b'{"code": "../../../../../../etc/passwd/../../../../////////"}',
    }
    for tried, body in odd.items():
        answer = await studio.client.post("/studio/session", content=body)
        assert answer.status_code in (403, 413, 429), tried
        row(SECTION, f"guessed link: {tried}", "refused")
    guesses = [await studio.client.post("/studio/session", json={"code": "A" * 48}) for _ in range(12)]
    assert {guess.status_code for guess in guesses[-5:]} == {429}
    row(SECTION, "guessed link: one after another", "429 after a few")


async def test_a_code_leaves_no_trace(studio: Studio, row: Row, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    code = studio_codes(studio.app.settings).new()
    for query in (f"/studio?code={code}", f"/studio/session?code={code}"):
        await studio.client.get(query)
    answer = await studio.client.post("/studio/session", json={"code": code})
    assert answer.status_code == 200, "asking for the page does not use a code up"
    token = answer.json()["token"]
    own = [record for record in caplog.records if record.name.startswith("imagerouter_mcp")]
    assert own
    assert not [record for record in own if code in record.getMessage() or token in record.getMessage()]
    kept = [file.read_bytes() for file in studio.app.settings.data_dir.rglob("*") if file.is_file()]
    assert not [content for content in kept if code.encode() in content or token.encode() in content]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    row(SECTION, "a code or a token in logs, data folder, cookies or referrer", "in none of them")


FOREIGN: dict[str, dict[str, str]] = {
    "Origin of another site": {"Origin": EVIL},
    "Origin: null, as of a sandboxed frame": {"Origin": "null"},
    "Origin of another port of this machine": {"Origin": "http://127.0.0.1:1"},
    "Origin that ends as ours does": {"Origin": "http://evil-127.0.0.1"},
    "an empty Origin": {"Origin": ""},
    "no Origin, but Sec-Fetch-Site: cross-site": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "no-cors",
    },
    "Sec-Fetch-Site: same-site, of another port": {"Sec-Fetch-Site": "same-site"},
    "a form of another site": {"Origin": EVIL, "Content-Type": "application/x-www-form-urlencoded"},
    "a plain text of another site, which needs no preflight": {"Origin": EVIL, "Content-Type": "text/plain"},
    "a link from another site that a person follows": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    },
}


async def test_pages_of_other_sites_get_nothing_even_with_a_token(studio: Studio, row: Row) -> None:
    paths = [*DATA, ("POST", "/studio/session")]
    for tried, headers in FOREIGN.items():
        for method, path in paths:
            if path == "/mcp" and not headers.get("Origin", "").startswith("https"):
                continue  # other programs of this machine are clients of MCP too
            answer = await studio.send(method, path, **headers)
            assert answer.status_code == 403, (tried, path, answer.text)
            assert "access-control-allow-origin" not in answer.headers
        row(SECTION, f"with a token: {tried}", "403, refused")


async def test_no_page_is_told_that_it_may_ask(studio: Studio, row: Row) -> None:
    asked = {
        "Origin": EVIL,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
        "Access-Control-Request-Private-Network": "true",
    }
    for _, path in DATA:
        answer = await studio.send("OPTIONS", path, **asked)
        assert answer.status_code in REFUSED
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    row(SECTION, "a preflight of another site, for a private network too", "refused, nothing allowed")


NAMES = (
    "evil.example",
    "127.0.0.1.evil.example",
    "evil.example#127.0.0.1",
    "evil.example@127.0.0.1",
    "[::ffff:1.2.3.4]",
    "0x7f.0.0.1",
    "studio",
)


async def test_names_that_others_point_at_this_machine_are_not_served(studio: Studio, row: Row) -> None:
    for name in NAMES:
        for method, path in (*DATA, ("GET", "/studio"), ("POST", "/studio/session")):
            forwarded = {"Host": name, "X-Forwarded-Host": "127.0.0.1", "Origin": f"http://{name}"}
            answer = await studio.send(method, path, **forwarded)
            assert answer.status_code in (400, 421), (name, path)
        row(SECTION, f"DNS rebinding: Host: {name}", "refused")


async def test_no_answer_can_be_framed_kept_or_taken_for_another_type(studio: Studio, row: Row) -> None:
    named = re.findall(r"studio/views/[\w.-]+", (await studio.send("GET", "/studio")).text)
    assert len(named) == 2
    for path in (
        "/studio",
        *(f"/{name}" for name in named),
        "/studio/gallery",
        "/studio/filters",
        "/studio/pictures/img_1",
        "/studio/thumbnails?size=320&handles=img_1",
    ):
        answer = await studio.send("GET", path)
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "public" not in headers["cache-control"], path
        assert "set-cookie" not in headers
        if path.startswith("/studio/views") or path == "/studio":
            policy = headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-frame-options"] == "DENY"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["referrer-policy"] == "no-referrer"
        else:
            assert "no-store" in headers["cache-control"] or "private" in headers["cache-control"], path
    row(SECTION, "clickjacking: the page in a frame of another site", "every answer forbids it")
    row(SECTION, "a shared cache that keeps somebody's gallery", "no answer with data may be kept by one")
    row(SECTION, "JSON and pictures taken for HTML", "every answer forbids guessing")


ESCAPES = (
    "..%2F..%2Fsettings.py",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/settings.py",
    "....//....//settings.py",
    "..%5c..%5csettings.py",
    "..%c0%af..%c0%afsettings.py",
    "%252e%252e%252fsettings.py",
    "/etc/passwd",
    "studio/../document.py",
    "document.py",
    "__init__.py",
    "__pycache__/document.cpython-311.pyc",
    "viewer.js%00.py",
    "viewer.js/",
    ".git/config",
    "file:///etc/passwd",
)


@pytest.mark.parametrize("path", ESCAPES)
async def test_no_path_leads_out_of_the_page_s_files(studio: Studio, row: Row, path: str) -> None:
    for below in ("views/", "", "pictures/"):
        answer = await studio.send("GET", f"/studio/{below}{path}")
        assert answer.status_code in (307, *REFUSED), below  # 307: the same path without its slash
        assert b"root:" not in answer.content
        assert b"import " not in answer.content
    row(SECTION, f"`/studio/views/{path}`, and the same among pictures", "refused")


VALUES = (
    "limit=-1",
    "limit=999999999999999999999999",
    "limit=1e9",
    "limit=٣",
    "offset=-5",
    "offset=99999999999999",
    "anchor=99999999999999",
    "anchor=x",
    "kind=constructor",
    "since=0001-01-01",
    "until=9999-12-31",
    "since=2026-02-30",
    "until=9999-12-31&since=0001-01-01",
    "query=%00",
    "query=%ED%A0%80",
    "query=%27%20OR%201=1%20--",
    "query=%25&model=%25",
    "model=%27;DROP TABLE generations;--",
    "query=" + "a" * 5000,
    "query=" + "%22*%22%20" * 100,
)


async def test_no_value_makes_the_gallery_tell_more_or_fail(studio: Studio, row: Row) -> None:
    for value in VALUES:
        answer = await studio.send("GET", f"/studio/gallery?{value}")
        assert answer.status_code in (200, 400), (value, answer.text)
        assert len(answer.content) < 10_000
    assert (await studio.send("GET", "/studio/gallery")).status_code == 200
    row(SECTION, f"{len(VALUES)} odd limits, days, searches and models", "a page or 400, never a failure")


HANDLES = (
    *("%00", "img_%00", "NAME%00", "last", "..%2f..", "img_*", "img_'or'1", "%25%30%30", "gen_1", "-1"),
    *("%EF%BD%89mg_", "img_%EF%BC%91%EF%BC%91%EF%BC%91%EF%BC%91", "%ED%A0%80", "a" * 5000, "9" * 400),
)


async def test_no_spelling_of_a_handle_is_another_picture(studio: Studio, row: Row, picture: str) -> None:
    for handle in HANDLES:
        for method in ("GET", "HEAD", "DELETE"):
            answer = await studio.send(method, f"/studio/pictures/{handle.replace('NAME', picture)}")
            assert answer.status_code == 404, (method, handle)
            assert len(answer.content) < 200
    assert (await studio.send("GET", f"/studio/pictures/{picture}")).status_code == 200
    row(SECTION, f"{len(HANDLES)} odd handles, to be shown or deleted", "404; no picture is deleted")


async def test_of_many_that_delete_a_picture_at_once_one_does(studio: Studio, row: Row, picture: str) -> None:
    answers = await asyncio.gather(*(studio.send("DELETE", f"/studio/pictures/{picture}") for _ in range(8)))
    assert {each.status_code for each in answers} <= {200, 404}
    assert sum(each.json().get("pictures", 0) for each in answers) == 1
    row(SECTION, "eight delete one picture at once", "one does; the others are told that it was deleted")


async def test_a_session_that_ended_opens_nothing(studio: Studio, row: Row, settings: Settings) -> None:
    async with (
        served(settings, studio_only=True) as (links, _),
        httpx.AsyncClient(base_url=links.base_url, trust_env=False, timeout=60) as later,
    ):
        answer = await later.get("/studio/gallery", headers=studio.headers)
    assert answer.status_code == 401
    row(SECTION, "the token of a process that ended, at the next one with the same data", "401, refused")


async def test_websockets_and_other_upgrades_are_not_served(studio: Studio, row: Row) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    for path in ("/studio", "/studio/gallery", "/mcp"):
        answer = await studio.send("GET", path, **upgrade, Origin=EVIL)
        assert answer.status_code in REFUSED, path
    row(SECTION, "a websocket from another site, which no preflight guards", "refused")


@pytest.fixture
async def picture(studio: Studio) -> str:
    """Make a picture, an SVG with scripts; return its handle."""
    async with Client(build_server(studio.app)) as client:
        result = await client.call_tool(
            "generate_image", {"prompt": "A fox", "model": "sandbox/svg-external"}
        )
    made: dict[str, Any] = result.structured_content or {}
    return made["images"][0]["handle"]


async def test_what_is_in_the_gallery_is_served_as_nothing_but_pictures(
    studio: Studio, row: Row, picture: str
) -> None:
    answer = await studio.send("GET", f"/studio/pictures/{picture}")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    row(SECTION, "an SVG with scripts, opened as a page", "in a sandbox without scripts or loading")
    found = studio.app.gallery.find(picture)
    assert found
    assert found[0].path
    found[0].path.write_text("<!doctype html><script>alert(1)</script>", "utf-8")
    answer = await studio.send("GET", f"/studio/pictures/{picture}")
    assert answer.status_code in (404, 415, 422)
    assert "html" not in answer.headers["content-type"]
    small = await studio.send("GET", f"/studio/thumbnails?size=320&handles={picture}")
    assert (small.headers["thumbnails"], small.content) == (f"{picture}=0", b"")
    row(SECTION, "a file in the gallery that became HTML", "not served")


SIZES = ("0", "-1", "1e9", "999999999999", "٣", "320.5", "320;640", "../320", "", "%00")


async def test_no_size_makes_the_server_work_more(studio: Studio, row: Row, picture: str) -> None:
    for size in SIZES:
        answer = await studio.send("GET", f"/studio/thumbnails?handles={picture}&size={size}")
        assert answer.status_code in (200, 400), size
        assert len(answer.content) < 200_000
    kept = [file for file in studio.app.settings.data_dir.rglob("*") if "thumb" in str(file)]
    assert len([file for file in kept if file.is_file()]) <= 3
    row(SECTION, f"{len(SIZES)} odd sizes of a thumbnail", "400, or one of three sizes")


async def test_a_range_of_a_thousand_pieces_is_no_more_than_the_file(
    studio: Studio, row: Row, picture: str
) -> None:
    ranges = "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2000, 2))
    for asked in (ranges, "bytes=0-0,0-0,0-0", "bytes=-0", "bytes=9-1", "bytes=0-99999999999999999999"):
        answer = await studio.send("GET", f"/studio/pictures/{picture}", Range=asked)
        assert answer.status_code in (200, 206, 400, 416), asked
        assert len(answer.content) < 300_000
    row(SECTION, "ranges of a thousand pieces, and senseless ones", "little more than the file, or refused")


UPLOADS: dict[str, bytes] = {
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "HTML that begins as a GIF": b"GIF89a/*<script>alert(1)</script>*/",
    "a zip": b"PK\x03\x04" + b"\0" * 100,
    "nothing": b"",
}


async def test_only_pictures_can_be_uploaded(studio: Studio, row: Row) -> None:
    for tried, content in UPLOADS.items():
        for media_type in ("image/png", "text/html", "multipart/form-data; boundary=x"):
            answer = await studio.client.post(
                "/studio/uploads", content=content, headers={**studio.headers, "Content-Type": media_type}
            )
            assert answer.status_code in (400, 415, 422), (tried, media_type)
        row(SECTION, f"upload: {tried}", "refused")
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="x()"><script/></svg>'
    drawn = await studio.client.post("/studio/uploads", content=drawing, headers=studio.headers)
    assert "svg" not in drawn.json().get("media_type", "")
    row(SECTION, "upload: an SVG with scripts", "drawn, and kept as pixels")
    small = io.BytesIO()
    Image.new("RGB", (8, 8)).save(small, "PNG")
    files = {"file": ("../../../../tmp/<script>.png", small.getvalue(), "text/html")}
    kept = await studio.client.post("/studio/uploads", files=files, headers=studio.headers)
    assert kept.status_code == 201
    assert re.fullmatch(r"up(?:load)?_[0-9a-f]+", kept.json()["handle"])
    row(SECTION, "upload: a picture whose name leads elsewhere", "kept under a handle of ours")


UNMEANT: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("GET", "/studio/delete?before=2100-01-01&confirm=true", {}),
    ("GET", "/studio/pictures/HANDLE?_method=DELETE", {"X-HTTP-Method-Override": "DELETE"}),
    ("POST", "/studio/pictures/HANDLE", {"X-HTTP-Method-Override": "DELETE"}),
    ("HEAD", "/studio/delete", {}),
    ("DELETE", "/studio/pictures/last", {}),
    ("DELETE", "/studio/pictures/*", {}),
    ("DELETE", "/studio/pictures/", {}),
    ("DELETE", "/studio/gallery", {}),
)
BODIES: tuple[object, ...] = (
    {"before": "2100-01-01"},
    {"before": "2100-01-01", "confirm": "true"},
    {"before": "2100-01-01", "confirm": 1},
    {"before": ["2100-01-01"], "confirm": True},
    {"before": "' OR 1=1", "confirm": True},
    {"before": "0001-01-01", "confirm": True},
    {"confirm": True},
    [{"before": "2100-01-01", "confirm": True}],
)


async def test_nothing_is_deleted_by_a_request_that_does_not_mean_it(
    studio: Studio, row: Row, picture: str
) -> None:
    for method, path, headers in UNMEANT:
        answer = await studio.send(method, path.replace("HANDLE", picture), **headers)
        assert answer.status_code in (200, *REFUSED), path
        row(SECTION, f"deleting by `{method} {path}`", "nothing is deleted")
    for body in BODIES:
        answer = await studio.client.post("/studio/delete", json=body, headers=studio.headers)
        assert answer.status_code in (200, 400), body
        row(SECTION, f"deleting by `{body}`", "nothing is deleted")
    assert studio.app.gallery.find(picture)


async def test_streams_that_nobody_reads_keep_no_one_else_out(studio: Studio, row: Row) -> None:
    async with AsyncExitStack() as opened:
        statuses = [
            (
                await opened.enter_async_context(
                    studio.client.stream("GET", "/studio/changes", headers=studio.headers)
                )
            ).status_code
            for _ in range(40)
        ]
        assert statuses.count(200) <= 20
        assert statuses[-1] == 503
        assert (await studio.send("GET", "/studio/gallery")).status_code == 200
        other = studio.client.headers.copy()
        code = studio_codes(studio.app.settings).new()
        answer = await studio.client.post("/studio/session", json={"code": code})
        other["Authorization"] = f"Bearer {answer.json()['token']}"
        async with studio.client.stream("GET", "/studio/changes", headers=other) as stream:
            assert stream.status_code == 200
    row(SECTION, "one browser opens 40 streams of changes", "503 from a share on; others are served")
