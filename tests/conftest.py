"""Fixtures for every test: a running sandbox, settings for it, small servers, and an empty environment."""

import asyncio
import gc
import os
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import pytest_asyncio
from pydantic import SecretStr

from imagerouter_mcp.sandbox.pictures.media import MadeFile
from imagerouter_mcp.sandbox.service import drawn_results
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.sandbox.service.validation import ValidRequest
from imagerouter_mcp.settings import Settings
from support.distribution import FilesTogether, longest_first
from support.faulty_sandbox import running_faulty_sandbox
from support.faulty_state import change_settings, forget

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from imagerouter_mcp.database.postgres import PostgresServer
    from support.object_store import SeaweedFS
    from support.postgres import Cluster

HEARTBEAT_SECONDS = 0.05
FRESH = {
    "heartbeat_seconds": HEARTBEAT_SECONDS,
    "latency_seconds": 0,
    "popularity": "json-objects-model",
    "models": "normal",
    "service": "february",
    "held": True,
    "rate_limit": 0,
    "rate_window_seconds": 1,
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unset every variable that we, httpx or obstore read, and give the test a home of its own."""
    for name in list(os.environ):
        if name.startswith(("IMAGEROUTER_", "XDG_", "AWS_", "AZURE_", "GOOGLE_")) or name.lower().endswith(
            "_proxy"
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))


TimeZone = Callable[[str], None]


@pytest.fixture
def time_zone() -> Iterator[TimeZone]:
    """Return a function that sets the time zone, a POSIX `TZ` rule, for the rest of the test."""
    with pytest.MonkeyPatch.context() as patch:

        def change(rule: str) -> None:
            patch.setenv("TZ", rule)
            time.tzset()

        yield change
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.fixture(scope="session", autouse=True)
def small_pictures() -> Iterator[None]:
    """Have the sandboxes of this process draw small pictures where no size is asked for, each only once."""
    draw = drawn_results.draw_result
    draw_once = lru_cache(maxsize=200)(draw)

    def drawn(request: ValidRequest) -> list[MadeFile]:
        return draw(request) if request.images else draw_once(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawn_results, "DEFAULT_SIZE", (512, 512))
        patch.setattr(drawn_results, "draw_result", drawn)
        yield


@pytest.fixture(scope="session", autouse=True)
def certificates_once() -> Iterator[None]:
    """Have the tests' HTTP clients load the certificates once: it takes 20 ms, and they speak plain HTTP."""
    with pytest.MonkeyPatch.context() as patch:
        for library in (httpx, httpx2):  # the SDK uses the second one
            transport = f"{library.__name__}._transports.default"
            patch.setattr(f"{transport}.create_ssl_context", cache(library.create_ssl_context))
        yield


@pytest.fixture(scope="session")
def session_sandbox() -> Iterator[tuple[Sandbox, httpx.Client]]:
    """Run one sandbox for the session, with a client for its control endpoints; tests use `sandbox`."""
    with (
        running_faulty_sandbox(heartbeat_seconds=HEARTBEAT_SECONDS) as running,
        httpx.Client(base_url=running.base_url, timeout=60, trust_env=False) as client,
    ):
        yield running, client


@pytest.fixture
def sandbox(session_sandbox: tuple[Sandbox, httpx.Client]) -> Sandbox:
    """Reset the sandbox: empty journal, full accounts, default settings."""
    running, _ = session_sandbox
    forget(running.app)
    change_settings(running.app, FRESH)
    return running


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path) -> Settings:
    """Return settings for the sandbox, with the usual key and the test's own folders."""
    folders = {"output_dir": tmp_path / "pictures", "data_dir": tmp_path / "data"}
    return _usual_settings(sandbox.base_url).model_copy(update=folders)


@cache  # reading the environment takes longer than many a test
def _usual_settings(base_url: str) -> Settings:
    return Settings(base_url=base_url, api_key=SecretStr(KEY), stall_seconds=5, timeout=60)


@pytest.fixture
def journal(
    session_sandbox: tuple[Sandbox, httpx.Client], sandbox: Sandbox
) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that lists the requests the sandbox has received, oldest first."""
    del sandbox

    def read() -> list[dict[str, Any]]:
        return session_sandbox[1].get("/sandbox/journal").raise_for_status().json()

    return read


@pytest.fixture
def change_sandbox(sandbox: Sandbox) -> Iterator[Callable[..., None]]:
    """Return a function that changes the sandbox's settings for the rest of the test."""

    def change(**wanted: object) -> None:
        change_settings(sandbox.app, wanted)

    yield change
    change(**FRESH)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncGenerator["Browser"]:
    """Run one browser for the session; skip without one. Tests that use it run in the session's loop."""
    from support.browser import find_chromium, running_browser  # noqa: PLC0415 - few tests need a browser

    chromium = find_chromium()
    if chromium is None:
        pytest.skip("the views in a browser: `make test-tools` installs Chromium")
    async with running_browser(chromium) as browser:
        yield browser


@pytest.fixture(scope="session")
def object_store() -> Iterator["SeaweedFS"]:
    """Run an S3 server for the session; each test takes a prefix of its own (`new_prefix`)."""
    from support.object_store import running_object_store, seaweedfs_program  # noqa: PLC0415 - few tests need it

    program = seaweedfs_program()
    if program is None:
        pytest.skip("SeaweedFS is not installed; pip brings it on Linux")
    with running_object_store(program) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator["Cluster"]:
    """Run one PostgreSQL server for the session; skip without one."""
    from support.postgres import postgres_programs, running_cluster  # noqa: PLC0415 - few tests need it

    programs = postgres_programs()
    if programs is None:
        pytest.skip("what is kept in PostgreSQL: `make test-tools` installs it")
    with running_cluster(programs) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_server(postgres: "Cluster") -> Iterator["PostgresServer"]:
    """Connect to it as a role that row-level security holds."""
    from imagerouter_mcp.database.postgres import PostgresServer  # noqa: PLC0415 - few tests need it

    with closing(PostgresServer(postgres.url)) as server:
        yield server


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def loopback() -> AsyncGenerator[Callable[..., Awaitable[str]]]:
    """Return a function that starts a server and returns its address; a coroutine handles each connection.

    Without a `port` the server takes a free one.
    """
    async with AsyncExitStack() as servers:

        async def start(script: Script, port: int = 0) -> str:
            return await servers.enter_async_context(_listening(script, port))

        yield start


@asynccontextmanager
async def _listening(script: Script, port: int) -> AsyncGenerator[str]:
    at_work: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await script(reader, writer)
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(converse(reader, writer))
        at_work.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in at_work:
            task.cancel()
        await asyncio.gather(*at_work)
        await server.wait_closed()


@pytest.fixture
def answering(
    loopback: Callable[..., Awaitable[str]],
) -> Callable[..., Awaitable[str]]:
    """Return a function that starts a server with raw answers: one per connection, then the last one again.

    `heard` collects the heads of the requests.
    """

    async def start(*answers: bytes, heard: list[bytes] | None = None) -> str:
        left = list(answers)

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            if heard is not None:
                heard.append(head)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

        return await loopback(script)

    return start


def pytest_addoption(parser: pytest.Parser) -> None:
    """Define the options here, because only this file is read before the command line is."""
    parser.addoption("--accept-contract", action="store_true", help="take the tools as they are as contract")
    parser.addoption("--accept-security", action="store_true", help="write docs/security-tests.md anew")
    parser.addoption("--fuzz", type=int, metavar="N", help="try each target of tests/fuzz N times, at random")


def pytest_configure() -> None:
    """Make the tests independent of who starts them, and when.

    A shell has its background jobs ignore SIGINT, and so would the processes that tests start. And what was
    spent an hour ago was spent today only while no midnight is near.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(time, "tzset"):
        os.environ["TZ"] = f"Noon{datetime.now(UTC).hour - 12:+}"
        time.tzset()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave the thousands of tests, which stay until the end, out of every garbage collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the files that take longest run first."""
    items.sort(key=longest_first)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Take two processes more than there are cores, because many tests wait."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesTogether:  # noqa: ANN401 - xdist's own
    """Keep together the tests that need each other."""
    return FilesTogether(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was left out because this machine lacks something."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()))
    lacking = [f"{reason.removeprefix('Skipped: ')} ({number})" for reason, number in reasons.items()]
    if lacking:
        terminalreporter.write_line(f"Left out: {'; '.join(lacking)}")
