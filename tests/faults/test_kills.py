"""Two servers of one person, killed again and again while they make pictures (`make faults`)."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from imagerouter_mcp.gallery.database import Database
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.images.formats import inspect
from imagerouter_mcp.sandbox.accounts import KEY
from imagerouter_mcp.sandbox.serve import Sandbox

KILLS, RECORDS = 20, 500
_HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "kills", "version": "0"},
}


class Host:
    """A host that starts a server and asks it for one small picture after another.

    Args:
        environment: The server's.
        answered: Where the handles go that the server has told.
    """

    def __init__(self, environment: dict[str, str], answered: list[str]) -> None:
        self._answered = answered
        self.server = subprocess.Popen(
            [sys.executable, "-m", "imagerouter_mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _ask(self, number: int, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        assert self.server.stdin
        assert self.server.stdout
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        while True:
            message = json.loads(self.server.stdout.readline())
            if message.get("id") == number:
                return message["result"]

    def _work(self) -> None:
        arguments = {"prompt": "a fox", "model": "test/test", "size": "64x64", "preview": "none"}
        with contextlib.suppress(OSError, ValueError):  # the server was killed in the middle of a line
            self._ask(0, "initialize", _HELLO)
            for number in range(1, 10_000):
                told = self._ask(number, "tools/call", {"name": "generate_image", "arguments": arguments})
                self._answered.append(told["structuredContent"]["images"][0]["handle"])

    def kill(self) -> None:
        """End the server without warning."""
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()
        self._thread.join()
        for pipe in (self.server.stdin, self.server.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # pyright: ignore[reportOptionalMemberAccess] - both are pipes


@pytest.mark.long
def test_what_was_answered_outlives_twenty_kills_of_two_servers(sandbox: Sandbox, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "IMAGEROUTER_API_KEY": KEY,
        "IMAGEROUTER_BASE_URL": sandbox.base_url,
        "IMAGEROUTER_OUTPUT_DIR": str(tmp_path / "pictures"),
        "IMAGEROUTER_DATA_DIR": str(tmp_path / "data"),
    }
    chance = random.Random(1)  # noqa: S311 - moments, not secrets
    answered: list[str] = []
    hosts = [Host(environment, answered) for _ in range(2)]
    for kill in range(KILLS):
        enough = len(answered) + RECORDS // KILLS
        while len(answered) < enough:
            assert all(host.server.poll() is None for host in hosts)
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.05))  # somewhere within a request, not between two
        hosts[kill % 2].kill()
        hosts[kill % 2] = Host(environment, answered)
    for host in hosts:
        host.kill()

    assert len(answered) == len(set(answered)) >= RECORDS
    with contextlib.closing(Database(tmp_path / "data")) as database:
        gallery = Gallery(database)
        listed = [image for record in gallery.list(limit=100_000) for image in record.images]
        assert set(answered) <= {image.handle for image in listed}
        with contextlib.closing(sqlite3.connect(database.path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for image in listed:
        assert image.path
        assert inspect(image.path).bytes == image.bytes
    paths = [image.path for image in listed]
    assert len(paths) == len(set(paths))
