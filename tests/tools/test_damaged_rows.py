"""Rows of the gallery that something has damaged: each is told of, and everything else goes on."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imagerouter_mcp.settings import Settings

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

WISH = {"size": "256x256", "preview": "none"}
BAD = {
    "text": "x",
    "half JSON": '{"half',
    "bytes": b"\xff\xfe\x00",
    "negative": -1,
    "endless": 1e300,
    "null": None,
    "long": "é" * 3000,
}
VALUES = [
    pytest.param(value, marks=() if name in ("half JSON", "bytes", "null") else pytest.mark.long, id=name)
    for name, value in BAD.items()
]
COLUMNS = {
    "generations": "created_at prompt revised_prompt model parameters sources cost_usd latency_ms words",
    "images": "path url media_type width height bytes seconds finishing original_of",
    "journal": "owner state delivered created_at ended_at prompt model reserved_usd job notes error clock",
}
pytestmark = pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it


@dataclass(frozen=True)
class Made:
    """Two pictures, of which the row of the first is damaged, and two calls that came to nothing."""

    fox: str
    owl: str
    generations: dict[str, str]
    database: Path

    def damage(self, table: str, value: object, prompt: str = "a fox", columns: str = "") -> None:
        """Put a value into all columns of a row, past all that the database itself watches over."""
        row = self.fox if table == "images" else self.generations[prompt]
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            watching = connection.execute(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
            ).fetchall()
            for name, _ in watching:
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'"
            )
            connection.execute("PRAGMA writable_schema = RESET")
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            for column in (columns or COLUMNS[table]).split():
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE handle = ?", (value, row))  # noqa: S608
            for _, statement in watching:
                connection.execute(statement)


@pytest.fixture
async def gallery(connect: Hosts, settings: Settings, change_sandbox: Callable[..., None]) -> Made:
    change_sandbox(models="with-faults")
    async with connect() as host:
        fox = await host("generate_image", prompt="a fox", model="sandbox/slow-0", **WISH)
        owl = await host("generate_image", prompt="an owl", model="sandbox/slow-0", **WISH)
        await host("generate_image", prompt="a failure", model="sandbox/charged-error", **WISH)
        await host("generate_image", prompt="a mystery", model="sandbox/vanished", **WISH)
    database = settings.data_dir / "gallery.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        generations = dict(connection.execute("SELECT prompt, handle FROM journal").fetchall())
    return Made(fox.image["handle"], owl.image["handle"], generations, database)


async def check_others(host: Any, gallery: Made) -> Any:  # noqa: ANN401 - conftest's Host and Told
    """What has nothing to do with the damaged row works, and nothing ends as a surprise."""
    listing = await host("list_images")
    assert not listing.failed, listing.text
    assert gallery.owl in [image["handle"] for image in listing.fields["images"]]
    fine = [
        await host("show_image", handle=gallery.owl),
        await host("get_generation", generation=gallery.generations["an owl"]),
        await host("spending", period="all"),
        await host("generate_image", prompt="a new one", model="test/test", **WISH),
        await host("edit_image", prompt="a hat", images=["last"], model="test/test", preview="none"),
    ]
    assert [told.text for told in fine if told.failed] == []
    for tool, arguments in (
        ("show_image", {"handle": gallery.fox}),
        *(("get_generation", {"generation": each}) for each in gallery.generations.values()),
        ("finish_image", {"images": [gallery.fox], "steps": ["crop 1:1"], "preview": "none"}),
    ):
        told = await host(tool, **arguments)
        assert told.fields.get("error", {}).get("kind") not in ("internal", "configuration"), told.text
    return listing


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("table", ["generations", "images"])
async def test_a_damaged_picture_is_told_of_and_all_others_work(
    connect: Hosts, gallery: Made, table: str, value: object
) -> None:
    gallery.damage(table, value)
    async with connect() as host:
        listing = await check_others(host, gallery)
    if value is not None or table == "generations":
        damaged = gallery.fox if table == "images" else gallery.generations["a fox"]
        assert f"What the gallery keeps of {damaged} is damaged" in listing.text
    assert gallery.fox in [image["handle"] for image in listing.fields["images"]], "it is listed all the same"


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("prompt", ["a fox", "a failure", "a mystery"])
async def test_a_damaged_entry_of_the_journal_hinders_no_other_call(
    connect: Hosts, gallery: Made, prompt: str, value: object
) -> None:
    gallery.damage("journal", value, prompt)
    async with connect() as host:
        await check_others(host, gallery)


@pytest.mark.parametrize("prompt", ["a failure", "a mystery"])
@pytest.mark.parametrize("value", [None, '{"half', "{}"])
async def test_a_call_whose_outcome_cannot_be_read_is_not_paid_for_again_by_accident(
    connect: Hosts, made: Journal, gallery: Made, prompt: str, value: object
) -> None:
    gallery.damage("journal", value, prompt, "error")
    model = "sandbox/charged-error" if prompt == "a failure" else "sandbox/vanished"
    before = len(made())
    async with connect() as host:
        told = await host("generate_image", prompt=prompt, model=model, **WISH)
        spent = (await host("spending", period="all")).fields
    assert len(made()) == before
    assert told.fields["error"]["charged"] == "unknown"
    assert "damaged, so nobody knows what became of it" in told.text
    assert spent["uncertain_usd"] >= 0.01


async def test_a_damaged_sum_is_added_up_anew(connect: Hosts, gallery: Made) -> None:
    async with connect() as host:
        before = (await host("spending", period="all")).fields
    with closing(sqlite3.connect(gallery.database)) as connection, connection:
        connection.execute("UPDATE spent SET micro_usd = 'much' WHERE certain")
    async with connect() as host:
        after = (await host("spending", period="all")).fields
    assert (after["total_usd"], after["uncertain_usd"]) == (before["total_usd"], before["uncertain_usd"])
    assert after["total_usd"] > 0


async def test_a_gallery_with_damaged_pages_says_how_to_replace_it(connect: Hosts, gallery: Made) -> None:
    with closing(sqlite3.connect(gallery.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with gallery.database.open("r+b") as file:
        file.seek(2 * size)
        file.write(bytes(range(256)) * ((pages - 2) * size // 256))
    async with connect() as host:
        for tool, arguments in (("list_images", {}), ("generate_image", {"prompt": "a bear", **WISH})):
            told = await host(tool, **arguments)
            assert told.fields["error"]["kind"] == "configuration", told.text
            assert "Move that file away: a new gallery is started" in told.text


async def test_a_gallery_without_one_of_its_tables_says_how_to_replace_it(
    connect: Hosts, gallery: Made
) -> None:
    with closing(sqlite3.connect(gallery.database)) as connection, connection:
        connection.execute("DROP TABLE images")
    async with connect() as host:
        told = await host("list_images")
    assert told.fields["error"]["kind"] == "configuration"
    assert "is damaged (no such table: images)" in told.text
    assert "Move that file away: a new gallery is started" in told.text
