"""A PostgreSQL server of the tests' own, in a temporary folder, reached by a socket there."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from imagerouter_mcp.database.leases import Leases
from imagerouter_mcp.database.postgres import PostgresDatabase, PostgresServer
from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.gallery.owners import Owners, OwnersAtWork
from imagerouter_mcp.gallery.tables import SCHEMA, gallery_database

ROLE = "imagerouter"
LEASE_SECONDS = 600.0
"""Longer than a test, so that none ends in one by itself."""
SUPERUSER = "postgres"
_UNPRIVILEGED = "postgres"
"""The system user whom its package adds; PostgreSQL refuses root."""
_CONNECTIONS = "max_connections=60"
_QUICK = ("fsync=off", "full_page_writes=off")
"""What loses data when the power fails, and nothing else."""


class Cluster:
    """A server with one database for everybody; call `start` first.

    Args:
        folder: A new folder; its path must be short, because a socket lies in it.
        programs: The folder of PostgreSQL's programs.
        durable: Whether it waits for the disk at each commit, as it does by default.
    """

    def __init__(self, folder: Path, programs: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self._programs = programs
        self._settings = (_CONNECTIONS, *(() if durable else _QUICK))

    @property
    def url(self) -> str:
        """The address for a role that row-level security holds."""
        return self.address(ROLE)

    def address(self, role: str, database: str = ROLE) -> str:
        """Return the address for a role."""
        return f"postgresql://{role}@/{database}?host={self.folder}"

    def make(self) -> None:
        """Make the server's files, start it, and make its role and database."""
        self._run(
            "initdb", "--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C", "--no-sync"
        )
        self.start()
        with psycopg.connect(self.address(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN".encode())
            connection.execute(f"CREATE DATABASE {ROLE} OWNER {ROLE}".encode())

    def new_database(self) -> str:
        """Make an empty database; return its address."""
        name = f"d{secrets.token_hex(6)}"
        with psycopg.connect(self.address(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {ROLE}".encode())
        return self.address(ROLE, name)

    def lock_out(self, url: str) -> None:
        """End all connections to a database, and refuse others until `let_in`."""
        self._allow(url, "false")
        with psycopg.connect(self.address(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                [conninfo_to_dict(url)["dbname"]],
            )

    def let_in(self, url: str) -> None:
        """Take connections to a database again."""
        self._allow(url, "true")

    def _allow(self, url: str, whether: str) -> None:
        name = conninfo_to_dict(url)["dbname"]
        with psycopg.connect(self.address(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {whether}".encode())

    def dump(self, url: str) -> bytes:
        """Return a database as SQL, as a backup has it; row-level security does not hold a superuser."""
        return self._psql("pg_dump", str(conninfo_to_dict(url)["dbname"]))

    def restore(self, backup: bytes) -> str:
        """Make a new database of a backup; return its address."""
        url = self.new_database()
        self._psql("psql", "--set=ON_ERROR_STOP=1", str(conninfo_to_dict(url)["dbname"]), given=backup)
        return url

    def _psql(self, program: str, *arguments: str, given: bytes = b"") -> bytes:
        reached = (f"--host={self.folder}", f"--username={SUPERUSER}", "--no-password")
        command = [str(self._programs / program), *reached, *arguments]
        return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603 - our own words

    def start(self) -> None:
        """Start the server and wait until it answers."""
        chosen = " ".join(f"-c {each}" for each in self._settings)
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} {chosen}"
        self._run("pg_ctl", "--wait", "--silent", f"--log={self.folder}/log", f"--options={options}", "start")

    def stop(self) -> None:
        """End the server and all connections to it."""
        self._run("pg_ctl", "--wait", "--silent", "--mode=immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - our own words
            [*unprivileged(), str(self._programs / program), f"--pgdata={self.folder}/data", *arguments],
            check=True,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )


def unprivileged() -> list[str]:
    """Return how a command begins that must not run as root."""
    if os.getuid() != 0:
        return []
    return ["setpriv", f"--reuid={_UNPRIVILEGED}", f"--regid={_UNPRIVILEGED}", "--clear-groups"]


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; None if it is not installed."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), shutil.which("initdb")]
    folders = [Path(each).resolve().parent for each in found if each]
    return next((folder for folder in folders if (folder / "pg_ctl").exists()), None)


@contextmanager
def running_cluster(programs: Path, *, durable: bool = False) -> Generator[Cluster]:
    """Run a server for a block; for the arguments see `Cluster`."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        if os.getuid() == 0:
            user = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(folder, user.pw_uid, user.pw_gid)
        cluster = Cluster(folder, programs, durable=durable)
        cluster.make()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)


class Galleries:
    """The galleries of a test: one in each data folder, in a file or in PostgreSQL as a person's own.

    Args:
        server: PostgreSQL; None for files.
    """

    def __init__(self, server: PostgresServer | None = None) -> None:
        self._server = server
        self._people: dict[Path, str] = {}

    def database(self, data_dir: Path) -> Database:
        """Open the database of a folder's gallery."""
        if self._server is None:
            return gallery_database(data_dir)
        person = self._people.setdefault(data_dir, secrets.token_hex(8))
        return PostgresDatabase(self._server, SCHEMA, person)

    def owners(self, data_dir: Path) -> OwnersAtWork:
        """Make what tells another process of this gallery from one that is gone."""
        return Leases(self._server, LEASE_SECONDS) if self._server else Owners(data_dir / "running")
