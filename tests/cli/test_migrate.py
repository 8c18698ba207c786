"""`imagerouter-mcp migrate` copies galleries into PostgreSQL and an object store, whole or not at all."""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread
from mcp import Client
from pydantic import SecretStr

from cli.conftest import run_here
from imagerouter_mcp.database.postgres import PostgresDatabase
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.entries import MADE_HERE, Metadata, Record, Reservation, StoredImage
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.owners import Owners
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.gallery.tables import SCHEMA, gallery_database
from imagerouter_mcp.gallery.transfer import IMAGE, TABLES, transfer_gallery
from imagerouter_mcp.people.person import Person
from imagerouter_mcp.people.register import BY_OPERATOR, open_register
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app
from support.object_store import BUCKET, SeaweedFS, new_prefix

if TYPE_CHECKING:
    from imagerouter_mcp.database.postgres import PostgresServer
    from support.postgres import Cluster

FOX = {"prompt": "A fox", "model": "openai/gpt-image-1.5", "size": "256x256"}


class Move:
    """The command, run as the operator would, and what it moved to."""

    def __init__(self, settings: Settings, url: str, store: SeaweedFS, prefix: str) -> None:
        moved = {"database_url": SecretStr(url), "object_store": f"s3://{BUCKET}/{prefix}"}
        folder = settings.data_dir.parent / "elsewhere"
        own = {"data_dir": folder / "data", "output_dir": folder / "pictures"}
        self.target = settings.model_copy(update=moved | own)
        self._environment = os.environ | {
            **store.environment(prefix),
            "IMAGEROUTER_DATABASE_URL": url,
            "IMAGEROUTER_DATA_DIR": str(settings.data_dir),
            "IMAGEROUTER_OUTPUT_DIR": str(settings.output_dir),
        }

    def start(self) -> "subprocess.Popen[str]":
        """Start the command."""
        return subprocess.Popen(
            [sys.executable, "-m", "imagerouter_mcp", "migrate"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self) -> tuple[int, str]:
        """Run the command within this process; return its status and what it said."""
        ended = run_here(["migrate"], self._environment, self.target.data_dir.parents[1])
        return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture
def move(
    settings: Settings, postgres: "Cluster", object_store: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> Move:
    for name, value in object_store.credentials().items():
        monkeypatch.setenv(name, value)
    return Move(settings, postgres.new_database(), object_store, new_prefix())


def add_anna(settings: Settings) -> Person:
    with closing(open_register(settings)) as people:
        return people.add(BY_OPERATOR, "anna", "Anna")


def filled(settings: Settings, pictures: int) -> list[Record]:
    """Write pictures into a gallery, of 50 kB each."""
    settings.output_dir.mkdir(parents=True, exist_ok=True)
    with closing(gallery_database(settings.data_dir)) as database:
        return [_add(Gallery(database), settings.output_dir / f"{number}.png") for number in range(pictures)]


def _add(gallery: Gallery, file: Path) -> Record:
    file.write_bytes(os.urandom(50_000))
    image = StoredImage(path=file, bytes=50_000, media_type="image/png")
    return gallery.add(Metadata(prompt=file.stem, model=MADE_HERE, cost_usd=Decimal("0.01")), [image])


@contextmanager
def opened(settings: Settings) -> Generator[App]:
    """Open an App in a test that is not a coroutine."""
    app = App(settings)
    yield app
    if app.shared.postgres:
        app.shared.postgres.close()


def contents(app: App) -> dict[str, bytes]:
    """Return the bytes of each picture and original of a gallery."""
    records = app.gallery.list(None, 1000)
    images = [image for record in records for image in (*record.images, *record.originals)]
    return {
        image.handle: app.files.bring(image.path).read_bytes()
        for image in images
        if image.path and image.here
    }


def spent(app: App) -> tuple[Decimal, Decimal]:
    """Return what was paid today, by all keys and by the operator's."""
    return app.ledger.committed(today()), app.ledger.committed(today(), own_key=False)


def pay_with_own_key(app: App) -> None:
    """Record a picture that the person's own key has paid."""
    ((handle,), _) = app.journal.begin("own", [("A whale", FOX["model"])], again=True, own_key=True)
    app.journal.reserve([Reservation(handle=handle, model=FOX["model"], usd=Decimal("0.5"), plan="{}")])
    metadata = Metadata(prompt="A whale", model=FOX["model"], cost_usd=Decimal("0.5"))
    app.journal.record(handle, [StoredImage(url="https://x")], (), metadata)


async def test_everything_is_there_afterwards_and_nothing_is_gone_at_the_source(
    settings: Settings, move: Move
) -> None:
    anna = add_anna(settings)
    filled(settings.for_person(anna.id), 2)
    async with open_app(settings) as before:
        async with Client(build_server(before)) as client:
            await client.call_tool("generate_image", FOX)
            await client.call_tool("generate_image", {**FOX, "size": "300x200"})
            gone = await client.call_tool("generate_image", {**FOX, "prompt": "An owl"})
        content: dict[str, Any] = gone.structured_content or {}
        deleted = str(content["images"][0]["handle"])
        await to_thread.run_sync(before.deletion.delete, [deleted])
        await to_thread.run_sync(pay_with_own_key, before)
        files, records, paid = contents(before), before.gallery.list(None, 100), spent(before)
        entries = before.journal.unfinished(100)
    status, said = await to_thread.run_sync(move.run)
    assert status == 0, said
    assert "The operator: copied 5 pictures and videos, the history of" in said
    assert "Anna: copied 2 pictures and videos. 2 files (100 kB) went into the object store." in said

    async with open_app(move.target) as after:
        assert contents(after) == files
        moved = after.gallery.list(None, 100)
        assert [each.generation for each in moved] == [each.generation for each in records]
        assert [each.prompt for each in moved] == [each.prompt for each in records]
        assert spent(after) == paid
        assert paid[0] == paid[1] + Decimal("0.5") > Decimal("0.5"), (
            "what was deleted was paid for all the same"
        )
        assert after.journal.unfinished(100) == entries
        assert after.gallery.was_deleted(deleted)
        assert len(contents(after.for_person(anna))) == 2
        with closing(open_register(move.target)) as people:
            assert people.named("Anna") == anna
    async with open_app(settings) as source:
        assert contents(source) == files
    status, said = await to_thread.run_sync(move.run)
    assert (status, said.count("was copied before")) == (0, 2), said


def test_whoever_was_removed_since_and_a_token_that_was_replaced_do_not_come_back(
    settings: Settings, move: Move
) -> None:
    with closing(open_register(settings)) as people:
        anna, bert = (people.add(BY_OPERATOR, name, name) for name in ("Anna", "Bert"))
        replaced, removed = people.new_token(anna), people.new_token(bert)
    assert move.run()[0] == 0
    with closing(open_register(move.target)) as people:
        assert (people.by_token(replaced), people.by_token(removed)) == (anna, bert)
        people.new_token(anna)
        people.remove(bert)
        status, said = move.run()
        assert (status, "Bert was not copied" in said) == (1, True)
        assert (people.by_token(replaced), people.by_token(removed)) == (None, None)


def test_every_column_of_a_gallery_is_copied(tmp_path: Path) -> None:
    with closing(gallery_database(tmp_path)) as database, database.reading() as connection:
        for table, columns in {**TABLES, "images": IMAGE}.items():
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            of_its_database = {"id", "generation_id", "clock", "ended_uptime"}
            assert set(columns.split(", ")) == there - of_its_database
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        assert {name for (name,) in tables if not name.startswith("sqlite")} == {*TABLES, "images"}


DAMAGED = {
    "an amount beyond all": ("cost_usd", 9e12),
    "an amount that is none": ("cost_usd", "NAN"),
    "a time beyond all": ("created_at", 1e300),
    "an infinite latency": ("latency_ms", float("inf")),
    "bytes for a text": ("prompt", b"\xff"),
}


def test_damaged_rows_are_named_and_do_not_stop_the_others(
    tmp_path: Path, postgres_server: "PostgresServer"
) -> None:
    target = PostgresDatabase(postgres_server, SCHEMA, secrets.token_hex(8))
    with closing(gallery_database(tmp_path)) as source:
        gallery = Gallery(source)
        for tried in ("whole", *DAMAGED):
            gallery.add(Metadata(prompt=tried, model="a/b"), [StoredImage(url="https://x.example")] * 2)
        with source.writing() as connection:
            for tried, (column, value) in DAMAGED.items():
                connection.execute(f"UPDATE generations SET {column} = ? WHERE prompt = ?", (value, tried))  # noqa: S608 - our own words
            connection.execute("UPDATE images SET position = 0.5 WHERE position = 1")
        with closing(Journal(source, Owners(tmp_path / "running"))) as journal:
            journal.begin("calls", [("whole", "a/b"), ("an error that is no JSON", "a/b")], again=False)
        with source.writing() as connection:
            connection.execute(
                "UPDATE journal SET error = '{\"charged\": NaN}' WHERE prompt LIKE 'an error%'"
            )
        done = transfer_gallery(source, target, KeptFiles(tmp_path))
        assert transfer_gallery(source, target, KeptFiles(tmp_path)) is None
    assert done
    assert done.rows["journal"] == 1
    assert sum("The record of a result is damaged" in sentence for sentence in done.left) == len(DAMAGED)
    assert [(record.prompt, len(record.images)) for record in Gallery(target).list(None, 10)] == [
        ("whole", 1)
    ]


@pytest.mark.long
def test_what_it_cannot_take_is_named_and_the_rest_is_taken(settings: Settings, move: Move) -> None:
    first, second = filled(settings, 2)
    assert first.images[0].path
    first.images[0].path.unlink()
    with closing(gallery_database(settings.data_dir)) as database, database.writing() as connection:
        connection.execute("INSERT INTO deleted (handle, deleted_at) VALUES ('img_1', 'yesterday')")
    status, said = move.run()
    assert status == 1
    assert f"The file of {first.images[0].handle} is not at" in said
    assert "The record of a deletion is damaged and was left out: 'img_1'" in said
    with opened(move.target) as app:
        assert app.gallery.count() == 2
        assert list(contents(app)) == [second.images[0].handle]


@pytest.mark.long
def test_it_waits_for_the_end_of_what_is_at_work(settings: Settings, move: Move) -> None:
    filled(settings, 1)
    at_work = Owners(settings.data_dir / "running")
    at_work.hold()
    status, said = move.run()
    assert status != 0
    assert "A server is using the records" in said
    assert "Nothing was copied" in said


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_it_is_run_again_and_nothing_is_missing_or_twice(
    settings: Settings, move: Move, seed: int
) -> None:
    records = filled(settings, 400)
    chance = random.Random(seed)  # noqa: S311 - when to kill
    for _ in range(8):
        process = move.start()
        time.sleep(chance.uniform(0.2, 4))  # any moment
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with opened(move.target) as app:
            assert app.gallery.count() in (0, 400), "a gallery is there whole or not at all"
    status, said = move.run()
    assert status == 0, said
    with opened(move.target) as app:
        found = {each.generation: each.images[0].handle for each in app.gallery.list(None, 1000)}
        assert found == {each.generation: each.images[0].handle for each in records}
        assert len(contents(app)) == 400
