"""Store one result: fetch or decode it, check it, and write it to the first folder that takes it."""

import base64
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import anyio
from anyio import to_thread

from imagerouter_mcp.api.wire import ResultItem
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.fetch import Fetcher, FetchError
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.files import RESCUED, PartialFile, discard, partial_file, store
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation.planning.plan import Destination
from imagerouter_mcp.generation.postprocess import Postprocessing
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.inspection import Inspection, inspect
from imagerouter_mcp.private_files import last_resort, private_folder
from imagerouter_mcp.settings import Settings

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.preview import Preview

MAX_RESULT_BYTES = 200 * 2**20
DOWNLOAD_SECONDS = 180.0
RETRY_AFTER_SECONDS = (0.5, 2.0)
"""Waits before the second and the third attempt at a download."""
_DECODED_AT_ONCE = 2**20
"""Characters of base64 to decode at once, a multiple of four; then other work gets a turn."""
ORIGINAL = "-original"
"""Suffix that names the file of the model's own picture after the result's."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one item of an answer.

    Attributes:
        image: What is known of the stored image.
        reason: Why there is no file, or why it is in another folder, as the end of a sentence.
        held: Whether it is complete and in memory, but no folder could take it.
        kept: The file with the received bytes, if they are not a whole picture.
        note: What was done here with the model's own picture, as a sentence; "" for nothing.
        private: Whether its address leads to this machine or its network, where nobody should be sent.
        preview: The image's preview, if it was made on the way.
    """

    image: StoredImage
    reason: str | None = None
    held: bool = False
    kept: Path | None = None
    note: str = ""
    private: bool = False
    preview: "Preview | None" = None


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder that may take a result.

    Attributes:
        folder: Returns the folder, after creating it if it is missing.
        private: Whether only this user may read its files. They stay on this machine for now.
    """

    folder: Callable[[], Path]
    private: bool = False


@dataclass(frozen=True, slots=True)
class _Name:
    """Where and under which name a file is stored.

    Attributes:
        folder: The folder on this machine.
        stem: The name without its extension.
        keep: Keeps the file permanently; returns the path to record.
        claim: See `files.store`.
    """

    folder: Path
    stem: str
    keep: Callable[[Path], Path]
    claim: Callable[[Path], bool] | None = None


class ResultFiles:
    """Stores results.

    Args:
        fetcher: Returns what downloads them; called when something has to be fetched.
        gallery: Tells which files are recorded.
        answers: Keeps received bytes that are not a picture.
        kept: Keeps the files.
        settings: The folders.
    """

    def __init__(
        self,
        fetcher: Callable[[], Fetcher],
        gallery: Gallery,
        answers: Answers,
        kept: KeptFiles,
        settings: Settings,
    ) -> None:
        self._kept = kept
        self._fetcher = fetcher
        self._gallery = gallery
        self._answers = answers
        self._settings = settings
        self._claimed: dict[Path, str] = {}

    async def store(
        self,
        item: ResultItem,
        destination: Destination,
        part: str,
        *,
        postprocessing: Postprocessing | None = None,
        again: bool = False,
    ) -> Stored:
        """Fetch or decode one item into its folder, or into the first other folder that takes it.

        The disk may be full or the folder gone, and a paid result must still be stored.

        Args:
            item: The item.
            destination: Where it should go.
            part: Names the file that keeps the bytes if they are not a whole picture.
            postprocessing: Turns the item into the result; the item is stored beside it as its original.
            again: Whether it may have been stored before without being recorded.
        """
        into = partial(self._fetch_into, item, destination.stem, part, postprocessing, again=again)
        try:
            stored = await self._into_first(destination, into)
        except FetchError as error:
            reason = f"it could not be fetched: {error.reason}"
            stored = Stored(StoredImage(url=item.url), reason, private=error.private)
        else:
            if not stored.image.path and not stored.kept:
                stored = replace(stored, image=StoredImage(url=item.url), held=item.url is None)
        if postprocessing is None or (stored.image.path and not stored.image.original):
            return stored
        finishing = postprocessing.finishing.to_json()  # to do it later, or once more
        return replace(stored, image=replace(stored.image, finishing=finishing))

    async def store_made(self, made: BinaryIO, destination: Destination, part: str) -> Stored:
        """Store a result that was made again from its original, in the first folder that takes it."""

        async def into(place: _Place) -> Stored:
            folder = place.folder()
            with partial_file(folder, private=place.private) as result:
                await to_thread.run_sync(_copy, made, result)
                name = _Name(folder, destination.stem, self._keeping(place, part))
                return Stored(await to_thread.run_sync(_store, result, None, name))

        return await self._into_first(destination, into)

    async def _into_first(
        self, destination: Destination, into: Callable[[_Place], Awaitable[Stored]]
    ) -> Stored:
        """Store something in the first place that takes it; if none does, return why."""
        reason = ""
        for place in self._places(destination):
            try:
                stored = await into(place)
            except OSError as error:
                reason = reason or self._not_stored(destination, error)
            else:
                return stored if stored.kept else replace(stored, reason=reason or None)
        return Stored(StoredImage(), reason)

    def _not_stored(self, destination: Destination, error: OSError) -> str:
        """Return why a result is not where it should be, as the end of a sentence."""
        place = destination.folder if self._kept.objects is None else "the object store"
        return f"it could not be written to {place}: {error.strerror or error}"

    def _places(self, destination: Destination) -> list[_Place]:
        """Return where a result may go, the right folder first."""
        asked, usual = destination.folder, self._settings.output_dir
        if self._kept.objects:  # the plan may be another machine's
            asked = usual
        return [
            *(_Place(partial(_made, folder)) for folder in dict.fromkeys((asked, usual))),
            _Place(partial(private_folder, self._settings.data_dir / RESCUED), private=True),
            _Place(last_resort, private=True),
        ]

    async def _fetch_into(
        self,
        item: ResultItem,
        stem: str,
        part: str,
        postprocessing: Postprocessing | None,
        place: _Place,
        *,
        again: bool,
    ) -> Stored:
        folder = place.folder()  # as quick as opening the file
        claim = partial(self._claim, part) if again else None
        name = _Name(folder, stem, self._keeping(place, part), claim)
        with partial_file(folder, private=place.private) as unfinished:
            if not item.b64_json:
                await self._download(item.url or "", unfinished)
            elif not await to_thread.run_sync(_decode, item.b64_json, unfinished):
                kept = await to_thread.run_sync(self._answers.keep_part, f"{part}.txt", unfinished.finish())
                return Stored(StoredImage(), "its base64 is damaged", kept=kept)
            try:
                if postprocessing is None:
                    return Stored(await to_thread.run_sync(_store, unfinished, item.url, name))
                image = await to_thread.run_sync(_store_if, postprocessing.leaves, unfinished, item.url, name)
                if image:
                    return Stored(image)
                made = await postprocessing.finish(unfinished.path)
                if made.file is None:
                    image = await to_thread.run_sync(_store, unfinished, item.url, name)
                    return Stored(image, note=made.note)
                with made.file, partial_file(folder, private=place.private) as result:
                    await to_thread.run_sync(_copy, made.file, result)
                    image = await to_thread.run_sync(_store_both, result, unfinished, item.url, name)
                return Stored(image, note=made.note, preview=made.preview)
            except NotAPictureError as error:
                kept = await to_thread.run_sync(self._answers.keep_part, f"{part}.bin", unfinished.finish())
                return Stored(
                    StoredImage(url=item.url), f"what arrived is not a whole picture: {error}", kept=kept
                )

    def _keeping(self, place: _Place, part: str) -> Callable[[Path], Path]:
        """Return the function that keeps a file stored in a place."""
        return Path if place.private else partial(self._kept.keep, owner=part)

    def _claim(self, part: str, path: Path) -> bool:
        """Return whether an unrecorded file belongs to this result."""
        try:
            return not self._gallery.has(path) and self._claimed.setdefault(path, part) == part
        except ConfigurationError:  # it may belong to another result
            return False

    async def _download(self, url: str, target: PartialFile) -> None:
        try:
            fetcher = self._fetcher()
        except ConfigurationError as error:  # the person can correct the setting and fetch it later
            raise FetchError(error.what.rstrip(".")) from None
        for wait in (*RETRY_AFTER_SECONDS, None):
            try:
                await fetcher.download(
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


def part_name(handle: str, number: int) -> str:
    """Return the file name, without extension, for received bytes that are not a picture."""
    return f"{handle}-{number + 1}"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _decode(text: str, target: PartialFile) -> bool:
    """Decode base64 into a file; if it is damaged, write the text itself and return False.

    It is decoded in pieces, because decoding blocks the interpreter.
    """
    packed = "".join(text.split())
    start = packed.find(",") + 1 if packed[:5].lower() == "data:" else 0
    packed += "=" * (-(len(packed) - start) % 4)
    try:
        for begin in range(start, len(packed), _DECODED_AT_ONCE):
            target.file.write(base64.b64decode(packed[begin : begin + _DECODED_AT_ONCE], validate=True))
    except ValueError:
        target.file.seek(0)
        target.file.truncate()
        target.file.write(text.encode(errors="replace"))
        return False
    return True


def _store(unfinished: PartialFile, url: str | None, name: _Name) -> StoredImage:
    unfinished.file.flush()
    return _moved(unfinished, inspect(unfinished.path), url, name)


def _store_if(
    suits: Callable[[Inspection], bool], unfinished: PartialFile, url: str | None, name: _Name
) -> StoredImage | None:
    """Store a picture if a function says so; it stays unfinished otherwise."""
    unfinished.file.flush()
    seen = inspect(unfinished.path)
    return _moved(unfinished, seen, url, name) if suits(seen) else None


def _moved(unfinished: PartialFile, seen: Inspection, url: str | None, name: _Name) -> StoredImage:
    path = store(unfinished.finish(), name.folder, name.stem, seen.format.extension, name.claim)
    return _described(_kept(path, name), seen, url)


def _store_both(result: PartialFile, unfinished: PartialFile, url: str | None, name: _Name) -> StoredImage:
    """Store a result, and beside it the model's own picture, named after the result.

    If the process ends between the two, the answer is still kept, and both are stored again.
    """
    seen = inspect(result.path)
    path = store(result.finish(), name.folder, name.stem, seen.format.extension, name.claim)
    try:
        original = _store(unfinished, url, replace(name, stem=f"{path.stem}{ORIGINAL}"))
    except OSError:
        discard(path)
        raise
    return replace(_described(_kept(path, name), seen, None), original=original)


def _kept(path: Path, name: _Name) -> Path:
    """Keep a stored file permanently; return the path to record."""
    try:
        return name.keep(path)
    except OSError:
        discard(path)
        raise


def _copy(made: BinaryIO, result: PartialFile) -> None:
    made.seek(0)
    shutil.copyfileobj(made, result.file)
    result.file.flush()


def _described(path: Path, seen: Inspection, url: str | None) -> StoredImage:
    return StoredImage(
        path=path,
        url=url,
        media_type=seen.format.media_type,
        width=seen.width,
        height=seen.height,
        bytes=seen.bytes,
        seconds=seen.seconds,
    )
