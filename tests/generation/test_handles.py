"""Which picture `last` means."""

from pathlib import Path

import pytest

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.generation.handles import (
    LastMade,
    Sessions,
    find_image,
    is_handle,
    newest_image,
    number_of,
)
from support.recording import RecordingGallery


async def test_last_is_the_newest_picture_whose_file_has_arrived(
    gallery: RecordingGallery, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match="No picture has been made yet"):
        await find_image(gallery, "last")
    gallery.record(prompt="lost", model="m", images=[StoredImage(url="https://storage.example/lost.png")])
    image, _ = await find_image(gallery, "last")
    assert image.url == "https://storage.example/lost.png", "there is no better one"
    for name in ("older.png", "newer.png"):
        gallery.record(prompt=name, model="m", images=[StoredImage(path=tmp_path / name)])
    gallery.record(prompt="lost", model="m", images=[StoredImage(url="https://storage.example/lost.png")])
    image, _ = await find_image(gallery, " LAST ")
    assert image.path == tmp_path / "newer.png"


@pytest.mark.parametrize(
    ("text", "number", "is_one"),
    [
        ("img_7f3a", None, True),
        ("IMG_7F3A", None, True),
        ("gen_7f3a", None, True),
        (" imagerouter://images/img_7f3a ", None, True),
        ("ImageRouter://images/last", None, True),
        ("last", None, True),
        ("lasting", None, False),
        ("fox.png", None, False),
        ("3", 3, False),
        ("#3", 3, False),
        ("last:3", 3, False),
        ("picture 12", 12, False),
        ("No. 3", 3, False),
        ("0", None, False),
        ("100", None, False),
    ],
)
def test_a_handle_a_number_and_a_name_are_told_apart(text: str, number: int | None, *, is_one: bool) -> None:
    assert (number_of(text), is_handle(text)) == (number, is_one)


async def test_a_picture_is_found_by_each_of_its_names(
    gallery: RecordingGallery, database: Database, tmp_path: Path
) -> None:
    own = StoredImage(path=tmp_path / "own.png")
    record = gallery.record(
        prompt="a fox", model="m", images=[StoredImage(path=tmp_path / "fox.png", original=own)]
    )
    (image,), (original,) = record.images, record.originals
    for name in (
        image.handle,
        f"imagerouter://images/{image.handle}",
        str(image.path),
        record.generation.upper(),
    ):
        assert await find_image(gallery, name) == (image, record), name
    assert await find_image(gallery, str(own.path)) == (original, record)
    cut_out = gallery.record(
        prompt="a fox", model="m", sources=[image.handle], images=[StoredImage(path=tmp_path / "cut.png")]
    )
    assert await find_image(gallery, record.generation) == (image, record), "of another call"
    assert await find_image(gallery, "last") == (cut_out.images[0], cut_out)
    assert await newest_image(gallery, [cut_out.generation]) == (image, record)
    two = gallery.record(prompt="two", model="m", images=[own, own])
    for name, said in (
        (two.generation, f"made 2 pictures. .*{two.images[0].handle}, {two.images[1].handle}"),
        ("gen_ffff", "gen_ffff has made no picture yet"),
        ("img_ffff", "no picture 'img_ffff' in the gallery"),
        (str(tmp_path / "another.png"), "no picture '"),
        ("x" * 5000, "no picture 'x"),
        ("\ud800", "no picture"),
    ):
        with pytest.raises(NotFoundError, match=said):
            await find_image(gallery, name)
    for name in (image.handle, record.generation):
        with database.writing() as connection:
            connection.execute("DELETE FROM generations WHERE handle = ?", (record.generation,))
            connection.execute("INSERT INTO deleted (handle, deleted_at) VALUES (?, 0)", (name,))
        with pytest.raises(NotFoundError, match="deleted"):
            await find_image(gallery, name)


def test_last_is_one_picture_or_names_those_that_it_may_be(gallery: RecordingGallery) -> None:
    first = gallery.record(prompt="first", model="m", images=[StoredImage()])
    step = gallery.record(prompt="step", model="m", sources=[first.images[0].handle], images=[StoredImage()])
    assert LastMade((first, step), elsewhere=False).only() == (step.images[0], step)
    video = gallery.record(prompt="a film", model="m", images=[StoredImage(media_type="video/mp4")])
    assert LastMade((video,), elsewhere=False).only(video=True) == (video.images[0], video)
    with pytest.raises(NotFoundError, match=f"{video.images[0].handle}, is a video"):
        LastMade((video,), elsewhere=False).only()
    both = LastMade((first, video), elsewhere=False)
    handles = [each.images[0].handle for each in (first, video)]
    with pytest.raises(NotFoundError, match=", ".join(handles)):
        both.only(video=True)
    for number, said in (
        (1, f"Number 1 of the newest call is {handles[0]}"),
        (2, f"Number 2 of the newest call is {handles[1]}"),
        (3, "There is no picture number 3: the newest call made 2"),
    ):
        assert said in both.numbered(number).what


def test_each_session_has_its_own_last_call() -> None:
    sessions = Sessions()
    for call in ("gen_1", "gen_2", "gen_1"):
        sessions.note("mine", call)
    sessions.note("another", "gen_3")
    assert sessions.newest("mine") == "gen_1"
    assert sessions.newest("mine", ["gen_1"]) == "gen_2"
    assert sessions.newest("mine", ["gen_1", "gen_2"]) is None
    assert sessions.newest("new") is sessions.newest(None) is None
    for number in range(999):
        sessions.note(str(number), "gen_4")
    assert [sessions.newest("mine"), sessions.newest("another")] == [None, "gen_3"]
    for number in range(25):
        sessions.note("another", f"gen_{number}")
    assert sessions.newest("another", [f"gen_{number}" for number in range(6, 25)]) == "gen_5"
    assert sessions.newest("another", [f"gen_{number}" for number in range(5, 25)]) is None
