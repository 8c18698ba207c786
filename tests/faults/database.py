"""Databases in a bad state before or during a call, and how they are made good again."""

import sqlite3
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from faults import places
from faults.scene import QUICK, Interrupt, Scene, Setting, make, new_prompt


def _begun(scene: Scene) -> None:
    """Let there be a database."""
    told = make(scene.shared_host(), new_prompt("before"), QUICK)
    assert not told.failed, told.text


def locked_for(seconds: float) -> Setting:
    """Another program holds the database for so long, from before the call on."""

    @contextmanager
    def setting(scene: Scene) -> Generator[None]:
        _begun(scene)
        stack = ExitStack()
        stack.enter_context(places.locked(scene.data))
        timer = threading.Timer(seconds, stack.close)
        timer.start()
        yield
        timer.join()

    return setting


def locked_meanwhile_for(seconds: float) -> Setting:
    """Another program takes the database for so long while the service works."""

    @contextmanager
    def setting(scene: Scene) -> Generator[Interrupt]:
        stack = ExitStack()
        timer = threading.Timer(seconds, stack.close)

        def lock() -> None:
            stack.enter_context(places.locked(scene.data))
            timer.start()

        yield lock
        timer.join()

    return setting


@contextmanager
def corrupt(scene: Scene) -> Generator[None]:
    """Something else lies where the database should be when the server begins."""
    scene.end_shared_host()
    places.corrupt(scene.data)
    yield
    scene.lose_records(places.move_database_away)


@contextmanager
def corrupted_meanwhile(scene: Scene) -> Generator[Interrupt]:
    """The database is overwritten while the service works."""

    def overwrite() -> None:
        database = scene.data / places.DATABASE
        for file in (database, *scene.data.glob(f"{places.DATABASE}-wal")):
            with file.open("r+b") as opened:
                opened.write(b"This is no database. " * 1000)

    yield overwrite
    scene.lose_records(places.move_database_away)


_OF_RECORDS = ("created_at", "parameters", "sources", "latency_ms", "revised_prompt")
_OF_ENTRIES = ("owner", "created_at", "reserved_usd", "job", "notes")


@contextmanager
def records_damaged(scene: Scene) -> Generator[None]:
    """What is kept of earlier pictures cannot be read any more, when a server begins."""
    _begun(scene)
    scene.end_shared_host()
    places.damage_rows(scene.data, "generations", _OF_RECORDS)
    yield


@contextmanager
def entry_damaged_meanwhile(scene: Scene) -> Generator[Interrupt]:
    """What the journal keeps of the call is overwritten while the service works."""
    yield lambda: places.damage_rows(scene.data, "journal", _OF_ENTRIES)


@contextmanager
def newer(scene: Scene) -> Generator[None]:
    """The database was changed by a later release, before the server began."""
    scene.end_shared_host()
    places.come_from_a_newer_version(scene.data)
    yield
    scene.lose_records(places.move_database_away)


@contextmanager
def clock_set_back(scene: Scene) -> Generator[None]:
    """The clock has been set back since the last records."""
    _begun(scene)
    try:
        places.date_an_hour_ahead(scene.data)
    except sqlite3.Error as error:  # a table of another shape would make the fault none
        raise RuntimeError("the records could not be dated ahead") from error
    yield


@contextmanager
def clock_set_back_meanwhile(scene: Scene) -> Generator[Interrupt]:
    """The clock is set back while the service works."""
    yield lambda: places.date_an_hour_ahead(scene.data)
