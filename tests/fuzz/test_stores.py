"""What an object store may answer, the keys that requests bring, and the galleries that `migrate` finds."""

import re
import secrets
import socketserver
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from hypothesis import strategies as st
from obstore.store import S3Store
from starlette.types import Message, Scope

from imagerouter_mcp.database.postgres import PostgresDatabase, PostgresServer
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.object_store import ObjectStore
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.gallery.tables import SCHEMA, gallery_database
from imagerouter_mcp.gallery.transfer import transfer_gallery
from imagerouter_mcp.http_app.admission import PERSON
from imagerouter_mcp.http_app.sent_keys import SentKeys
from imagerouter_mcp.people.person import LOCAL
from imagerouter_mcp.people.sent_key import sent_key
from support.visible import is_visible

Fuzz = Callable[..., None]

USUAL = 40
LISTING = """<?xml version="1.0"?>
<ListBucketResult><Name>b</Name><Prefix>p/answers</Prefix><KeyCount>2</KeyCount><IsTruncated>false</IsTruncated>{}</ListBucketResult>"""
OBJECT = "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>"
ERROR = "<Error><Code>{}</Code><Message>{}</Message></Error>"

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "",
        "p/answers/gen_1",
        "../../etc/passwd",
        "/",
        "%2e%2e/",
        "p//x",
        "a" * 5000,
        "\0",
        "&#0;",
        "<x/>",
        "]]>",
    ]
)
times = words | st.sampled_from(
    ["2026-01-02T03:04:05.000Z", "9999-99-99T00:00:00Z", "-1", "0001-01-01T00:00:00Z"]
)
sizes = words | st.sampled_from(["0", "5", "-1", "1e9", "9" * 30, "18446744073709551616"])
objects = st.builds(OBJECT.format, words, times, words, sizes)
usual_object = st.just(OBJECT.format("p/answers/gen_1", "2026-01-02T03:04:05.000Z", "e", 5))
listings = st.lists(objects | usual_object, max_size=4).map(lambda each: LISTING.format("".join(each)))
bodies = st.one_of(
    listings.map(str.encode),
    st.builds(ERROR.format, words | st.sampled_from(["NoSuchKey", "NoSuchBucket"]), words).map(str.encode),
    st.binary(max_size=60),
    st.sampled_from([b"<" * 9000, b"<a>" * 9000, b"x" * 100_000, LISTING.format(OBJECT).encode() * 3]),
)
values = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12)
headers = st.fixed_dictionaries(
    {},
    optional={
        "ETag": values | st.just('"e"'),
        "Last-Modified": values | st.just("Fri, 02 Jan 2026 03:04:05 GMT"),
        # obstore makes room for as much as is announced, and ends the process where there is none
        "Content-Length": st.integers(-1, 2**24).map(str) | st.just("five"),
        "Content-Range": values | st.sampled_from(["bytes 0-4/5", "bytes 9-1/0", "bytes */*"]),
        "Content-Encoding": values | st.just("gzip"),
        "Location": values | st.just("http://127.0.0.1:9/"),
    },
)
statuses = st.sampled_from([200, 200, 200, 204, 206, 301, 307, 400, 403, 404, 409, 412])


class Store(socketserver.ThreadingTCPServer):
    """Answers every request with the same bytes."""

    answer = b""
    daemon_threads = True


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            while self.rfile.readline().strip():
                pass
            self.wfile.write(cast("Store", self.server).answer)


@contextmanager
def odd_store() -> Generator[tuple[Store, ObjectStore]]:
    """Run a store that answers what it is told to, with a client that tries once."""
    with Store(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = S3Store(
            "b",
            endpoint=f"http://127.0.0.1:{server.server_address[1]}",
            access_key_id="a",
            secret_access_key="s",  # noqa: S106 - it opens nothing
            client_options={"allow_http": True, "timeout": "5s"},
            retry_config={"max_retries": 0},
        )
        yield server, ObjectStore(client, client, "s3://b", "p/")
        server.shutdown()


@pytest.mark.filterwarnings("ignore:ignored leap-second:UserWarning")
def test_any_answer_of_an_object_store_is_used_or_an_error(fuzz: Fuzz, tmp_path: Path) -> None:
    file = tmp_path / "fox.png"
    file.write_bytes(b"a fox")

    def attempt(drawn: tuple[int, dict[str, str], bytes]) -> None:
        status, named, body = drawn
        fields = {"Connection": "close", "Content-Length": str(len(body))} | named
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        server.answer = f"HTTP/1.1 {status} X\r\n{head}\r\n".encode("latin-1") + body
        kept = KeptFiles(tmp_path, store)
        for ask in (
            lambda: list(store.sizes("answers", timedelta(days=1)).items()),
            lambda: b"".join(store.read("answers/gen_1")),
            lambda: store.put("answers/gen_1", file),
            lambda: store.delete("answers/gen_1"),
            lambda: kept.bring(Path("pictures/0123456789abcdef-gen_1/fox.png")),
            kept.remove_all,
        ):
            try:
                ask()
            except OSError as error:
                assert is_visible(error.strerror or "")  # noqa: PT017 - either outcome is right
                assert len(str(error)) < 500  # noqa: PT017 - as above
        assert [each.name for each in tmp_path.rglob("*") if each.is_file()] == ["fox.png"]

    with odd_store() as (server, store):
        fuzz(st.tuples(statuses, headers, bodies), attempt, usual=USUAL)


def test_any_key_of_a_request_is_taken_out_of_it_or_refused(fuzz: Fuzz) -> None:
    def attempt(drawn: tuple[list[tuple[bytes, bytes]], bool, bool]) -> None:
        fields, allowed, known = drawn
        said: list[Message] = []
        seen: list[str] = []

        async def app(scope: Scope, *_: object) -> None:
            assert all(name.lower() != b"x-api-key" for name, _ in scope["headers"])
            key = sent_key()
            seen.append(key.get_secret_value() if key else "")

        async def send(message: Message) -> None:
            said.append(message)

        async def run() -> None:
            scope: Scope = {"type": "http", "headers": fields} | ({PERSON: LOCAL} if known else {})
            await SentKeys(app, allowed=allowed)(scope, _nothing, send)

        anyio.run(run)
        keys = [value.decode("latin-1") for name, value in fields if name.lower() == b"x-api-key"]
        assert sent_key() is None
        if seen:
            assert seen == [keys[0] if keys and allowed else ""]
            assert not known or not keys or (allowed and re.fullmatch(r"[!-~]+", keys[0]) and len(keys) == 1)
        else:
            assert said[0]["status"] == 400
            body: bytes = said[1]["body"]
            assert not any(len(key) > 12 and key.encode() in body for key in keys)

    names = st.sampled_from([b"x-api-key", b"x-api-keys", b"authorization"])
    shown = st.binary(max_size=40) | st.from_regex(rb"[!-~]{1,40}", fullmatch=True)
    fuzz(
        st.tuples(st.lists(st.tuples(names, shown), max_size=3), st.booleans(), st.booleans()),
        attempt,
        usual=USUAL,
    )


async def _nothing() -> Message:
    return {"type": "http.request"}


damage = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.binary(max_size=12),
    st.sampled_from(
        ["a\0b", "[" * 9000, "{}", "[]", '{"cost_usd": "1"}', '{"a": "\\u0000"}', "NaN", "1e400", "-1"]
    ),
)
RIGHT: dict[str, dict[str, Any]] = {
    "generations": {
        "prompt": "A fox",
        "revised_prompt": None,
        "model": "a/b",
        "parameters": "{}",
        "sources": "[]",
        "created_at": 1.8e9,
        "cost_usd": "0.04",
        "latency_ms": 5,
        "words": "a fox",
    },
    "images": {
        "position": 0,
        "path": None,
        "url": "https://x",
        "media_type": "image/png",
        "width": 4,
        "height": 4,
        "bytes": 9,
        "seconds": None,
        "original_of": None,
        "finishing": None,
    },
    "journal": {
        "call": "c",
        "fingerprint": "f",
        "owner": "o",
        "state": "recorded",
        "delivered": 1,
        "created_at": 1.8e9,
        "ended_at": None,
        "prompt": "A fox",
        "model": "a/b",
        "reserved_usd": "0.04",
        "job": None,
        "notes": "[]",
        "error": None,
        "own_key": 0,
    },
}


def test_any_gallery_is_moved_and_what_cannot_be_is_named(
    fuzz: Fuzz, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    def attempt(rows: list[tuple[str, dict[str, Any]]]) -> None:
        with source.writing() as connection:
            for table in ("images", "generations", "journal", "spent"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own words
            kept = sum(
                _inserted(connection, table, f"{table}_{n}", changes)
                for n, (table, changes) in enumerate(rows)
            )
        target = PostgresDatabase(postgres_server, SCHEMA, secrets.token_hex(8))
        done = transfer_gallery(source, target, KeptFiles(tmp_path))
        assert done is not None
        copied = sum(done.rows[table] for table in RIGHT)
        assert copied + len(done.left) >= kept
        assert all(map(is_visible, done.left))
        Gallery(target).list(None, 100)

    changes = st.sampled_from(sorted(RIGHT)).flatmap(
        lambda table: st.tuples(
            st.just(table), st.dictionaries(st.sampled_from(sorted(RIGHT[table])), damage, max_size=2)
        )
    )
    with closing(gallery_database(tmp_path)) as source:
        fuzz(st.lists(changes, min_size=1, max_size=4), attempt, usual=USUAL // 6)


def _inserted(connection: sqlite3.Connection, table: str, handle: str, changes: dict[str, Any]) -> bool:
    """Insert a row with these changes; return whether SQLite took it."""
    row = {"handle": handle, **RIGHT[table], **changes}
    if table == "images":
        first = connection.execute("SELECT min(id) FROM generations").fetchone()[0]
        row["generation_id"] = first
    places = ", ".join("?" * len(row))
    try:
        connection.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})",  # noqa: S608 - our own words
            (*row.values(),),
        )
    except (sqlite3.Error, OverflowError):
        return False
    return True
