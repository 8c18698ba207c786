"""Files are kept in an object store, a real one, whole or not at all, and come back as they were."""

import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.kept_sources import KeptSources
from imagerouter_mcp.gallery.object_store import ObjectStore, open_object_store
from imagerouter_mcp.gallery.uploads import Uploads
from imagerouter_mcp.people.person import Person
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App
from support.object_store import BUCKET, SeaweedFS, new_prefix

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
        return open_object_store(address)

    return make


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
    received.share("gen_1")
    answers = Answers(other, opened())
    answers.prepare()
    answers.bring("gen_1")
    assert answers.arrived("gen_1").read_bytes() == b"an answer"
    answers.discard("gen_1")
    sources.discard("gen_1")
    sources.sweep(timedelta())
    assert object_store.keys(prefix) == [f"{prefix}/uploads/{name}"]


def test_a_store_that_takes_nothing_is_told_before_anything_is_paid(opened: Open) -> None:
    assert opened().check()
    opened().try_out()
    refused = "refuses these credentials"
    for store, why in (
        (opened(AWS_SECRET_ACCESS_KEY="wrong"), refused),  # noqa: S106 - it is none
        (opened("s3://someone-elses/x"), refused),
        (opened(AWS_ENDPOINT="http://127.0.0.1:9"), "cannot be reached"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            store.check()
        with pytest.raises(
            ConfigurationError, match=f"cannot be written in .*{why}.* Correct IMAGEROUTER_OBJECT"
        ):
            store.try_out()


def test_google_and_azure_are_opened_by_their_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_object_store("gs://bucket/pictures").address == "gs://bucket/pictures"
    with pytest.raises(ConfigurationError, match="Account must be specified"):
        open_object_store("az://container/pictures")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    assert open_object_store("az://container/pictures")
