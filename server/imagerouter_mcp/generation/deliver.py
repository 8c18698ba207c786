"""From the service's answer to files: fetch or decode, look at the bytes, store, record."""

import base64
import binascii
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread

from imagerouter_mcp.api.wire import GenerationAnswer, ResultItem
from imagerouter_mcp.errors import ConfigurationError, DeliveryError
from imagerouter_mcp.fetch import Fetcher, FetchError
from imagerouter_mcp.gallery.entries import GalleryImage, Record, StoredImage
from imagerouter_mcp.gallery.files import (
    PartialFile,
    checked_filename,
    file_stem,
    partial_file,
    prepare_folder,
    store,
    sweep_partials,
)
from imagerouter_mcp.gallery.places import output_places, permitted
from imagerouter_mcp.generation.job import Destination, Job
from imagerouter_mcp.generation.request import Generation, GenerationRequest
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.generation.work import Work
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.inspection import inspect

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
"""Characters of base64, a multiple of four, that are decoded between two looks at other work."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one item of an answer.

    Attributes:
        image: As far as it is known.
        reason: Why there is no file, or not where it should be, as the end of a sentence.
        unstored: Whether it is whole and here, and no folder took it.
    """

    image: StoredImage
    reason: str | None = None
    unstored: bool = False


def prepare_destination(request: GenerationRequest, studio: Studio) -> Destination:
    """Make sure before the paid call that its result can be stored.

    Raises:
        ConfigurationError: The folder cannot be written to.
        PlanError: The file name cannot be one, or the folder may not be saved in.
    """
    folder = studio.settings.output_dir
    if request.output_dir:
        folder = permitted(request.output_dir, output_places(studio.settings))
    stem = checked_filename(request.filename) if request.filename else file_stem(request.prompt)
    prepare_folder(folder)
    sweep_partials(folder, _ABANDONED)
    return Destination(folder, stem)


async def deliver(studio: Studio, job: Job, answer: GenerationAnswer, work: Work) -> Generation:
    """Store and record what was paid for.

    What cannot be fetched is recorded too, so that its handle leads to another try.

    Args:
        studio: The process's parts.
        job: What was asked for, and where it goes.
        answer: What came back.
        work: What the result is part of.

    Raises:
        DeliveryError: No file could be stored; says where the result can still be had.
    """
    outcomes = [await _deliver_item(studio, item, job.destination) for item in answer.items]
    if any(outcome.unstored for outcome in outcomes):
        work.unrecorded, work.unstored[job.handle] = True, answer
        raise DeliveryError(
            f"The result was made, but {outcomes[0].reason}.",
            f"Do not make it again: make room there, then call get_generation with {job.handle}.",
        )
    told = [
        *job.notes,
        *work.notes,
        *_other_size(job, outcomes),
        *_elsewhere(outcomes),
        *((SANDBOX_NOTE,) if answer.sandbox else ()),
    ]
    record, unrecorded = await to_thread.run_sync(_record, studio, job, answer, outcomes, told)
    if unrecorded:
        work.unrecorded, work.unstored[job.handle] = True, answer
    lost = [
        undelivered(image, outcome.reason)
        for image, outcome in zip(record.images, outcomes, strict=True)
        if outcome.image.path is None
    ]
    if len(lost) == len(outcomes):
        raise lost[0]
    return Generation(record, job.why, job.estimate, (*told, *unrecorded, *map(str, lost)))


def _other_size(job: Job, outcomes: Sequence[_Outcome]) -> tuple[str, ...]:
    """A sentence when the service made other dimensions than it was asked for."""
    sizes = ((outcome.image.width, outcome.image.height) for outcome in outcomes)
    came = next((size for size in sizes if all(size)), None)
    if job.size is None or came is None or came == job.size:
        return ()
    asked = "x".join(map(str, job.size))
    return (f"{asked} was asked for; {job.model} made {came[0]}x{came[1]}.",)


def _elsewhere(outcomes: Sequence[_Outcome]) -> tuple[str, ...]:
    """A sentence when files do not lie where they should."""
    moved = [outcome.image.path for outcome in outcomes if outcome.reason and outcome.image.path]
    if not moved:
        return ()
    reason = next(outcome.reason for outcome in outcomes if outcome.image.path in moved)
    return (f"It lies in {moved[0].parent}, for {reason}.",)


async def refetch(studio: Studio, image: GalleryImage, record: Record) -> GalleryImage:
    """Try once more to fetch a result that was paid for and could not be had.

    Raises:
        ConfigurationError: The gallery cannot be written to.
        DeliveryError: It still cannot be had.
    """
    destination = Destination(studio.settings.output_dir, file_stem(record.prompt))
    outcome = await _deliver_item(studio, ResultItem(url=image.url), destination)
    if outcome.image.path is None:
        raise undelivered(image, outcome.reason)
    fetched = GalleryImage(**vars(outcome.image), handle=image.handle)
    await to_thread.run_sync(studio.gallery.update, fetched)
    return fetched


async def _deliver_item(studio: Studio, item: ResultItem, destination: Destination) -> _Outcome:
    """Fetch or decode one item into the folder where it belongs, or into the first that takes it.

    What was paid for is worth another folder: a disk may have filled up, a folder may be gone.
    """
    reason = ""
    for folder in _folders(studio, destination):
        try:
            image = await _into(studio.fetcher, item, folder, destination.stem)
        except FetchError as error:
            return _Outcome(StoredImage(url=item.url), f"it could not be fetched: {error.reason}")
        except NotAPictureError as error:
            return _Outcome(StoredImage(url=item.url), f"what came is not a whole picture: {error}")
        except binascii.Error:
            return _Outcome(StoredImage(url=item.url), "its base64 is damaged")
        except OSError as error:
            why = f"it could not be written to {folder}: {error.strerror or error}"
            reason = reason or why
        else:
            return _Outcome(image, reason or None)
    return _Outcome(StoredImage(url=item.url), reason, unstored=item.url is None)


def _folders(studio: Studio, destination: Destination) -> list[Path]:
    """Where a result may go, the right place first."""
    settings = studio.settings
    temporary = Path(tempfile.gettempdir()) / "imagerouter"
    return list(
        dict.fromkeys((destination.folder, settings.output_dir, settings.data_dir / "rescued", temporary))
    )


async def _into(fetcher: Fetcher, item: ResultItem, folder: Path, stem: str) -> StoredImage:
    await to_thread.run_sync(partial(folder.mkdir, parents=True, exist_ok=True))
    with partial_file(folder) as unfinished:
        if item.b64_json:
            await to_thread.run_sync(_decode, item.b64_json, unfinished)
        else:
            await _fetch(fetcher, item.url or "", unfinished)
        return await to_thread.run_sync(_store, unfinished, item.url, folder, stem)


async def _fetch(fetcher: Fetcher, url: str, target: PartialFile) -> None:
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


def _decode(text: str, target: PartialFile) -> None:
    """Decode base64 piece by piece, for the interpreter does nothing else during each piece."""
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


def _record(
    studio: Studio, job: Job, answer: GenerationAnswer, outcomes: Sequence[_Outcome], told: Sequence[str]
) -> tuple[Record, tuple[str, ...]]:
    """Record the generation; a gallery that fails now must not cost the person the result."""
    known: dict[str, Any] = {
        "prompt": job.prompt,
        "model": job.model,
        "revised_prompt": next((item.revised_prompt for item in answer.items if item.revised_prompt), None),
        "parameters": {name: job.fields[name] for name in job.fields.keys() - {"prompt", "model"}},
        "sources": job.origins,
        "cost_usd": answer.cost,
        "latency_ms": None if answer.latency is None else round(answer.latency),
    }
    try:
        return studio.journal.record(job.handle, [outcome.image for outcome in outcomes], told, known), ()
    except ConfigurationError as error:
        images = tuple(GalleryImage(**vars(outcome.image), handle="") for outcome in outcomes)
        unrecorded = Record(**known, generation=job.handle, created_at=datetime.now(UTC), images=images)
        return unrecorded, (f"It has no handle yet, for it could not be recorded: {error.what}",)


def undelivered(image: GalleryImage, reason: str | None) -> DeliveryError:
    """The error of a result that was paid for and is not here.

    Args:
        image: As far as it is known.
        reason: Why it is not here, as the end of a sentence.
    """
    if image.url is None:
        return DeliveryError(
            f"The picture was made, but {reason}.",
            "It cannot be had again; report it to ImageRouter with the time of the request.",
        )
    again = f", or call show_image with {image.handle} to try again" if image.handle else ""
    return DeliveryError(
        f"The picture was made, but {reason}.",
        f"Do not make it again: open {image.url} (kept for about {LINK_DAYS} days){again}.",
    )
