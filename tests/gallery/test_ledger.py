"""What was spent: kept as sums that agree with the records, whatever happens to these, and read at once."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from imagerouter_mcp.database.schema import Connection, Database
from imagerouter_mcp.database.sqlite import SQLiteDatabase
from imagerouter_mcp.gallery.days import start_of, today
from imagerouter_mcp.gallery.entries import Metadata, Reservation, StoredImage
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.ledger import Ledger
from imagerouter_mcp.gallery.owners import Owners
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.money import Budget
from support.older_gallery import go_back_to_version_3
from support.postgres import Galleries

ROWS = 100_000
FOX = ("a fox", "vendor/model")
MANY = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
    INSERT INTO generations (handle, created_at, prompt, model, parameters, sources, cost_usd, words)
    SELECT 'gen_' || n, :now - n % 60, 'a fox', 'vendor/' || n % 5, '{}', '[]', '0.000123', 'a fox'
    FROM numbers;
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
    INSERT INTO journal (handle, call, fingerprint, owner, state, delivered, created_at, ended_at, prompt,
        model, reserved_usd, job, notes)
    SELECT 'gen_' || n, 'gen_' || n, 'fingerprint ' || n, 'another', 'done', 1, :now, :now, 'a fox',
        'vendor/' || n % 5, '0.01', '{}', '[]'
    FROM numbers;
"""
"""A day of many pictures, each at $0.000123."""
TimeZone = Callable[[str], None]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SQLiteDatabase]:
    with closing(gallery_database(tmp_path)) as opened:
        yield opened


@pytest.fixture
def any_database(tmp_path: Path, galleries: Galleries) -> Iterator[Database]:
    with closing(galleries.database(tmp_path)) as opened:
        yield opened


def add_pictures(connection: Connection, *dates: datetime) -> None:
    """Record pictures at $0.04."""
    connection.executemany(
        "INSERT INTO generations (handle, created_at, prompt, model, parameters, sources, cost_usd, words)"
        " VALUES (?, ?, '', 'm', '{}', '[]', '0.04', '')",
        [(f"gen_{number}", at.timestamp()) for number, at in enumerate(dates)],
    )


def steps(database: SQLiteDatabase, work: Callable[[], object]) -> int:
    """How many hundreds of instructions SQLite carries out for some work."""
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    with database.reading() as connection:
        connection.set_progress_handler(count, 100)
    work()
    with database.reading() as connection:
        connection.set_progress_handler(None, 0)
    return counted


def test_a_hundred_thousand_records_of_today_make_no_call_longer_in_a_gallery_without_sums_too(
    database: SQLiteDatabase, tmp_path: Path
) -> None:
    with database.writing() as connection:
        go_back_to_version_3(connection)
        for statement in MANY.split(";")[:-1]:
            connection.execute(statement, {"rows": ROWS, "now": start_of(today()).timestamp() + 3600})
    database.close()
    journal, gallery, ledger = (
        Journal(database, Owners(tmp_path / "running")),
        Gallery(database),
        Ledger(database),
    )
    assert ledger.committed(today()) == Decimal("12.3")
    reservation = Reservation(handle="gen_1", model="m", usd=Decimal(), plan="")
    works: dict[str, Callable[[], object]] = {
        "begin": lambda: journal.begin("same", [FOX], again=False),
        "reserve": lambda: journal.reserve([reservation], [Budget(Decimal(20), today())]),
        "adopt": lambda: journal.adopt([]),
        "spending": lambda: ledger.between(date(2020, 1, 1), today()),
        "unfinished": lambda: journal.unfinished(200),
        "list": lambda: gallery.list(None, 10),
        "list today": lambda: gallery.list("today", 10),
        "find": lambda: gallery.find("img_7f3a"),
        "last": lambda: gallery.delivered(20),
        "count": gallery.count,
        "usual": lambda: gallery.usual_seconds("vendor/1"),
    }
    found = {name: steps(database, work) for name, work in works.items()}
    assert gallery.count() == ROWS
    assert max(found.values()) < 100, found


def test_the_sums_agree_with_the_records_whatever_happens_to_these(
    any_database: Database, tmp_path: Path, galleries: Galleries
) -> None:
    chance = random.Random(1)  # noqa: S311 - amounts, not secrets
    journal = Journal(any_database, galleries.owners(tmp_path))
    for number in range(40):
        ((handle,), _) = journal.begin(f"call {number}", [FOX], again=True, own_key=number % 5 < 2)
        usd = Decimal(chance.randrange(10**12)).scaleb(-6)
        journal.reserve([Reservation(handle=handle, model=f"m/{number % 3}", usd=usd, plan="")])
        error = {
            "kind": "x",
            "what": "",
            "remedy": "",
            "charged": "yes",
            "cost_usd": str(usd),
            "kept": number % 2 > 0,
        }
        if number % 4 == 0:
            cost = None if number % 8 else usd
            image = StoredImage(url="https://x")
            journal.record(handle, [image], (), Metadata(prompt="", model=f"m/{number % 3}", cost_usd=cost))
        elif number % 4 < 3:
            journal.end(handle, "failed" if number % 3 else "unknown", error)
    agree(any_database)
    for change in (
        "UPDATE generations SET created_at = created_at - 86400 * (id % 3)",
        "UPDATE journal SET created_at = created_at - 900 * id",
        "UPDATE generations SET cost_usd = '0.1' WHERE cost_usd IS NULL",
        "DELETE FROM journal WHERE id % 5 = 0",
    ):
        with any_database.writing() as connection:
            connection.execute(change)
        agree(any_database)
    with any_database.writing() as connection:
        before = connection.execute("SELECT * FROM spent").fetchall()
        connection.execute("DELETE FROM generations WHERE id % 2 = 1")
        assert connection.execute("SELECT * FROM spent").fetchall() == before, "it was paid for all the same"


def test_what_a_persons_own_key_pays_counts_in_their_budgets_but_not_in_that_of_all(
    any_database: Database, tmp_path: Path, galleries: Galleries
) -> None:
    journal, ledger = Journal(any_database, galleries.owners(tmp_path)), Ledger(any_database)
    for number, own_key in enumerate((True, False, True, False)):
        ((handle,), _) = journal.begin(f"call {number}", [FOX], again=True, own_key=own_key)
        usd = Decimal(10) ** -number
        journal.reserve([Reservation(handle=handle, model="m", usd=usd, plan="")])
        if number < 2:
            metadata = Metadata(prompt="", model="m", cost_usd=usd)
            journal.record(handle, [StoredImage(url="https://x")], (), metadata)
    assert ledger.committed(today()) == Decimal("1.111")
    assert ledger.committed(today(), own_key=False) == Decimal("0.101")
    assert ledger.parts(today()) == (Decimal("0.1"), Decimal("0.001"))


def agree(database: Database) -> None:
    """Compare the sums with the charges one by one, added up as decimal numbers."""
    with database.reading() as connection:
        kept = connection.execute(
            "SELECT quarter, model, certain, own_key, micro_usd, results FROM spent WHERE results > 0"
            " ORDER BY 1, 2, 3, 4"
        ).fetchall()
        charges = connection.execute(
            "SELECT created_at, model, certain, own_key, usd FROM charges"
        ).fetchall()
        assert connection.execute("SELECT * FROM spent WHERE results = 0 AND micro_usd != 0").fetchall() == []
    sums: dict[tuple[int, str, int, int], tuple[int, int]] = {}
    for created_at, model, certain, own_key, usd in charges:
        key = (int(created_at // 900), model, certain, own_key)
        total, results = sums.get(key, (0, 0))
        sums[key] = (total + int(Decimal(usd).scaleb(6)), results + 1)
    assert kept == [(*key, *value) for key, value in sorted(sums.items())]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows cannot be given a time zone")
def test_a_day_of_25_hours_counts_its_last_hour_and_the_next_day_does_not(
    any_database: Database, time_zone: TimeZone
) -> None:
    time_zone("CET-1CEST,M3.5.0,M10.5.0/3")
    sunday = date(2026, 10, 25)
    made = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)  # 23:30, half an hour before midnight
    assert made - start_of(sunday) > timedelta(hours=24)
    with any_database.writing() as connection:
        add_pictures(connection, made)
    ledger = Ledger(any_database)
    days = [sunday + timedelta(days=days) for days in (-1, 0, 1)]
    assert [ledger.committed(day) for day in days] == [0, Decimal("0.04"), 0]


def test_a_day_begins_with_its_first_second_and_ends_with_its_last(any_database: Database) -> None:
    begins, ends = (start_of(today() + timedelta(days=days)) for days in (0, 1))
    with any_database.writing() as connection:
        add_pictures(connection, begins, ends - timedelta(seconds=1), ends, begins - timedelta(seconds=1))
    ledger = Ledger(any_database)
    assert ledger.committed(today()) == 2 * Decimal("0.04")
    assert [spent.results for spent in ledger.between(today(), today())] == [1, 1]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows cannot be given a time zone")
def test_in_a_time_zone_that_cannot_be_a_day_is_that_of_utc(
    any_database: Database, time_zone: TimeZone
) -> None:
    time_zone("UTC-99")
    with any_database.writing() as connection:
        add_pictures(connection, datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
    assert Ledger(any_database).committed(date(2026, 1, 2)) == Decimal("0.04")


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows cannot be given a time zone")
def test_who_travels_finds_the_day_of_the_new_time_zone(any_database: Database, time_zone: TimeZone) -> None:
    began = datetime(2026, 1, 1, 0, 50, tzinfo=UTC)
    with any_database.writing() as connection:
        add_pictures(connection, *(began + timedelta(hours=hour) for hour in range(72)))
    for rule in ("UTC0", "NPT-5:45", "NZDT-13", "HST10"):
        time_zone(rule)
        assert Ledger(any_database).committed(date(2026, 1, 2)) == 24 * Decimal("0.04"), rule
