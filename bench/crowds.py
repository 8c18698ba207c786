"""A crowd: 200 clients of one server over HTTP, of whom 20 attack, and what the others notice of it."""

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from bench.attackers import WAYS, message, request
from bench.figures import Figure
from bench.processes import sandbox_process, serving

CLIENTS = 200
ATTACKERS = sum(count for _, count in WAYS)
PICTURES = 10
ROUNDS = 4
"""How often the honest clients are alone and then attacked; what else the machine does hits both alike."""
SECONDS = 8
SETTLING_SECONDS = 3.0
"""Until all attackers are at it, and until their last requests have ended."""
PAUSE = 4.0
"""Seconds between two calls of a client, at most."""
TOKEN = "token-of-the-crowd-0123456789abcdef"  # noqa: S105 - it guards nothing
_OK = b"HTTP/1.1 200 "


async def measure() -> list[Figure]:
    """Measure how long the honest clients wait, in turns alone and beside the attackers."""
    with (
        sandbox_process() as base_url,
        tempfile.TemporaryDirectory() as folder,
        serving(base_url, Path(folder), IMAGEROUTER_MCP_TOKEN=TOKEN) as (_, url),
    ):
        for number in range(PICTURES):
            arguments = {"prompt": f"lighthouse {number}", "model": "test/test"}
            await _Client(url, "127.0.0.1").ask(_call("generate_image", arguments))
        all_alone: list[float] = []
        all_beside: list[float] = []
        probes = 0.0
        for _ in range(ROUNDS):
            times, _ = await _crowd(url)
            all_alone += times
            with _attacked(url):
                times, slowest = await _crowd(url)
            all_beside += times
            probes = max(probes, slowest)
            await asyncio.sleep(SETTLING_SECONDS)
        alone, beside = median(all_alone), median(all_beside)
    what = f"{CLIENTS} clients over HTTP, {ATTACKERS} of them attack"
    return [
        Figure(
            f"{what}: median of the others' `list_images`",
            f"{1000 * beside:.1f} ms",
            f"{1000 * alone:.1f} ms (alone)",
            beside / alone,
            3,
            "×",
        ),
        Figure(f"{what}: the slowest `/health`", f"{1000 * probes:.0f} ms", "", 1000 * probes, 1000, "ms"),
    ]


@contextmanager
def _attacked(url: str) -> Generator[None]:
    with subprocess.Popen([sys.executable, "-m", "bench.attackers", url, TOKEN]) as attackers:  # noqa: S603 - our own command
        try:
            time.sleep(SETTLING_SECONDS)
            yield
        finally:
            attackers.kill()


async def _crowd(url: str) -> tuple[list[float], float]:
    """The seconds that each of the honest clients' calls took, and the slowest probe."""
    end = time.perf_counter() + SECONDS
    called = _call("list_images", {})
    honest = [
        _Client(url, f"127.0.1.{n}").keep_asking(called, end) for n in range(1, CLIENTS - ATTACKERS + 1)
    ]
    probing = _Client(url, "127.0.0.1").keep_asking(request("GET", "/health", {}), end, PAUSE / 10)
    probes, *times = await asyncio.gather(probing, *honest)
    return [each for some in times for each in some], max(probes)


def _call(tool: str, arguments: Mapping[str, object]) -> bytes:
    return message(TOKEN, "tools/call", name=tool, arguments=arguments)


class _Client:
    """An honest one, with an address of its own."""

    def __init__(self, url: str, source: str) -> None:
        self._server, self._source = urlsplit(url), source

    async def keep_asking(self, sent: bytes, end: float, pause: float = PAUSE) -> list[float]:
        """Ask with pauses until the end; the seconds that each answer took."""
        chance = random.Random(self._source)  # noqa: S311 - the same pauses each time
        times: list[float] = []
        while time.perf_counter() < end:
            await asyncio.sleep(pause * chance.random())
            times.append(await self.ask(sent))
        return times

    async def ask(self, sent: bytes) -> float:
        """Ask on a new connection; the seconds until the answer has come."""
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection(
            self._server.hostname, self._server.port, local_addr=(self._source, 0)
        )
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(_OK):
            raise RuntimeError(head)
        took = time.perf_counter() - began
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        return took
