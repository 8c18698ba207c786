"""What a request builds on: its source images and its mask, opened together and closed together."""

import io
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from anyio import to_thread

from imagerouter_mcp.api.wire import Upload
from imagerouter_mcp.errors import ImageRouterError, InvalidSourceError
from imagerouter_mcp.gallery.uploads import is_upload
from imagerouter_mcp.generation.abreast import abreast
from imagerouter_mcp.generation.recall import find_image, is_handle
from imagerouter_mcp.generation.request import GenerationRequest
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.generation.uploads import upload_path
from imagerouter_mcp.images.masks import Convention
from imagerouter_mcp.images.masks.regions import parse_mask
from imagerouter_mcp.images.source_images import SourceImage, is_data, shown

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Sources:
    """Open source images.

    Attributes:
        images: In the order in which they were given.
        origins: What a record calls them, and the mask behind them: handles where they have any.
        mask: 255 where to edit, of the first source's size; None without a mask.
        notes: What was done to images and mask.
    """

    images: tuple[SourceImage, ...] = ()
    origins: tuple[str, ...] = ()
    mask: "Image | None" = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the first source image, in pixels."""
        return (self.images[0].width, self.images[0].height) if self.images else None

    def uploads(self) -> list[Upload]:
        """The images for one request; several requests may read them at once."""
        return [Upload(_view(image.file), image.filename, image.media_type) for image in self.images]

    def mask_upload(self, convention: Convention) -> Upload | None:
        """The mask in a provider's convention, for one request, which closes its file."""
        if self.mask is None:
            return None
        from imagerouter_mcp.images.masks.painting import encode_mask  # noqa: PLC0415 - loads Pillow

        return Upload(encode_mask(self.mask, convention), "mask.png", "image/png")


class View(io.RawIOBase):
    """A file read from a position of its own, so that several readers can share it.

    Args:
        file: Open and seekable; stays open.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move this reader's own position."""
        if whence == io.SEEK_END:
            offset += self._file.seek(0, io.SEEK_END)
        elif whence == io.SEEK_CUR:
            offset += self._at
        self._at = offset
        return offset

    def tell(self) -> int:
        """This reader's own position."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read on from this reader's position."""
        self._file.seek(self._at)
        data = self._file.read(size)
        self._at += len(data)
        return data


def _view(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", View(file))  # all of it that is needed to read


@asynccontextmanager
async def open_sources(studio: Studio, request: GenerationRequest) -> AsyncGenerator[Sources]:
    """Open everything that a request builds on; closed when the block ends.

    Raises:
        InvalidSourceError: One of them cannot be used; the sentence names it.
        NotFoundError: There is no such handle.
        PlanError: The mask's regions make no sense.
    """
    async with AsyncExitStack() as opened:
        found = await _open_all(studio, request.images, opened, turn=bool(request.mask))
        images = tuple(image for image, _ in found)
        origins = tuple(origin for _, origin in found)
        notes = tuple(note for image in images for note in image.notes)
        if not request.mask:
            yield Sources(images, origins, notes=notes)
            return
        mask, origin, understood = await _mask(studio, request.mask, images[0], opened)
        yield Sources(images, (*origins, f"mask {origin}"), mask, (*notes, understood))


async def _open_all(
    studio: Studio, texts: tuple[str, ...], opened: AsyncExitStack, *, turn: bool
) -> list[tuple[SourceImage, str]]:
    outcomes = await abreast([partial(_open, studio, text, opened, turn=turn) for text in texts])
    for outcome in outcomes:
        if isinstance(outcome, ImageRouterError):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, ImageRouterError)]


async def _open(studio: Studio, text: str, opened: AsyncExitStack, *, turn: bool) -> tuple[SourceImage, str]:
    """Open a source image until the stack ends, upright if `turn`; return it and what a record calls it."""
    stored, origin = await _resolved(studio, text)
    if stored:
        image = await studio.sources.open_stored(stored, origin, turn=turn)
    else:
        image = await studio.sources.open(text, turn=turn)
    opened.callback(image.file.close)
    return image, origin


async def _mask(
    studio: Studio, text: str, source: SourceImage, opened: AsyncExitStack
) -> tuple["Image", str, str]:
    """The mask that a text names or describes, what a record calls it, and what was understood."""
    from imagerouter_mcp.images.masks.painting import given_mask, region_mask  # noqa: PLC0415 - loads Pillow

    regions = parse_mask(text)
    if regions:
        mask = await to_thread.run_sync(region_mask, regions, source.file, source.width, source.height)
        return mask, text, f"The mask {shown(text)} was drawn for the first picture."
    given, origin = await _open(studio, text, opened, turn=True)
    mask, understood = await to_thread.run_sync(given_mask, given.file, source.width, source.height)
    return mask, origin, f"The mask was {understood}."


async def _resolved(studio: Studio, text: str) -> tuple[Path | None, str]:
    """The file of a source that this server stored, and what a record calls it."""
    if is_upload(text):
        return await to_thread.run_sync(upload_path, studio.uploads, text), text.strip().lower()
    if not is_handle(text):
        return None, shown(text) if is_data(text) else text.strip()
    image, _ = await find_image(studio, text)
    if image.path is None or not image.path.is_file():
        raise InvalidSourceError(
            f"The file of {image.handle} is not there any more.",
            f"Call show_image with {image.handle} to fetch it again, or give another picture.",
        )
    return image.path, image.handle
