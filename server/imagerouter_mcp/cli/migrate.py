"""`imagerouter-mcp migrate`: move galleries from files into PostgreSQL and an object store."""

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
from imagerouter_mcp.sign_in.sign_in_tables import SIGN_IN
from imagerouter_mcp.tools.pictures import file_size
from imagerouter_mcp.wiring import App, Shared

_SHARED = {"sign_in.sqlite3": SIGN_IN, PEOPLE_FILE: PEOPLE}
"""The files that belong to nobody in particular, with what they hold. Once people are there, all is."""
_WAITING = {"uploads": "uploads", "sources": "sources", "arriving": "answers"}
"""Folders of what is still needed, with those of the object store."""
_SHOWN = 20


def run_migrate() -> int:
    """Copy the galleries of this machine's files to where the settings say; return 1 if something was left.

    Raises:
        ConfigurationError: There is no such place, a server is at work, or something cannot be reached.
    """
    settings = load_settings()
    if settings.database_url is None:
        raise ConfigurationError(
            "IMAGEROUTER_DATABASE_URL is not set, so there is nowhere to move anything.",
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
        "Nothing was changed in the files of this machine: delete them when the servers have what they need."
    )
    return int(bool(left))


def _move_people(settings: Settings) -> list[str]:
    """Copy who there is and how they sign in, once; return a sentence for everybody who was left.

    A second copy would bring back people who were removed since, and tokens that were ended.
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
            f"{person.name} is not among the people there, and was left: removed since, or added later."
            for person, _ in before.everybody()
            if person.id not in there
        ]


def _move(local: App, person: Person) -> list[str]:
    """Copy the gallery of one person, and say so; return a sentence for everything that was left."""
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
            print(f"{person.name}: was moved before.")
            return (
                [f"{person.name}: {later} generations were made after that, and were left."] if later else []
            )
        print(f"{person.name}: {_told(done, app)}")
        return [f"{person.name}: {sentence}" for sentence in done.left]


def _told(done: Transferred, app: App) -> str:
    counted = ", ".join(f"{count:,} {table}" for table, count in done.rows.items() if table != "spent")
    files = (
        f"{done.files:,} files ({file_size(done.bytes)})"
        if app.files.objects
        else "files stay in their folders"
    )
    return f"{counted}; {files}."


def _put_waiting(app: App) -> None:
    """Put what calls under way still need into the object store.

    Raises:
        ConfigurationError: It does not take it.
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
                    "Run it again.",
                ) from None


def _copy_whole(settings: Settings, name: str, schema: Schema) -> None:
    """Copy all tables of a file; rows that are there already stay as they are."""
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
    """Refuse while something is at work on the files.

    Raises:
        ConfigurationError: It is.
    """
    try:
        address = running_studio(settings)
    except ConfigurationError:  # as it should be
        address = ""
    running = (settings.data_dir, *(settings.data_dir / "people").glob("*"))
    if address or any(_is_at_work(folder / "running") for folder in running):
        raise ConfigurationError(
            f"A server is at work on the records in {settings.data_dir}{address and f': {address}'}.",
            "End it, wait until its calls are done, and run this again. Nothing was moved.",
        )


def _is_at_work(folder: Path) -> bool:
    """Return whether a process holds a lock in a folder."""
    for file in folder.glob("*.lock"):
        with Owners(folder).gone(file.stem) as gone:
            if not gone:
                return True
    return False
