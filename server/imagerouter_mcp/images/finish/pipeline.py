"""Carry out the steps of `finish_image`, in a child process if they are heavy.

A picture is decoded once, without metadata other than its colours, changed step by step, and saved. Several
pictures are prepared one after the other before a step joins them. Pictures that are too large are refused
before they are decoded.
"""

import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, Self

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.confined import Fields, in_child, scratch_file
from imagerouter_mcp.images.finish.measure import decoded_size
from imagerouter_mcp.images.finish.step_words import FORMATS, read_steps
from imagerouter_mcp.images.finish.steps import Animate, BeforeAfter, Change, Grid, Plan, Size, size_after
from imagerouter_mcp.images.inspect import formats
from imagerouter_mcp.images.inspect.cost import is_heavy
from imagerouter_mcp.images.inspect.formats import Format
from imagerouter_mcp.images.inspect.inspection import Inspection, inspect
from imagerouter_mcp.images.prepare import check_decodable, reporting

if TYPE_CHECKING:
    from PIL.Image import Image

_LIGHT_PIXELS = 4_500_000
"""Pixels up to which a picture is processed here. Most models make up to 2048×2048."""
_ONE_CALL_PIXELS = 120_000_000
"""Pixel limit for all pictures of one call together."""
_AVIF_PIXELS = 8_000_000
"""Pixel limit for AVIF; its encoder takes 24 bytes for each, and a child process has no room for twice
that."""


@dataclass(frozen=True, slots=True)
class Source:
    """A picture to finish.

    Attributes:
        file: Open for reading; whoever opened it closes it.
        name: What messages call it.
    """

    file: BinaryIO
    name: str


@dataclass(frozen=True, slots=True)
class Made:
    """What was made from one picture, or from several joined ones.

    Attributes:
        file: Contains all files, one after the other; closed at the end of a `with` block.
        parts: Each file's name in its set, such as `android/icon.png` ("" for a single file), and its length
            in bytes.
        notes: Sentences for the person.
    """

    file: BinaryIO
    parts: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


@dataclass(frozen=True, slots=True)
class Job:
    """Steps for pictures, in the form that a child process gets too.

    Attributes:
        steps: The steps as the caller wrote them.
        count: Number of pictures they are for.
        extension: Extension of the file name that the caller gave, or "".
    """

    steps: tuple[str, ...]
    count: int = 1
    extension: str = ""

    @property
    def plan(self) -> Plan:
        """The parsed steps.

        Raises:
            PlanError: Some are wrong.
        """
        plan = read_steps(self.steps, self.count)
        asked = FORMATS.get(self.extension.lower())
        if asked and not plan.convert.format:
            return replace(plan, convert=replace(plan.convert, format=asked))
        return plan


def check_job(job: Job, sources: Sequence[Source]) -> bool:
    """Check a job before anything is decoded, and return whether it is heavy.

    Raises:
        InvalidSourceError: A source is not a picture that can be decoded here.
        PlanError: The steps are wrong, or would make too large a picture.
    """
    from imagerouter_mcp.images.finish.saving import kind_for  # noqa: PLC0415 - loads Pillow

    plan = job.plan
    heavy = plan.convert.format == "avif"
    total = 0
    for source in sources:
        with reporting(source.name):
            seen = inspect(source.file)
            check_decodable(source.name, seen)
        sizes = list(_sizes(seen, plan.before))
        total += math.prod(sizes[-1])
        heavy = heavy or is_heavy(seen) or max(map(math.prod, sizes)) > _LIGHT_PIXELS
        if not plan.join and not plan.made_set:
            _check_encodable(kind_for(plan.convert, seen.format), sizes[-1])
    if total > _ONE_CALL_PIXELS and not plan.join:
        raise PlanError(
            f"Together the pictures would have {total // 10**6} megapixels; one call makes "
            f"{_ONE_CALL_PIXELS // 10**6}.",
            'Give fewer pictures, or add a first step that makes them smaller, such as "resize 50%".',
        )
    cells(job, sources)
    return heavy


def finish(job: Job, source: Source, *, heavy: bool) -> Made:
    """Carry out a job on one picture.

    Args:
        job: A job without a step that joins pictures.
        source: The picture.
        heavy: Whether to use a child process.

    Raises:
        InvalidSourceError: It does not decode, or takes too much time or memory.
        PlanError: A step cannot be done on it.
    """
    arguments: Fields = {
        "name": source.name,
        "steps": job.steps,
        "count": job.count,
        "extension": job.extension,
    }
    work = partial(in_child, finished) if heavy else finished
    with reporting(source.name):
        return _made(*work(source.file, **arguments))


def finished(
    file: BinaryIO, *, name: str, steps: Sequence[str], count: int, extension: str
) -> tuple[BinaryIO, Fields]:
    """Do the work of `finish`, as `confined.Work`."""
    from imagerouter_mcp.images.finish.changes import changed  # noqa: PLC0415 - loads Pillow
    from imagerouter_mcp.images.finish.decoded_source import decoded  # noqa: PLC0415 - loads Pillow

    plan = Job(tuple(steps), count, extension).plan
    in_srgb = plan.made_set is not None or plan.convert.format in ("gif", "ico")  # they cannot hold a profile
    with reporting(name):
        picture, kind, profile, notes = decoded(file, name, in_srgb=in_srgb)
    picture, more = changed(picture, plan.before)
    return _saved(picture, kind, profile, plan, [*notes, *more])


def cells(job: Job, sources: Sequence[Source]) -> list[Size]:
    """Return the size of each picture's cell, or nothing if no step joins pictures.

    Raises:
        PlanError: Together they are too large.
    """
    from imagerouter_mcp.images.finish.joining import cell_sizes  # noqa: PLC0415 - loads Pillow

    plan = job.plan
    return (
        cell_sizes(plan.join, [_sizes_of(source, plan.before)[-1] for source in sources]) if plan.join else []
    )


def prepare_for_cell(job: Job, source: Source, cell: Size) -> "tuple[Image, list[str]]":
    """Prepare a picture for joining, and return it with notes.

    Raises:
        InvalidSourceError: It does not decode, or takes too much time or memory.
        PlanError: A step cannot be done on it.
    """
    from imagerouter_mcp.images.pixels.derive import derived, derived_in_child  # noqa: PLC0415 - loads Pillow

    sizes = _sizes_of(source, job.plan.before)
    largest = max(math.prod(sizes[0]), math.prod(sizes[-1]))
    derive = derived_in_child if largest > _LIGHT_PIXELS else derived
    arguments: Fields = {"name": source.name, "steps": job.steps, "count": job.count, "cell": cell}
    with reporting(source.name):
        picture, fields = derive(prepared_for_cell, source.file, **arguments)
    return picture, fields["notes"]


def prepared_for_cell(
    file: BinaryIO, *, name: str, steps: Sequence[str], count: int, cell: Sequence[int]
) -> "tuple[Image, Fields]":
    """Do the work of `prepare_for_cell`, as `derive.Derivation`."""
    from imagerouter_mcp.images.finish.changes import changed  # noqa: PLC0415 - loads Pillow
    from imagerouter_mcp.images.finish.decoded_source import decoded  # noqa: PLC0415 - loads Pillow
    from imagerouter_mcp.images.finish.joining import fit_cell  # noqa: PLC0415 - loads Pillow

    plan = read_steps(steps, count)
    if plan.join is None:
        raise ValueError(steps)
    picture, _, _, notes = decoded(file, name, in_srgb=True)
    picture, more = changed(picture, plan.before)
    return fit_cell(picture, (cell[0], cell[1]), plan.join), {"notes": [*notes, *more]}


def join(job: Job, prepared: "Sequence[tuple[Image, list[str]]]", cell: Size, first: Source) -> Made:
    """Join pictures, and do the steps after that.

    Args:
        job: A job with a step that joins pictures.
        prepared: The results of `prepare_for_cell`.
        cell: Size of the first picture's cell.
        first: Source of the first picture, which determines the format.

    Raises:
        PlanError: A step cannot be done.
    """
    from imagerouter_mcp.images.finish import joining  # noqa: PLC0415 - loads Pillow
    from imagerouter_mcp.images.finish.changes import changed  # noqa: PLC0415 - loads Pillow
    from imagerouter_mcp.images.finish.saving import animated  # noqa: PLC0415 - loads Pillow

    plan = job.plan
    pictures = [picture for picture, _ in prepared]
    notes = [note for _, found in prepared for note in found]
    match plan.join:
        case Animate(name, milliseconds):
            file = animated(joining.frames_of(pictures, cell), name, milliseconds)
            return _made(*_joined([("", file)], notes))
        case BeforeAfter():
            picture = joining.before_after(*pictures)
        case joined:
            picture = joining.in_grid(pictures, joined or Grid(), cell)
    picture, more = changed(picture, plan.after)
    with reporting(first.name):
        kind = inspect(first.file).format
    return _made(*_saved(picture, kind, b"", plan, [*notes, *more]))


def _sizes(seen: Inspection, steps: Iterable[Change]) -> Iterator[Size]:
    """Predict a picture's size when decoded and after each step."""
    return accumulate(steps, lambda size, step: size_after(step, size), initial=decoded_size(seen))


def _sizes_of(source: Source, steps: Iterable[Change]) -> list[Size]:
    with reporting(source.name):
        seen = inspect(source.file)
    return list(_sizes(seen, steps))


def _saved(
    picture: "Image", kind: Format, profile: bytes, plan: Plan, notes: Sequence[str]
) -> tuple[BinaryIO, Fields]:
    """Do a plan's last steps: save a picture, or make a set of it. Return what `confined.Work` does.

    Args:
        picture: In mode L, LA, RGB or RGBA.
        kind: The source's format.
        profile: Its colour profile, or nothing.
        plan: The plan.
        notes: Notes on the steps before.
    """
    from imagerouter_mcp.images.finish import saving, sets  # noqa: PLC0415 - loads Pillow

    if plan.made_set:
        made = sets.make_set(picture, plan.made_set.name)
        return _joined(made, [*notes, sets.NOTES[plan.made_set.name]])
    kind = saving.kind_for(plan.convert, kind)
    _check_encodable(kind, picture.size)
    file, more = saving.save(picture, kind, plan.convert, profile)
    return _joined([("", file)], [*notes, *more])


def _check_encodable(kind: Format, size: Size) -> None:
    """Refuse a picture whose encoder would take too much memory.

    Raises:
        PlanError: It is an AVIF with too many pixels.
    """
    if kind is formats.AVIF and math.prod(size) > _AVIF_PIXELS:
        raise PlanError(
            f"AVIF pictures can have up to {_AVIF_PIXELS // 10**6} megapixels here.",
            'Add a step before it that makes the picture smaller, such as "resize 50%", or choose webp.',
        )


def _joined(files: Iterable[tuple[str, BinaryIO]], notes: Sequence[str]) -> tuple[BinaryIO, Fields]:
    """Join files into one. Return what `confined.Work` does."""
    whole = scratch_file()
    parts: list[tuple[str, int]] = []
    for name, file in files:
        begin = whole.tell()
        with file:
            shutil.copyfileobj(file, whole)
        parts.append((name, whole.tell() - begin))
    whole.seek(0)
    return whole, {"parts": parts, "notes": list(notes)}


def _made(file: BinaryIO, fields: Fields) -> Made:
    parts = tuple((name, length) for name, length in fields["parts"])
    return Made(file, parts, tuple(fields["notes"]))
