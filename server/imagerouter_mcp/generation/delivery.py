"""From the service's answer to files and records: fetch or decode, check the bytes, store, record."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from imagerouter_mcp.api.wire import GenerationAnswer, ResultItem
from imagerouter_mcp.errors import ConfigurationError, DeliveryError, NotFoundError
from imagerouter_mcp.fetch import Fetcher, FetchError
from imagerouter_mcp.gallery.entries import GalleryImage, Metadata, Record, StoredImage
from imagerouter_mcp.gallery.files import (
    RESCUED,
    PartialFile,
    partial_file,
    prepare_folder,
    store,
    sweep_partials,
)
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.names import checked_filename, file_stem
from imagerouter_mcp.gallery.output_folders import output_places, permitted
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation.differences import differences
from imagerouter_mcp.generation.handles import find_image
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.source_images import is_data
from imagerouter_mcp.private_files import last_resort, private_folder
from imagerouter_mcp.settings import Settings

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_RESULT_BYTES = 200 * 2**20
DOWNLOAD_SECONDS = 180.0
RETRY_AFTER_SECONDS = (0.5, 2.0)
"""Waits before the second and the third attempt at a download."""
LINK_DAYS = 30
"""How long ImageRouter keeps a result, as others have reported."""
SANDBOX_NOTE = "Sandbox picture: drawn on this machine in place of ImageRouter's; no money was spent."

_ABANDONED = timedelta(hours=6)
"""Unfinished files of this age were left by processes that were killed."""
_DECODED_AT_ONCE = 2**20
"""Characters of base64, a multiple of four, to decode before other work gets a turn."""


@dataclass(frozen=True, slots=True)
class _ItemOutcome:
    """What became of one item of an answer.

    Attributes:
        image: As far as it is known.
        reason: Why there is no file, or not where it should be, as the end of a sentence.
        unstored: Whether it is complete and in memory, but no folder could take it.
        damaged: Whether it arrived inside the answer and is not a whole picture.
    """

    image: StoredImage
    reason: str | None = None
    unstored: bool = False
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder that may take a result.

    Attributes:
        folder: Makes the folder, if it is not there, and returns it.
        private: Whether files in it are for this user alone.
    """

    folder: Callable[[], Path]
    private: bool = False


class Delivery:
    """Stores results, records them, and fetches them again when their files are missing.

    Args:
        fetcher: Returns what downloads results; called when something has to be fetched.
        gallery: Holds the records.
        journal: Holds the open entries.
        settings: The folders.
    """

    def __init__(
        self, fetcher: Callable[[], Fetcher], gallery: Gallery, journal: Journal, settings: Settings
    ) -> None:
        self._fetcher = fetcher
        self._gallery = gallery
        self._journal = journal
        self._settings = settings
        self._held: dict[str, GenerationAnswer] = {}

    def destination(self, request: Request) -> Destination:
        """Return where the results of a request go; writes nothing.

        Raises:
            PlanError: The file name cannot be used, or the folder may not be saved in.
        """
        folder = self._settings.output_dir
        if request.output_dir:
            folder = permitted(request.output_dir, output_places(self._settings))
        if request.filename:
            return Destination(folder, checked_filename(request.filename))
        return Destination(folder, file_stem(request.prompt.strip() or self._source_name(request)))

    def _source_name(self, request: Request) -> str:
        """Return the name of the first source's file, or "" if it has none."""
        source = request.images[0] if request.images else ""
        own = self._gallery.find(source)
        if own and own[0].path:
            return own[0].path.stem
        return "" if is_data(source) else Path(re.split(r"[/\\]", re.split(r"[?#]", source)[0])[-1]).stem

    def prepare(self, destination: Destination) -> None:
        """Make sure before the paid call that its result can be stored.

        Raises:
            ConfigurationError: The folder cannot be written to.
        """
        prepare_folder(destination.folder)
        sweep_partials(destination.folder, _ABANDONED)

    def holds(self, handle: str) -> bool:
        """Return whether an answer is kept in memory because it could not be stored or recorded."""
        return handle in self._held

    def take_held(self, handle: str) -> GenerationAnswer | None:
        """Return an answer that is kept in memory, to try once more; it is no longer held."""
        return self._held.pop(handle, None)

    async def deliver(
        self,
        handle: str,
        plan: Plan,
        answer: GenerationAnswer,
        notes: Sequence[str] = (),
        source: "Image | None" = None,
    ) -> tuple[Record, tuple[str, ...]]:
        """Store and record what was paid for.

        A result that cannot be fetched is recorded too, so that its handle can be used to try again. If no
        folder or no gallery takes the result, the answer is held in memory.

        Args:
            handle: The generation's.
            plan: What was sent, and where the results go.
            answer: What came back.
            notes: Sentences for the person about how the call went.
            source: The first source image of an edit, to be compared; see `differences`.

        Returns:
            The record, and all sentences for the person.

        Raises:
            DeliveryError: No file could be stored; says where the result can still be found.
        """
        outcomes = [await self._store_item(item, plan.destination) for item in answer.items]
        if any(outcome.unstored for outcome in outcomes):
            self._held[handle] = answer
            raise DeliveryError(
                f"The result was made, but {outcomes[0].reason}.",
                f"Do not make it again: make room there, then call get_generation with {handle}.",
            )
        kept = None
        if any(outcome.damaged for outcome in outcomes):
            kept = await to_thread.run_sync(self._journal.keep_answer, handle)
        notes = [
            *plan.notes,
            *notes,
            *await to_thread.run_sync(
                differences, plan, answer, [outcome.image for outcome in outcomes], source
            ),
            *_other_folder(outcomes),
            *((SANDBOX_NOTE,) if answer.sandbox else ()),
        ]
        record, unrecorded = await to_thread.run_sync(self._record, handle, plan, answer, outcomes, notes)
        if unrecorded:
            self._held[handle] = answer
        lost = [
            self._undelivered(image, outcome.reason, kept)
            for image, outcome in zip(record.images, outcomes, strict=True)
            if outcome.image.path is None
        ]
        if len(lost) == len(outcomes):
            raise lost[0]
        return record, (*notes, *unrecorded, *map(str, lost))

    async def restore(self, handle: str) -> tuple[GalleryImage, Record, tuple[str, ...]]:
        """Return a stored image with its record, re-downloading it if its file is gone.

        Args:
            handle: A handle, or `last`.

        Returns:
            The image, its record, and sentences for the person.

        Raises:
            NotFoundError: There is no such handle, or its file is gone and no link is known.
            DeliveryError: Its file is gone and cannot be downloaded again.
            ConfigurationError: The gallery cannot be read, or the output folder not be written to.
        """
        image, record = await find_image(self._gallery, handle)
        if image.path and image.path.is_file():
            return image, record, ()
        gone = "no longer there" if self._settings.remote else f"no longer at {image.path}"
        if image.url is None:
            raise NotFoundError(
                f"The file of {image.handle} is {gone}, and no link to it is known.",
                "If it was moved, give its new path; else make it again.",
            )
        fetched = await self._refetch(image, record)
        was = f"was {gone}" if image.path else "had not arrived"
        return fetched, record, (f"The file {was}; it was fetched again from its link.",)

    async def complete(self, image: GalleryImage, record: Record) -> GalleryImage:
        """Return an image of a record, downloading it if it has never arrived.

        Raises:
            ConfigurationError: The gallery cannot be written to.
            DeliveryError: It cannot be downloaded.
        """
        if image.path:
            return image
        if image.url is None:
            kept = self._journal.kept_answer(record.generation)
            raise self._undelivered(image, "it did not arrive whole", kept)
        return await self._refetch(image, record)

    async def _refetch(self, image: GalleryImage, record: Record) -> GalleryImage:
        destination = Destination(self._settings.output_dir, file_stem(record.prompt))
        outcome = await self._store_item(ResultItem(url=image.url), destination)
        if outcome.image.path is None:
            raise self._undelivered(image, outcome.reason, None)
        fetched = GalleryImage(**vars(outcome.image), handle=image.handle)
        await to_thread.run_sync(self._gallery.update, fetched)
        return fetched

    async def _store_item(self, item: ResultItem, destination: Destination) -> _ItemOutcome:
        """Fetch or decode one item into its folder, or into the first other folder that takes it.

        A paid result is worth another folder: the disk may be full, or the folder gone.
        """
        reason = ""
        for place in self._places(destination):
            try:
                image = await self._into(item, place, destination.stem)
            except FetchError as error:
                return _ItemOutcome(StoredImage(url=item.url), f"it could not be fetched: {error.reason}")
            except NotAPictureError as error:
                return _damaged(item, f"what came is not a whole picture: {error}")
            except ValueError:  # from `_decode` alone
                return _damaged(item, "its base64 is damaged")
            except OSError as error:
                reason = (
                    reason or f"it could not be written to {destination.folder}: {error.strerror or error}"
                )
            else:
                return _ItemOutcome(image, reason or None)
        return _ItemOutcome(StoredImage(url=item.url), reason, unstored=item.url is None)

    def _places(self, destination: Destination) -> list[_Place]:
        """Return where a result may go, the right folder first."""
        asked, usual = destination.folder, self._settings.output_dir
        return [
            *(_Place(partial(_made, folder)) for folder in dict.fromkeys((asked, usual))),
            _Place(partial(private_folder, self._settings.data_dir / RESCUED), private=True),
            _Place(last_resort, private=True),
        ]

    async def _into(self, item: ResultItem, place: _Place, stem: str) -> StoredImage:
        folder = await to_thread.run_sync(place.folder)
        with partial_file(folder, private=place.private) as unfinished:
            if item.b64_json:
                await to_thread.run_sync(_decode, item.b64_json, unfinished)
            else:
                await self._download(item.url or "", unfinished)
            return await to_thread.run_sync(_store, unfinished, item.url, folder, stem)

    async def _download(self, url: str, target: PartialFile) -> None:
        for wait in (*RETRY_AFTER_SECONDS, None):
            try:
                await self._fetcher().download(
                    url,
                    target.file,
                    max_bytes=MAX_RESULT_BYTES,
                    seconds=DOWNLOAD_SECONDS,
                    purpose="result",
                )
            except FetchError as error:
                if not error.passing or wait is None:
                    raise
                await anyio.sleep(wait)
            else:
                return

    def _record(
        self,
        handle: str,
        plan: Plan,
        answer: GenerationAnswer,
        outcomes: Sequence[_ItemOutcome],
        notes: Sequence[str],
    ) -> tuple[Record, tuple[str, ...]]:
        """Record the generation; if the gallery fails now, the person still gets the result."""
        revised = (item.revised_prompt for item in answer.items if item.revised_prompt)
        metadata = Metadata(
            prompt=plan.prompt,
            model=plan.model,
            revised_prompt=next(revised, None),
            parameters={name: plan.fields[name] for name in plan.fields.keys() - {"prompt", "model"}},
            sources=plan.origins,
            cost_usd=answer.cost,
            latency_ms=None if answer.latency is None else round(answer.latency),
        )
        try:
            return self._journal.record(handle, [outcome.image for outcome in outcomes], notes, metadata), ()
        except ConfigurationError as error:
            images = tuple(GalleryImage(**vars(outcome.image), handle="") for outcome in outcomes)
            now = datetime.now(UTC)
            unrecorded = Record(**vars(metadata), generation=handle, created_at=now, images=images)
            return unrecorded, (f"It has no handle yet, because it could not be recorded: {error.what}",)

    def _undelivered(self, image: GalleryImage, reason: str | None, kept: Path | None) -> DeliveryError:
        """Return the error for a result that was paid for and is not here.

        Args:
            image: As far as it is known.
            reason: Why it is not here, as the end of a sentence.
            kept: The file with the answer as it came, if there is one.
        """
        what = f"The picture was made, but {reason}."
        if image.url is None:
            where = "on the server" if self._settings.remote else f"in {kept}"
            answer = f"The answer is kept as it came {where}. " if kept else ""
            return DeliveryError(
                what,
                f"{answer}It cannot be had again; report it to ImageRouter with the time of the request.",
            )
        again = f", or call show_image with {image.handle} to try again" if image.handle else ""
        return DeliveryError(
            what, f"Do not make it again: open {image.url} (kept for about {LINK_DAYS} days){again}."
        )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _damaged(item: ResultItem, reason: str) -> _ItemOutcome:
    return _ItemOutcome(StoredImage(url=item.url), reason, damaged=item.url is None)


def _other_folder(outcomes: Sequence[_ItemOutcome]) -> tuple[str, ...]:
    """Return a sentence if files are not where they should be."""
    for outcome in outcomes:
        if outcome.reason and outcome.image.path:
            return (f"It was saved in {outcome.image.path.parent}, because {outcome.reason}.",)
    return ()


def _decode(text: str, target: PartialFile) -> None:
    """Decode base64 in pieces, because each one blocks the interpreter while it is decoded.

    Raises:
        ValueError: It is not base64.
    """
    text = "".join(text.split())
    start = text.find(",") + 1 if text[:5].lower() == "data:" else 0
    text += "=" * (-(len(text) - start) % 4)
    for begin in range(start, len(text), _DECODED_AT_ONCE):
        target.file.write(base64.b64decode(text[begin : begin + _DECODED_AT_ONCE], validate=True))


def _store(unfinished: PartialFile, url: str | None, folder: Path, stem: str) -> StoredImage:
    unfinished.file.flush()
    seen = inspect(unfinished.path)
    path = store(unfinished.finish(), folder, stem, seen.format.extension)
    return StoredImage(
        path=path,
        url=url,
        media_type=seen.format.media_type,
        width=seen.width,
        height=seen.height,
        bytes=seen.bytes,
        seconds=seen.seconds,
    )
