"""Files are kept in an object store, a real one, whole or not at all, and come back as they were."""

import io
import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery import kept_files
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.deletion import Deletion
from imagerouter_mcp.gallery.entries import Metadata, StoredImage
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.kept_sources import KeptSources
from imagerouter_mcp.gallery.object_store import (
    ObjectStore,
    ObjectStoreError,
    open_object_store,
)
from imagerouter_mcp.gallery.rescued_files import move_in
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.gallery.thumbnails import Thumbnails
from imagerouter_mcp.gallery.uploads import Uploads
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.people.person import Person
from imagerouter_mcp.settings import Settings, load_object_store_settings
from imagerouter_mcp.wiring import App
from patience import wait_until
from support.object_store import BUCKET, SECRET_KEY, Gate, SeaweedFS, new_prefix

BYTES = os.urandom(100_000)
Open = Callable[..., ObjectStore]


@pytest.fixture
def prefix() -> str:
    return new_prefix()


@pytest.fixture
def opened(object_store: SeaweedFS, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return a function that opens the test's prefix as a server would, with its environment."""

    def make(address: str = f"s3://{BUCKET}/{prefix}", **changed: str) -> ObjectStore:
        for name, value in (object_store.credentials() | changed).items():
            monkeypatch.setenv(name, value)
        return opened_by_environment(address)

    return make


def opened_by_environment(address: str) -> ObjectStore:
    return open_object_store(address, load_object_store_settings().of(address))


def written(folder: Path, content: bytes = BYTES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "fox.png"
    file.write_bytes(content)
    return file


def test_two_servers_that_deliver_one_picture_make_one_object_and_both_have_it(
    opened: Open, object_store: SeaweedFS, prefix: str, tmp_path: Path
) -> None:
    one, other = KeptFiles(tmp_path / "one", opened()), KeptFiles(tmp_path / "other", opened())
    key = one.keep(written(tmp_path / "one"), "gen_1-1")
    assert other.keep(written(tmp_path / "other"), "gen_1-1") == key
    assert object_store.keys(prefix) == [f"{prefix}/{key}"]
    other.copy(key).unlink()
    assert other.bring(key).read_bytes() == BYTES
    assert (key.name, key.is_absolute()) == ("fox.png", False)
    other.remove(key)
    one.copy(key).unlink()
    with pytest.raises(FileNotFoundError):
        one.bring(key)
    assert object_store.keys(prefix) == []


def test_what_somebody_changed_in_the_store_is_not_taken_for_the_picture(
    opened: Open, object_store: SeaweedFS, prefix: str, tmp_path: Path
) -> None:
    kept = KeptFiles(tmp_path, opened())
    key = kept.keep(written(tmp_path), "gen_1-1")
    object_store.put(f"{prefix}/{key}", b"another picture")
    kept.copy(key).unlink()
    with pytest.raises(OSError, match="not what was stored"):
        kept.bring(key)
    assert not kept.copy(key).exists()
    assert not list(tmp_path.rglob("*.part"))


def test_without_a_store_files_stay_where_they_are_and_none_is_a_copy(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path)
    own = written(tmp_path / "pictures" / "foxes")  # a person's own folder may have any name
    assert kept.keep(own, "gen_1-1") == kept.bring(own) == kept.copy(own) == own
    assert kept.check()
    assert kept.unused_copies(timedelta()) == []
    with pytest.raises(FileNotFoundError):
        kept.put(own, "gen_1-1")
    kept.remove_all()
    assert own.exists()
    kept.remove(own)
    kept.remove(own)
    assert not own.exists()


def test_each_person_has_objects_of_their_own_which_go_with_them(
    opened: Open, object_store: SeaweedFS, prefix: str, tmp_path: Path
) -> None:
    opened()
    settings = Settings(data_dir=tmp_path, output_dir=tmp_path, object_store=f"s3://{BUCKET}/{prefix}")
    local = App(settings)
    anna = local.for_person(Person("p_1", "", "", "Anna"))
    key = local.files.keep(written(settings.output_dir), "gen_1-1")
    assert anna.files.keep(written(anna.settings.output_dir), "gen_1-1") == key
    assert object_store.keys(prefix) == [f"{prefix}/people/{whose}/{key}" for whose in ("local", "p_1")]
    anna.files.remove_all()
    assert object_store.keys(prefix) == [f"{prefix}/people/local/{key}"]


def test_a_copy_that_was_not_used_for_some_time_is_told_apart_and_can_go(
    opened: Open, object_store: SeaweedFS, prefix: str, tmp_path: Path
) -> None:
    kept = KeptFiles(tmp_path, opened())
    used, unused = (kept.keep(written(tmp_path), f"gen_{number}-1") for number in (1, 2))
    for key in (used, unused):
        os.utime(kept.copy(key), (1000, 1000))
    kept.bring(used)
    assert kept.unused_copies(timedelta(hours=1)) == [unused]
    assert sorted(kept.unused_copies(timedelta())) == sorted((used, unused))
    kept.drop_copy(unused)
    assert not kept.copy(unused).parent.exists()
    assert kept.bring(unused).read_bytes() == BYTES
    kept.drop_copy(used)
    with pytest.raises(FileNotFoundError):
        kept.bring(Path("pictures", "..", *used.parts))
    assert len(object_store.keys(prefix)) == 2


def test_the_least_used_copies_give_way_and_no_picture_with_them(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "MOST_COPIED_BYTES", 3 * len(BYTES))
    monkeypatch.setattr(kept_files, "_SWEPT_AFTER_BYTES", 0)
    kept = KeptFiles(tmp_path, opened())
    keys = list[Path]()
    for number in range(4):
        keys.append(kept.keep(written(tmp_path), f"gen_{number}-1"))
        os.utime(kept.copy(keys[-1]), (1000 + number, 1000 + number))
    kept.drop_copy(keys[3])
    assert [kept.copy(key).exists() for key in keys] == [False, False, True, False]
    assert all(kept.bring(key).read_bytes() == BYTES for key in keys)


def test_a_deleted_picture_leaves_the_store_and_its_copy_elsewhere_goes_later(
    opened: Open, object_store: SeaweedFS, prefix: str, tmp_path: Path
) -> None:
    opened()
    settings = Settings(
        data_dir=tmp_path, output_dir=tmp_path / "one", object_store=f"s3://{BUCKET}/{prefix}"
    )
    one = App(settings)
    other = KeptFiles(tmp_path / "other", opened(f"s3://{BUCKET}/{prefix}/people/local"))
    keys = [one.files.keep(written(settings.output_dir), f"gen_{number}-1") for number in (1, 2)]
    records = [
        one.gallery.add(Metadata(prompt="a fox", model="m"), [StoredImage(path=key, bytes=len(BYTES))])
        for key in keys
    ]
    for key in keys:
        other.bring(key)
    handles = one.deletion.named([records[0].images[0].handle])
    assert one.deletion.delete(handles.handles).bytes == len(BYTES)
    assert object_store.keys(prefix) == [f"{prefix}/people/local/{keys[1]}"]
    assert [one.files.copy(key).exists() for key in keys] == [False, True]
    thumbnails = Thumbnails(tmp_path / "other")
    for record in records:
        thumbnails.keep(record.images[0].handle, "tile_160", "its state", b"a thumbnail")
    elsewhere = Deletion(gallery_database(tmp_path), thumbnails, other, settings)
    elsewhere.drop_stale_copies(timedelta(hours=1))
    assert [other.copy(key).exists() for key in keys] == [True, True]
    assert thumbnails.handles() == {records[1].images[0].handle}
    elsewhere.drop_stale_copies(timedelta())
    assert [other.copy(key).exists() for key in keys] == [False, True]


def test_a_rescued_file_stays_where_it_is_until_it_is_recorded(
    opened: Open, object_store: SeaweedFS, prefix: str, tmp_path: Path
) -> None:
    opened()
    app = App(
        Settings(data_dir=tmp_path, output_dir=tmp_path / "one", object_store=f"s3://{BUCKET}/{prefix}")
    )
    rescued = written(tmp_path / "rescued")
    assert move_in(app.gallery, app.files, app.settings) == 0
    assert rescued.read_bytes() == BYTES
    record = app.gallery.add(
        Metadata(prompt="a fox", model="m"), [StoredImage(path=rescued, bytes=len(BYTES))]
    )
    assert move_in(app.gallery, app.files, app.settings) == 1
    assert not rescued.exists()
    found = app.gallery.find(record.images[0].handle)
    assert found
    assert object_store.keys(prefix) == [f"{prefix}/people/local/{found[0].path}"]


async def test_a_picture_that_is_gone_from_the_store_is_fetched_again_into_it(
    opened: Open,
    object_store: SeaweedFS,
    prefix: str,
    tmp_path: Path,
    answering: Callable[..., Awaitable[str]],
) -> None:
    objects = opened()
    settings = Settings(
        data_dir=tmp_path,
        output_dir=tmp_path / "one",
        object_store=f"s3://{BUCKET}/{prefix}",
        allow_private_urls=True,
    )
    png = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(png, "PNG")
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(png.getvalue())
    app = App(settings)
    key = app.files.keep(written(settings.output_dir, png.getvalue()), "gen_1-1")
    url = f"{await answering(head + png.getvalue())}/fox.png"
    record = app.gallery.add(Metadata(prompt="a fox", model="m"), [StoredImage(path=key, url=url)])
    handle = record.images[0].handle
    app.gallery.forget_file(handle, Path("pictures/another.png"))
    assert app.gallery.list()[0].images[0].path == key
    app.files.remove(key)
    assert objects.sizes("") == {}
    found, _, notes = await app.lost_files.restore(handle)
    assert (found.here, "fetched again from its link" in notes[0]) == (True, True)
    assert len(object_store.keys(prefix)) == 1
    await app.close()


async def test_a_finished_picture_that_cannot_be_recorded_leaves_nothing_in_the_store(
    opened: Open, object_store: SeaweedFS, prefix: str, tmp_path: Path
) -> None:
    opened()
    settings = Settings(
        data_dir=tmp_path, output_dir=tmp_path / "one", object_store=f"s3://{BUCKET}/{prefix}"
    )
    Image.new("RGB", (8, 8), "teal").save(tmp_path / "fox.png")
    app = App(settings)
    app.gallery.list()
    with sqlite3.connect(tmp_path / "gallery.sqlite3") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON images BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    database.close()
    request = Request(kind="image", prompt="", images=(str(tmp_path / "fox.png"),))
    with pytest.raises(ConfigurationError, match="no room"):
        await app.step_runner.run(request, ["flip"])
    assert object_store.keys(prefix) == []
    assert not [path for path in settings.output_dir.rglob("*") if path.is_file()]
    await app.close()


def test_a_long_video_goes_and_comes_in_parts(opened: Open, tmp_path: Path) -> None:
    video = os.urandom(2**20) * 33
    kept = KeptFiles(tmp_path, opened())
    key = kept.keep(written(tmp_path, video), "gen_1-1")
    kept.copy(key).unlink()
    assert kept.bring(key).read_bytes() == video


def test_uploads_sources_and_answers_of_one_server_are_another_servers_too(
    opened: Open, object_store: SeaweedFS, prefix: str, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    name = Uploads(one, opened()).new_name()
    assert Uploads(one, opened()).keep(name, io.BytesIO(b"first"))
    assert not Uploads(other, opened()).keep(name, io.BytesIO(b"second"))
    found = Uploads(other, opened()).find(name)
    assert found
    assert found.read_bytes() == b"first"
    assert Uploads(other, opened()).find(f"upload_{'0' * 16}") is None

    KeptSources(one, opened()).keep(["gen_1", "gen_2"], io.BytesIO(b"source"), io.BytesIO(b"mask"))
    sources = KeptSources(other, opened())
    sources.bring("gen_2")
    assert (sources.source("gen_2").read_bytes(), sources.mask("gen_2").read_bytes()) == (b"source", b"mask")

    received = Answers(one, opened())
    received.prepare()
    received.file("gen_1").write_bytes(b"an answer")
    assert received.shared
    assert not Answers(one).shared
    received.share("gen_1")
    answers = Answers(other, opened())
    answers.prepare()
    answers.bring("gen_1")
    assert answers.arrived("gen_1").read_bytes() == b"an answer"
    answers.discard("gen_1")
    sources.discard("gen_1")
    sources.sweep(timedelta())
    assert object_store.keys(prefix) == [f"{prefix}/uploads/{name}"]


def test_a_store_that_takes_nothing_is_told_before_anything_is_paid_with_the_variable_at_fault(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    assert opened(AWS_SECRET_ACCESS_KEY=f" {SECRET_KEY}\n").check(), "as a file's last line brings it along"
    opened().try_out()
    for store, why in (
        (opened(AWS_SECRET_ACCESS_KEY="wrong"), r"\(AWS_SECRET_ACCESS_KEY\)"),  # noqa: S106 - it is none
        (opened(AWS_ACCESS_KEY_ID="nobody"), r"\(AWS_ACCESS_KEY_ID\)"),
        (opened("s3://someone-elses/x"), "they may not do this"),
        (opened(AWS_ENDPOINT="http://127.0.0.1:9"), "cannot be reached"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            store.check()
        with pytest.raises(
            ConfigurationError, match=f"cannot be written in .*{why}.* Correct IMAGEROUTER_OBJECT"
        ):
            store.try_out()
    logged = caplog.messages[-1]
    assert "Error performing PUT http://127.0.0.1:9/" in logged
    assert 'message: "Connection refused"' in logged, "the cause is at the end of a long text"


def test_a_silent_store_holds_few_threads_and_the_others_are_told_at_once(
    opened: Open, object_store: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagerouter_mcp.gallery.object_store.PROBE_SECONDS", 0.01)
    gate = Gate(object_store)
    gate.behave("silent")
    store = opened(AWS_ENDPOINT=gate.endpoint)

    def ask() -> None:
        with pytest.raises(ObjectStoreError):
            store.sizes("")

    asking = [threading.Thread(target=ask) for _ in range(16)]
    for each in asking:
        each.start()
    wait_until(lambda: gate.held == 16)
    for _ in range(2):
        with pytest.raises(ObjectStoreError, match="it did not answer in time"):
            store.sizes("")
    assert gate.held == 17, "one looked whether it is away"
    gate.close()
    for each in asking:
        each.join()


def test_a_store_that_is_only_busy_is_waited_for_and_takes_everything(
    opened: Open, object_store: SeaweedFS, tmp_path: Path
) -> None:
    gate = Gate(object_store)
    gate.behave("slow")
    store = opened(AWS_ENDPOINT=gate.endpoint)
    file = written(tmp_path)
    with ThreadPoolExecutor(20) as threads:
        uploads = [threads.submit(store.put, f"pictures/{number}", file) for number in range(20)]
        wait_until(lambda: gate.others >= 3 or any(each.done() for each in uploads))
        at_once = gate.uploads
        gate.hurry()
        assert all(each.result() for each in uploads)
    assert at_once == 16, "each takes a thread and a file"
    assert len(store.sizes("pictures")) == 20
    gate.close()


@pytest.mark.parametrize(
    ("address", "variables", "at_fault"),
    [
        ("s3://bucket", {"AWS_ACCESS_KEY_ID": "not-to-be-told"}, "and AWS_SECRET_ACCESS_KEY is not"),
        ("s3://bucket", {"AWS_SECRET_ACCESS_KEY": "not-to-be-told"}, "and AWS_ACCESS_KEY_ID is not"),
        ("s3://bucket", {"AWS_ACCESS_KEY_ID": "not-to-be-told either"}, "^AWS_ACCESS_KEY_ID cannot be used"),
        ("s3://bucket", {"AWS_ACCESS_KEY_ID": "${KEY}"}, "the host has not replaced"),
        ("s3://bucket", {"AWS_ENDPOINT": "not-to-be-told.example"}, "^AWS_ENDPOINT cannot be used"),
        ("gs://bucket", {"GOOGLE_APPLICATION_CREDENTIALS": "/none.json"}, "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://bucket", {"GOOGLE_SERVICE_ACCOUNT_KEY": "{not-to-be-told"}, "GOOGLE_SERVICE_ACCOUNT_KEY"),
        ("az://container", {}, "AZURE_STORAGE_ACCOUNT_NAME is not set"),
        (
            "az://container",
            {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_ACCOUNT_KEY": "!not-to-be-told"},
            "AZURE_STORAGE_ACCOUNT_KEY",
        ),
    ],
)
def test_a_credential_that_cannot_be_one_is_told_by_its_variable(
    address: str, variables: dict[str, str], at_fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=at_fault) as told:
        opened_by_environment(address)
    assert "not-to-be-told" not in f"{told.value.what} {told.value.remedy}"


def test_without_credentials_the_roles_of_the_platform_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    for address in ("s3://bucket/pictures", "gs://bucket/pictures", "az://container/pictures"):
        assert opened_by_environment(address).address == address
