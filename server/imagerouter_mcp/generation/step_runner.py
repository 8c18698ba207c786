"""Run the steps of `finish_image`: open the pictures, work on them, store and record the results."""

import secrets
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from anyio import to_thread

from imagerouter_mcp.errors import ConfigurationError, PlanError
from imagerouter_mcp.gallery.entries import MADE_HERE, Metadata, Record, StoredImage
from imagerouter_mcp.gallery.files import (
    discard,
    discard_folder,
    partial_file,
    partial_folder,
    prepare_folder,
    store,
    store_folder,
)
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation.destinations import Destinations
from imagerouter_mcp.generation.planning.plan import Destination
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.generation.sources import Sources
from imagerouter_mcp.images.finish.pipeline import (
    Job,
    Made,
    Source,
    cells,
    check_job,
    finish,
    join,
    prepare_for_cell,
)
from imagerouter_mcp.images.finish.steps import MakeSet
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.images.workers import Queue, decode
from imagerouter_mcp.lines import cut_middle

MOST_PICTURES = 16
_LONGEST_PROMPT = 500


class StepRunner:
    """Runs steps on pictures.

    Args:
        sources: Opens the pictures.
        destinations: Says where results go.
        gallery: Takes the records.
        kept: Keeps the files.
        remote: Whether callers are on other machines.
    """

    def __init__(
        self, sources: Sources, destinations: Destinations, gallery: Gallery, kept: KeptFiles, *, remote: bool
    ) -> None:
        self._sources = sources
        self._destinations = destinations
        self._gallery = gallery
        self._kept = kept
        self._remote = remote

    async def run(self, request: Request, steps: Sequence[str]) -> tuple[Record, tuple[str, ...]]:
        """Run steps on pictures and record the results; on an error, leave nothing behind.

        Args:
            request: Names the source images and where to save.
            steps: The steps in order, such as `crop 16:9`.

        Returns:
            The record, and sentences for the person.

        Raises:
            PlanError: The steps are wrong, or cannot be done on these pictures.
            InvalidSourceError: A picture cannot be read or decoded.
            NotFoundError: There is no such handle.
            ConfigurationError: The output folder or the gallery cannot be written to.
        """
        if not 1 <= len(request.images) <= MOST_PICTURES:
            raise PlanError(f"There are {len(request.images)} pictures.", f"Give 1 to {MOST_PICTURES}.")
        job = Job(tuple(steps), len(request.images), Path(request.filename).suffix.removeprefix("."))
        plan = job.plan
        destinations = [self._destination(request, image, plan.made_set) for image in request.images]
        async with self._sources.files(request) as opened:
            sources = [Source(file, name) for file, name in opened]
            metadata = Metadata(
                prompt=await to_thread.run_sync(self._prompt, job.steps, sources[0].name),
                model=MADE_HERE,
                parameters={"steps": list(steps)},
                sources=tuple(source.name for source in sources),
                cost_usd=Decimal(),
            )
            with ExitStack() as held:
                made = [held.enter_context(each) async for each in _made(job, sources)]
                pairs = list(zip(made, destinations, strict=False))  # joined pictures make one result
                record, beside = await to_thread.run_sync(self._keep, pairs, metadata)
        notes = (note for each in made for note in each.notes)
        return record, tuple(dict.fromkeys((*notes, *beside)))

    def _destination(self, request: Request, image: str, made_set: MakeSet | None) -> Destination:
        """Return where a picture goes, or the folder of a set."""
        found = self._destinations.of(replace(request, images=(image,)))
        if made_set is None or request.filename:
            return found
        return replace(found, stem=f"{found.stem}-{made_set.name}")

    def _prompt(self, steps: Sequence[str], origin: str) -> str:
        """Return the prompt to record, so that searches find it: the steps and what they worked on."""
        own = self._gallery.find(origin)
        return cut_middle(f"{', '.join(steps)}: {own[1].prompt if own else origin}", _LONGEST_PROMPT)

    def _keep(
        self, pairs: Sequence[tuple[Made, Destination]], metadata: Metadata
    ) -> tuple[Record, list[str]]:
        """Store and record what was made: all of it, or nothing.

        Returns:
            The record, and sentences about files that are not pictures.
        """
        prepare_folder(pairs[0][1].folder)
        stored: list[Path] = []
        kept: list[Path] = []
        try:
            paths = [path for made, destination in pairs for path in _store(made, destination, stored)]
            found = {path: image for path in paths if (image := _stored_image(path))}
            beside = [self._beside(path) for path in paths if path not in found]
            owner = secrets.token_hex(4)
            kept.extend(self._kept.keep(path, owner) for path in found)  # one by one: a failure discards them
            images = [replace(image, path=key) for image, key in zip(found.values(), kept, strict=True)]
            record = self._gallery.add(metadata, images)
            return replace(record, images=tuple(map(self._kept.local, record.images))), beside
        except BaseException as error:
            for path in kept:
                self._kept.discard(path)
            for path in stored:
                (discard_folder if path.is_dir() else discard)(path)
            if isinstance(error, OSError):
                folder = pairs[0][1].folder
                raise ConfigurationError(
                    f"The result cannot be written to {str(folder)!r}: {error.strerror or error}.",
                    "Make room there, or name another folder in output_dir.",
                ) from None
            raise

    def _beside(self, path: Path) -> str:
        """Say where a text file of a set is; for a caller on another machine, return its text."""
        return f"{path.name}: {path.read_text()}" if self._remote else f"Also saved: {path}"


async def _made(job: Job, sources: Sequence[Source]) -> AsyncGenerator[Made]:
    """Run the steps and yield each result; heavy work waits in its own queue."""
    heavy = await decode("sources", None, check_job, job, sources)
    queue: Queue = "heavy" if heavy else "sources"
    sizes = await decode("sources", None, cells, job, sources)
    if not sizes:
        for source in sources:
            yield await decode(queue, None, partial(finish, heavy=heavy), job, source)
        return
    pairs = zip(sources, sizes, strict=True)
    prepared = [await decode(queue, None, prepare_for_cell, job, source, size) for source, size in pairs]
    yield await decode("sources", None, join, job, prepared, sizes[0], sources[0])


def _store(made: Made, destination: Destination, stored: list[Path]) -> list[Path]:
    """Store the files of one picture; add to `stored` what a failure later has to remove.

    Returns:
        The files.
    """
    if [name for name, _ in made.parts] == [""]:
        stored.append(_store_alone(made, destination))
        return stored[-1:]
    stored.append(_store_set(made, destination))
    return [stored[-1] / name for name, _ in made.parts]


def _store_alone(made: Made, destination: Destination) -> Path:
    with partial_file(destination.folder) as unfinished:
        shutil.copyfileobj(made.file, unfinished.file)
        unfinished.file.flush()
        extension = inspect(unfinished.path).format.extension
        return store(unfinished.finish(), destination.folder, destination.stem, extension)


def _store_set(made: Made, destination: Destination) -> Path:
    with partial_folder(destination.folder) as unfinished:
        for name, length in made.parts:
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made.file.read(length))
        return store_folder(unfinished, destination.folder, destination.stem)


def _stored_image(path: Path) -> StoredImage | None:
    """Describe a stored picture; return None for a text file of a set."""
    try:
        seen = inspect(path)
    except NotAPictureError:
        return None
    return StoredImage(
        path=path,
        media_type=seen.format.media_type,
        width=seen.width,
        height=seen.height,
        bytes=seen.bytes,
    )
