"""What only PostgreSQL has: people kept apart by it, servers beside each other, lost connections."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from urllib.parse import quote

import anyio
import psycopg
import pytest
from pydantic import SecretStr

from imagerouter_mcp.api.rate_limit import RateLimit
from imagerouter_mcp.apps import PersonalApps, open_apps
from imagerouter_mcp.cli.checks import run_checks
from imagerouter_mcp.cli.team_checks import team_checks
from imagerouter_mcp.database.leases import Leases
from imagerouter_mcp.database.postgres import PostgresDatabase, PostgresServer
from imagerouter_mcp.database.rate_limit_pauses import KeyPause
from imagerouter_mcp.database.schema import Schema
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.entries import Metadata, Reservation, StoredImage
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.ledger import Ledger
from imagerouter_mcp.gallery.postgres_tables import EVERYBODY
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.gallery.spent_by_all import committed_by_all
from imagerouter_mcp.gallery.tables import SCHEMA
from imagerouter_mcp.generation.allowance import Allowance
from imagerouter_mcp.generation.calls.rate_limit_wait import RateLimitWait
from imagerouter_mcp.generation.calls.request_queue import RequestQueue
from imagerouter_mcp.money import Budget, Exceeded
from imagerouter_mcp.people.api_keys import ApiKeys
from imagerouter_mcp.people.people_tables import PEOPLE
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.settings import Settings, load_settings
from imagerouter_mcp.wiring import open_app
from support.pooler import pooler_program, running_pooler
from support.postgres import LEASE_SECONDS, ROLE, SUPERUSER, Cluster, Galleries

TABLES = ("generations", "images", "journal", "deleted", "spent", "changes")
SHORT_SECONDS = 0.4
SPENDERS = 24
"""More than there are connections."""
RESULT = Metadata(prompt="a fox", model="vendor/model", cost_usd=Decimal("0.01"))


@pytest.fixture
def galleries(postgres_server: PostgresServer) -> Galleries:
    return Galleries(postgres_server)


@pytest.fixture
def lease(postgres_server: PostgresServer) -> Iterator[Callable[..., Leases]]:
    """Return a function that makes another server's lease."""
    made: list[Leases] = []

    def make(seconds: float = 600) -> Leases:
        made.append(Leases(postgres_server, seconds))
        return made[-1]

    yield make
    for each in made:
        each.release()


def work(journal: Journal, fingerprint: str = "same") -> str:
    """Have a request leave; return its handle."""
    ((handle,), _) = journal.begin(fingerprint, [("a fox", "vendor/model")], again=False)
    journal.reserve([reservation(handle)])
    assert journal.leaves(handle)
    return handle


def reservation(handle: str, usd: str = "0.04") -> Reservation:
    return Reservation(handle=handle, model="vendor/model", usd=Decimal(usd), plan="{}")


def superuser(cluster: Cluster) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(cluster.address(SUPERUSER), autocommit=True)


# People


def test_a_person_sees_changes_and_makes_rows_of_nobody_else(
    galleries: Galleries, tmp_path: Path, lease: Callable[..., Leases]
) -> None:
    one, other = galleries.database(tmp_path / "one"), galleries.database(tmp_path / "other")
    journal = Journal(one, lease())
    handle = work(journal)
    record = journal.record(handle, [StoredImage(url="https://x")], (), RESULT)
    with one.writing() as connection:
        connection.execute("INSERT INTO deleted (handle, deleted_at) VALUES ('gen_0', 0)")
        (person,) = connection.execute("SELECT DISTINCT person FROM journal").fetchone()
        everything = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]  # noqa: S608
    assert all(everything)

    with other.writing() as connection:
        for table in TABLES:
            assert connection.execute(f"SELECT * FROM {table}").fetchall() == [], table  # noqa: S608
        for table in TABLES[:-1]:  # the last notes that somebody wrote, even nothing
            assert connection.execute(f"UPDATE {table} SET person = person RETURNING 1").fetchall() == []  # noqa: S608
            assert connection.execute(f"DELETE FROM {table} RETURNING 1").fetchall() == [], table  # noqa: S608
    with pytest.raises(ConfigurationError, match="row-level security"), other.writing() as connection:
        connection.execute("INSERT INTO deleted (person, handle, deleted_at) VALUES (?, 'x', 0)", (person,))
    assert Gallery(other).find(record.images[0].handle) is None
    assert Journal(other, lease()).call(handle) == []
    assert Journal(other, lease()).adopt([]) == []
    assert Ledger(other).between(today(), today()) == []
    with one.reading() as connection:
        assert [connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES] == everything  # noqa: S608


def test_every_table_of_the_gallery_is_held_apart(postgres: Cluster) -> None:
    url = postgres.new_database()
    with closing(PostgresServer(url)) as server:
        server.prepare(SCHEMA)
    with psycopg.connect(url) as connection:
        open_to_all = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND NOT (relrowsecurity AND relforcerowsecurity)"
        ).fetchall()
    assert {name for (name,) in open_to_all} == {"key_pauses", "replicas", "schema_versions"}


def test_the_operator_reads_the_sums_of_all_at_once_and_nothing_else_of_anybody(
    postgres: Cluster, lease: Callable[..., Leases]
) -> None:
    with closing(PostgresServer(postgres.new_database())) as server:
        people = {name: PostgresDatabase(server, SCHEMA, name) for name in ("p_1", "p_2")}
        for database in people.values():
            journal = Journal(database, lease())
            journal.record(work(journal), [StoredImage(url="https://x")], (), RESULT)
        work(Journal(people["p_2"], lease()), "another")
        sums = committed_by_all(server, today(), today())
        assert sums == {"p_1": Decimal("0.01"), "p_2": Decimal("0.05")}
        assert sums == {name: Ledger(database).committed(today()) for name, database in people.items()}
        with PostgresDatabase(server, SCHEMA, EVERYBODY).reading() as connection:
            for table in ("generations", "images", "deleted", "changes"):
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # noqa: S608 - our own words
            assert connection.execute("SELECT count(*) FROM journal").fetchone() == (1,)


async def test_what_a_server_reserved_is_free_some_minutes_after_it_ended_though_its_person_never_comes_back(
    postgres: Cluster, settings: Settings
) -> None:
    url = postgres.new_database()
    team = settings.model_copy(update={"people": True, "database_url": SecretStr(url)})
    with closing(open_register(team)) as register:
        ann = register.add("operator", "Ann", "Ann")
        with closing(PostgresServer(url)) as ended:
            database, lease = PostgresDatabase(ended, SCHEMA, ann.id), Leases(ended, LEASE_SECONDS)
            work(Journal(database, lease))
        async with open_app(team) as local, open_apps(local) as apps:
            assert isinstance(apps, PersonalApps)

            async def reserved() -> Decimal:
                await apps.settle_left()
                async with apps.using(ann) as app:
                    await app.calls.close(30)  # what was taken over ends
                with register.committing("p_of_somebody_else", date(2020, 1, 1)) as committed:
                    return committed.by_others()

            assert await reserved() == Decimal("0.04")
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("UPDATE replicas SET expires_at = expires_at - interval '1 hour'")
            assert await reserved() == 0


def test_two_people_may_have_the_same_handle(galleries: Galleries, tmp_path: Path) -> None:
    for name in ("one", "other"):
        with galleries.database(tmp_path / name).writing() as connection:
            connection.execute("INSERT INTO deleted (handle, deleted_at) VALUES ('img_7f3a', 0)")


@pytest.mark.parametrize("right", ["SUPERUSER", "BYPASSRLS"])
def test_a_role_that_sees_everybody_is_refused(postgres: Cluster, right: str) -> None:
    role = f"all_{right.lower()}"
    with superuser(postgres) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN {right}".encode())
    with closing(PostgresServer(postgres.address(role))) as server:
        gallery = Gallery(PostgresDatabase(server, SCHEMA, "p"))
        with pytest.raises(ConfigurationError, match=f"The role {role} may read"):
            gallery.count()


# Servers beside each other


def test_of_many_equal_calls_at_once_one_begins(
    galleries: Galleries, tmp_path: Path, lease: Callable[..., Leases]
) -> None:
    journals = [Journal(galleries.database(tmp_path), lease()) for _ in range(8)]
    start = threading.Barrier(len(journals))

    def begin(journal: Journal) -> tuple[list[str], bool]:
        start.wait()
        return journal.begin("same", [("a fox", "vendor/model")], again=False)

    with ThreadPoolExecutor(len(journals)) as threads:
        begun = list(threads.map(begin, journals))
    assert sorted(joined for _, joined in begun) == [False] + [True] * 7
    assert len({handles[0] for handles, _ in begun}) == 1


def test_many_at_once_pass_no_budget(
    galleries: Galleries, tmp_path: Path, lease: Callable[..., Leases]
) -> None:
    journals = [Journal(galleries.database(tmp_path), lease()) for _ in range(8)]
    handles = [
        journal.begin(f"{number}", [("a fox", "m")], again=False)[0][0]
        for number, journal in enumerate(journals)
    ]
    start = threading.Barrier(len(journals))

    def reserve(journal: Journal, handle: str) -> Exceeded | None:
        start.wait()
        return journal.reserve([reservation(handle)], [Budget(Decimal("0.12"), today())])

    with ThreadPoolExecutor(len(journals)) as threads:
        refused = [each for each in threads.map(reserve, journals, handles) if each is not None]
    assert [each.committed for each in refused] == [Decimal("0.12")] * 5


def test_what_a_server_works_on_is_left_to_it_until_its_lease_ends(
    galleries: Galleries, tmp_path: Path, lease: Callable[..., Leases]
) -> None:
    alive, silent = lease(), lease()
    database = galleries.database(tmp_path)
    first, second = Journal(database, silent), Journal(database, alive)
    sent = work(first)
    ((queued,), _) = first.begin("queued", [("a fox", "m")], again=False)
    first.reserve([reservation(queued)])
    assert second.adopt([]) == []
    silent.release()  # as if it had been silent for long

    assert [entry.handle for entry in second.adopt([])] == [sent]
    assert [entry.state for entry in second.call(queued)] == ["not_sent"]
    assert not first.leaves(queued), "the request must not leave any more"
    second.end(sent, "unknown", {"kind": "x", "what": "", "remedy": "", "charged": "unknown"})
    late = first.record(sent, [StoredImage(url="https://x")], (), RESULT)
    (entry,) = second.call(sent)
    assert (entry.state, entry.error) == ("done", None), "the answer came after all"
    assert second.record(sent, [StoredImage(url="https://y")], (), RESULT) == late, "it is recorded once"
    assert [spent.usd for spent in Ledger(database).between(today(), today())] == [Decimal("0.01")]


def test_a_lease_is_renewed_while_its_server_lives_and_ends_by_the_clock_of_the_database(
    postgres: Cluster, lease: Callable[..., Leases]
) -> None:
    living, other = lease(SHORT_SECONDS), lease()
    name = living.hold()
    with superuser(postgres) as connection:

        def expires() -> object:
            found = connection.execute("SELECT expires_at FROM replicas WHERE name = %s", [name]).fetchone()
            return found and found[0]

        first = expires()
        while expires() == first:
            pass
        with other.has_ended(name) as ended:
            assert not ended
        connection.execute(
            "INSERT INTO replicas VALUES ('silent', clock_timestamp() - interval '1 millisecond')"
        )
    with other.has_ended("silent") as ended:
        assert ended
    with other.has_ended("nobody") as ended:
        assert ended


async def test_a_key_that_the_service_makes_wait_waits_on_every_server(postgres: Cluster) -> None:
    key, limit = SecretStr("a key"), RateLimit()
    with closing(PostgresServer(postgres.url)) as one, closing(PostgresServer(postgres.url)) as other:
        wait = RateLimitWait(limit, KeyPause(one, b"secret", key))
        async with RequestQueue(1, wait).turn("Anna", "a", lambda _: None):
            limit.learn(429, {"retry-after": "50"})
        assert KeyPause(other, b"secret", key).left() > 1
        assert KeyPause(other, b"secret", SecretStr("another key")).left() == 0
        KeyPause(one, b"secret", key).extend(0)
        assert KeyPause(other, b"secret", key).left() > 1, "a shorter pause does not end a longer one"

        waits = anyio.Event()
        queue = RequestQueue(1, RateLimitWait(RateLimit(), KeyPause(other, b"secret", key)))

        async def want() -> None:
            async with queue.turn("Ben", "b", lambda _: waits.set()):
                pytest.fail("it was sent while the key had to wait")

        async with anyio.create_task_group() as group:
            group.start_soon(want)
            await waits.wait()
            group.cancel_scope.cancel()
    with superuser(postgres) as connection:
        kept = repr(connection.execute("SELECT * FROM key_pauses").fetchall())
    assert "a key" not in kept


# Connections


def test_a_connection_that_was_lost_is_replaced(
    postgres: Cluster, galleries: Galleries, tmp_path: Path
) -> None:
    gallery = Gallery(galleries.database(tmp_path))
    assert gallery.count() == 0
    with superuser(postgres) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE]
        )
    assert gallery.count() == 0


def test_a_database_that_is_not_there_is_named_with_the_reason_and_without_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"postgresql://somebody:secret@/pictures?host={tmp_path}"
    with closing(PostgresServer(url)) as server, pytest.raises(ConfigurationError) as told:
        Gallery(PostgresDatabase(server, SCHEMA, "p")).count()
    assert f"The database pictures at {tmp_path} cannot be reached (connection " in told.value.what
    assert "No such file or directory" in told.value.what
    assert "secret" not in str(told.value)
    assert not caplog.records, "one sentence says it"


@pytest.mark.parametrize(
    ("condition", "said", "remedy"),
    [
        ("disk_full", "could not extend file: No space left on device", "Make room on the disk"),
        ("too_many_connections", "sorry, too many clients already", "take more connections"),
        ("too_many_connections", "too many connections for role", "take more connections"),
    ],
)
def test_a_database_that_is_full_is_told_with_what_to_do(
    postgres_server: PostgresServer, condition: str, said: str, remedy: str
) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION '{said}' USING ERRCODE = '{condition}'; END $$"
    with (
        pytest.raises(ConfigurationError, match=f"{said}.*{remedy}"),
        postgres_server.transaction() as connection,
    ):
        connection.execute(raising.encode())


async def test_doctor_looks_at_the_database_and_changes_nothing(postgres: Cluster) -> None:
    async def told(url: str) -> tuple[str, str]:
        (found,) = await run_checks(team_checks(Settings(database_url=SecretStr(url))))
        return found.state, f"{found.what} {found.remedy}"

    url = postgres.new_database()
    state, text = await told(url)
    assert (state, "the first server makes the tables" in text) == ("ok", True)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('schema_versions')").fetchone() == (None,)
    with closing(PostgresServer(url)) as server:
        server.prepare(SCHEMA)
        assert "the next server migrates the tables" in (await told(url))[1]
        server.prepare(PEOPLE)
    assert "it has the tables" in (await told(url))[1]
    for wrong, what, remedy in (
        (f"{url.partition('?')[0]}?host=/nowhere", "cannot be reached", "Check that it is running"),
        (url.replace("/d", "/x", 1), "does not exist", "Create it as docs/hosting.md shows"),
        (postgres.address(SUPERUSER), "may read and change every person's rows", "neither superuser"),
        (postgres.address(ROLE, "template1"), "may not create tables", "owner of the database"),
    ):
        state, text = await told(wrong)
        assert (state, what in text, remedy in text) == ("failure", True, True), text


@pytest.mark.parametrize("password", ["hunter 2", "hunter%2", "hunter2/x", "hunter@2"])
def test_an_address_that_postgresql_would_read_otherwise_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("IMAGEROUTER_DATABASE_URL", f"postgresql://somebody:{password}@localhost/pictures")
    with pytest.raises(ConfigurationError, match="must be written as %20, %40") as told:
        load_settings()
    assert "hunter" not in str(told.value)
    monkeypatch.setenv("IMAGEROUTER_DATABASE_URL", f"postgresql://somebody:{quote(password, '')}@localhost/a")
    assert load_settings().database_url


# Versions


def test_many_servers_that_begin_at_once_migrate_once(postgres: Cluster) -> None:
    url = postgres.new_database()
    start = threading.Barrier(4)

    def begin(_: int) -> int:
        with closing(PostgresServer(url)) as server:
            start.wait()
            return Gallery(PostgresDatabase(server, SCHEMA, "p")).count()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(begin, range(4))) == [0] * 4


def test_a_newer_version_is_left_as_it_is(postgres: Cluster) -> None:
    url = postgres.new_database()
    newer = Schema("letters", ("CREATE TABLE letters (id text)", "ALTER TABLE letters ADD written text"), "")
    with closing(PostgresServer(url)) as server:
        server.prepare(newer)
    with closing(PostgresServer(url)) as older:
        database = PostgresDatabase(older, Schema("letters", newer.migrations[:1], ""))
        with pytest.raises(ConfigurationError, match="was written by a newer version"), database.reading():
            pass


def test_peoples_own_api_keys_are_there_for_every_server_and_bound_to_their_people(postgres: Cluster) -> None:
    settings = Settings(database_url=SecretStr(postgres.url))
    older, newer = (SecretStr(f"{each}-secret-0123456789abcdef0123456789") for each in ("older", "newer"))
    with closing(open_register(settings)) as one, closing(open_register(settings)) as two:
        anna, ben = (one.add("operator", name, name) for name in ("Anna of keys", "Ben of keys"))
        keys, elsewhere = ApiKeys(one.database, [older]), ApiKeys(two.database, [newer, older])
        keys.store(anna.id, SecretStr("a key"))
        assert elsewhere.rotate() == (1, [])
        found = ApiKeys(two.database, [newer]).find(anna.id)
        assert found
        assert found.key == SecretStr("a key")
        elsewhere.refuse(anna.id, found)
        with two.database.writing() as connection:
            connection.execute("UPDATE api_keys SET person = ?", (ben.id,))
        moved = elsewhere.find(ben.id)
        assert moved
        assert (moved.key, moved.refused) == (None, True)
        two.remove(ben)
        assert keys.unreadable() == (0, 0)
        two.remove(anna)


def test_many_who_spend_at_once_do_not_keep_each_other_from_the_poolers_connections(
    postgres: Cluster, tmp_path: Path
) -> None:
    program = pooler_program()
    if program is None:
        pytest.skip("a pooler before PostgreSQL: `make test-tools` installs PgBouncer")
    url = postgres.new_database()
    with ExitStack() as opened:
        address = opened.enter_context(running_pooler(postgres, program, url)).address(url)
        settings = Settings(database_url=SecretStr(address), data_dir=tmp_path, budget_usd=Decimal("0.05"))
        servers = [opened.enter_context(closing(PostgresServer(address))) for _ in range(2)]
        registers = [open_register(settings, server) for server in servers]
        leases = [Leases(server, LEASE_SECONDS) for server in servers]
        for lease in leases:
            opened.callback(lease.release)
        spending: list[Callable[[], Exceeded | None]] = []
        for number in range(SPENDERS):
            server, register = servers[number % 2], registers[number % 2]
            person = register.add("operator", f"P{number}", f"P{number}")
            database = PostgresDatabase(server, SCHEMA, person.id)
            journal = Journal(database, leases[number % 2])
            (handle,), _ = journal.begin(f"call {number}", [("a fox", "vendor/model")], again=False)
            allowance = Allowance(person, settings, journal, Ledger(database), register)
            reservation = Reservation(handle=handle, model="vendor/model", usd=Decimal("0.01"), plan="{}")
            spending.append(partial(allowance.reserve, [reservation]))
        with ThreadPoolExecutor(SPENDERS) as threads:
            ended = [each.result() for each in [threads.submit(spend) for spend in spending]]
    assert sum(exceeded is None for exceeded in ended) == 5
