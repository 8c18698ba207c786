"""What a caller is told while a call goes on."""

import pytest

from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.generation.calls.collect import Collector
from imagerouter_mcp.generation.lost_files import LostFiles
from imagerouter_mcp.generation.result_files import ResultFiles
from imagerouter_mcp.settings import Settings
from support.recording import RecordingGallery


def _nothing_to_fetch() -> Fetcher:
    raise AssertionError


@pytest.mark.parametrize(
    ("usual", "soonest", "latest"), [(None, 15, 15), (1, 5, 5), (30, 28, 30), (900, 60, 60)]
)
async def test_a_caller_is_told_to_ask_again_when_that_is_worth_it_and_within_a_minute(
    *,
    person: Settings,
    gallery: RecordingGallery,
    entries: Journal,
    answers: Answers,
    usual: int | None,
    soonest: int,
    latest: int,
) -> None:
    if usual is not None:
        image = StoredImage(url="https://storage.example/fox.png")
        gallery.record(prompt="before", model="vendor/x", images=[image], latency_ms=1000 * usual)
    (handle,), _ = entries.begin("a fox", [("a fox", "vendor/x")], again=False)
    kept = KeptFiles(person.output_dir)
    files = ResultFiles(_nothing_to_fetch, gallery, answers, kept, person)
    collector = Collector(gallery, entries, LostFiles(files, gallery, answers, kept, settings=person))
    pending = await collector.pending(await collector.entries(handle), "Preparing")
    assert soonest <= pending.ask_again <= latest
    assert (pending.call, pending.state, pending.model) == (handle, "preparing", "vendor/x")
