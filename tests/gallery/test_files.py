"""File names are valid everywhere, files appear whole and are never overwritten."""

import errno
import multiprocessing
import os
import stat
import unicodedata
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from imagerouter_mcp.errors import ConfigurationError, PlanError
from imagerouter_mcp.gallery.files import (
    partial_file,
    prepare_folder,
    store,
    sweep_least_used,
    sweep_partials,
    temporary_path,
)
from imagerouter_mcp.gallery.names import MAX_NAME_BYTES, checked_filename, file_name, file_stem, is_reserved

posix_permissions = pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
E_ACUTE = "e\u0301"
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("prompt", "stem"),
    [
        ("a red fox in the snow", "a-red-fox-in-the-snow"),
        ("one two three four five six seven eight nine ten", "one-two-three-four-five-six-seven-eight"),
        ("Don't  stop:\tit’s 3.5 km!", "Dont-stop-its-3-5-km"),
        ("itʼs", "its"),
        ("", "picture"),
        ("   ", "picture"),
        ("🦊", "picture"),
        (f"{FAMILY}❤\ufe0f☂\ufe0e", "picture"),
        ("a 🦊 fox", "a-fox"),
        ("1\ufe0f\u20e3 first", "1-first"),
        ("...", "picture"),
        (".hidden -- file.", "hidden-file"),
        ("-rf /", "rf"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows\\x", "C-Windows-x"),
        ('<a>|"b"?*', "a-b"),
        ("nul\0byte\x1b[31m", "nul-byte-31m"),
        ("CON", "picture-CON"),
        ("nul", "picture-nul"),
        ("com1", "picture-com1"),
        ("COM¹", "picture-COM¹"),
        ("LPT9.", "picture-LPT9"),
        ("console", "console"),
        ("un café à Zürich", "un-café-à-Zürich"),
        (f"caf{E_ACUTE}", "café"),
        ("שלום עולם", "שלום-עולם"),
        ("\u202egnp.exe\u202c", "gnp-exe"),
        ("雪の中の赤い狐", "雪の中の赤い狐"),
        ("हिन्दी में", "हिन्दी-में"),
        ("\ud83d broken", "broken"),
        ("\u0301\u0302 alone", "alone"),
        ("under_score_", "under-score"),
        ("x" + "\u0336" * 20, "x" + "\u0336" * 8),
    ],
)
def test_a_prompt_becomes_a_plain_name(prompt: str, stem: str) -> None:
    assert file_stem(prompt) == stem


LONG = [
    "a" * 5000,
    "é" * 5000,
    "狐" * 5000,
    "\U00020bb7" * 300,
    "क्षि" * 300,
    ("Z" + "\u0323\u0307" * 400 + "algo") * 9,
    "한국어 " * 300,
    "x" * 95 + " " + "y" * 95,
]


@pytest.mark.parametrize("prompt", LONG)
@pytest.mark.parametrize("copy", [1, 2, 12_345])
def test_a_whole_name_stays_short_and_never_loses_a_mark_from_its_letter(prompt: str, copy: int) -> None:
    stem = file_stem(prompt)
    name = file_name(stem, "webp", copy)

    assert len(name.encode()) <= MAX_NAME_BYTES
    assert len(stem) > 8
    assert unicodedata.is_normalized("NFC", stem)
    full = unicodedata.normalize("NFC", prompt)
    if full.startswith(stem):
        assert not unicodedata.category(full[len(stem)]).startswith("M")


def test_a_long_name_is_cut_between_words() -> None:
    assert file_stem("wonderful " * 8 + "x") == "-".join(["wonderful"] * 8)
    assert file_stem("extraordinarily " * 8) == "-".join(["extraordinarily"] * 6)
    assert file_stem("short " + "x" * 200) == "short-" + "x" * 98
    assert file_stem("x" * 60 + " " + "y" * 60) == "x" * 60


@pytest.mark.parametrize(
    ("filename", "stem"),
    [
        ("red-fox", "red-fox"),
        ("red fox.png", "red fox"),
        ("Fox.JPEG", "Fox"),
        ("v1.2 sketch", "v1.2 sketch"),
        ("archive.tar.webp", "archive.tar"),
        (f"caf{E_ACUTE}.png", "café"),
        (f"{FAMILY} day", f"{FAMILY} day"),
        ("  padded.png  ", "padded"),
    ],
)
def test_a_given_name_is_kept_without_its_extension(filename: str, stem: str) -> None:
    assert checked_filename(filename) == stem


@pytest.mark.parametrize(
    ("filename", "complaint"),
    [
        ("", "it is empty"),
        (".png", "it is empty"),
        ("a/b.png", "it has a folder in it"),
        ("..\\b", "it has a folder in it"),
        ("what?.png", "Windows does not allow ? in names"),
        ("a:b", "Windows does not allow : in names"),
        ("a\0b", "it has invisible characters in it"),
        ("a\nb", "it has invisible characters in it"),
        ("\u202egnp.exe", "it has invisible characters in it"),
        (".hidden", "it begins with a dot or a dash"),
        ("-rf", "it begins with a dot or a dash"),
        ("..", "it begins with a dot or a dash"),
        ("fox..png", "it ends with a dot or a space"),
        ("fox .png", "it ends with a dot or a space"),
        ("con.png", "Windows reserves that name for a device"),
        ("NUL.tar.png", "Windows reserves that name for a device"),
        ("lpt³", "Windows reserves that name for a device"),
        ("x" * 105, "it is longer than 104 bytes"),
    ],
)
def test_a_given_name_that_works_not_everywhere_is_refused(filename: str, complaint: str) -> None:
    with pytest.raises(PlanError, match="cannot be used") as refusal:
        checked_filename(filename)

    assert complaint in refusal.value.what


def test_a_given_name_may_be_as_long_as_leaves_room_for_its_extension() -> None:
    assert checked_filename("x" * 104 + ".png") == "x" * 104


def test_a_name_of_a_thousand_characters_is_not_repeated_in_whole() -> None:
    with pytest.raises(PlanError) as refusal:
        checked_filename("\u202e/" + "x" * 1000)
    assert len(str(refusal.value)) < 250
    assert "\u202e" not in str(refusal.value)


def test_reserved_names_are_reserved_with_any_extension() -> None:
    assert is_reserved("aux.whatever")
    assert not is_reserved("auxiliary")


def test_a_folder_is_made_with_its_parents_and_nothing_stays_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"

    prepare_folder(folder)
    prepare_folder(folder)

    assert list(folder.iterdir()) == []


def unusable(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        prepare_folder(folder)
    assert repr(str(folder)) in refusal.value.what
    assert "output_dir" in refusal.value.remedy
    assert "IMAGEROUTER_OUTPUT_DIR" in refusal.value.remedy
    return refusal.value.what


def test_a_folder_that_cannot_be_is_refused_with_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    assert "it is a file" in unusable(file)
    assert "a part of its path is a file" in unusable(file / "below")
    assert "not an absolute path" in unusable(Path("pictures"))
    assert "its path is too long" in unusable(tmp_path / ("x" * 300))
    assert "its name holds control characters" in unusable(Path("/a\0b"))
    assert "its name holds control characters" in unusable(tmp_path / "a\nMEDIA:b")


@posix_permissions
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    assert "no permission" in unusable(tmp_path)
    assert "no permission" in unusable(tmp_path / "below")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "there is no permission to write there"),
        (errno.EROFS, "it is on a read-only file system"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_the_system_answers_to_the_probe_is_put_into_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)

    assert reason in unusable(tmp_path)


def stored(folder: Path, stem: str, data: bytes, extension: str = "png") -> Path:
    with partial_file(folder) as partial:
        partial.file.write(data)
        return store(partial.finish(), folder, stem, extension)


def test_files_of_one_name_are_numbered_and_none_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "fox-2.png").write_bytes(b"older")

    paths = [stored(tmp_path, "fox", bytes([n])) for n in range(3)]

    assert [path.name for path in paths] == ["fox.png", "fox-3.png", "fox-4.png"]
    assert [path.read_bytes() for path in paths] == [b"\0", b"\1", b"\2"]
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_stored_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch()

    assert stat.S_IMODE(stored(tmp_path, "fox", b"x").stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


def test_no_half_file_is_seen_and_none_is_left_behind(tmp_path: Path) -> None:
    def interrupted() -> None:
        with partial_file(tmp_path) as partial:
            partial.file.write(b"half")
            partial.file.flush()
            assert [path.name[0] for path in tmp_path.iterdir()] == ["."]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_stored_is_gone_with_its_block(tmp_path: Path) -> None:
    with partial_file(tmp_path) as partial:
        partial.file.write(b"not a picture")

    assert list(tmp_path.iterdir()) == []


def test_a_hidden_file_that_cannot_be_removed_does_not_lose_what_is_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with partial_file(tmp_path) as partial:
        partial.file.write(b"fox")
        path = store(partial.finish(), tmp_path, "fox", "png")
        partial.path.mkdir()  # which `unlink` refuses to remove

    assert path.read_bytes() == b"fox"
    assert "could not be removed" in caplog.text


def no_hard_links(*_: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_without_hard_links_files_are_stored_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_hard_links)

    paths = [stored(tmp_path, "fox", bytes([n])) for n in range(3)]

    assert [path.name for path in paths] == ["fox.png", "fox-2.png", "fox-3.png"]
    assert [path.read_bytes() for path in paths] == [b"\0", b"\1", b"\2"]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_failure_to_move_leaves_no_reserved_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_hard_links)
    monkeypatch.setattr(Path, "replace", no_hard_links)

    with pytest.raises(OSError, match="not permitted"):
        stored(tmp_path, "fox", b"x")

    assert list(tmp_path.iterdir()) == []


def test_another_failure_is_not_taken_for_missing_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", broken)

    with pytest.raises(OSError, match="Input/output"):
        stored(tmp_path, "fox", b"x")


def _store_many(folder: str, mark: int, links: bool, ready: Barrier) -> None:  # noqa: FBT001 - multiprocessing passes by position
    if not links:
        os.link = no_hard_links
    for number in range(50):
        if number % 10 == 0:  # the processes begin together, and keep together
            ready.wait(timeout=120)
        stored(Path(folder), "same", f"{mark}-{number}:".encode() + bytes(20_000) + b"end")


@pytest.mark.parametrize("links", [True, False])
def test_two_processes_that_store_at_once_lose_and_mix_nothing(tmp_path: Path, links: bool) -> None:  # noqa: FBT001 - a parameter of the test
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(2)
    workers = [
        context.Process(target=_store_many, args=(str(tmp_path), mark, links, ready)) for mark in (1, 2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0, 0]
    contents = [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(contents) == 100
    assert len({data.split(b":")[0] for data in contents}) == 100
    assert all(data.endswith(bytes(20_000) + b"end") for data in contents)


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    old, fresh = temporary_path(tmp_path), temporary_path(tmp_path)
    kept = tmp_path / "picture.png"
    for path in (old, fresh, kept):
        path.touch()
    os.utime(old, (0, 0))
    os.utime(kept, (0, 0))

    sweep_partials(tmp_path, timedelta(hours=1))
    assert sorted(tmp_path.iterdir()) == sorted([fresh, kept])
    sweep_partials(tmp_path / "missing", timedelta(0))


@pytest.mark.parametrize(("most", "left"), [(1000, 10), (999, 8), (100, 0), (0, 0)])
def test_files_give_way_only_if_they_are_too_large_together_and_the_least_used_first(
    tmp_path: Path, most: int, left: int
) -> None:
    files = [tmp_path / str(number % 2) / str(number) for number in range(10)]
    for number, file in enumerate(files):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x" * 100)
        os.utime(file, (1000 - number, 1000 - number))
    sweep_least_used(tmp_path, most)
    assert [file for file in files if file.exists()] == files[:left]
    sweep_least_used(tmp_path / "nowhere", most)
