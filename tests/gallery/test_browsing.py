"""People look through the gallery page by page, and what they see stays in place while pictures arrive."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from imagerouter_mcp.gallery.browsing import Browsing, Page, Wanted
from imagerouter_mcp.gallery.entries import StoredImage
from support.postgres import Galleries
from support.recording import RecordingGallery

PNG = StoredImage(path=Path("/pictures/fox.png"), media_type="image/png", width=4, height=3, bytes=9)
VIDEO = StoredImage(path=Path("/pictures/fox.mp4"), media_type="video/mp4", seconds=5)


@pytest.fixture
def gallery(tmp_path: Path, galleries: Galleries) -> Iterator[RecordingGallery]:
    with contextlib.closing(galleries.database(tmp_path)) as database:
        yield RecordingGallery(database)


@pytest.fixture
def browsing(tmp_path: Path, galleries: Galleries) -> Iterator[Browsing]:
    with contextlib.closing(Browsing(galleries.database(tmp_path))) as opened:
        yield opened


def prompts(page: Page) -> list[str]:
    return [picture.prompt for picture in page.pictures]


def test_pages_hold_still_while_pictures_arrive(gallery: RecordingGallery, browsing: Browsing) -> None:
    for number in range(5):
        gallery.record([PNG], prompt=f"{number}", model="m")
    first = browsing.page(Wanted(), None, 0, 2)
    assert (first.total, prompts(first)) == (5, ["4", "3"])
    gallery.record([PNG], prompt="5", model="m")
    second = browsing.page(Wanted(), first.anchor, 2, 2)
    assert (second.total, prompts(second)) == (5, ["2", "1"])
    assert prompts(browsing.page(Wanted(), first.anchor, 4, 2)) == ["0"]
    assert prompts(browsing.page(Wanted(), None, 0, 1)) == ["5"]
    filtered = browsing.page(Wanted(model="m"), first.anchor, 0, 10)
    assert (filtered.total, prompts(filtered)) == (5, ["4", "3", "2", "1", "0"])


def test_what_a_picture_was_made_of_is_no_picture_of_its_own_and_a_call_is_numbered(
    gallery: RecordingGallery, browsing: Browsing
) -> None:
    made = StoredImage(path=Path("/pictures/cut.png"), media_type="image/png", original=PNG)
    record = gallery.record([made, PNG], prompt="p", model="m", cost_usd=Decimal("0.04"))
    page = browsing.page(Wanted(), None, 0, 10)
    assert page.total == 2
    shown = [(each.handle, each.number, each.path) for each in page.pictures]
    assert shown == [(image.handle, n, image.path) for n, image in enumerate(record.images, 1)]
    assert page.pictures[0].cost_usd == Decimal("0.04")


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Wanted(query="RED fox"), ["a red fox"]),
        (Wanted(query="nowhere"), []),
        (Wanted(query="2026-11-02"), ["a blue film"]),
        (Wanted(kind="video"), ["a blue film"]),
        (Wanted(kind="image"), ["a red owl", "a red fox"]),
        (Wanted(model="v/b"), ["a red owl"]),
        (Wanted(since=date(2026, 11, 2)), ["a red owl", "a blue film"]),
        (Wanted(until=date(2026, 11, 2)), ["a blue film", "a red fox"]),
        (Wanted(query="red", model="v/a", until=date(2026, 11, 1)), ["a red fox"]),
    ],
)
def test_every_filter_that_is_given_must_hold(
    gallery: RecordingGallery, browsing: Browsing, which: Wanted, found: list[str]
) -> None:
    noon = datetime(2026, 11, 1, 12).astimezone()
    gallery.record([PNG], noon, prompt="a red fox", model="v/a")
    gallery.record([VIDEO], noon + timedelta(days=1), prompt="a blue film", model="v/a")
    gallery.record([PNG], noon + timedelta(days=2), prompt="a red owl", model="v/b")
    page = browsing.page(which, None, 0, 10)
    assert (page.total, prompts(page)) == (len(found), found)
    assert browsing.models() == [("v/a", 2), ("v/b", 1)]


def test_a_change_by_another_connection_shows_in_the_state(
    gallery: RecordingGallery, browsing: Browsing
) -> None:
    before = browsing.state()
    assert browsing.state() == before
    gallery.record([PNG], datetime.now(UTC), prompt="p", model="m")
    after = browsing.state()
    assert after.version != before.version
    assert after.newest > before.newest
