"""What came of a call, from the journal and the records: the same whoever asks, and whenever."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from anyio import to_thread

from imagerouter_mcp.errors import DeliveryError, ImageRouterError, NotFoundError, revived
from imagerouter_mcp.gallery.entries import OPEN_STATES, Entry, GalleryImage, Record
from imagerouter_mcp.generation.deliver import refetch, undelivered
from imagerouter_mcp.generation.job import Job
from imagerouter_mcp.generation.request import Batch, Generation, Pending
from imagerouter_mcp.generation.run import summed_up
from imagerouter_mcp.generation.studio import Studio

ASK_AGAIN_SECONDS = 15
"""Where nothing is known of how long a model takes."""
SOONEST, LATEST = 5, 60
"""Seconds: the bounds of what a caller is advised."""


async def entries_of(studio: Studio, handle: str) -> list[Entry]:
    """The generations of a call.

    Args:
        studio: Holds the journal.
        handle: Of any of them, as a model may write it.

    Raises:
        NotFoundError: The journal has none.
    """
    entries = await to_thread.run_sync(studio.journal.call, handle.strip().lower())
    if not entries:
        raise NotFoundError(
            f"There is no generation {handle.strip()[:40]!r}.",
            "Give the handle that an earlier answer named (gen_…); list_images tells what is unfinished.",
        )
    return entries


async def collected(studio: Studio, entries: Sequence[Entry]) -> Batch:
    """What came of a call that has ended; what was paid for and is not here is fetched.

    Args:
        studio: The process's parts.
        entries: All of its generations, none of them open.

    Raises:
        ImageRouterError: Nothing was made, or nothing of it can be had.
    """
    outcomes = [await _outcome(studio, entry) for entry in entries]
    return summed_up(entries[0].call, [entry.model for entry in entries], outcomes)


async def pending(studio: Studio, entries: Sequence[Entry], words: str) -> Pending:
    """What is known of a call that has not ended.

    Args:
        studio: Holds the records.
        entries: All of its generations, at least one of them open.
        words: How it goes, as the beginning of a sentence.
    """
    first = entries[0]
    elapsed = max(0.0, (datetime.now(UTC) - first.created_at).total_seconds())
    usual = await to_thread.run_sync(studio.gallery.usual_seconds, first.model)
    left = ASK_AGAIN_SECONDS if usual is None else usual - elapsed
    return Pending(
        call=first.call,
        state=next(state for state in OPEN_STATES if any(entry.state == state for entry in entries)),
        model=", ".join(dict.fromkeys(entry.model for entry in entries if entry.model)),
        prompt=first.prompt,
        elapsed=elapsed,
        ask_again=round(min(max(left, SOONEST), LATEST)),
        words=words,
    )


async def _outcome(studio: Studio, entry: Entry) -> Generation | ImageRouterError:
    if entry.state != "done":
        return revived(entry.error or {})
    try:
        return await _result(studio, entry)
    except (DeliveryError, NotFoundError) as error:
        return error


async def _result(studio: Studio, entry: Entry) -> Generation:
    record = await to_thread.run_sync(studio.gallery.generation, entry.handle)
    if record is None:
        raise NotFoundError(
            f"{entry.handle} was made, and its record is gone.", "Look for the file in the output folder."
        )
    record, lost = await _completed(studio, record)
    job = Job.from_json(entry.job or {})
    return Generation(record, job.why, job.estimate, (*entry.notes, *lost))


async def _completed(studio: Studio, record: Record) -> tuple[Record, tuple[str, ...]]:
    """A record with all of its files that can be had, and a sentence for each that cannot."""
    images: list[GalleryImage] = []
    lost: list[DeliveryError] = []
    for image in record.images:
        try:
            images.append(image if image.path else await _fetched(studio, image, record))
        except DeliveryError as error:
            images.append(image)
            lost.append(error)
    if len(lost) == len(images):
        raise lost[0]
    return replace(record, images=tuple(images)), tuple(map(str, lost))


async def _fetched(studio: Studio, image: GalleryImage, record: Record) -> GalleryImage:
    if image.url is None:
        raise undelivered(image, "it did not arrive whole")
    return await refetch(studio, image, record)
