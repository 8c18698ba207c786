"""The gallery keeps what it answered for, whoever writes at the same time and however a process ends."""

import contextlib
import multiprocessing
import os
import re
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from imagerouter_mcp.database.sqlite import sqlite_error
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.entries import GalleryImage, Record, StoredImage
from imagerouter_mcp.gallery.tables import SCHEMA, gallery_database
from support.postgres import Galleries
from support.recording import RecordingGallery

spawn = multiprocessing.get_context("spawn")
IMAGE = StoredImage(
    path=Path("/pictures/fox.png"),
    url="https://storage.example/fox.png",
    media_type="image/png",
    width=1024,
    height=768,
    bytes=123_456,
)


@pytest.fixture
def gallery(tmp_path: Path, galleries: Galleries) -> Iterator[RecordingGallery]:
    with contextlib.closing(galleries.database(tmp_path / "data")) as database:
        opened = RecordingGallery(database)
        yield opened


def made(
    gallery: RecordingGallery, prompt: str, when: datetime | None = None, model: str = "vendor/model"
) -> Record:
    return gallery.record(prompt=prompt, model=model, images=[IMAGE], created_at=when)


def prompts(records: list[Record]) -> list[str]:
    return [record.prompt for record in records]


def test_nothing_is_opened_or_made_before_it_is_needed(tmp_path: Path) -> None:
    database = gallery_database(tmp_path / "data")
    RecordingGallery(database)
    database.close()

    assert not (tmp_path / "data").exists()


def test_a_record_comes_back_as_it_was_given_after_a_restart(tmp_path: Path, galleries: Galleries) -> None:
    with contextlib.closing(galleries.database(tmp_path)) as database:
        gallery = RecordingGallery(database)
        record = gallery.record(
            prompt="a red fox 🦊\0 in “snow”",
            revised_prompt="a fox",
            model="vendor/model:free",
            parameters={"size": "1024x768", "seed": 7},
            sources=("img_0001", "/pictures/a.png", "https://example.com/a.png"),
            cost_usd=Decimal("0.0400"),
            latency_ms=6942,
            images=[IMAGE, StoredImage(url="https://storage.example/layer.png")],
            created_at=datetime(2026, 11, 23, 12, 30, tzinfo=UTC),
        )

    with contextlib.closing(galleries.database(tmp_path)) as database:
        gallery = RecordingGallery(database)
        assert gallery.list() == [record]
    assert record.cost_usd == Decimal("0.0400")
    assert record.created_at == datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    assert record.sources == ("img_0001", "/pictures/a.png", "https://example.com/a.png")
    assert [image.path for image in record.images] == [IMAGE.path, None]


def test_handles_are_short_and_speakable(gallery: RecordingGallery) -> None:
    record = made(gallery, "fox")

    assert re.fullmatch(r"gen_[0-9a-f]{4}", record.generation)
    assert re.fullmatch(r"img_[0-9a-f]{4}", record.images[0].handle)


def test_a_crowded_gallery_gives_longer_handles(
    gallery: RecordingGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crowded(bits: int) -> int:
        return 5 if bits == 16 else 6

    monkeypatch.setattr(secrets, "randbits", crowded)

    first, second = made(gallery, "first"), made(gallery, "second")

    assert [first.images[0].handle, second.images[0].handle] == ["img_0005", "img_00006"]
    assert [first.generation, second.generation] == ["gen_0005", "gen_00006"]


def test_the_images_of_one_generation_have_different_handles(
    gallery: RecordingGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter([1, 2, 2, 2, 3])

    def repeated(_bits: int) -> int:
        return next(numbers)

    monkeypatch.setattr(secrets, "randbits", repeated)

    record = gallery.record(prompt="layers", model="m", images=[IMAGE, IMAGE])

    assert [image.handle for image in record.images] == ["img_0002", "img_0003"]


@pytest.mark.parametrize(
    "form", ["img_{}", "IMG_{}", " img_{} ", "img {}", "img-{}", "img{}", "{}", "i m g _ {}"]
)
def test_a_handle_is_found_however_it_is_said(gallery: RecordingGallery, form: str) -> None:
    record = made(gallery, "fox")
    made(gallery, "another")
    digits = record.images[0].handle.removeprefix("img_")

    assert gallery.find(form.format(digits)) == (record.images[0], record)
    assert gallery.find(form.format(digits.upper())) == (record.images[0], record)


@pytest.mark.parametrize(
    "handle", ["", "img_", "img_zzzz", "last", "gen_0001", "img_00000001", "%", "' OR 1=1"]
)
def test_what_is_no_handle_finds_nothing(gallery: RecordingGallery, handle: str) -> None:
    made(gallery, "fox")

    assert gallery.find(handle) is None


def test_the_first_is_the_one_recorded_last_even_if_the_clock_was_set_back(gallery: RecordingGallery) -> None:
    now = datetime.now(UTC)
    made(gallery, "first", now)
    made(gallery, "second", now - timedelta(days=900))

    assert prompts(gallery.list()) == ["second", "first"]


def test_a_list_is_as_long_as_asked(gallery: RecordingGallery) -> None:
    for number in range(5):
        made(gallery, str(number))

    assert prompts(gallery.list(limit=2)) == ["4", "3"]
    assert gallery.list(limit=0) == gallery.list(limit=-1) == []
    assert gallery.count() == 5


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (None, ["Ärger im Wald", "red fox 100%", "blue_whale"]),
        ("", ["Ärger im Wald", "red fox 100%", "blue_whale"]),
        ("fox", ["red fox 100%"]),
        ("FOX red", ["red fox 100%"]),
        ("fox blue", []),
        ("ärger", ["Ärger im Wald"]),
        ("A\u0308RGER", ["Ärger im Wald"]),
        ("%", ["red fox 100%"]),
        ("_", ["Ärger im Wald", "red fox 100%", "blue_whale"]),
        ("blue_whale", ["blue_whale"]),
        ("bluexwhale", []),
        ("flux", ["blue_whale"]),
        ("vendor/", ["Ärger im Wald", "red fox 100%"]),
        ("'; DROP TABLE images", []),
    ],
)
def test_every_word_of_a_search_must_match_whatever_its_case(
    gallery: RecordingGallery, query: str | None, found: list[str]
) -> None:
    made(gallery, "blue_whale", model="black-forest-labs/FLUX-2-flex")
    made(gallery, "red fox 100%")
    made(gallery, "Ärger im Wald")

    assert prompts(gallery.list(query)) == found


def test_a_search_of_thousands_of_words_is_answered(gallery: RecordingGallery) -> None:
    record = made(gallery, "red fox")

    assert gallery.list("red fox " * 3000) == [record]
    assert gallery.list("red fox " * 3000 + "blue") == []


def test_a_search_finds_handles_and_revised_prompts(gallery: RecordingGallery) -> None:
    record = gallery.record(prompt="fox", revised_prompt="Vulpes vulpes", model="m", images=[IMAGE])

    for query in (record.generation, record.images[0].handle, record.images[0].handle.upper(), "vulpes"):
        assert gallery.list(query) == [record]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("2020", ["a song of yesterday"]),
        ("2021", ["new year", "december", "november"]),
        ("2021-12", ["new year", "december"]),
        ("2021-12-31", ["new year"]),
        ("2021-11-30 november", ["november"]),
        ("2021-13", []),
        ("2021-02-31", []),
        ("today", ["now"]),
        ("yesterday", ["before", "a song of yesterday"]),
        ("TODAY now", ["now"]),
    ],
)
def test_a_search_understands_dates(gallery: RecordingGallery, query: str, found: list[str]) -> None:
    now = datetime.now().astimezone()
    made(gallery, "a song of yesterday", now.replace(year=2020, month=1, day=1))
    for prompt, month, day in (("november", 11, 30), ("december", 12, 1), ("new year", 12, 31)):
        made(gallery, prompt, now.replace(year=2021, month=month, day=day, hour=12))
    made(gallery, "before", now - timedelta(days=1))
    made(gallery, "now", now)

    assert prompts(gallery.list(query)) == found


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot be given a time zone")
def test_a_date_means_the_days_of_its_own_side_of_a_clock_change(
    gallery: RecordingGallery, time_zone: Callable[[str], None]
) -> None:
    time_zone("CET-1CEST,M3.5.0,M10.5.0/3")
    made(gallery, "july", datetime(2021, 6, 30, 22, 30, tzinfo=UTC))
    made(gallery, "june", datetime(2021, 6, 30, 21, 30, tzinfo=UTC))
    made(gallery, "january", datetime(2020, 12, 31, 23, 30, tzinfo=UTC))
    made(gallery, "last year", datetime(2020, 12, 31, 22, 30, tzinfo=UTC))
    for query, found in {
        "2021": ["january", "june", "july"],
        "2021-07": ["july"],
        "2021-06": ["june"],
        "2021-01-01": ["january"],
        "2020-12": ["last year"],
    }.items():
        assert sorted(prompts(gallery.list(query))) == sorted(found), query


def test_picture_data_is_never_recorded_as_a_source(gallery: RecordingGallery) -> None:
    data_uri = "data:image/png;base64," + "A" * 100_000

    record = gallery.record(
        prompt="edit", model="m", images=[IMAGE], sources=[data_uri, "https://a.b/" + "c" * 9999]
    )

    assert record.sources[0] == "data:image/png;base64,… (100022 characters)"
    assert len(record.sources[1]) == 2001
    longest = "/" + "a" * 1999
    assert gallery.record(prompt="edit", model="m", images=[IMAGE], sources=[longest]).sources == (longest,)


def test_text_that_is_not_unicode_is_recorded_all_the_same(gallery: RecordingGallery) -> None:
    record = gallery.record(
        prompt="broken \ud83d",
        revised_prompt="\udfff",
        model="m",
        parameters={"note": "\ud83d", "path": Path("/a")},
        sources=["/pictures/\udce9.png"],
        images=[StoredImage(path=Path(os.fsdecode(b"/pictures/\xe9.png")), url="https://a.b/\ud83d")],
    )

    assert gallery.list("broken") == gallery.list("broken \ud83d") == [record]
    assert record.images[0].path == Path(os.fsdecode(b"/pictures/\xe9.png"))


def test_an_image_can_be_completed_later(gallery: RecordingGallery) -> None:
    record = gallery.record(prompt="fox", model="m", images=[StoredImage(url="https://a.b/c")])
    handle = record.images[0].handle
    fetched = StoredImage(path=IMAGE.path, url="https://a.b/c", media_type="image/png", bytes=5)

    assert gallery.update(handle, fetched) == GalleryImage(**vars(fetched), handle=handle)
    found = gallery.find(handle)

    assert found is not None
    assert found[0] == GalleryImage(**vars(fetched), handle=handle)


def test_an_original_is_found_by_its_handle_and_counts_as_no_result(gallery: RecordingGallery) -> None:
    finished = StoredImage(path=Path("/pictures/wide.png"), finishing='{"size":[9,3]}', original=IMAGE)
    record = gallery.record(prompt="fox", model="m", images=[finished, IMAGE])
    first, second = record.images
    (original,) = record.originals

    assert (first.path, first.finishing, second.original) == (finished.path, '{"size":[9,3]}', None)
    assert (original.path, original.url, original.finishing) == (IMAGE.path, IMAGE.url, None)
    assert first.original == original
    assert gallery.find(original.handle) == (original, record)
    assert gallery.list(original.handle) == gallery.list() == [record]
    assert len({first.handle, second.handle, original.handle}) == 3


def test_a_result_that_is_completed_later_gets_its_original_then(gallery: RecordingGallery) -> None:
    record = gallery.record(prompt="fox", model="m", images=[StoredImage(url=IMAGE.url, finishing="{}")])
    handle = record.images[0].handle
    finished = StoredImage(path=Path("/pictures/wide.png"), finishing="{}", original=IMAGE)

    completed = gallery.update(handle, finished)

    assert (completed.handle, completed.path, completed.url) == (handle, finished.path, None)
    assert completed.original
    assert completed.original.path == IMAGE.path
    assert gallery.list(completed.original.handle)[0].images == (completed,)


def test_a_lost_original_that_is_fetched_again_keeps_its_handle_and_place(gallery: RecordingGallery) -> None:
    finished = StoredImage(path=Path("/pictures/wide.png"), finishing="{}", original=IMAGE)
    record = gallery.record(prompt="fox", model="m", images=[finished])
    (original,) = record.originals
    moved = StoredImage(path=Path("/elsewhere/fox.png"), url=IMAGE.url)

    assert gallery.update(original.handle, moved).path == moved.path
    (now,) = gallery.list()
    assert [image.path for image in now.originals] == [moved.path]
    assert now.originals[0].handle == original.handle
    assert [image.path for image in now.images] == [finished.path]


def test_a_file_that_is_moved_or_gone_is_noted_where_it_is_recorded(gallery: RecordingGallery) -> None:
    record = gallery.record(prompt="fox", model="m", images=[IMAGE])
    old, new, other = IMAGE.path or Path(), Path("/elsewhere/fox.png"), Path("/pictures/owl.png")
    assert [gallery.has(path) for path in (old, new)] == [True, False]
    assert gallery.move_file(old, new)
    assert not gallery.move_file(old, other)
    assert [gallery.has(path) for path in (old, new, other)] == [False, True, False]
    found = gallery.of_file(new)
    assert found
    assert (found.generation, gallery.of_file(old)) == (record.generation, None)
    (image,) = found.images
    gallery.forget_file(image.handle, old)
    gallery.forget_file("img_none", new)
    assert gallery.has(new)
    gallery.forget_file(image.handle, new)
    assert [each.path for each in gallery.list()[0].images] == [None]


def test_how_long_a_model_takes_follows_its_latest_results(gallery: RecordingGallery) -> None:
    for latency in [90_000] * 30 + [None] * 3 + [4000] * 11 + [6000] * 9:
        gallery.record(prompt="fox", model="vendor/model", images=[IMAGE], latency_ms=latency)
    gallery.record(prompt="fox", model="vendor/other", images=[IMAGE], latency_ms=50_000)
    assert gallery.usual_seconds("vendor/model") == 4
    assert gallery.usual_seconds("vendor/unused") is None


def test_a_failed_record_leaves_no_trace(gallery: RecordingGallery) -> None:
    with pytest.raises((OverflowError, ConfigurationError)):
        gallery.record(prompt="fox", model="m", images=[IMAGE, StoredImage(width=2**70)])

    assert gallery.count() == 0
    assert made(gallery, "next")


def refused(data_dir: Path) -> ConfigurationError:
    with (
        contextlib.closing(gallery_database(data_dir)) as database,
        pytest.raises(ConfigurationError) as refusal,
    ):
        RecordingGallery(database).count()
    assert str(data_dir) in refusal.value.what
    return refusal.value


def test_a_damaged_gallery_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "gallery.sqlite3").write_bytes(b"this is no database" * 500)

    refusal = refused(tmp_path)

    assert "is damaged" in refusal.what
    assert "Move that file away" in refusal.remedy


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which files are open")
def test_a_gallery_that_cannot_be_used_is_not_held_open_so_that_it_can_be_moved_away(tmp_path: Path) -> None:
    (tmp_path / "gallery.sqlite3").write_bytes(b"this is no database" * 500)
    with contextlib.closing(sqlite3.connect(tmp_path / "newer.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 99")
    caught: list[object] = []  # each keeps its traceback, and with it what was open
    for name in ("gallery", "newer"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.sqlite3").rename(tmp_path / name / "gallery.sqlite3")
        with contextlib.closing(gallery_database(tmp_path / name)) as database:
            with pytest.raises(ConfigurationError) as refusal:
                RecordingGallery(database).count()
            caught.append(refusal)
    held = {str(descriptor.resolve()) for descriptor in Path("/proc/self/fd").iterdir()}
    assert not any(name.startswith(str(tmp_path)) for name in held)


def test_a_gallery_that_another_process_writes_to_is_opened_and_read_at_once(tmp_path: Path) -> None:
    with contextlib.closing(gallery_database(tmp_path)) as writing:
        made(RecordingGallery(writing), "fox")
        with (
            writing.writing(),
            contextlib.closing(gallery_database(tmp_path)) as reading,
        ):
            assert prompts(RecordingGallery(reading).list()) == ["fox"]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (sqlite3.SQLITE_BUSY, "is locked by another program"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "is locked by another program"),
        (sqlite3.SQLITE_CORRUPT, "is damaged"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "is damaged"),
        (sqlite3.SQLITE_NOTADB, "is damaged"),
        (sqlite3.SQLITE_FULL, "cannot be used"),
        (sqlite3.SQLITE_READONLY, "cannot be used"),
    ],
)
def test_each_failure_of_the_database_has_its_sentence(code: int, sentence: str) -> None:
    error = sqlite3.OperationalError("it says why")
    error.sqlite_errorcode = code
    told = sqlite_error(SCHEMA, Path("/data/gallery.sqlite3"), error)
    assert f"/data/gallery.sqlite3 {sentence} (it says why)" in told.what


BEGUN_WITHOUT_ROOM = """
import resource, signal, sys
from pathlib import Path
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.tables import gallery_database

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    with gallery_database(Path(sys.argv[1])).reading():
        pass
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_gallery_that_finds_no_room_at_its_start_is_not_called_damaged(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BEGUN_WITHOUT_ROOM, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    assert "gallery.sqlite3 cannot be used" in told


def test_a_gallery_damaged_while_in_use_is_named_as_well(tmp_path: Path) -> None:
    with contextlib.closing(gallery_database(tmp_path)) as database:
        gallery = RecordingGallery(database)
        for number in range(200):
            made(gallery, f"{number} {'word ' * 200}")
    path = tmp_path / "gallery.sqlite3"
    data = bytearray(path.read_bytes())
    data[4096 * 3 :] = os.urandom(len(data) - 4096 * 3)
    path.write_bytes(data)

    with (
        contextlib.closing(gallery_database(tmp_path)) as database,
        pytest.raises(ConfigurationError, match="damaged"),
    ):
        RecordingGallery(database).list(limit=500)


def test_a_gallery_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "gallery.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 99")

    assert "newer version" in refused(tmp_path).what


def test_a_data_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "IMAGEROUTER_DATA_DIR" in refused(tmp_path / "file" / "data").remedy
    (tmp_path / "data" / "gallery.sqlite3").mkdir(parents=True)
    assert "cannot be used" in refused(tmp_path / "data").what


def test_threads_share_a_gallery(gallery: RecordingGallery) -> None:
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(made, [gallery] * 100, map(str, range(100))))

    assert len({record.images[0].handle for record in records}) == gallery.count() == 100


def _add_many(data_dir: str, mark: int, amount: int, ready: Barrier) -> None:
    with contextlib.closing(gallery_database(Path(data_dir))) as database:
        gallery = RecordingGallery(database)
        for number in range(amount):
            if number % 10 == 0:  # the processes begin together, and keep together
                ready.wait(timeout=120)
            made(gallery, f"{mark}-{number}")


def test_two_processes_that_begin_a_gallery_and_write_at_once_lose_nothing(tmp_path: Path) -> None:
    ready = spawn.Barrier(2)
    workers = [spawn.Process(target=_add_many, args=(str(tmp_path), mark, 100, ready)) for mark in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0, 0]
    with contextlib.closing(gallery_database(tmp_path)) as database:
        gallery = RecordingGallery(database)
        records = gallery.list(limit=1000)
    assert sorted(prompts(records)) == sorted(f"{mark}-{number}" for mark in (1, 2) for number in range(100))
    assert len({record.images[0].handle for record in records}) == 200


def _add_until_killed(data_dir: str, answers: str) -> None:
    gallery = RecordingGallery(gallery_database(Path(data_dir)))
    with Path(answers).open("a", buffering=1, encoding="utf-8") as told:
        while True:
            told.write(made(gallery, "a prompt " * 50).images[0].handle + "\n")


def answered_handles_survive_kills(folder: Path, kills: int) -> int:
    """Kill a process that writes, again and again, and look for every handle that it was answered.

    Args:
        folder: An empty folder.
        kills: How often; half a second each.

    Returns:
        How many records were written.
    """
    answers = folder / "answers"
    answers.touch()
    for kill in range(kills):
        before = answers.stat().st_size
        worker = spawn.Process(target=_add_until_killed, args=(str(folder), str(answers)))
        worker.start()
        # Each process is killed at another point: after 1, 8, 15 … more answers.
        while answers.stat().st_size < before + 9 * (1 + 7 * kill) and worker.is_alive():
            pass
        assert worker.is_alive()
        worker.kill()
        worker.join()

    told = [line for line in answers.read_text("utf-8").split("\n")[:-1] if line]
    with contextlib.closing(gallery_database(folder)) as database:
        gallery = RecordingGallery(database)
        assert all(gallery.find(handle) for handle in told)
        assert len(set(told)) == len(told) <= gallery.count() <= len(told) + kills
        with contextlib.closing(sqlite3.connect(database.path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    return len(told)


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    assert answered_handles_survive_kills(tmp_path, 5) >= 5
