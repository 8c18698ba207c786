"""Start-up: from spawn to the first `tools/list`, and the memory then, beside the smallest SDK server."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from statistics import median

from bench.figures import Figure
from bench.processes import mib
from imagerouter_mcp.cli.remote_checks import INITIALIZE

ROUNDS = 11
_REQUESTS = (
    INITIALIZE,
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
)


def measure() -> list[Figure]:
    """Start both servers in turn, `ROUNDS` times each, after one start of each that does not count."""
    ours = [sys.executable, "-m", "imagerouter_mcp"]
    bare = [sys.executable, "-m", "bench.minimal_server"]
    pairs = [(_start(ours), _start(bare)) for _ in range(ROUNDS + 1)][1:]
    seconds = [(ours[0], bare[0]) for ours, bare in pairs]
    memory = [(ours[1], bare[1]) for ours, bare in pairs]
    our_time, bare_time = (median(column) for column in zip(*seconds, strict=True))
    our_memory, bare_memory = (median(column) for column in zip(*memory, strict=True))
    return [
        Figure(
            "spawn to the first list of tools",
            f"{our_time:.2f} s",
            f"{bare_time:.2f} s",
            median(ours / bare for ours, bare in seconds),
            1.15,
            "×",
        ),
        Figure(
            "resident memory then",
            f"{our_memory:.0f} MiB",
            f"{bare_memory:.0f} MiB",
            our_memory - bare_memory,
            15,
            "MiB more",
        ),
    ]


def _start(command: Sequence[str]) -> tuple[float, float]:
    """Seconds to the answer of the first `tools/list`, and MiB resident then."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "IMAGEROUTER_DATA_DIR": folder, "IMAGEROUTER_OUTPUT_DIR": folder}
        began = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        ) as process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the server has no pipes")
            for request in _REQUESTS:
                process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            while json.loads(process.stdout.readline()).get("id") != 2:  # noqa: PLR2004 - of tools/list above
                pass
            elapsed = time.perf_counter() - began
            resident = mib(process.pid, "VmRSS")
            process.stdin.close()
    return elapsed, resident
