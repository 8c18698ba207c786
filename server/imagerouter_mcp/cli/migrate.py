"""`imagerouter-mcp migrate`: copy galleries from files into PostgreSQL and an object store."""

from contextlib import closing
from pathlib import Path

from imagerouter_mcp.database.opening import open_database
from imagerouter_mcp.database.postgres import PostgresDatabase
from imagerouter_mcp.database.schema import Schema
from imagerouter_mcp.database.sqlite import SQLiteDatabase
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.owners import Owners
from imagerouter_mcp.gallery.tables import SCHEMA, gallery_database
from imagerouter_mcp.gallery.transfer import Transferred, transfer_gallery, untransferred
from imagerouter_mcp.http_app.studio.opening_links import running_studio
from imagerouter_mcp.people.people_tables import PEOPLE
from imagerouter_mcp.people.person import LOCAL, Person
from imagerouter_mcp.people.register import PEOPLE_FILE, People, open_register
from imagerouter_mcp.settings import Settings, load_settings
from imagerouter_mcp.shared import Shared
from imagerouter_mcp.sign_in.sign_in_tables import SIGN_IN
from imagerouter_mcp.tools.pictures import file_size
from imagerouter_mcp.wiring import App

_SHARED = {"sign_in.sqlite3": SIGN_IN, PEOPLE_FILE: PEOPLE}
"""The files that belong to nobody in particular, with their schemas. They are copied before any gallery."""
_WAITING = {"uploads": "uploads", "sources": "sources", "arriving": "answers"}
"""Folders of files that calls under way need, with their folders in the object store."""
_SHOWN = 20


def run_migrate() -> int:
    """Copy this machine's galleries to where the settings say; return 1 if something was not copied.

    Raises:
        ConfigurationError: The settings name no database, a server is running, or something cannot be
            reached.
    """
    settings = load_settings()
    if settings.database_url is None:
        raise ConfigurationError(
            "IMAGEROUTER_DATABASE_URL is not set, so there is nowhere to copy the galleries to.",
            "Set it to the PostgreSQL database that the servers will use.",
        )
    _refuse_beside_servers(settings)
    left = _move_people(settings)
    with closing(open_register(settings)) as people:
        everybody = [person for person, _ in people.everybody()]
    shared = Shared(settings)
    try:
        for person in (LOCAL, *everybody):
            left += _move(App(settings, shared=shared), person)
    finally:
        if shared.postgres:
            shared.postgres.close()
    for sentence in left[:_SHOWN]:
        print(sentence)
    if len(left) > _SHOWN:
        print(f"And {len(left) - _SHOWN} more.")
    print(
        "The files on this machine were not changed. Delete them when the servers have everything they need."
    )
    return int(bool(left))


def _move_people(settings: Settings) -> list[str]:
    """Copy people and their sign-ins, once; return a sentence for everybody who was not copied.

    A second copy would bring back people who were removed since, and tokens that were revoked.
    """
    with closing(open_register(settings)) as people:
        there = {person.id for person, _ in people.everybody()}
    if not there:
        for name, schema in _SHARED.items():
            _copy_whole(settings, name, schema)
        return []
    file = settings.data_dir / PEOPLE_FILE
    if not file.is_file():
        return []
    with closing(People(SQLiteDatabase(file, PEOPLE))) as before:
        return [
            f"{person.name} was not copied: they were removed from the database since, or added here later."
            for person, _ in before.everybody()
            if person.id not in there
        ]


def _move(local: App, person: Person) -> list[str]:
    """Copy one person's gallery and print what was copied; return a sentence for each thing that was not."""
    app = local if person == LOCAL else local.for_person(person)
    if not (app.settings.data_dir / "gallery.sqlite3").is_file():
        return []
    postgres = local.shared.postgres
    if postgres is None:  # the settings name one
        raise AssertionError
    with closing(gallery_database(app.settings.data_dir)) as source:
        target = PostgresDatabase(postgres, SCHEMA, person.id)
        _put_waiting(app)
        done = transfer_gallery(source, target, app.files)
        if done is None:
            later = untransferred(source, target)
            print(f"{person.name}: was copied before.")
            made = _counted(later, "result was", "results were")
            return [f"{person.name}: {made} made after that, and not copied."] if later else []
        print(f"{person.name}: {_summary(done, app)}")
        return [f"{person.name}: {sentence}" for sentence in done.left]


def _summary(done: Transferred, app: App) -> str:
    """Return a sentence on what was copied."""
    pictures, requests, deleted = (done.rows[table] for table in ("images", "journal", "deleted"))
    if not (pictures or requests or deleted):
        return "has made nothing yet."
    counted = [
        _counted(pictures, "picture or video", "pictures and videos"),
        f"the history of {_counted(requests, 'request', 'requests')}" if requests else "",
        f"the record of {_counted(deleted, 'deletion', 'deletions')}" if deleted else "",
    ]
    sentence = f"copied {', '.join(filter(None, counted))}."
    if not app.files.objects:
        return f"{sentence} The files stay in their folders."
    size = f" ({file_size(done.bytes)})" if done.files else ""
    return f"{sentence} {_counted(done.files, 'file', 'files')}{size} went into the object store."


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _put_waiting(app: App) -> None:
    """Put the files that calls under way need into the object store.

    Raises:
        ConfigurationError: The object store does not take one.
    """
    if app.files.objects is None:
        return
    for folder, name in _WAITING.items():
        for file in sorted((app.settings.data_dir / folder).glob("[!.]*")):
            try:
                app.files.objects.put(f"{name}/{file.name.removesuffix('.answer')}", file)
            except OSError as error:
                raise ConfigurationError(
                    f"{file} could not be put into the object store: {error.strerror or error}.",
                    "Run this again.",
                ) from None


def _copy_whole(settings: Settings, name: str, schema: Schema) -> None:
    """Copy all tables of a file; rows that are already there stay as they are."""
    file = settings.data_dir / name
    if not file.is_file():
        return
    with (
        closing(SQLiteDatabase(file, schema)) as source,
        closing(open_database(settings.database_url, file, schema)) as target,
        source.reading() as reading,
        target.writing() as writing,
    ):
        tables = reading.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid"
        ).fetchall()
        for (table,) in tables:
            columns = [row[1] for row in reading.execute(f"PRAGMA table_info({table})")]
            named, places = ", ".join(columns), ", ".join("?" * len(columns))
            writing.executemany(
                f"INSERT INTO {table} ({named}) VALUES ({places}) ON CONFLICT DO NOTHING",  # noqa: S608 - our own tables
                reading.execute(f"SELECT {named} FROM {table}").fetchall(),  # noqa: S608 - as above
            )


def _refuse_beside_servers(settings: Settings) -> None:
    """Refuse to copy while a process uses the files.

    Raises:
        ConfigurationError: One does.
    """
    try:
        address = running_studio(settings)
    except ConfigurationError:  # as it should be
        address = ""
    running = (settings.data_dir, *(settings.data_dir / "people").glob("*"))
    if address or any(_is_at_work(folder / "running") for folder in running):
        raise ConfigurationError(
            f"A server is using the records in {settings.data_dir}{address and f': {address}'}.",
            "Stop it, wait until its calls are done, and run this again. Nothing was copied.",
        )


def _is_at_work(folder: Path) -> bool:
    """Return whether a process holds a lock in a folder."""
    for file in folder.glob("*.lock"):
        with Owners(folder).has_ended(file.stem) as ended:
            if not ended:
                return True
    return False
