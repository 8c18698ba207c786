"""Turn a model's own picture into the result, as a plan's `Finishing` says."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from anyio import to_thread

from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.gallery.kept_sources import KeptSources
from imagerouter_mcp.generation.planning.finishing import MOST_ENLARGED, Cut, Finishing
from imagerouter_mcp.images.confined import Fields, StoppedError
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.inspection import Inspection, inspect
from imagerouter_mcp.images.workers import decode

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.preview import Preview


@dataclass(frozen=True, slots=True)
class Made:
    """What finishing made of a model's picture.

    Attributes:
        file: The result, at its beginning; the caller closes it. None if the model's picture is the result.
        note: What was done or could not be done, as a sentence; "" if there was nothing to do.
        preview: The result's preview, if it was easier to make than it will be from the file.
    """

    file: BinaryIO | None = None
    note: str = ""
    preview: "Preview | None" = None


_UNCHANGED = {"vector": "a vector drawing fits any size", "video": "it is a video"}
_SEVERAL = "it has several frames or pages"


@dataclass(frozen=True, slots=True)
class Postprocessing:
    """Turns a model's own pictures into results.

    A paid picture is always delivered: if it cannot be finished, the model's own picture is the result.

    Attributes:
        finishing: What to do.
        model: Its id, for the note.
        source: Where the source of a masked edit is kept.
        mask: Where its mask is kept.
    """

    finishing: Finishing
    model: str
    source: Path
    mask: Path

    @classmethod
    def of(
        cls, finishing: Finishing | None, model: str, generation: str, sources: KeptSources
    ) -> "Self | None":
        """Return the postprocessing of a generation's results; None if its plan has no `Finishing`."""
        return finishing and cls(finishing, model, sources.source(generation), sources.mask(generation))

    def leaves(self, seen: Inspection) -> bool:
        """Return whether a model's own picture is the result as it is, without a note."""
        return self.finishing.cut is None and _is_still(seen) and not self.finishing.applies(seen.size)

    async def finish(self, picture: Path) -> Made:
        """Turn a model's own picture into the result.

        Raises:
            NotAPictureError: It is not a whole picture.
            OSError: It cannot be read.
        """
        seen = await to_thread.run_sync(inspect, picture)
        if self.finishing.cut:
            return await self._laid_in(picture, seen, self.finishing.cut)
        return await self._in_size(picture, seen)

    async def _in_size(self, picture: Path, seen: Inspection) -> Made:
        from imagerouter_mcp.images.finish.exact_size import exact_size  # noqa: PLC0415 - loads Pillow

        finishing = self.finishing
        if not _is_still(seen):
            return Made(note=f"It was left in its own size: {_UNCHANGED.get(seen.format.kind, _SEVERAL)}.")
        made = seen.size
        if not finishing.size or not finishing.applies(made):
            return Made()
        try:
            file = await decode(
                "sources",
                picture,
                exact_size,
                picture,
                finishing.size,
                finishing.fit,
                finishing.output_format,
            )
        except (NotAPictureError, StoppedError, OSError) as error:
            done = finishing.words(made)
            return Made(note=f"It could not be {done}, {_because(error)}: this is what {self.model} made.")
        return Made(file, f"{self.model} made {made[0]}x{made[1]}; here it was {finishing.words(made)}.")

    async def _laid_in(self, picture: Path, seen: Inspection, cut: Cut) -> Made:
        from imagerouter_mcp.images.composite.frame import Frame  # noqa: PLC0415 - loads Pillow
        from imagerouter_mcp.images.composite.lay_in import lay_in  # noqa: PLC0415 - loads Pillow
        from imagerouter_mcp.images.pixels.preview import Preview  # noqa: PLC0415 - loads Pillow

        kind = "png" if self.finishing.output_format == "auto" else self.finishing.output_format
        if seen.format.kind != "image":
            return Made(note=f"{self.model} made no pixel image, so nothing could be laid into the source.")
        try:
            with self.source.open("rb") as source:
                file, report = await decode(
                    "sources", source, lay_in, source, picture, self.mask, Frame(**asdict(cut)), kind
                )
        except FileNotFoundError:
            return Made(note="The source is no longer kept, so this is the part as the model made it.")
        except (NotAPictureError, StoppedError, InvalidSourceError, OSError) as error:
            return Made(
                note=f"It could not be laid into the source, {_because(error)}: "
                f"this is what {self.model} made."
            )
        words = " ".join(_laid_in_words(self.model, kind, cut, report))
        return Made(file, words, Preview.from_fields(report["preview"]))


def _is_still(seen: Inspection) -> bool:
    return seen.format.kind == "image" and not seen.animated


def _because(error: Exception) -> str:
    """Return why something could not be done, leaving out file paths and words about money."""
    if isinstance(error, InvalidSourceError):
        return f"because {error.what[0].lower()}{error.what[1:].rstrip('.')}"
    return f"because {error.strerror if isinstance(error, OSError) and error.strerror else error}"


def _laid_in_words(model: str, kind: str, cut: Cut, report: Fields) -> list[str]:
    """Describe what laying an answer into its source did, a sentence each."""
    words = [f"Outside the mask every pixel is the source's; inside, {report['changed']} % changed."]
    if kind != "png":
        lossy = f"{kind.upper()} is not exact: only PNG keeps every pixel outside the mask."
        words = [f"{lossy} Inside, {report['changed']} % changed."]
    if report["echo"]:
        words.append(f"{model} changed nothing there; other words or another model may change it.")
    elif not report["aligned"]:
        words.append(f"What {model} drew around the mask does not match the source: look at the border.")
    if report["enlarged"] > MOST_ENLARGED:
        made = f"{cut.size[0]}x{cut.size[1]}, enlarged {report['enlarged']:.1f} times"
        words.append(f"The changed part was made at {made}; size=2K or 4K asks for more detail.")
    if report["mode"] == "CMYK" and kind == "png":
        words.append("Its CMYK colours were kept, in a TIFF.")
    elif report["inks"]:
        words.append("It was converted from CMYK to RGB.")
    if report["reduced"]:
        words.append("Its 16 bits per channel were reduced to 8.")
    return words
