"""Disks, folders and databases in a bad state, and how they are made good again."""

import ctypes
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

DATABASE = "gallery.sqlite3"
_LIMITED = "import resource, sys; resource.setrlimit(getattr(resource, sys.argv[1]), (int(sys.argv[2]),) * 2)"
_NO_TEMPORARY = "import sys, tempfile; tempfile._candidate_tempdir_list = lambda: ['/no such folder']"
_RUN = "import runpy; runpy.run_module('imagerouter_mcp', run_name='__main__', alter_sys=True)"
_BLOCK = 4096
_HERE, _EXCHANGE = -100, 2
"""`AT_FDCWD` and `RENAME_EXCHANGE` of Linux, from fcntl.h and fs.h."""


def can_mount() -> bool:
    """Whether this test run may mount file systems."""
    return sys.platform == "linux" and os.geteuid() == 0


@contextmanager
def small_disk(folder: Path) -> Generator[None]:
    """A disk of 64 MiB at a folder, where it can be mounted; else the test is skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    if not can_mount() or _mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)):
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607 - the test's own folder


def fill(folder: Path) -> None:
    """Leave no byte free on the disk of a folder."""
    with (folder / "filling").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(_BLOCK)):
            pass


def make_room(folder: Path) -> None:
    """Take back what `fill` did."""
    (folder / "filling").unlink()


def limited_command(limit: str, value: int) -> list[str]:
    """Starts a server with a limit of the system, such as `RLIMIT_FSIZE`, which it cannot raise."""
    return [sys.executable, "-c", f"{_LIMITED}; del sys.argv[1:3]; {_RUN}", limit, str(value)]


@contextmanager
def no_descriptor_free(process: int) -> Generator[None]:
    """A running process can open no file and no connection, unless it closes another one."""
    if sys.platform != "linux":
        pytest.skip("only Linux lets one process limit another")
    opened = [int(each.name) for each in Path(f"/proc/{process}/fd").iterdir()]
    usual = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (max(opened) + 1, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, usual)


def command_without_temporary_folder() -> list[str]:
    """Starts a server on a system where nothing can be written but its own folders."""
    return [sys.executable, "-c", f"{_NO_TEMPORARY}; {_RUN}"]


def turn_into_file(folder: Path) -> None:
    """Put a file in the place of a folder, in one step: in between, a server would make the folder anew."""
    moved = folder.with_name(f"{folder.name} moved")
    moved.touch()
    _exchange(folder, moved)


def turn_back(folder: Path) -> None:
    """Take back what `turn_into_file` did."""
    moved = folder.with_name(f"{folder.name} moved")
    _exchange(folder, moved)
    moved.unlink()


def _exchange(one: Path, other: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux exchanges a file and a folder in one step")
    if ctypes.CDLL(None, use_errno=True).renameat2(_HERE, bytes(one), _HERE, bytes(other), _EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))


def make_read_only(folder: Path) -> None:
    """Nothing can be made in a folder any more; for root too, where the folder is a mounted disk."""
    if not can_mount():
        folder.chmod(0o555)
    elif _mount("-o", "remount,ro", str(folder)):
        pytest.skip("the disk cannot be mounted read-only here")


def make_writable(folder: Path) -> None:
    """Take back what `make_read_only` did."""
    if not can_mount():
        folder.chmod(0o755)
    elif _mount("-o", "remount,rw", str(folder)):
        raise RuntimeError(folder)


def _mount(*arguments: str) -> int:
    """The exit status of `mount`."""
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode  # noqa: S603, S607


def remove(folder: Path) -> None:
    """Delete a folder with all that is in it, at one stroke: a server may be writing into it."""
    gone = folder.with_name(f"{folder.name} gone")
    folder.rename(gone)
    shutil.rmtree(gone)


@contextmanager
def locked(data: Path) -> Generator[None]:
    """Another program has the database for itself."""
    connection = sqlite3.connect(data / DATABASE, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextmanager
def without_journal(data: Path) -> Generator[None]:
    """No call can be found in the database or entered into it."""
    with closing(sqlite3.connect(data / DATABASE)) as connection:
        connection.execute("ALTER TABLE journal RENAME TO away")
        yield
        connection.execute("ALTER TABLE away RENAME TO journal")


def states(data: Path) -> list[str]:
    """The states of all generations, looked up beside the server, which a question would set to work."""
    with closing(sqlite3.connect(data / DATABASE)) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM journal ORDER BY id")]


def corrupt(data: Path) -> None:
    """Put something else in the database's place."""
    data.mkdir(parents=True, exist_ok=True)
    move_database_away(data)
    (data / DATABASE).write_bytes(b"This is no database. " * 1000)


def come_from_a_newer_version(data: Path) -> None:
    """Let the database say that a later release has changed it."""
    data.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(data / DATABASE)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


def damage_rows(data: Path, table: str, columns: Sequence[str]) -> None:
    """Put something that is neither a number nor JSON nor text into columns of all rows."""
    with closing(sqlite3.connect(data / DATABASE, isolation_level=None)) as connection:
        watching = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        for name, _ in watching:
            connection.execute(f"DROP TRIGGER {name}")
        for column in columns:
            connection.execute(f"UPDATE {table} SET {column} = ?", (b'{"half\xff',))  # noqa: S608 - the test's own words
        for _, statement in watching:
            connection.execute(statement)
        connection.execute("COMMIT")


def move_database_away(data: Path) -> None:
    """Do what the server's sentences advise."""
    for file in data.glob(f"{DATABASE}*"):
        file.unlink()


def date_an_hour_ahead(data: Path) -> None:
    """Make everything recorded look as if the clock had been set back by an hour since then."""
    _move(data, 3600, "_at")


def date_back(data: Path, prompt: str, seconds: float) -> None:
    """Make what is recorded of a prompt look as if the clock had been set ahead by so much since then."""
    with closing(sqlite3.connect(data / DATABASE)) as connection, connection:
        moments = {"generations": ("created_at",), "journal": ("created_at", "ended_at")}
        for table, columns in moments.items():
            for column in columns:
                connection.execute(
                    f"UPDATE {table} SET {column} = {column} - ? WHERE prompt = ?",  # noqa: S608 - its own names
                    (seconds, prompt),
                )


def _move(data: Path, seconds: float, *endings: str) -> None:
    """Move the moments in all columns whose names end so."""
    connection = sqlite3.connect(data / DATABASE)
    with connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        for table in tables:
            for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                if column.endswith(endings) and kind.upper() == "REAL":
                    connection.execute(f"UPDATE {table} SET {column} = {column} + ?", (seconds,))  # noqa: S608 - its own names
    connection.close()


def has_ended(data: Path, prompt: str) -> bool:
    """Whether the journal says that a generation is over."""
    with closing(sqlite3.connect(data / DATABASE)) as connection:
        found = connection.execute("SELECT ended_at FROM journal WHERE prompt = ?", (prompt,)).fetchall()
    return bool(found) and all(ended is not None for (ended,) in found)


def grow_older(data: Path, seconds: float) -> None:
    """Make everything recorded look as if it had happened so much earlier."""
    _move(data, -seconds, "_at", "_uptime")
