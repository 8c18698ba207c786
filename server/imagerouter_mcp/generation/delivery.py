"""Deliver the service's answer: fetch or decode it, check the bytes, store the files, record them."""

import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import anyio
from anyio import to_thread

from imagerouter_mcp.api.wire import GenerationAnswer, ResultItem
from imagerouter_mcp.errors import ConfigurationError, DeliveryError, NotFoundError, PlanError
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.entries import GalleryImage, Metadata, Record, StoredImage
from imagerouter_mcp.gallery.files import (
    RESCUED,
    discard,
    free_series,
    partial_folder,
    prepare_folder,
    sweep_partials,
)
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.kept_sources import KeptSources
from imagerouter_mcp.gallery.names import checked_filename, file_stem
from imagerouter_mcp.gallery.output_folders import output_places, permitted
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation.differences import differences
from imagerouter_mcp.generation.handles import find_image
from imagerouter_mcp.generation.planning.finishing import Finishing
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.generation.postprocess import Postprocessing
from imagerouter_mcp.generation.result_files import ORIGINAL, ResultFiles, Stored
from imagerouter_mcp.images.source_images import is_data
from imagerouter_mcp.images.workers import decode
from imagerouter_mcp.settings import Settings

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.comparison import Look

AnImage = TypeVar("AnImage", bound=StoredImage)

LINK_DAYS = 30
"""Days that ImageRouter keeps a result, as others have reported."""
SANDBOX_NOTE = "Sandbox picture: drawn on this machine in place of ImageRouter's; no money was spent."

_LOOKING_SECONDS = 10.0
"""Upper bound on decoding results for a comparison, in seconds; other pictures may come first."""
_ABANDONED = timedelta(hours=6)
"""Unfinished files of this age were left by processes that were killed."""


class Delivery:
    """Stores results, records them, and fetches them again when their files are missing.

    Args:
        fetcher: Returns the fetcher; called when a result has to be downloaded.
        gallery: Holds the records.
        journal: Holds the open entries.
        answers: Keeps received bytes that are not a picture.
        kept: Keeps the files.
        settings: The folders.
    """

    def __init__(
        self,
        fetcher: Callable[[], Fetcher],
        gallery: Gallery,
        journal: Journal,
        answers: Answers,
        kept: KeptFiles,
        *,
        settings: Settings,
    ) -> None:
        self._files = ResultFiles(fetcher, gallery, answers, kept, settings)
        self._kept = kept
        self._kept_sources = KeptSources(settings.data_dir, kept.objects)
        self._gallery = gallery
        self._journal = journal
        self._answers = answers
        self._settings = settings
        self._swept = set[Path]()
        self._held: dict[str, GenerationAnswer] = {}

    async def destinations(self, request: Request, count: int) -> list[Destination]:
        """Return where each of `count` results of a request goes; write nothing.

        Raises:
            PlanError: The file name cannot be used, or saving in the folder is not allowed.
        """
        if count == 1 and request.prompt.strip() and not request.output_dir:  # no need to look at files
            return [self.destination(request)]
        return await to_thread.run_sync(self._free_destinations, request, count)

    def _free_destinations(self, request: Request, count: int) -> list[Destination]:
        place = self.destination(request)
        if count == 1:
            return [place]
        return Destination(place.folder, free_series(place.folder, place.stem, count)).numbered(count)

    def destination(self, request: Request) -> Destination:
        """Return where the result of a request goes; write nothing.

        Raises:
            PlanError: The file name cannot be used, or saving in the folder is not allowed.
        """
        folder = self._settings.output_dir
        if request.output_dir and self._kept.objects:
            raise PlanError("Pictures go into an object store without folders.", "Leave output_dir out.")
        if request.output_dir:
            folder = permitted(request.output_dir, output_places(self._settings, request.roots))
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
        """Check before the paid call that its result can be stored.

        Raises:
            ConfigurationError: The output folder, the data folder or the object store cannot be written to.
        """
        prepare_folder(destination.folder)
        self._kept.check()
        self._answers.prepare()
        if not self._swept:
            self._sweep()
        if destination.folder not in self._swept:
            self._swept.add(destination.folder)
            sweep_partials(destination.folder, _ABANDONED)

    def _sweep(self) -> None:
        """Remove what killed processes left: unfinished files, locks, and answers that are stored."""
        for folder in (self._settings.output_dir, self._settings.data_dir / RESCUED):
            sweep_partials(folder, _ABANDONED)
        self._journal.sweep(_ABANDONED)
        self._kept_sources.sweep(timedelta(days=LINK_DAYS))
        self._answers.sweep(timedelta(days=LINK_DAYS))
        for handle in self._journal.needless(self._answers.arriving()):
            self._answers.discard(handle)

    def keep_source(self, handles: Sequence[str], source: BinaryIO, mask: BinaryIO) -> None:
        """Keep the source and the mask of an edit until the answers are laid into it.

        Raises:
            ConfigurationError: They cannot be written to the data folder.
        """
        try:
            self._kept_sources.keep(list(handles), source, mask)
        except OSError as error:
            raise ConfigurationError(
                f"The source could not be kept in the data folder: {error.strerror or error}.",
                "Make room there, or set IMAGEROUTER_DATA_DIR to another folder.",
            ) from None

    def discard_source(self, handle: str) -> None:
        """Remove what `keep_source` kept for a generation that has failed."""
        self._kept_sources.discard(handle)

    def holds(self, handle: str) -> bool:
        """Return whether an answer is kept in memory because it could not be stored or recorded."""
        return handle in self._held

    def take_held(self, handle: str) -> GenerationAnswer | None:
        """Return an answer that is kept in memory, to try once more; it is no longer held."""
        return self._held.pop(handle, None)

    async def store(
        self, handle: str, plan: Plan, answer: GenerationAnswer, *, again: bool = False
    ) -> list[Stored]:
        """Store paid results, each in its folder or in another one that takes it.

        Results are finished on the way, as the plan says. A result that can be fetched later counts as
        stored; any other that no folder takes is held in memory.

        Args:
            handle: The generation's.
            plan: Says where the results go and how they are finished.
            answer: The service's answer.
            again: Whether the results may have been stored before without being recorded.

        Raises:
            DeliveryError: The answer is held in memory.
        """
        if again:
            await to_thread.run_sync(self._kept_sources.bring, handle)
        stored = [
            await self._store(
                item,
                plan.destination,
                _part(handle, number),
                self._postprocessing(plan.finishing, plan.model, handle),
                again=again,
            )
            for number, item in enumerate(answer.items)
        ]
        if any(each.held for each in stored):
            self._held[handle] = answer
            raise DeliveryError(
                f"The result was made, but {stored[0].reason}.",
                f"Do not make it again: make room there, then call get_generation with {handle}.",
            )
        return stored

    async def record(
        self,
        handle: str,
        plan: Plan,
        answer: GenerationAnswer,
        stored: Sequence[Stored],
        *,
        notes: Sequence[str] = (),
        source: "Look | None" = None,
    ) -> tuple[Record, tuple[str, ...]]:
        """Record what was stored.

        A result that cannot be fetched is recorded too, so that its handle can be used to try again. If the
        gallery cannot be written to now, the answer is held in memory.

        Args:
            handle: The generation's.
            plan: What was sent.
            answer: The service's answer.
            stored: From `store`.
            notes: Sentences for the person about how the call went.
            source: What the first source image of an edit looks like; see `differences`.

        Returns:
            The record, and all sentences for the person.

        Raises:
            DeliveryError: No file could be stored; says where the result can still be found.
        """
        images = [self._local(each.image) for each in stored]
        looks = await _looks(plan, images, source)

        def do_record() -> tuple[list[str], Record, tuple[str, ...]]:
            told = [
                *plan.notes,
                *notes,
                *dict.fromkeys(each.note for each in stored if each.note),
                *differences(plan, answer, images, looks, source),
                *self._other_place(stored),
                *_also_told(answer),
                *((SANDBOX_NOTE,) if answer.sandbox else ()),
            ]
            record, unrecorded = self._record(handle, plan, answer, stored, told)
            if plan.cut and not unrecorded:
                self._discard_needless(handle, stored)
            return told, record, unrecorded

        told, record, unrecorded = await to_thread.run_sync(do_record)
        if unrecorded:
            self._held[handle] = answer
        lost = [
            self._undelivered(image, each)
            for image, each in zip(record.images, stored, strict=True)
            if each.image.path is None
        ]
        if len(lost) == len(stored):
            raise lost[0].costing(answer.cost)
        local = tuple(map(self._local, record.images))
        return replace(record, images=local), (*told, *unrecorded, *map(str, lost))

    def _local(self, image: AnImage) -> AnImage:
        """Return an image with the path that its file has on this machine, and its original too."""
        path = image.path and self._kept.copy(image.path)
        return replace(image, path=path, original=image.original and self._local(image.original))

    async def _brought(self, image: GalleryImage) -> GalleryImage:
        """Return an image with its file on this machine. If the file is gone, write that into the gallery.

        Raises:
            DeliveryError: The object store cannot be asked for it.
        """
        if image.path is None:
            return image
        try:
            await to_thread.run_sync(self._kept.bring, image.path)
        except FileNotFoundError:
            await to_thread.run_sync(self._gallery.forget_file, image.handle, image.path)
        except OSError as error:
            raise DeliveryError(
                f"{image.handle} is kept in the object store, and that failed: {error.strerror or error}.",
                "Do not make it again: ask for it in a minute.",
            ) from None
        return self._local(image)

    def move_in(self) -> int:
        """Move files that were saved here while the object store failed into it; return how many.

        Raises:
            OSError: The object store still cannot be written to.
            ConfigurationError: The gallery cannot be used.
        """
        if self._kept.objects is None:
            return 0
        moved = 0
        for file in self._rescued():
            if not self._gallery.has(file):
                continue
            with partial_folder(self._settings.output_dir) as folder:
                copy = folder / file.name
                shutil.copyfile(file, copy)
                key = self._kept.keep(copy, secrets.token_hex(4))  # another server may be moving it too
            if self._gallery.move_file(file, key):
                moved += 1
            else:  # it was deleted meanwhile, or fetched anew
                self._kept.discard(key)
            discard(file)
        return moved

    def _rescued(self) -> list[Path]:
        folder = self._settings.data_dir / RESCUED
        return [each for each in folder.glob("*") if each.is_file()]

    def _discard_needless(self, handle: str, stored: Sequence[Stored]) -> None:
        """Remove the kept source of an edit, unless a result must still be laid into it."""
        if all(each.image.path or each.kept for each in stored):
            self._kept_sources.discard(handle)

    def _other_place(self, stored: Sequence[Stored]) -> tuple[str, ...]:
        """Return a sentence if files are not where they should be."""
        for each in stored:
            if each.reason and each.image.path and self._kept.objects:
                return (f"It waits on the server, because {each.reason}; it is moved there later.",)
            if each.reason and each.image.path:
                return (f"It was saved in {each.image.path.parent}, because {each.reason}.",)
        return ()

    def places(self, files: Iterable[Path | None]) -> str:
        """Return where files are, as the end of a sentence: " in /pictures/fox.png"; "" for none."""
        paths = [str(file) for file in files if file]
        if not paths:
            return ""
        return " on the server" if self._settings.remote else f" in {', '.join(paths)}"

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
        try:
            image = await self._brought(image)
        except DeliveryError as error:
            raise error.costing(record.cost_usd) from None
        if image.here:
            return image, record, ()
        if self._kept.objects and image.path and image.path.parent.name == RESCUED and image.url is None:
            raise NotFoundError(
                f"The file of {image.handle} waits on another server: the object store did not take it.",
                "Do not make it again: it is moved there once the store takes files.",
            )
        gone = "no longer there" if self._settings.remote else f"no longer at {image.path}"
        try:
            if image.original and (made := await self._remade(image, image.original, record)):
                again = f"it was made again from {image.original.handle}, the model's own picture"
                return made, record, (f"The file was {gone}; {again}.",)
            if image.url is None:
                own = (
                    f"use {image.original.handle}, the model's own picture"
                    if image.original
                    else "make it again"
                )
                raise NotFoundError(
                    f"The file of {image.handle} is {gone}, and no link to it is known.",
                    f"If it was moved, give its new path; else {own}.",
                )
            fetched, notes = await self._refetch(image, record)
        except DeliveryError as error:
            raise error.costing(record.cost_usd) from None
        was = f"was {gone}" if image.path else "had not arrived"
        return fetched, record, (f"The file {was}; it was fetched again from its link.", *notes)

    async def complete(self, image: GalleryImage, record: Record) -> tuple[GalleryImage, tuple[str, ...]]:
        """Return an image of a record, downloading it if it has never arrived, and sentences for the person.

        Raises:
            ConfigurationError: The gallery cannot be written to.
            DeliveryError: It cannot be downloaded.
        """
        if image.path:
            try:
                return await self._brought(image), ()
            except DeliveryError as error:
                return image, (str(error),)
        if image.url is None:
            kept = await to_thread.run_sync(self._answers.kept_part, _part_of(image, record))
            raise self._undelivered(image, Stored(image, "what came is not a whole picture", kept=kept))
        return await self._refetch(image, record)

    async def _store(
        self,
        item: ResultItem,
        destination: Destination,
        part: str,
        postprocessing: Postprocessing | None,
        *,
        again: bool = False,
    ) -> Stored:
        """Store one item, finished if the plan asks for it and it can be done."""
        stored = await self._files.store(item, destination, part, postprocessing=postprocessing, again=again)
        if postprocessing is None or (stored.image.path and not stored.image.original):
            return stored
        return replace(stored, image=replace(stored.image, finishing=postprocessing.finishing.to_json()))

    def _postprocessing(
        self, finishing: Finishing | None, model: str, generation: str
    ) -> Postprocessing | None:
        if finishing is None:
            return None
        source, mask = self._kept_sources.source(generation), self._kept_sources.mask(generation)
        return Postprocessing(finishing, model, source, mask)

    async def _refetch(self, image: GalleryImage, record: Record) -> tuple[GalleryImage, tuple[str, ...]]:
        """Fetch an image from its link and finish it if that was not done yet; return it with notes."""
        item, finishing = ResultItem(url=image.url), _finishing(image)
        part = _part_of(image, record)
        place = self._usual_place(record)
        await to_thread.run_sync(self._kept_sources.bring, record.generation)
        if image in record.originals:
            place = replace(place, stem=f"{place.stem}{ORIGINAL}")
        postprocessing = self._postprocessing(finishing, record.model, record.generation)
        stored = await self._store(item, place, part, postprocessing)
        if stored.image.path is None:
            raise self._undelivered(image, stored)
        return await self._updated(image, stored.image), (stored.note,) if stored.note else ()

    async def _remade(
        self, image: GalleryImage, original: GalleryImage, record: Record
    ) -> GalleryImage | None:
        """Make a result whose file is gone again from its original; return None if that cannot be done."""
        await to_thread.run_sync(self._kept_sources.bring, record.generation)
        postprocessing = self._postprocessing(_finishing(image), record.model, record.generation)
        original = await self._brought(original)
        if not original.here and original.url:
            original, _ = await self._refetch(original, record)
        if postprocessing is None or original.path is None or not original.here:
            return None
        made = await postprocessing.finish(original.path)
        if made.file is None:
            return None
        with made.file:
            part = _part_of(image, record)
            stored = await self._files.store_made(made.file, self._usual_place(record), part)
        if stored.image.path is None:
            raise self._undelivered(image, stored)
        return await self._updated(image, replace(stored.image, finishing=image.finishing))

    async def _updated(self, image: GalleryImage, stored: StoredImage) -> GalleryImage:
        """Record the new file of an image; if another process was faster, discard the new files."""
        try:
            recorded = await to_thread.run_sync(self._gallery.update, image.handle, stored)
        except NotFoundError:  # it was deleted meanwhile
            await to_thread.run_sync(self._discard_files, stored)
            raise
        if recorded.path != stored.path:
            await to_thread.run_sync(self._discard_files, stored)
        return await self._brought(recorded)

    def _discard_files(self, stored: StoredImage) -> None:
        for needless in (stored, stored.original):
            if needless and needless.path and not self._gallery.has(needless.path):
                self._kept.discard(needless.path)

    def _usual_place(self, record: Record) -> Destination:
        return Destination(self._settings.output_dir, file_stem(record.prompt))

    def _record(
        self,
        handle: str,
        plan: Plan,
        answer: GenerationAnswer,
        stored: Sequence[Stored],
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
            record = self._journal.record(handle, [each.image for each in stored], notes, metadata)
        except ConfigurationError as error:
            images = tuple(_unnamed(each.image) for each in stored)
            now = datetime.now(UTC)
            unrecorded = Record(**vars(metadata), generation=handle, created_at=now, images=images)
            return unrecorded, (f"It has no handle yet, because it could not be recorded: {error.what}",)
        self._answers.discard(handle)
        return record, ()

    def _undelivered(self, image: GalleryImage, stored: Stored) -> DeliveryError:
        """Return the error for a paid result that could not be delivered.

        Args:
            image: What is known of it.
            stored: Says why there is no file of it.
        """
        what = f"The picture was made, but {stored.reason}."
        came = f"What came is kept{self.places([stored.kept])}. " if stored.kept else ""
        if image.url is None:
            return DeliveryError(
                what,
                f"{came}It cannot be fetched again; report it to ImageRouter with the time of the request.",
            )
        ways = (
            "" if stored.private else f"open {image.url} (kept for about {LINK_DAYS} days)",
            f"call show_image with {image.handle} to try again" if image.handle else "",
        )
        return DeliveryError(what, f"{came}Do not make it again: {', or '.join(filter(None, ways))}.")


def _part(handle: str, number: int) -> str:
    """Return the file name, without extension, for received bytes that are not a picture."""
    return f"{handle}-{number + 1}"


def _part_of(image: GalleryImage, record: Record) -> str:
    """Name the file for what came in place of an image; by its handle where its record is damaged."""
    places = (number for number, each in enumerate(record.images) if image in (each, each.original))
    number = next(places, None)
    if number is None:
        return image.handle or record.generation
    return _part(record.generation, number)


def _finishing(image: GalleryImage) -> Finishing | None:
    """Return how an image is made from its original; None if it is not, or if a newer version wrote it."""
    try:
        return Finishing.from_json(image.finishing or "")
    except ValueError:
        return None


def _unnamed(image: StoredImage) -> GalleryImage:
    """Return an image that has no handle yet."""
    own: dict[str, Any] = {**vars(image), "original": image.original and _unnamed(image.original)}
    return GalleryImage(**own, handle="")


def _also_told(answer: GenerationAnswer) -> tuple[str, ...]:
    """Return sentences on what the answer holds besides the stored pictures."""
    more = f"ImageRouter answered with {answer.left_out} more results, which were not fetched."
    failure = f"ImageRouter also reported a failure: it says {answer.failure}."
    return (*((more,) if answer.left_out else ()), *((failure,) if answer.failure else ()))


async def _looks(plan: Plan, images: Sequence[StoredImage], source: "Look | None") -> "list[Look]":
    """Return what results look like, as far as `differences` needs it and it does not take too long."""
    from imagerouter_mcp.images.pixels.comparison import look_at  # noqa: PLC0415 - loads Pillow

    looks: list[Look] = []
    if plan.kind == "image" and (source or plan.transparency):
        with anyio.move_on_after(_LOOKING_SECONDS):
            for image in images:
                own = (
                    image.original if source and image.original else image
                )  # a cropped result never equals its source
                if own.path and (look := await decode("previews", own.path, look_at, own.path)):
                    looks.append(look)
    return looks
