"""The commands of the gallery: open the studio in the browser, and delete pictures."""

import html
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from imagerouter_mcp.cli.main import main
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.settings import Settings
from support.http_serving import COMMAND, bare_environment, serving
from support.recording import RecordingGallery

ENDING_SECONDS = 60


@contextmanager
def studio(home: Path, *options: str, **variables: str) -> Generator["subprocess.Popen[str]"]:
    """Run the command with its folders in a home of its own."""
    environment = {**bare_environment(home), "IMAGEROUTER_DATA_DIR": str(home / "data"), **variables}
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "studio", *options],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def next_link(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return the address and the code of the next link that is printed."""
    assert process.stdout
    for line in process.stdout:
        if found := re.fullmatch(r"(http://127\.0\.0\.1:\d+)/studio#([\w-]+)", line.strip()):
            return found[1], found[2]
    raise AssertionError(process.wait())


def status(base: str, code: str) -> int:
    """Try a code as the page does."""
    return httpx.post(f"{base}/studio/session", json={"code": code}, trust_env=False, timeout=60).status_code


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_each_link_works_once_also_those_of_enter_and_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with studio(tmp_path, "--no-browser", "--port", "0") as process:
        base, code = next_link(process)
        assert [status(base, code), status(base, code)] == [200, 403]
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
        assert status(*next_link(process)) == 200
        monkeypatch.setenv("IMAGEROUTER_DATA_DIR", str(tmp_path / "data"))
        assert main(["studio", "--link"]) == 0
        link = capsys.readouterr().out.strip()
        assert link.startswith(f"{base}/studio#")
        assert status(base, link.partition("#")[2]) == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(ENDING_SECONDS) == 0
    assert not (tmp_path / "data" / "studio-address").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_it_at_once_and_calmly_while_a_page_follows_the_changes(tmp_path: Path) -> None:
    with studio(tmp_path, "--no-browser") as process:
        base, code = next_link(process)
        let_in = httpx.post(f"{base}/studio/session", json={"code": code}, trust_env=False, timeout=60).json()
        bearer = {"Authorization": f"Bearer {let_in['token']}"}
        with httpx.stream(
            "GET", f"{base}/studio/changes", headers=bearer, trust_env=False, timeout=60
        ) as changes:
            assert next(changes.iter_lines()).startswith("data: ")
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=ENDING_SECONDS)
    assert process.returncode == 0
    assert said.splitlines()[-1] == "The studio is closed."
    assert "Error" not in said
    assert "Traceback" not in said


@pytest.mark.skipif(os.name == "nt", reason="the browser of this test is a shell script")
def test_the_browser_opens_and_its_arguments_tell_other_users_no_code(tmp_path: Path) -> None:
    told, browser = tmp_path / "told", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {told}.new; mv {told}.new {told}\n')
    browser.chmod(0o700)
    pictures = {"IMAGEROUTER_OUTPUT_DIR": str(tmp_path / "pictures")}
    with studio(tmp_path, BROWSER=f"{browser} %s", **pictures) as process:
        base, _ = next_link(process)
        while not told.exists() and process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        address = told.read_text()
        assert address.startswith("file://")
        page = Path(address.removeprefix("file://"))
        assert page.stat().st_mode & 0o077 == 0
        found = re.search(rf"url={base}/studio#([\w-]+)", html.unescape(page.read_text()))
        assert found
        assert status(base, found[1]) == 200
        process.send_signal(signal.SIGINT)
        process.wait(ENDING_SECONDS)
    assert not page.exists()


def test_a_server_for_clients_prints_a_link_when_asked(tmp_path: Path) -> None:
    variables = {"IMAGEROUTER_DATA_DIR": str(tmp_path / "data"), "IMAGEROUTER_API_KEY": KEY}
    with serving({**bare_environment(tmp_path), **variables}, "--studio") as server:
        (line,) = server.logged(1)
        assert status(server.base, line.rpartition("#")[2]) == 200
        assert httpx.get(f"{server.base}/health", trust_env=False, timeout=60).status_code == 200


def test_without_a_running_studio_there_is_no_link(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studio", "--link"]) == 1
    assert "No studio is being served" in capsys.readouterr().err


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """Record a picture with a file; return its handle and its path."""
    monkeypatch.setenv("IMAGEROUTER_DATA_DIR", str(tmp_path / "data"))
    path = tmp_path / "fox.png"
    path.write_bytes(b"0" * 2_000_000)
    with closing(gallery_database(Settings().data_dir)) as database:
        image = StoredImage(path=path, media_type="image/png", bytes=2_000_000)
        record = RecordingGallery(database).record([image], prompt="a red fox", model="m")
    return record.images[0].handle, path


def answering(said: str) -> Callable[[str], str]:
    """Return a person who answers every question in the same way."""
    return lambda _: said


def test_a_picture_is_deleted_when_the_person_says_yes_and_only_then(
    picture: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handle, path = picture
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for said in ("", "no"):
        monkeypatch.setattr("builtins.input", answering(said))
        assert main(["delete", handle]) == 0
        assert path.exists()
    question = capsys.readouterr().out
    assert "1 picture with 2.0 MB of files:" in question
    assert f"{handle} · " in question
    assert "a red fox" in question
    assert "What was spent stays recorded" in question
    monkeypatch.setattr("builtins.input", answering("y"))
    assert main(["delete", handle]) == 0
    assert not path.exists()
    assert capsys.readouterr().out.endswith("1 picture deleted; 2.0 MB are free again.\n")
    assert main(["delete", handle, "--yes"]) == 1
    assert capsys.readouterr().err == f"{handle} was deleted already.\n"


def test_where_nobody_can_be_asked_nothing_is_deleted_without_yes(
    picture: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    handle, path = picture
    assert main(["delete", handle]) == 1
    assert "--yes" in capsys.readouterr().err
    assert path.exists()
    assert main(["delete", "--before", "2001-01-01", "--yes"]) == 0
    assert path.exists()
    assert main(["delete", "--before", "2999-01-01", "--yes"]) == 0
    assert not path.exists()


@pytest.mark.parametrize("typed", [(), ("--before", "soon"), ("img_1", "--before", "2026-01-01")])
def test_what_to_delete_has_to_be_said_in_one_way(
    typed: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["delete", *typed])
    assert ended.value.code == 2
    assert "--before" in capsys.readouterr().err or "soon" in typed
