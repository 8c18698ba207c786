"""PgBouncer in front of a PostgreSQL server, lending connections for one transaction at a time."""

import os
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from support.postgres import ROLE, Cluster, unprivileged

_PORT = 6432
"""Part of the name of its socket; nothing listens on the network."""
_PATIENCE_SECONDS = 30.0


class Pooler:
    """PgBouncer.

    Args:
        cluster: The server behind it, in whose folder its own files lie.
        program: PgBouncer itself.
    """

    def __init__(self, cluster: Cluster, program: str) -> None:
        self._cluster = cluster
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def address(self, url: str) -> str:
        """Return the address of a database through the pooler."""
        return f"{url}&port={_PORT}"

    def start(self, url: str) -> None:
        """Start it, and wait until a database can be reached through it."""
        folder = self._cluster.folder
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"""[databases]
* = user={ROLE} host={folder}
[pgbouncer]
listen_addr =
listen_port = {_PORT}
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 8
ignore_startup_parameters = extra_float_digits
""",
            "utf-8",
        )
        self._process = subprocess.Popen(  # noqa: S603 - our own words
            [*unprivileged(), self._program, "--quiet", str(settings)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.address(url)).close()
                return
            assert time.monotonic() < deadline, "PgBouncer does not answer"

    def stop(self) -> None:
        """End it and all connections through it."""
        if self._process:
            self._process.kill()
            self._process.wait()


def pooler_program() -> str | None:
    """Return the path of PgBouncer; None if it is not installed."""
    return shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))


@contextmanager
def running_pooler(cluster: Cluster, program: str, url: str) -> Generator[Pooler]:
    """Run a pooler for a block."""
    pooler = Pooler(cluster, program)
    pooler.start(url)
    try:
        yield pooler
    finally:
        pooler.stop()
        for file in Path(cluster.folder).glob("pgbouncer*"):
            file.unlink()
