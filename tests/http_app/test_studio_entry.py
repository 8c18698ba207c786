"""Who gets into the studio: the link that works once, its token, and what is open to nobody else."""

import asyncio
import base64
import re
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from imagerouter_mcp.http_app.browser_sessions import IDLE_SECONDS, MOST_SESSIONS, BrowserSessions
from imagerouter_mcp.http_app.studio.one_time_codes import LASTS_SECONDS, OneTimeCodes
from imagerouter_mcp.http_app.studio.opening_links import studio_codes
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App
from support.http_in_process import served
from support.studio import entered

SECRET = b"a secret of this test, long enough to sign with"
DATA = (
    "/studio/gallery",
    "/studio/filters",
    "/studio/pictures/img_1",
    "/studio/thumbnails?size=320&handles=img_1",
    "/studio/changes",
)


@pytest.fixture
async def studio(settings: Settings) -> AsyncGenerator[tuple[httpx.AsyncClient, App]]:
    """Serve a studio, with a client that has not entered it."""
    async with AsyncExitStack() as running:
        links, app = await running.enter_async_context(served(settings, studio_only=True))
        client = httpx.AsyncClient(base_url=links.base_url, trust_env=False, timeout=60)
        yield await running.enter_async_context(client), app


async def test_the_page_and_its_files_are_open_and_nothing_else_is(
    studio: tuple[httpx.AsyncClient, App],
) -> None:
    client, _ = studio
    page = await client.get("/studio")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for closed in (*DATA, "/mcp", "/"):
        assert (await client.get(closed)).status_code == 401, closed
    assert (await client.get("/health")).status_code == 404
    refused = await client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert refused.status_code == 401
    assert "imagerouter-mcp studio" in refused.json()["error"]
    escaping = (
        "/studio/views/..%2F..%2Fsettings.py",
        "/studio/views/document.py",
        "/studio/views//etc/passwd",
    )
    assert [(await client.get(path)).status_code for path in escaping] == [404] * len(escaping)


async def test_the_page_names_one_sheet_and_one_script_that_browsers_may_keep(
    studio: tuple[httpx.AsyncClient, App],
) -> None:
    client, _ = studio
    page = await client.get("/studio")
    again = await client.get("/studio", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, page.headers["cache-control"]) == (304, "no-cache")
    named = re.findall(r'(?:href|src)="([^"]*\.(?:css|js))"', page.text)
    assert len(named) == 2
    for name in named:
        file = await client.get(f"/{name}")
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"], "its name changes with its content"
        assert not re.search(r"(?m)^import |^export |@import", file.text)
        assert file.headers["content-encoding"] == "gzip"
        plain = await client.get(f"/{name}", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.text == file.text
        assert plain.headers["etag"] != file.headers["etag"]


async def test_a_token_opens_the_gallery_and_mcp(studio: tuple[httpx.AsyncClient, App]) -> None:
    client = await entered(*studio)
    assert (await client.get("/studio/gallery")).json() == {"total": 0, "anchor": 0, "pictures": []}
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"Accept": "application/json, text/event-stream"}
    assert (await client.post("/mcp", json=ping, headers=accept)).status_code != 401


async def test_a_link_works_once_however_many_open_it_at_once_and_says_how_to_get_another(
    studio: tuple[httpx.AsyncClient, App],
) -> None:
    client, app = studio
    code = {"code": studio_codes(app.settings).new()}
    tries = [client.post("/studio/session", json=code) for _ in range(4)]
    answers = await asyncio.gather(*tries)
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
    refused = next(answer for answer in answers if answer.status_code == 403)
    assert "used already" in refused.json()["error"]
    assert "imagerouter-mcp studio --link" in refused.json()["error"]


async def test_guessing_codes_is_slowed_down(studio: tuple[httpx.AsyncClient, App]) -> None:
    client, _ = studio
    statuses = [(await client.post("/studio/session", json={"code": "A" * 48})).status_code for _ in range(8)]
    assert statuses[0] == 403
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
    ],
)
async def test_another_sites_page_gets_nothing_even_with_a_token(
    studio: tuple[httpx.AsyncClient, App], headers: dict[str, str]
) -> None:
    client = await entered(*studio)
    assert (await client.get("/studio/gallery", headers=headers)).status_code in (403, 421)
    assert (await client.post("/studio/session", json={}, headers=headers)).status_code in (403, 421)


async def test_the_own_page_is_recognised(studio: tuple[httpx.AsyncClient, App]) -> None:
    client = await entered(*studio)
    own = {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert (await client.get("/studio/gallery", headers=own)).status_code == 200


async def test_beside_other_clients_the_studio_has_a_token_and_they_need_none_as_before(
    settings: Settings,
) -> None:
    async with (
        served(settings) as (links, app),
        httpx.AsyncClient(base_url=links.base_url, trust_env=False, timeout=60) as client,
    ):
        assert (await client.get("/studio/gallery")).status_code == 401
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        assert (await client.post("/mcp", json=ping)).status_code != 401
        await entered(client, app)
        assert (await client.get("/studio/gallery")).status_code == 200


async def test_scrolling_fast_is_not_slowed_down_by_the_rate_of_other_clients(settings: Settings) -> None:
    slow = settings.model_copy(update={"http_rate": 0.2})
    async with (
        served(slow, studio_only=True) as (links, app),
        httpx.AsyncClient(base_url=links.base_url, trust_env=False, timeout=60) as client,
    ):
        await entered(client, app)
        answers = [await client.get("/studio/filters") for _ in range(10)]
        assert {answer.status_code for answer in answers} == {200}


def test_a_code_of_another_secret_or_of_yesterday_or_cut_short_opens_nothing(
    tmp_path: Path,
) -> None:
    codes = OneTimeCodes(SECRET, tmp_path)
    code = codes.new()
    assert OneTimeCodes(SECRET + b"!", tmp_path).redeem(code) == "wrong"
    assert codes.redeem(code[:-1]) == "wrong"
    assert codes.redeem(f"{code[:-1]}{'A' if code[-1] != 'A' else 'B'}") == "wrong"
    assert codes.redeem("é" * 48) == "wrong"
    later = OneTimeCodes(SECRET, tmp_path, lambda: time.time() + LASTS_SECONDS + 1)
    assert later.redeem(code) == "expired"


def test_a_code_has_120_bits_that_nobody_can_foretell(tmp_path: Path) -> None:
    codes = OneTimeCodes(SECRET, tmp_path, lambda: 1_000.0)
    first, *others = (int.from_bytes(base64.urlsafe_b64decode(codes.new())[5:20]) for _ in range(80))
    changing = 0
    for other in others:
        changing |= first ^ other
    assert changing.bit_count() == 120


def test_another_process_with_the_same_data_folder_makes_codes_too_and_none_is_kept_readable(
    tmp_path: Path,
) -> None:
    code = OneTimeCodes(SECRET, tmp_path).new()
    assert OneTimeCodes(SECRET, tmp_path).redeem(code) == "good"
    assert OneTimeCodes(SECRET, tmp_path).redeem(code) == "used"
    (mark,) = (tmp_path / "studio-codes").iterdir()
    assert code not in mark.name
    assert mark.read_bytes() == b""


def test_a_session_ends_after_twelve_idle_hours_and_only_then() -> None:
    now = [0.0]
    sessions = BrowserSessions(lambda: now[0])
    shown = f"Bearer {sessions.open('local')}".encode()
    now[0] = IDLE_SECONDS - 1
    name = sessions.recognise(shown)
    assert name
    now[0] += IDLE_SECONDS - 1
    assert sessions.lasts(name), "it was used meanwhile"
    now[0] += 1
    assert sessions.recognise(shown) is None
    assert not sessions.lasts(name)


def test_the_longest_idle_session_gives_way_when_there_are_too_many() -> None:
    sessions = BrowserSessions()
    first, second = (f"Bearer {sessions.open('local')}".encode() for _ in range(2))
    sessions.recognise(first)
    for _ in range(MOST_SESSIONS - 1):
        sessions.open("local")
    assert sessions.recognise(second) is None
    assert sessions.recognise(first)
