"""Find the file of a recorded result again: in the object store, at its link, or made from its original."""

from dataclasses import replace

from anyio import to_thread

from imagerouter_mcp.api.wire import ResultItem
from imagerouter_mcp.errors import DeliveryError, NotFoundError
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.entries import GalleryImage, Record, StoredImage
from imagerouter_mcp.gallery.files import RESCUED
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.kept_sources import KeptSources
from imagerouter_mcp.gallery.names import file_stem
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation.handles import find_image
from imagerouter_mcp.generation.planning.finishing import Finishing
from imagerouter_mcp.generation.planning.plan import Destination
from imagerouter_mcp.generation.postprocess import Postprocessing
from imagerouter_mcp.generation.result_files import ORIGINAL, ResultFiles, Stored, part_name
from imagerouter_mcp.generation.undelivered import undelivered
from imagerouter_mcp.settings import Settings


class LostFiles:
    """Finds files that are missing, or that have never arrived.

    Args:
        files: Stores what was found.
        gallery: Holds the records.
        answers: Keeps received bytes that are not a picture.
        kept: Keeps the files.
        settings: The folders.
    """

    def __init__(
        self, files: ResultFiles, gallery: Gallery, answers: Answers, kept: KeptFiles, *, settings: Settings
    ) -> None:
        self._files = files
        self._gallery = gallery
        self._answers = answers
        self._kept = kept
        self._kept_sources = KeptSources(settings.data_dir, kept.objects)
        self._settings = settings

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
                own = image.original and f"use {image.original.handle}, the model's own picture"
                raise NotFoundError(
                    f"The file of {image.handle} is {gone}, and no link to it is known.",
                    f"If it was moved, give its new path; else {own or 'make it again'}.",
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
            raise self._undelivered(image, Stored(image, "what arrived is not a whole picture", kept=kept))
        return await self._refetch(image, record)

    async def _brought(self, image: GalleryImage) -> GalleryImage:
        """Return an image with its file on this machine; if the file is gone, note that in the gallery.

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
        return self._kept.local(image)

    async def _refetch(self, image: GalleryImage, record: Record) -> tuple[GalleryImage, tuple[str, ...]]:
        """Fetch an image from its link and finish it if that was not done yet; return it with notes."""
        item, part = ResultItem(url=image.url), _part_of(image, record)
        place = self._usual_place(record)
        await to_thread.run_sync(self._kept_sources.bring, record.generation)
        if image in record.originals:
            place = replace(place, stem=f"{place.stem}{ORIGINAL}")
        postprocessing = self._postprocessing(image, record)
        stored = await self._files.store(item, place, part, postprocessing=postprocessing)
        if stored.image.path is None:
            raise self._undelivered(image, stored)
        return await self._updated(image, stored.image), (stored.note,) if stored.note else ()

    async def _remade(
        self, image: GalleryImage, original: GalleryImage, record: Record
    ) -> GalleryImage | None:
        """Make a result whose file is gone again from its original; return None if that cannot be done."""
        await to_thread.run_sync(self._kept_sources.bring, record.generation)
        postprocessing = self._postprocessing(image, record)
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

    def _postprocessing(self, image: GalleryImage, record: Record) -> Postprocessing | None:
        return Postprocessing.of(_finishing(image), record.model, record.generation, self._kept_sources)

    def _undelivered(self, image: GalleryImage, stored: Stored) -> DeliveryError:
        return undelivered(image, stored, remote=self._settings.remote)

    def _usual_place(self, record: Record) -> Destination:
        return Destination(self._settings.output_dir, file_stem(record.prompt))


def _part_of(image: GalleryImage, record: Record) -> str:
    """Return the name of the file that keeps bytes which are not the picture; see `part_name`."""
    places = (number for number, each in enumerate(record.images) if image in (each, each.original))
    number = next(places, None)
    if number is None:
        return image.handle or record.generation
    return part_name(record.generation, number)


def _finishing(image: GalleryImage) -> Finishing | None:
    """Return how an image is made from its original; None if it is not, or if a newer version wrote it."""
    try:
        return Finishing.from_json(image.finishing or "")
    except ValueError:
        return None
