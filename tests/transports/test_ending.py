"""A server that ends while it is asked for pictures: what was sent arrives, or is told truly afterwards."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from typing import IO, Any

import pytest

from imagerouter_mcp.errors import NotSentError
from imagerouter_mcp.generation.calls.outcome import Pending
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app
from patience import until, wait_until

COMMAND = [sys.executable, "-m", "imagerouter_mcp"]
ENDS_WITHIN = 15
posix = pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")


def asked(sandbox: Sandbox) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = sandbox.app.state.sandbox.journal.as_json()
    return [entry for entry in entries if entry["path"].startswith("/v1/openai/")]


@contextmanager
def asking(
    environment: Mapping[str, str], sandbox: Sandbox, model: str, grace: str
) -> Generator["subprocess.Popen[bytes]"]:
    """A server that has sent a request for a picture; killed at the end of the block if it still runs."""
    with subprocess.Popen(  # noqa: S603 - our own command
        COMMAND,
        env={**environment, "IMAGEROUTER_GRACE_SECONDS": grace},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
    ) as process:
        try:
            hello = {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "pytest", "version": "1"},
            }
            wish = {"prompt": "A fox", "model": model, "size": "256x256"}
            _say(process, id=1, method="initialize", params=hello)
            _pipe(process.stdout).readline()
            _say(process, method="notifications/initialized")
            _say(process, id=2, method="tools/call", params={"name": "generate_image", "arguments": wish})
            wait_until(lambda: asked(sandbox))
            yield process
        finally:
            process.kill()


def _say(process: "subprocess.Popen[bytes]", **message: object) -> None:
    pipe = _pipe(process.stdin)
    pipe.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    pipe.flush()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def end(process: "subprocess.Popen[bytes]", how: str) -> int:
    """End a server by a signal or by closing its stdin; its exit status."""
    if how == "EOF":
        _pipe(process.stdin).close()
    else:
        process.send_signal(signal.Signals[how])
    return process.wait(ENDS_WITHIN)


@pytest.fixture
def states(settings: Settings) -> Callable[[], list[str]]:
    """Tells the states in the journal as another program sees them."""

    def read() -> list[str]:
        with closing(sqlite3.connect(settings.data_dir / "gallery.sqlite3")) as connection:
            return [state for (state,) in connection.execute("SELECT state FROM journal ORDER BY id")]

    return read


@posix
@pytest.mark.parametrize("how", ["EOF", "SIGTERM"])
async def test_what_was_sent_arrives_and_is_recorded_though_the_server_is_to_end(
    environment: Mapping[str, str],
    sandbox: Sandbox,
    settings: Settings,
    states: Callable[[], list[str]],
    how: str,
) -> None:
    with asking(environment, sandbox, "sandbox/slow-1", "8") as process:
        assert end(process, how) == 0
    assert states() == ["done"]
    async with open_app(settings) as app:
        (record,) = app.gallery.list()
    (image,) = record.images
    assert image.path
    assert image.path.parent == settings.output_dir
    assert image.path.stat().st_size == image.bytes
    assert [entry["outcome"] for entry in asked(sandbox)] == ["made"]


@posix
@pytest.mark.parametrize("how", ["EOF", "SIGTERM"])
async def test_what_does_not_arrive_in_time_is_told_as_unknown_by_the_next_server(
    environment: Mapping[str, str],
    sandbox: Sandbox,
    settings: Settings,
    states: Callable[[], list[str]],
    how: str,
) -> None:
    with asking(environment, sandbox, "sandbox/stalled-after-heartbeats", "0.3") as process:
        assert end(process, how) == 0
    assert states() == ["working"], "nobody knows yet"
    async with open_app(settings) as app:
        await _settled(app)
    assert states() == ["unknown"]
    assert len(asked(sandbox)) == 1


async def silent(_: str) -> None:
    """Report progress to nobody."""


async def _settled(app: App) -> None:
    """Let a server look at what others left, as its first call does, and wait for what comes of that."""
    await app.calls.settle()
    await app.calls.close(ENDS_WITHIN)


async def test_an_app_that_closes_does_not_wait_for_what_is_still_being_prepared(
    sandbox: Sandbox, settings: Settings, states: Callable[[], list[str]], loopback: Callable[..., Any]
) -> None:
    reached, over = asyncio.Event(), asyncio.Event()

    async def silent_source(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reached.set()
        await over.wait()
        writer.close()

    source = f"{await loopback(silent_source)}/source.png"
    wish = Request(prompt="Invert", model="sandbox/slow-0", images=(source,))
    async with asyncio.timeout(ENDS_WITHIN):  # less than the grace for what was sent
        async with open_app(settings.model_copy(update={"allow_private_urls": True})) as app:
            asking = asyncio.create_task(
                app.calls.ask(Order(tool="edit_image", requests=(wish,)), 60, silent)
            )
            await reached.wait()
        with pytest.raises(NotSentError):
            await asking
    over.set()
    assert states() == ["not_sent"]
    assert not asked(sandbox)


async def test_an_app_that_closes_waits_for_what_was_sent_and_sends_nothing_more(
    sandbox: Sandbox,
    settings: Settings,
    states: Callable[[], list[str]],
    change_sandbox: Callable[..., None],
) -> None:
    wish = Request(prompt="A fox", model="sandbox/held", size="256x256")
    async with open_app(settings.model_copy(update={"concurrency": 1})) as app:
        order = Order(tool="generate_image", requests=(wish,) * 3)
        outcome = await app.calls.ask(order, 0.2, silent)
        assert isinstance(outcome, Pending)
        await until(lambda: asked(sandbox))
        change_sandbox(held=False)
    assert states() == ["done", "not_sent", "not_sent"]
    assert len(asked(sandbox)) == 1
