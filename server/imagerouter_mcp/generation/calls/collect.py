"""Collect a call from the journal and the records: every process gets the same answer at any time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from anyio import to_thread

from imagerouter_mcp.errors import DeliveryError, ImageRouterError, NotFoundError, revived
from imagerouter_mcp.gallery.entries import OPEN_STATES, Entry, GalleryImage, Record
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.gallery.rows import was_deleted
from imagerouter_mcp.generation.calls.outcome import Finished, Outcome, Pending, Result, summed_up
from imagerouter_mcp.generation.lost_files import LostFiles
from imagerouter_mcp.generation.planning.plan import Plan

ASK_AGAIN_SECONDS = 15
"""Seconds until asking again, for a model whose usual time is not known."""
SOONEST, LATEST = 5, 60
"""Bounds, in seconds, of when to ask again."""


class Collector:
    """Returns the outcome of calls.

    Args:
        gallery: Holds the records.
        journal: Holds the entries.
        lost_files: Fetches results that have not arrived.
    """

    def __init__(self, gallery: Gallery, journal: Journal, lost_files: LostFiles) -> None:
        self._gallery = gallery
        self._journal = journal
        self._lost_files = lost_files

    async def entries(self, handle: str) -> list[Entry]:
        """Return the journal's entries of a call.

        Args:
            handle: The handle of any of its generations; case and spaces around it are ignored.

        Raises:
            NotFoundError: There is no such generation.
        """
        entries = await to_thread.run_sync(self._journal.call, handle.strip().lower())
        if not entries and await to_thread.run_sync(self._gallery.was_deleted, handle):
            raise was_deleted(handle.strip())
        if not entries:
            raise NotFoundError(
                f"There is no generation {handle.strip()[:40]!r}.",
                "Give the handle that an earlier answer named (gen_…); list_images shows what is unfinished.",
            )
        return entries

    async def made_here(self, handle: str) -> Finished | None:
        """Return pictures made without a model, which have no journal entry; None for any other handle."""
        record = await to_thread.run_sync(self._gallery.generation, handle.strip().lower())
        if record is None or not record.made_here:
            return None
        return Finished(record.generation, (Result(record),))

    async def finished(self, entries: Sequence[Entry]) -> Finished:
        """Return the outcome of a call that has ended, fetching paid results that have not arrived.

        Args:
            entries: All of its generations, none of them open.

        Raises:
            ImageRouterError: Nothing was made, or none of it can be retrieved.
        """
        outcomes = [await self._outcome(entry) for entry in entries]
        models = [entry.model for entry in entries]
        return summed_up(entries[0].call, models, outcomes, _steps(entries, outcomes))

    async def pending(self, entries: Sequence[Entry], words: str) -> Pending:
        """Return what is known of a call that has not ended.

        Args:
            entries: All of its generations, at least one of them open.
            words: Its progress, as the beginning of a sentence.
        """
        begun = [entry for entry in entries if not _waits(entry, entries)]
        first = entries[0]
        elapsed = max(0.0, (datetime.now(UTC) - first.created_at).total_seconds())
        usual = await to_thread.run_sync(self._gallery.usual_seconds, first.model)
        left = ASK_AGAIN_SECONDS if usual is None else usual - elapsed
        return Pending(
            call=first.call,
            state=next(state for state in OPEN_STATES if any(entry.state == state for entry in begun)),
            model=", ".join(dict.fromkeys(entry.model for entry in entries if entry.model)),
            prompt=first.prompt,
            elapsed=elapsed,
            ask_again=round(min(max(left, SOONEST), LATEST)),
            words=words,
            usual=usual,
        )

    async def _outcome(self, entry: Entry) -> Result | ImageRouterError:
        if entry.state != "done":
            return revived(entry.error or {})
        try:
            return await self._result(entry)
        except DeliveryError as error:
            return error

    async def _result(self, entry: Entry) -> Result:
        record = await to_thread.run_sync(self._gallery.generation, entry.handle)
        if record is None and await to_thread.run_sync(self._gallery.was_deleted, entry.handle):
            raise was_deleted(entry.handle)
        if record is None:
            raise DeliveryError(
                f"{entry.handle} was made, but its record is gone.", "Look for the file in the output folder."
            )
        record, notes = await self._completed(record)
        plan = Plan.kept(entry.plan)
        return Result(
            record, plan.why if plan else "", plan and plan.estimate, (*entry.notes, *notes, *record.damage)
        )

    async def _completed(self, record: Record) -> tuple[Record, tuple[str, ...]]:
        """Return a record with all files that can be retrieved, and sentences on late and lost ones."""
        images: list[GalleryImage] = []
        notes: list[str] = []
        lost: list[DeliveryError] = []
        for image in record.images:
            try:
                completed, about = await self._lost_files.complete(image, record)
                images.append(completed)
                notes += about
            except DeliveryError as error:
                images.append(image)
                lost.append(error)
        if len(lost) == len(images):
            raise lost[0].costing(record.cost_usd)
        return replace(record, images=tuple(images)), (*notes, *map(str, lost))


def _steps(entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> dict[int, int]:
    """Map the index of each second step to the index of the picture that it works on.

    Before the step is made, its plan names the picture; afterwards, the sources in its record do.
    """
    places = {entry.handle: place for place, entry in enumerate(entries)}
    made = {
        image.handle: place
        for place, outcome in enumerate(outcomes)
        if isinstance(outcome, Result)
        for image in outcome.record.images
    }
    steps: dict[int, int] = {}
    for place, (entry, outcome) in enumerate(zip(entries, outcomes, strict=True)):
        if isinstance(outcome, Result):
            works_on = [made[source] for source in outcome.record.sources if source in made]
        else:
            works_on = [places[follows] for follows in (_follows(entry),) if follows in places]
        if works_on:
            steps[place] = works_on[0]
    return steps


def _waits(entry: Entry, entries: Sequence[Entry]) -> bool:
    """Tell whether a generation waits for another one of its call."""
    follows = _follows(entry)
    return any(other.open for other in entries if other.handle == follows)


def _follows(entry: Entry) -> str:
    plan = Plan.kept(entry.plan)
    return plan.follows if plan else ""
