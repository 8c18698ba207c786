"""Deliver the service's answer: fetch or decode it, check the bytes, store the files, record them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import anyio
from anyio import to_thread

from imagerouter_mcp.api.wire import GenerationAnswer
from imagerouter_mcp.errors import ConfigurationError, DeliveryError
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.entries import GalleryImage, Metadata, Record, StoredImage
from imagerouter_mcp.gallery.files import RESCUED, prepare_folder, sweep_partials
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.kept_sources import KeptSources
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation.differences import differences
from imagerouter_mcp.generation.planning.plan import Destination, Plan
from imagerouter_mcp.generation.postprocess import Postprocessing
from imagerouter_mcp.generation.result_files import ResultFiles, Stored, part_name
from imagerouter_mcp.generation.undelivered import LINK_DAYS, places, undelivered
from imagerouter_mcp.images.workers import decode
from imagerouter_mcp.settings import Settings

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.comparison import Look

SANDBOX_NOTE = "Made by the sandbox on this machine in place of ImageRouter; no money was spent."

_LOOKING_SECONDS = 10.0
"""Upper bound on decoding results for a comparison, in seconds; other pictures may come first."""
_ABANDONED = timedelta(hours=6)
"""Unfinished files of this age were left by processes that were killed."""


class Delivery:
    """Stores results and records them.

    Args:
        files: Stores each result.
        gallery: Holds the records.
        journal: Holds the open entries.
        answers: Keeps received bytes that are not a picture.
        kept: Keeps the files.
        settings: The folders.
    """

    def __init__(
        self,
        files: ResultFiles,
        gallery: Gallery,
        journal: Journal,
        answers: Answers,
        kept: KeptFiles,
        *,
        settings: Settings,
    ) -> None:
        self._files = files
        self._kept = kept
        self._kept_sources = KeptSources(settings.data_dir, kept.objects)
        self._gallery = gallery
        self._journal = journal
        self._answers = answers
        self._settings = settings
        self._swept = set[Path]()
        self._held: dict[str, GenerationAnswer] = {}

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
            await self._files.store(
                item,
                plan.destination,
                part_name(handle, number),
                postprocessing=Postprocessing.of(plan.finishing, plan.model, handle, self._kept_sources),
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
        images = [self._kept.local(each.image) for each in stored]
        looks = await _looks(plan, images, source)

        def do_record() -> tuple[list[str], Record, tuple[str, ...]]:
            sentences = [
                *plan.notes,
                *notes,
                *dict.fromkeys(each.note for each in stored if each.note),
                *differences(plan, answer, images, looks, source),
                *self._other_place(stored),
                *_about_the_rest(answer),
                *((SANDBOX_NOTE,) if answer.sandbox else ()),
            ]
            record, unrecorded = self._record(handle, plan, answer, stored, sentences)
            if plan.cut and not unrecorded:
                self._discard_needless(handle, stored)
            return sentences, record, unrecorded

        sentences, record, unrecorded = await to_thread.run_sync(do_record)
        if unrecorded:
            self._held[handle] = answer
        lost = [
            undelivered(image, each, remote=self._settings.remote)
            for image, each in zip(record.images, stored, strict=True)
            if each.image.path is None
        ]
        if len(lost) == len(stored):
            raise lost[0].costing(answer.cost)
        local = tuple(map(self._kept.local, record.images))
        return replace(record, images=local), (*sentences, *unrecorded, *map(str, lost))

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
        return places(files, remote=self._settings.remote)

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


def _unnamed(image: StoredImage) -> GalleryImage:
    """Return an image that has no handle yet."""
    own: dict[str, Any] = {**vars(image), "original": image.original and _unnamed(image.original)}
    return GalleryImage(**own, handle="")


def _about_the_rest(answer: GenerationAnswer) -> tuple[str, ...]:
    """Return sentences on what else the answer holds besides the stored pictures."""
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
