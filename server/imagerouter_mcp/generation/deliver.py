"""From the service's answer to files: fetch or decode, look at the bytes, store, record."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from imagerouter_mcp.generation.plan import Plan
from imagerouter_mcp.generation.request import Generation, ImageRequest
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.images.formats import NotAPictureError, inspect

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
class Destination:
    """Where the results of one request go: a folder that can be written to, and a name without extension."""

    folder: Path
    stem: str


@dataclass(frozen=True, slots=True)
class Job:
    """One request on its way.

    Attributes:
        request: What was asked for.
        plan: What is sent.
        destination: Where the results go.
        origins: What the record calls the source images.
        notes: What was done to the source images.
    """

    request: ImageRequest
    plan: Plan
    destination: Destination
    origins: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one item of an answer; `reason` says why there is no file."""

    image: StoredImage
    reason: str | None = None


def prepare_destination(request: ImageRequest, studio: Studio) -> Destination:
    """Make sure before the paid call that its result can be stored and recorded.

    Raises:
        ConfigurationError: The folder or the gallery cannot be written to.
        PlanError: The file name cannot be one, or the folder may not be saved in.
    """
    folder = studio.settings.output_dir
    if request.output_dir:
        folder = permitted(request.output_dir, output_places(studio.settings))
    stem = checked_filename(request.filename) if request.filename else file_stem(request.prompt)
    prepare_folder(folder)
    sweep_partials(folder, _ABANDONED)
    studio.gallery.count()
    return Destination(folder, stem)


async def deliver(studio: Studio, job: Job, answer: GenerationAnswer) -> Generation:
    """Store and record what was paid for.

    What cannot be fetched is recorded too, so that its handle leads to another try.

    Args:
        studio: The process's parts.
        job: What was asked for, and where it goes.
        answer: What came back.

    Raises:
        DeliveryError: No file could be stored; names the link and the handle.
    """
    outcomes = [await _deliver_item(studio.fetcher, item, job.destination) for item in answer.items]
    record, notes = await to_thread.run_sync(_record, studio, job, answer, outcomes)
    lost = [
        (image, outcome.reason)
        for image, outcome in zip(record.images, outcomes, strict=True)
        if outcome.reason
    ]
    if len(lost) == len(outcomes):
        raise _undelivered(*lost[0])
    notes = (
        *job.plan.notes,
        *job.notes,
        *notes,
        *_other_size(job.plan, record),
        *(str(_undelivered(*each)) for each in lost),
        *((SANDBOX_NOTE,) if answer.sandbox else ()),
    )
    return Generation(record, job.plan.why, job.plan.estimate, notes)


def _other_size(plan: Plan, record: Record) -> tuple[str, ...]:
    """A sentence when the service made other dimensions than it was asked for."""
    came = next(
        ((image.width, image.height) for image in record.images if image.width and image.height), None
    )
    if plan.size is None or came is None or came == plan.size:
        return ()
    asked = "x".join(map(str, plan.size))
    return (f"{asked} was asked for; {plan.model} made {came[0]}x{came[1]}.",)


async def refetch(studio: Studio, image: GalleryImage, record: Record) -> GalleryImage:
    """Try once more to fetch a picture that was paid for and could not be had.

    Raises:
        ConfigurationError: The output folder cannot be written to.
        DeliveryError: It still cannot be had.
    """
    destination = Destination(studio.settings.output_dir, file_stem(record.prompt))
    await to_thread.run_sync(prepare_folder, destination.folder)
    outcome = await _deliver_item(studio.fetcher, ResultItem(url=image.url), destination)
    if outcome.reason:
        raise _undelivered(image, outcome.reason)
    fetched = GalleryImage(**vars(outcome.image), handle=image.handle)
    await to_thread.run_sync(studio.gallery.update, fetched)
    return fetched


async def _deliver_item(fetcher: Fetcher, item: ResultItem, destination: Destination) -> _Outcome:
    try:
        with partial_file(destination.folder) as partial:
            if item.b64_json:
                await to_thread.run_sync(_decode, item.b64_json, partial)
            else:
                await _fetch(fetcher, item.url or "", partial)
            return _Outcome(await to_thread.run_sync(_store, partial, item.url, destination))
    except FetchError as error:
        reason = f"it could not be fetched: {error.reason}"
    except NotAPictureError as error:
        reason = f"what came is not a whole picture: {error}"
    except binascii.Error:
        reason = "its base64 is damaged"
    except OSError as error:
        reason = f"it could not be written to {destination.folder}: {error.strerror or error}"
    return _Outcome(StoredImage(url=item.url), reason)


async def _fetch(fetcher: Fetcher, url: str, partial: PartialFile) -> None:
    for wait in (*RETRY_AFTER_SECONDS, None):
        try:
            await fetcher.download(
                url,
                partial.file,
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


def _decode(text: str, partial: PartialFile) -> None:
    """Decode base64 piece by piece, for the interpreter does nothing else during each piece."""
    text = "".join(text.split())
    start = text.find(",") + 1 if text[:5].lower() == "data:" else 0
    text += "=" * (-(len(text) - start) % 4)
    for begin in range(start, len(text), _DECODED_AT_ONCE):
        partial.file.write(base64.b64decode(text[begin : begin + _DECODED_AT_ONCE], validate=True))


def _store(partial: PartialFile, url: str | None, destination: Destination) -> StoredImage:
    partial.file.flush()
    seen = inspect(partial.path)
    path = store(partial.finish(), destination.folder, destination.stem, seen.format.extension)
    return StoredImage(
        path=path,
        url=url,
        media_type=seen.format.media_type,
        width=seen.width,
        height=seen.height,
        bytes=seen.bytes,
    )


def _record(
    studio: Studio, job: Job, answer: GenerationAnswer, outcomes: list[_Outcome]
) -> tuple[Record, tuple[str, ...]]:
    """Record the generation; a gallery that fails now must not cost the person the picture."""
    known: dict[str, Any] = {
        "prompt": job.request.prompt,
        "model": job.plan.model,
        "revised_prompt": next((item.revised_prompt for item in answer.items if item.revised_prompt), None),
        "parameters": {name: job.plan.fields[name] for name in job.plan.fields.keys() - {"prompt", "model"}},
        "sources": job.origins,
        "cost_usd": answer.cost,
        "latency_ms": None if answer.latency is None else round(answer.latency),
    }
    try:
        return studio.gallery.add(**known, images=[outcome.image for outcome in outcomes]), ()
    except ConfigurationError as error:
        images = tuple(GalleryImage(**vars(outcome.image), handle="") for outcome in outcomes)
        unrecorded = Record(**known, generation="", created_at=datetime.now(UTC), images=images)
        return unrecorded, (f"It has no handle, for it could not be recorded: {error.what}",)


def _undelivered(image: GalleryImage, reason: str | None) -> DeliveryError:
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
