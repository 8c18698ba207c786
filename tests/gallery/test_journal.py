"""The journal: on disk before anything is paid, true whoever reads it, and settled whoever wrote it."""

import contextlib
import json
import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import pytest

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.entries import Metadata, Reservation, State, StoredImage
from imagerouter_mcp.gallery.journal import (
    JOINED_FOR,
    LISTED_FOR,
    Journal,
)
from imagerouter_mcp.gallery.ledger import Ledger, Spent
from imagerouter_mcp.gallery.owners import Owners
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.money import Budget, dollars
from support.older_gallery import go_back_to_version_3
from support.postgres import Galleries

spawn = multiprocessing.get_context("spawn")
FOX = ("a fox", "vendor/model")
ERROR = {"kind": "service", "what": "It failed.", "charged": "no", "remedy": "Ask again."}
UNKNOWN = {**ERROR, "charged": "unknown"}
RESULT = Metadata(prompt="a fox", model="vendor/model", cost_usd=Decimal("0.01"), latency_ms=5)


class Process:
    """What one process of a person holds, within this one."""

    def __init__(self, data_dir: Path, galleries: Galleries | None = None) -> None:
        self._data_dir = data_dir
        self._galleries = galleries or Galleries()
        self.database = self._galleries.database(data_dir)
        self.journal = Journal(self.database, self._galleries.owners(data_dir))
        self.gallery = Gallery(self.database)
        self.ledger = Ledger(self.database)

    def another(self) -> "Process":
        """Return another process of the same person."""
        return Process(self._data_dir, self._galleries)

    def on_disk(self, columns: str = "handle, state") -> list[tuple[Any, ...]]:
        """Return what the journal's table has."""
        with self.database.reading() as connection:
            return connection.execute(f"SELECT {columns} FROM journal ORDER BY id").fetchall()  # noqa: S608

    def change(self, what: str, *values: object) -> None:
        """Change the journal's table."""
        with self.database.writing() as connection:
            connection.execute(f"UPDATE journal SET {what}", values)  # noqa: S608

    def close(self) -> None:
        """Let go of everything, as at its end."""
        self.journal.close()
        self.database.close()

    def begin(self, fingerprint: str = "same", count: int = 1, *, again: bool = False) -> list[str]:
        """Enter a call; the handles of its generations."""
        return self.journal.begin(fingerprint, [FOX] * count, again=again)[0]

    def reserve(self, *handles: str, usd: str = "0.04", budget: str | None = None) -> Decimal | None:
        """Set so much aside for each."""
        reservations = [
            Reservation(handle=handle, model="vendor/chosen", usd=Decimal(usd), plan=f"plan of {handle}")
            for handle in handles
        ]
        budgets = [Budget(Decimal(budget), today())] if budget else []
        exceeded = self.journal.reserve(reservations, budgets)
        return exceeded.committed if exceeded else None

    def work(self, fingerprint: str = "same", count: int = 1) -> list[str]:
        """A call whose requests have left."""
        handles = self.begin(fingerprint, count)
        self.reserve(*handles)
        for handle in handles:
            self.journal.leaves(handle)
        return handles

    def record(self, handle: str, notes: tuple[str, ...] = ()) -> None:
        """End a generation with a result that has a link."""
        self.journal.record(handle, [StoredImage(url="https://storage.example/fox.png")], notes, RESULT)

    def states(self, handle: str) -> list[State]:
        """Where each generation of a call is."""
        return [entry.state for entry in self.journal.call(handle)]


def spent_today(process: Process) -> list[Spent]:
    return process.ledger.between(today(), today())


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def process(data_dir: Path, galleries: Galleries) -> Iterator[Process]:
    with contextlib.closing(Process(data_dir, galleries)) as opened:
        yield opened


@pytest.fixture
def in_file(data_dir: Path) -> Iterator[Process]:
    with contextlib.closing(Process(data_dir)) as opened:
        yield opened


def test_nothing_is_opened_or_made_before_it_is_needed(in_file: Process, data_dir: Path) -> None:
    del in_file
    assert not data_dir.exists()


def test_every_stage_is_on_disk_when_it_is_reached(process: Process) -> None:
    (handle,) = process.begin()
    assert process.on_disk(
        "handle, call, state, delivered, prompt, model, CAST(reserved_usd AS text), job"
    ) == [(handle, handle, "preparing", 0, "a fox", "vendor/model", None, None)]
    assert process.reserve(handle) is None
    (row,) = process.on_disk("state, model, CAST(reserved_usd AS text), job")
    assert row == ("queued", "vendor/chosen", "0.04", f"plan of {handle}")
    process.journal.leaves(handle)
    assert process.on_disk() == [(handle, "working")]
    process.record(handle, ("It is small.",))
    assert process.on_disk("handle, state, notes") == [(handle, "done", '["It is small."]')]
    record = process.gallery.generation(handle)
    assert record
    assert record.generation == handle


def test_a_failure_is_on_disk_with_its_reason(process: Process) -> None:
    (handle,) = process.work()
    process.journal.end(handle, "failed", ERROR)
    ((state, error),) = process.on_disk("state, error")
    assert (state, json.loads(error)) == ("failed", ERROR)


def test_what_has_ended_does_not_end_otherwise(process: Process) -> None:
    (handle,) = process.work()
    process.record(handle)
    process.journal.end(handle, "failed", ERROR)
    assert process.states(handle) == ["done"]


def test_a_call_of_several_is_found_by_any_of_its_handles_in_their_order(process: Process) -> None:
    handles = process.begin(count=3)
    process.begin("another")
    for handle in handles:
        assert [entry.handle for entry in process.journal.call(handle)] == handles
        assert {entry.call for entry in process.journal.call(handle)} == {handles[0]}
    assert process.journal.call("gen_0000") == process.journal.call("gen_\udcff") == []


def _ended(state: State, charged: str = "no", *, delivered: bool = False) -> Callable[[Process], str]:
    def end(process: Process) -> str:
        (handle,) = process.work()
        if state == "done":
            process.record(handle)
        else:
            process.journal.end(handle, state, {**ERROR, "charged": charged})
        if delivered:
            process.journal.note_delivered(handle)
        return handle

    return end


def _being_prepared(process: Process) -> str:
    return process.begin()[0]


def _under_way(process: Process) -> str:
    return process.work()[0]


UNDER_WAY: dict[str, Callable[[Process], str]] = {"being prepared": _being_prepared, "sent": _under_way}
ENDED: dict[str, Callable[..., Callable[[Process], str]]] = {
    "done": partial(_ended, "done"),
    "unknown": partial(_ended, "unknown", "unknown"),
    "failed and charged": partial(_ended, "failed", "yes"),
}
FREE = {"failed": _ended("failed"), "never sent": _ended("not_sent")}


def joins(process: Process, handle: str, **how: bool) -> bool:
    """Whether the same call is answered with an earlier one."""
    found, joined = process.journal.begin("same", [FOX], again=False, **how)
    assert (found == [handle]) is joined
    return joined


@pytest.mark.parametrize("earlier", UNDER_WAY)
def test_the_same_call_joins_what_is_under_way(process: Process, earlier: str) -> None:
    handle = UNDER_WAY[earlier](process)
    assert joins(process, handle)
    assert joins(process, handle, join_delivered=False)
    assert process.journal.begin("other", [FOX], again=False)[1] is False
    assert process.journal.begin("same", [FOX], again=True)[1] is False


@pytest.mark.parametrize("earlier", ENDED)
@pytest.mark.parametrize("delivered", [False, True])
def test_the_same_call_is_answered_with_what_may_have_cost_money(
    process: Process, earlier: str, *, delivered: bool
) -> None:
    handle = ENDED[earlier](delivered=delivered)(process)
    assert process.journal.same_call("same") == handle
    assert joins(process, handle)
    assert joins(process, handle, join_delivered=False) is not delivered, "a person who types it means it"


def test_a_known_failure_replaces_an_unknown_outcome_and_never_the_other_way_round(process: Process) -> None:
    (handle,) = process.work("a fox")
    ends: list[tuple[State, dict[str, str]]] = [("unknown", UNKNOWN), ("failed", ERROR), ("unknown", UNKNOWN)]
    came: list[str] = []
    for state, error in ends:
        process.journal.end(handle, state, error)
        came += [entry.state for entry in process.journal.call(handle)]
    assert came == ["unknown", "failed", "failed"]


@pytest.mark.parametrize("earlier", FREE)
def test_what_ended_without_cost_is_carried_out_anew(process: Process, earlier: str) -> None:
    assert not joins(process, FREE[earlier](process))


def test_ten_minutes_after_its_end_nothing_is_joined(process: Process) -> None:
    handle = _ended("done")(process)
    process.change("ended_uptime = ended_uptime - ?", JOINED_FOR.total_seconds() - 5)
    assert process.begin() == [handle]
    assert process.journal.lately(handle)
    process.change("ended_uptime = ended_uptime - 10")
    assert not process.journal.lately(handle)
    assert process.begin() != [handle]
    assert timedelta(minutes=10) == JOINED_FOR


def test_setting_the_clock_does_not_change_how_long_ago_a_call_ended(process: Process) -> None:
    handle = _ended("done")(process)
    process.change("ended_at = ended_at - 86400")
    assert process.begin() == [handle], "the clock was set ahead by a day"
    process.change("ended_at = ended_at + 172800, ended_uptime = ended_uptime - 660")
    assert process.begin() != [handle], "the clock was set back by a day, and eleven minutes passed"


def test_after_a_restart_of_the_machine_the_time_of_day_says_how_long_ago_a_call_ended(
    process: Process,
) -> None:
    handle = _ended("done")(process)
    process.change("clock = 'the run of the machine before', ended_uptime = 1e6")
    assert process.begin() == [handle]
    process.change("ended_at = ended_at - ?", JOINED_FOR.total_seconds() + 5)
    assert process.begin() != [handle]


def test_soon_after_a_restart_of_the_machine_no_clock_makes_what_was_paid_last_look_old(
    in_file: Process,
) -> None:
    handle = _ended("done")(in_file)
    in_file.change("clock = 'the run of the machine before', ended_uptime = 1e6, ended_at = ended_at - 86400")

    def runs_for(seconds: float) -> None:
        with in_file.database.reading() as connection:
            cast("sqlite3.Connection", connection).create_function("uptime", 0, lambda: seconds)

    runs_for(JOINED_FOR.total_seconds() + 5)
    assert not joins(in_file, handle), "it ended before the machine started, so longer ago"
    in_file.change("fingerprint = 'other' WHERE handle != ?", handle)
    runs_for(JOINED_FOR.total_seconds() - 5)
    assert joins(in_file, handle)
    assert in_file.journal.lately(handle)
    (later,) = in_file.work("later")
    in_file.record(later)
    in_file.change(
        "clock = 'the run of the machine before', ended_uptime = 1e6 + 601 WHERE handle = ?", later
    )
    assert not joins(in_file, handle), "the machine went on for ten minutes before it was restarted"


def test_what_was_given_up_while_it_was_prepared_reserves_nothing(process: Process) -> None:
    (handle,) = process.begin()
    process.journal.end(handle, "not_sent", ERROR)
    process.reserve(handle)
    assert process.states(handle) == ["not_sent"]
    assert spent_today(process) == []


def test_what_an_earlier_version_noted_as_told_counts_as_delivered(in_file: Process, data_dir: Path) -> None:
    handles = [in_file.work(str(told))[0] for told in range(4)]
    in_file.close()
    with contextlib.closing(sqlite3.connect(data_dir / "gallery.sqlite3")) as connection, connection:
        go_back_to_version_3(connection)
        connection.execute("ALTER TABLE journal RENAME COLUMN delivered TO told")
        connection.executemany("UPDATE journal SET told = ? WHERE handle = ?", list(enumerate(handles)))
        connection.execute("PRAGMA user_version = 2")
    with contextlib.closing(Process(data_dir)) as other:
        delivered = [other.journal.call(handle)[0].delivered for handle in handles]
    assert delivered == [False, False, True, True]


def test_money_is_set_aside_only_while_the_budget_holds_it(process: Process) -> None:
    first, second = process.begin("1"), process.begin("2", count=2)
    assert process.reserve(*first, usd="0.04", budget="0.10") is None
    assert process.reserve(*second, usd="0.04", budget="0.10") == Decimal("0.04")
    assert process.states(second[0]) == ["preparing"] * 2, "all or none"
    assert process.reserve(*second, usd="0.03", budget="0.10") is None
    third = process.begin("3")
    assert process.reserve(*third, usd="0.000001", budget="0.10") == Decimal("0.10")
    assert process.reserve(*third, usd="0", budget="0.10") is None, "what is free needs no budget"


def test_a_passed_budget_refuses_even_what_claims_to_be_free(process: Process) -> None:
    (paid,), free = process.begin("1"), process.begin("2")
    assert process.reserve(paid, usd="0.50") is None
    assert process.reserve(*free, usd="0", budget="0.49") == Decimal("0.50")
    assert process.reserve(*free, usd="0", budget="0.50") is None


def test_a_record_of_another_day_does_not_block_today(process: Process) -> None:
    (handle,), today = process.begin("1"), process.begin("2")
    process.reserve(handle)
    process.record(handle)
    ahead = (datetime.now(UTC) + timedelta(days=3)).timestamp()
    with process.database.writing() as connection:
        connection.execute("UPDATE generations SET created_at = ?", (ahead,))
    assert process.reserve(*today, usd="0.01", budget="0.01") is None


def test_what_a_generation_counts_depends_on_where_it_is(process: Process) -> None:
    def spent() -> tuple[str, ...]:
        return tuple(
            f"{dollars(each.usd)} {'certain' if each.certain else 'under way' if each.under_way else 'open'}"
            for each in sorted(spent_today(process), key=lambda each: each.usd)
        )

    (handle,) = process.begin()
    assert spent() == ()
    process.reserve(handle)
    assert spent() == ("$0.04 under way",)
    process.journal.leaves(handle)
    assert spent() == ("$0.04 under way",)
    process.record(handle)
    assert spent() == ("$0.01 certain",)
    (unknown,) = process.work("other")
    process.journal.end(unknown, "unknown", UNKNOWN)
    assert spent() == ("$0.01 certain", "$0.04 open")
    (failed,) = process.work("third")
    process.journal.end(failed, "failed", ERROR)
    assert spent() == ("$0.01 certain", "$0.04 open")
    tomorrow = today() + timedelta(days=1)
    assert process.ledger.between(tomorrow, tomorrow) == []


@pytest.mark.parametrize(
    ("charge", "usd", "certain"),
    [
        ({"charged": "yes", "cost_usd": "0.013"}, "0.013", True),
        ({"charged": "yes", "cost_usd": "0.05", "kept": True}, "0.05", False),
        ({"charged": "yes", "kept": True}, "0.04", False),
        ({"charged": "yes"}, "0.04", False),
    ],
)
def test_a_failure_that_was_charged_counts(
    process: Process, charge: dict[str, object], usd: str, *, certain: bool
) -> None:
    (handle,) = process.work()
    process.journal.end(handle, "failed", {**ERROR, **charge})
    (spent,) = spent_today(process)
    assert (spent.usd, spent.certain, spent.under_way) == (Decimal(usd), certain, False)
    assert process.reserve(*process.begin("other"), usd="0.01", budget=usd) == Decimal(usd)


def test_a_result_without_a_price_counts_as_what_was_set_aside(process: Process) -> None:
    (handle,) = process.work()
    process.journal.record(handle, [StoredImage(url="https://x")], (), replace(RESULT, cost_usd=None))
    (spent,) = spent_today(process)
    assert (spent.usd, spent.certain, spent.under_way) == (Decimal("0.04"), False, False)


def test_what_is_unfinished_is_listed_the_newest_first_and_not_for_ever(process: Process) -> None:
    preparing = process.begin("1")[0]
    working = process.work("2")[0]
    ends: list[tuple[State, str]] = [("unknown", "3"), ("failed", "4"), ("not_sent", "5")]
    ended = [process.work(fingerprint)[0] for _, fingerprint in ends]
    for handle, (state, _) in zip(ended, ends, strict=True):
        process.journal.end(handle, state, UNKNOWN)
    done = process.work("6")[0]
    process.record(done)
    listed = [entry.handle for entry in process.journal.unfinished(20)]
    assert listed == [*reversed(ended), working, preparing]
    assert [entry.handle for entry in process.journal.unfinished(2)] == listed[:2]
    for handle in ended:
        process.journal.note_delivered(handle)
    assert [entry.state for entry in process.journal.unfinished(20)] == ["unknown", "working", "preparing"]
    process.change("created_at = created_at - ?", LISTED_FOR.total_seconds() + 5)
    assert [entry.state for entry in process.journal.unfinished(20)] == ["working", "preparing"]


def test_after_a_week_what_cost_nothing_is_forgotten_and_no_prompt_is_kept_twice(process: Process) -> None:
    free, charged, unknown, done, working = (process.work(str(number))[0] for number in range(5))
    process.journal.end(free, "failed", ERROR)
    process.journal.end(charged, "failed", {**ERROR, "charged": "yes", "cost_usd": "0.02"})
    process.journal.end(unknown, "unknown", UNKNOWN)
    process.record(done)

    def left_at_the_next_start() -> dict[str, bool]:
        """The generations that are known, and whether their plans are."""
        with contextlib.closing(process.another()) as other:
            other.begin("next", again=True)
            entries = [other.journal.call(handle) for handle in (free, charged, unknown, done, working)]
        return {entry.handle: entry.plan is not None for (entry,) in filter(None, entries)}

    process.change("ended_at = ended_at - ?", LISTED_FOR.total_seconds() - 60)
    assert left_at_the_next_start() == dict.fromkeys((free, charged, unknown, done, working), True)
    process.change("ended_at = ended_at - 120")
    assert left_at_the_next_start() == {charged: False, unknown: False, done: False, working: True}
    assert sum(spent.usd for spent in spent_today(process)) == Decimal("0.02") + Decimal(
        "0.04"
    ) * 2 + Decimal("0.01")


@pytest.mark.parametrize("characters", [399, 400, 401, 10**6])
def test_of_what_was_asked_for_the_journal_keeps_the_beginning(process: Process, characters: int) -> None:
    ((handle,), _) = process.journal.begin("same", [("f" * characters, "m" * characters)], again=False)
    (entry,) = process.journal.call(handle)
    assert (len(entry.prompt), len(entry.model)) == (min(characters, 400), 100)


# Two processes


def test_what_a_live_process_works_on_is_left_to_it(process: Process) -> None:
    handles = process.work(count=2)
    with contextlib.closing(process.another()) as other:
        assert other.journal.adopt([]) == []
        assert other.states(handles[0]) == ["working"] * 2
        assert other.begin() == [handles[0]], "it joins"


def _stage_and_wait(data_dir: str, pipe: Connection) -> None:
    process = Process(Path(data_dir))
    working = process.work("working")
    queued = process.begin("queued")
    process.reserve(*queued)
    preparing = process.begin("preparing")
    pipe.send((working[0], queued[0], preparing[0]))
    pipe.recv()


def test_another_process_is_left_alone_while_it_lives_and_taken_over_when_it_was_killed(
    in_file: Process, data_dir: Path
) -> None:
    here, there = spawn.Pipe()
    other = spawn.Process(target=_stage_and_wait, args=(str(data_dir), there))
    other.start()
    there.close()
    try:
        handles: tuple[str, str, str] = here.recv()
        working, queued, preparing = handles
        assert in_file.journal.adopt([]) == []
        assert [in_file.states(handle) for handle in handles] == [["working"], ["queued"], ["preparing"]]
        assert in_file.begin("working") == [working]
    finally:
        other.kill()
        other.join()
    (adopted,) = in_file.journal.adopt([])
    assert adopted.handle == working
    assert in_file.states(working) == ["working"], "whose it is now"
    for handle in (queued, preparing):
        (entry,) = in_file.journal.call(handle)
        assert entry.state == "not_sent"
        assert entry.error
        assert entry.error["charged"] == "no"
    assert in_file.journal.adopt([working]) == []
    with contextlib.closing(Process(data_dir)) as third:
        assert third.journal.adopt([]) == [], "it belongs to the in_file that took it over"
    locks = {path.name for path in (data_dir / "running").iterdir()}
    assert len(locks) == 1, "the dead in_file's lock file is gone"


def test_what_is_left_by_a_process_that_closed_is_taken_over(process: Process) -> None:
    with contextlib.closing(process.another()) as other:
        (handle,) = other.work()
    assert [entry.handle for entry in process.journal.adopt([])] == [handle]


def test_work_of_this_process_that_ended_without_a_word_is_settled_too(process: Process) -> None:
    live, sent = process.work("1"), process.work("2")
    queued = process.begin("3")
    process.reserve(*queued)
    assert [entry.handle for entry in process.journal.adopt(live)] == sent
    assert process.states(queued[0]) == ["not_sent"]
    assert process.states(live[0]) == ["working"]


def test_a_process_that_has_let_go_is_gone_and_another_is_not(tmp_path: Path) -> None:
    one, other = Owners(tmp_path / "running"), Owners(tmp_path / "running")
    assert one.hold() == one.hold() == one.name != other.hold()
    with other.has_ended(one.name) as ended:
        assert not ended
    one.release()
    with other.has_ended(one.name) as ended:
        assert ended
        assert one.hold  # and nobody else can take its work up meanwhile
        with Owners(tmp_path / "running").has_ended(one.name) as also:
            assert not also


def test_a_process_that_ends_leaves_no_file(tmp_path: Path) -> None:
    one = Owners(tmp_path / "running")
    one.hold()
    one.release()
    one.release()
    assert not list((tmp_path / "running").iterdir())


def test_a_lock_whose_folder_was_removed_is_taken_anew(tmp_path: Path) -> None:
    one, other = Owners(tmp_path / "running"), Owners(tmp_path / "running")
    one.hold()
    shutil.rmtree(tmp_path / "running")
    one.hold()
    other.hold()
    with other.has_ended(one.name) as ended:
        assert not ended


def test_locks_of_killed_processes_are_swept_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "running"
    alive, sweeping = Owners(folder), Owners(folder)
    for each in (alive, sweeping):
        each.hold()
    killed, starting = folder / "1-killed.lock", folder / "2-starting.lock"
    for file in (killed, starting):
        file.touch()
    for file in folder.iterdir():
        if file != starting:
            os.utime(file, (0, 0))
    sweeping.sweep(timedelta(hours=1))
    left = {file.stem for file in folder.iterdir()}
    assert left == {alive.name, sweeping.name, starting.stem}
    alive.release()
    sweeping.release()


def test_answers_are_needless_once_their_generation_is_recorded_or_was_never_sent(process: Process) -> None:
    done, failed = process.work(count=2)
    (never,) = process.begin("never")
    (under_way,) = process.work("under way")
    process.record(done)
    process.journal.end(failed, "failed", UNKNOWN)
    process.journal.end(never, "not_sent", ERROR)
    assert set(process.journal.needless([done, failed, never, under_way, "gen_other"])) == {done, never}


def test_a_folder_that_cannot_hold_locks_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "running").touch()
    with pytest.raises(ConfigurationError, match="cannot be written to"):
        Owners(tmp_path / "running").hold()


# Other versions, and a file that goes

VERSION_1 = """
    CREATE TABLE generations (
        id INTEGER PRIMARY KEY AUTOINCREMENT, handle TEXT NOT NULL UNIQUE, created_at REAL NOT NULL,
        prompt TEXT NOT NULL, revised_prompt TEXT, model TEXT NOT NULL, parameters TEXT NOT NULL,
        sources TEXT NOT NULL, cost_usd TEXT, latency_ms INTEGER, words TEXT NOT NULL
    );
    CREATE TABLE images (
        handle TEXT PRIMARY KEY,
        generation_id INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
        position INTEGER NOT NULL, path BLOB, url TEXT, media_type TEXT, width INTEGER, height INTEGER,
        bytes INTEGER, UNIQUE (generation_id, position)
    ) WITHOUT ROWID;
    INSERT INTO generations VALUES
        (7, 'gen_7f3a', 1764000000.5, 'a fox', NULL, 'vendor/model', '{"size": "1024x768"}', '[]', '0.04',
         6942, 'a fox vendor/model gen_7f3a img_1a2b');
    INSERT INTO images VALUES
        ('img_1a2b', 7, 0, CAST('/pictures/fox.png' AS BLOB), NULL, 'image/png', 1024, 768, 123456);
    PRAGMA user_version = 1;
"""
"""As the first release made it, with one picture."""


def test_a_gallery_of_the_first_version_is_brought_up_to_date_and_keeps_everything(
    in_file: Process, data_dir: Path
) -> None:
    data_dir.mkdir()
    with contextlib.closing(sqlite3.connect(data_dir / "gallery.sqlite3")) as connection:
        connection.executescript(VERSION_1)
    (record,) = in_file.gallery.list()
    assert (record.generation, record.prompt, record.cost_usd) == ("gen_7f3a", "a fox", Decimal("0.04"))
    assert record.parameters == {"size": "1024x768"}
    (image,) = record.images
    assert (image.handle, image.path, image.seconds) == ("img_1a2b", Path("/pictures/fox.png"), None)
    assert in_file.gallery.usual_seconds("vendor/model") == 6.942
    assert in_file.gallery.delivered(1) == [record], "what is older than the journal counts as delivered"
    assert [spent.usd for spent in in_file.ledger.between(date(2020, 1, 1), today())] == [Decimal("0.04")]
    (handle,) = in_file.work()
    in_file.record(handle)
    assert [each.generation for each in in_file.gallery.list()] == [handle, "gen_7f3a"]


def test_a_record_from_before_the_journal_that_has_no_price_counts_as_nothing(
    in_file: Process, data_dir: Path
) -> None:
    data_dir.mkdir()
    with contextlib.closing(sqlite3.connect(data_dir / "gallery.sqlite3")) as connection:
        connection.executescript(VERSION_1.replace("'0.04'", "NULL"))
    (spent,) = in_file.ledger.between(date(2020, 1, 1), today())
    assert (spent.usd, spent.certain) == (0, False)


def test_a_newer_version_is_left_as_it_is(in_file: Process, data_dir: Path) -> None:
    data_dir.mkdir()
    with contextlib.closing(sqlite3.connect(data_dir / "gallery.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigurationError, match="newer version"):
        in_file.begin()
    with contextlib.closing(sqlite3.connect(data_dir / "gallery.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


def test_a_database_that_is_deleted_while_running_is_begun_anew(in_file: Process, data_dir: Path) -> None:
    (handle,) = in_file.work()
    for file in data_dir.glob("gallery.sqlite3*"):
        file.unlink()
    assert in_file.journal.call(handle) == []
    in_file.record(handle)  # what was made is recorded all the same
    record = in_file.gallery.generation(handle)
    assert record
    assert record.images[0].url == "https://storage.example/fox.png"
    assert in_file.begin("other") != [handle]
