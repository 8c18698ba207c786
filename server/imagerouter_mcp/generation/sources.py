"""Open, close and compare what a request builds on: its source images and its mask."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

import anyio
from anyio import to_thread

from imagerouter_mcp.api.request_body import MAX_JSON_BYTES, largest_shared
from imagerouter_mcp.api.wire import Upload
from imagerouter_mcp.errors import ImageRouterError, InvalidSourceError, NotFoundError
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.gallery.uploads import Uploads, is_upload
from imagerouter_mcp.generation.concurrency import gather_outcomes
from imagerouter_mcp.generation.descriptors import Descriptors
from imagerouter_mcp.generation.handles import (
    LastMade,
    Sessions,
    find_file,
    find_image,
    is_handle,
    is_last,
    newest_image,
    number_of,
)
from imagerouter_mcp.generation.planning.finishing import Cut
from imagerouter_mcp.generation.planning.plan import MaskConvention, MaskedSource
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.images.masks.mask_file import MaskFile
from imagerouter_mcp.images.masks.regions import parse_mask, refusal
from imagerouter_mcp.images.prepare import shrink
from imagerouter_mcp.images.source_images import SourceImage, SourceReader, is_data, shown
from imagerouter_mcp.images.whole_source import WholeSource, part_to_send
from imagerouter_mcp.images.workers import decode
from imagerouter_mcp.lines import collapse

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerouter_mcp.images.pixels.comparison import Look

T = TypeVar("T")

_PART_BYTES = 4 << 20
"""Bytes to leave for the PNG of the part that a masked edit sends; few are larger."""
_OPENED_AT_ONCE = 4
"""Sources of one call to open at once, so that other calls can download and resolve names too."""


@dataclass(frozen=True, slots=True)
class OpenSources:
    """Open source images, ready to be sent.

    Attributes:
        images: The images in their given order, without `whole`.
        origins: Their names in the record, then the mask's; a handle where there is one.
        mask: The mask in the size of the first source; None without a mask.
        notes: What was done to images and mask, a sentence each.
        fetched: For each image and the mask, the SHA-256 of its download; "" if it was not fetched.
        whole: The first source, if it must not change outside the mask; only parts of it are sent.
        parts: The parts to send, by where they are cut out; see `cut_out`.
    """

    images: tuple[SourceImage, ...] = ()
    origins: tuple[str, ...] = ()
    mask: MaskFile | None = None
    notes: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()
    whole: WholeSource | None = None
    parts: dict[Cut, SourceImage] = field(default_factory=dict[Cut, SourceImage])

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the first source image, in pixels."""
        first = self.whole or next(iter(self.images), None)
        return (first.width, first.height) if first else None

    @property
    def masked(self) -> MaskedSource | None:
        """What an edit changes, if nothing else may change; None for any other request."""
        if self.whole is None or self.mask is None:
            return None
        return MaskedSource((self.whole.width, self.whole.height), self.mask.edited, self.mask.kept)

    async def cut_out(self, cut: Cut, opened: AsyncExitStack) -> None:
        """Prepare the part of the first source that is sent.

        Raises:
            InvalidSourceError: The source does not decode, or its pixels cannot be kept.
        """
        if self.whole is None or cut in self.parts:
            return
        part = await decode("sources", self.whole.file, _part, self.whole, cut)
        opened.callback(part.file.close)
        self.parts[cut] = part

    def uploads(self, cut: Cut | None = None) -> list[Upload]:
        """Return the images for one request; several requests may read them at the same time.

        Args:
            cut: Which part of the first source is sent in its place.
        """
        images = (*((self.parts[cut],) if cut else ()), *self.images)
        return [Upload(_view(image.file), image.filename, image.media_type) for image in images]

    async def look(self) -> "Look | None":
        """Look at the first image, to compare an edit's result with it.

        Return None for a masked edit, which leaves most of it unchanged on purpose. Call it before the
        images are sent: they share their files.
        """
        from imagerouter_mcp.images.pixels.comparison import look_at  # noqa: PLC0415 - loads Pillow

        if not self.images or self.mask is not None:
            return None
        first = self.images[0].file
        return await decode("sources", first, look_at, first)

    def mask_upload(self, convention: MaskConvention, cut: Cut | None = None) -> Upload | None:
        """Return the mask over what is sent, in a provider's convention; the caller closes its file."""
        if self.mask is None:
            return None
        from imagerouter_mcp.images.composite.frame import Frame  # noqa: PLC0415 - loads Pillow
        from imagerouter_mcp.images.masks.painting import encode_mask  # noqa: PLC0415 - loads Pillow

        mask = self.mask.read()
        mask = Frame(**asdict(cut)).mask(mask.crop(cut.box)) if cut else mask
        return Upload(encode_mask(mask, transparent=convention == "transparent"), "mask.png", "image/png")


def with_last(order: Order, made: LastMade) -> Order:
    """Return an order with the handle of the newest picture in place of `last`.

    Raises:
        NotFoundError: The newest call made several pictures, or a video.
    """
    image, record = made.only()
    first = order.requests[0]
    images = tuple(image.handle if is_last(text) else text for text in first.images)
    mask = image.handle if is_last(first.mask) else first.mask
    requests = tuple(replace(request, images=images, mask=mask) for request in order.requests)
    prompt = collapse(record.prompt, 60)
    note = f"`last` was taken to mean {image.handle} ({prompt}), the gallery's newest; it was made elsewhere."
    return replace(order, requests=requests, notes=(note,) if made.elsewhere else ())


class Sources:
    """Opens and compares what requests build on.

    Args:
        reader: Opens paths, addresses and data URIs.
        gallery: Finds handles.
        kept: Brings their files to this machine.
        uploads: Finds pictures that were sent to this server.
        descriptors: Limits how many pictures are open at once.
        is_newer: Tells whether the service is the newer generation, which takes several pictures as JSON.
    """

    def __init__(
        self,
        reader: SourceReader,
        gallery: Gallery,
        kept: KeptFiles,
        uploads: Uploads,
        descriptors: Descriptors,
        *,
        is_newer: Callable[[], Awaitable[bool]],
    ) -> None:
        self._reader = reader
        self._gallery = gallery
        self._kept = kept
        self._uploads = uploads
        self._descriptors = descriptors
        self._is_newer = is_newer
        self._sessions = Sessions()

    @asynccontextmanager
    async def opened(self, request: Request) -> AsyncGenerator[OpenSources]:
        """Open everything that a request builds on; it is closed when the block ends.

        Raises:
            InvalidSourceError: One of them cannot be used; the message names it.
            NotFoundError: There is no such handle.
            PlanError: The mask's regions are wrong.
        """
        count = len(request.images) + bool(request.mask)
        async with self._descriptors.sources(count), AsyncExitStack() as opened:
            if request.is_cut:
                yield await self._open_to_cut(request, opened)
                return
            found = await self._open_all(request, opened)
            images = tuple(image for image, _ in found)
            origins = tuple(origin for _, origin in found)
            notes = tuple(note for image in images for note in image.notes)
            fetched = tuple(image.fetched for image in images)
            if not request.mask:
                images, shrunk = await self._fitted(images, origins, opened)
                yield OpenSources(images, origins, None, (*notes, *shrunk), (*fetched, ""))
                return
            mask = await self._open_mask(request, images[0], opened)
            images, shrunk = await self._fitted(images, origins, opened)
            size = images[0].width, images[0].height
            fitted = await decode("sources", None, mask.file.resized, size)
            opened.callback(fitted.file.close)
            yield OpenSources(
                images,
                (*origins, f"mask {mask.origin}"),
                fitted,
                (*notes, *mask.notes, *shrunk),
                (*fetched, mask.fetched),
            )

    async def _open_to_cut(self, request: Request, opened: AsyncExitStack) -> OpenSources:
        """Open the first source as it is, and the others as they are sent."""
        first, *others = request.images
        stored, origin = await self._stored(first)
        whole = await self._reader.open_whole(stored or first, origin, request.roots)
        opened.callback(whole.file.close)
        mask = await self._open_mask(request, whole, opened)
        found = await self._open_all(replace(request, images=tuple(others), mask=""), opened)
        images, origins = tuple(image for image, _ in found), tuple(origin for _, origin in found)
        images, shrunk = await self._fitted(images, origins, opened, beside=_PART_BYTES)
        notes = (note for image in images for note in image.notes)
        return OpenSources(
            images,
            (origin, *origins, f"mask {mask.origin}"),
            mask.file,
            (*whole.notes, *notes, *mask.notes, *shrunk),
            (whole.fetched, *(image.fetched for image in images), mask.fetched),
            whole,
        )

    @asynccontextmanager
    async def files(self, request: Request) -> AsyncGenerator[list[tuple[BinaryIO, str]]]:
        """Open the source images of a request as they are; they are closed when the block ends.

        Returns:
            Each file with its name in the record.

        Raises:
            InvalidSourceError: One of them cannot be read; the message names it.
            NotFoundError: There is no such handle.
        """
        turns = asyncio.Semaphore(_OPENED_AT_ONCE)
        async with self._descriptors.sources(len(request.images)), AsyncExitStack() as opened:

            async def in_turn(text: str) -> tuple[BinaryIO, str]:
                async with turns:
                    stored, origin = await self._stored(text)
                    file = await self._reader.open_file(stored or text, origin, request.roots)
                    opened.callback(file.close)
                    return file, origin

            yield _successes(await gather_outcomes(map(in_turn, request.images)))

    def note_told(self, session: str | None, call: str) -> None:
        """Note that a session was told what a call made."""
        if session is not None:
            self._sessions.note(session, call)

    async def last_made(self, session: str | None, without: Collection[str] = ()) -> LastMade:
        """Return what the newest call made: of this session, else of the gallery.

        Args:
            session: Which session asks; None where there are none.
            without: Generations to pass over.

        Raises:
            NotFoundError: There is no picture.
        """
        call = self._sessions.newest(session, without)
        if call and (records := await to_thread.run_sync(self._gallery.of_call, call)):
            return LastMade(tuple(records), elsewhere=False)
        _, record = await newest_image(self._gallery, without)
        of_call = await to_thread.run_sync(self._gallery.of_call, record.generation)
        return LastMade(tuple(of_call), elsewhere=True)

    async def last_of(self, order: Order, without: Collection[str] = ()) -> LastMade | None:
        """Return what `last` refers to in an order; None if the order does not say `last`.

        Raises:
            NotFoundError: There is no picture, or a source is named by its number alone.
        """
        first = order.requests[0]
        numbers = [number for text in first.images if (number := number_of(text))]
        if numbers:
            raise (await self.last_made(order.session)).numbered(numbers[0])
        if not any(map(is_last, (*first.images, first.mask))):
            return None
        return await self.last_made(order.session, without)

    async def fingerprint(self, order: Order) -> str:
        """Return a SHA-256 that is equal for orders of the same, from the same sources, paid by the same key.

        Files are compared by their content, web addresses by their text: see `fetched`.
        """
        first = order.requests[0]
        sources = [[text, await self._content(text, first.roots)] for text in (*first.images, first.mask)]
        requests = [asdict(replace(request, images=(), mask="", roots=())) for request in order.requests]
        own_key = [order.key] if order.key else []
        whole = json.dumps([order.tool, requests, sources, *own_key])
        return hashlib.sha256(whole.encode()).hexdigest()

    async def fetched(self, order: Order) -> tuple[str, ...]:
        """Return `OpenSources.fetched` for what the addresses of an order return now.

        Raises:
            InvalidSourceError: One cannot be fetched.
        """
        first = order.requests[0]
        return tuple([await self._reader.fetched_digest(text) for text in (*first.images, first.mask)])

    async def _content(self, text: str, roots: Sequence[Path]) -> str | None:
        """Return a digest of a source's content; None if its text alone identifies it."""
        try:
            stored, _ = await self._stored(text)
            return await self._reader.digest(stored or text, roots)
        except ImageRouterError:  # reported when the source is opened
            return None

    async def _open_all(self, request: Request, opened: AsyncExitStack) -> list[tuple[SourceImage, str]]:
        prepared = anyio.Lock()
        turns = asyncio.Semaphore(_OPENED_AT_ONCE)

        async def in_turn(text: str) -> tuple[SourceImage, str]:
            async with turns:
                return await self._open(text, opened, prepared, turn=bool(request.mask), roots=request.roots)

        return _successes(await gather_outcomes(map(in_turn, request.images)))

    async def _open(
        self, text: str, opened: AsyncExitStack, turns: anyio.Lock, *, turn: bool, roots: Sequence[Path]
    ) -> tuple[SourceImage, str]:
        """Open a source image, upright if `turn`; return it with its name in the record.

        The lock `turns` lets the pictures of a call be prepared one by one, with other calls in between.
        """
        stored, origin = await self._stored(text)
        if stored:
            image = await self._reader.open_stored(stored, origin, turns, turn=turn)
        else:
            image = await self._reader.open(text, turns, turn=turn, roots=roots)
        opened.callback(image.file.close)
        return image, origin

    async def _fitted(
        self,
        images: tuple[SourceImage, ...],
        origins: Sequence[str],
        opened: AsyncExitStack,
        *,
        beside: int = 0,
    ) -> tuple[tuple[SourceImage, ...], tuple[str, ...]]:
        """Shrink the largest of several images where together they are too large for the service.

        Args:
            images: The images.
            origins: Their names in messages.
            opened: Keeps the files open.
            beside: Bytes of another image of the same request; 0 for none.

        Returns:
            The images, and a note if any was shrunk.
        """
        sizes = [*([beside] if beside else ()), *(image.bytes for image in images)]
        largest = largest_shared(sizes) if len(sizes) > 1 else None
        if largest is None or not await self._is_newer():
            return images, ()
        count = sum(image.bytes > largest for image in images)
        fitted: list[SourceImage] = []
        for image, origin in zip(images, origins, strict=True):
            if image.bytes > largest:
                fitted.append(await decode("sources", image.file, shrink, image, origin, largest))
                opened.callback(fitted[-1].file.close)
                image.file.close()
            else:
                fitted.append(image)
        were = "1 picture was" if count == 1 else f"{count} pictures were"
        note = f"{were} compressed or scaled down to fit into one request of {MAX_JSON_BYTES / 1e6:.0f} MB."
        return tuple(fitted), (note,)

    async def _open_mask(
        self, request: Request, source: SourceImage | WholeSource, opened: AsyncExitStack
    ) -> "_Mask":
        from imagerouter_mcp.images.masks.painting import given_mask, region_mask  # noqa: PLC0415 - loads Pillow

        text, width, height = request.mask, source.width, source.height
        turns = source.turns if isinstance(source, WholeSource) else 1
        regions = parse_mask(text)
        if regions:
            mask = await decode("sources", source.file, region_mask, regions, source.file, width, height)
            understood = f"The mask {shown(text)} was drawn to the first picture's size."
            kept = await _kept(mask, opened)
            return _Mask(kept, text, (understood, *regions.clipped(width, height)))
        if not (is_handle(text) or is_upload(text) or self._reader.can_open(text)):
            raise refusal(text, "it is neither a region nor the path, address or handle of a picture")
        given, origin = await self._open(text, opened, anyio.Lock(), turn=True, roots=request.roots)
        mask, understood = await decode(
            "sources", given.file, given_mask, given.file, width, height, turns=turns
        )
        given.file.close()
        kept = await _kept(mask, opened)
        return _Mask(kept, origin, (f"The mask was {understood}.",), given.fetched)

    async def _stored(self, text: str) -> tuple[Path | None, str]:
        """Return the file of a source that this server stored, or None, and its name in the record."""
        if is_upload(text):
            return await to_thread.run_sync(self._upload, text), text.strip().lower()
        own = (
            await find_image(self._gallery, text) if is_handle(text) else await find_file(self._gallery, text)
        )
        if own is None:
            return None, shown(text) if is_data(text) else text.strip()
        image, _ = own
        gone = InvalidSourceError(
            f"The file of {image.handle} is not there any more.",
            f"Call show_image with {image.handle} to fetch it again, or give another picture.",
        )
        if image.path is None or not image.here:
            raise gone
        try:
            return await to_thread.run_sync(self._kept.bring, image.path), image.handle
        except FileNotFoundError:
            raise gone from None
        except OSError as error:
            raise InvalidSourceError(
                f"{image.handle} is kept in the object store, and that failed: {error.strerror or error}.",
                "Try again in a minute.",
            ) from None

    def _upload(self, name: str) -> Path:
        path = self._uploads.find(name)
        if path is None:
            raise NotFoundError(
                f"There is no picture {name.strip()[:40]!r}: nothing was uploaded, or more than a day ago.",
                "Have it uploaded to the address that upload_link gave, or call upload_link for a new one.",
            )
        return path


@dataclass(frozen=True, slots=True)
class _Mask:
    """A mask, its name in the record, how it was understood, and its `SourceImage.fetched`."""

    file: MaskFile
    origin: str
    notes: tuple[str, ...]
    fetched: str = ""


async def _kept(mask: "Image", opened: AsyncExitStack) -> MaskFile:
    kept = await decode("sources", None, MaskFile.of, mask)
    opened.callback(kept.file.close)
    return kept


def _part(source: WholeSource, cut: Cut) -> SourceImage:
    from imagerouter_mcp.images.composite.frame import Frame  # noqa: PLC0415 - loads Pillow

    return part_to_send(source, Frame(**asdict(cut)))


def _successes(outcomes: Iterable[T | ImageRouterError]) -> list[T]:
    """Return the results if everything succeeded, else raise the first failure."""
    successes: list[T] = []
    for outcome in outcomes:
        if isinstance(outcome, ImageRouterError):
            raise outcome
        successes.append(outcome)
    return successes


class View(io.RawIOBase):
    """A reader with its own position in a file, so that several readers can share the file.

    Args:
        file: Open and seekable; stays open.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move this reader's position."""
        if whence == io.SEEK_END:
            offset += self._file.seek(0, io.SEEK_END)
        elif whence == io.SEEK_CUR:
            offset += self._at
        self._at = offset
        return offset

    def tell(self) -> int:
        """Return this reader's position."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read on from this reader's position."""
        self._file.seek(self._at)
        data = self._file.read(size)
        self._at += len(data)
        return data


def _view(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", View(file))  # it has all that is needed to read
