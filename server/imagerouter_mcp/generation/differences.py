"""Say what came otherwise than asked, a short sentence each."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagerouter_mcp.api.wire import GenerationAnswer
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.generation.planning.plan import Plan
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.tiff import count_pages

if TYPE_CHECKING:
    from PIL.Image import Image

_TIFF = "image/tiff"


def differences(
    plan: Plan, answer: GenerationAnswer, images: Sequence[StoredImage], source: "Image | None" = None
) -> list[str]:
    """Compare what came with what was asked for. Decodes pictures, so call it in a thread.

    Args:
        plan: What was sent.
        answer: What came back.
        images: The stored results; those without a file are left out.
        source: The first source image, from `comparison.reduced`, where an echo would be a failure.
    """
    stored = [image for image in images if image.path]
    return [
        *_other_size(plan, stored),
        *_other_format(plan, stored),
        *_pages(stored),
        *_echo(plan, stored, source),
        *_public_link(plan, answer),
    ]


def _other_size(plan: Plan, images: Sequence[StoredImage]) -> list[str]:
    came = next(((image.width, image.height) for image in images if image.width and image.height), None)
    if plan.size is None or came is None or came == plan.size:
        return []
    return [f"{plan.fields['size']} was asked for; {plan.model} made {came[0]}x{came[1]}."]


def _other_format(plan: Plan, images: Sequence[StoredImage]) -> list[str]:
    asked = plan.fields.get("output_format")
    came = next((_format(image) for image in images if image.media_type), None)
    if asked is None or came is None or came == asked:
        return []
    return [f"{asked} was asked for; {plan.model} answered {came.upper()}."]


def _format(image: StoredImage) -> str:
    """Return the name of its format: "svg" for `image/svg+xml`."""
    return (image.media_type or "").partition("/")[2].partition("+")[0]


def _pages(images: Sequence[StoredImage]) -> list[str]:
    counts = [_count(image.path) for image in images if image.path and image.media_type == _TIFF]
    return [f"The TIFF has {count} pages, one for each layer." for count in counts if count > 1]


def _count(tiff: Path) -> int:
    try:
        with tiff.open("rb") as file:
            return count_pages(file)
    except (OSError, NotAPictureError):
        return 1


def _echo(plan: Plan, images: Sequence[StoredImage], source: "Image | None") -> list[str]:
    from imagerouter_mcp.images.pixels.comparison import is_echo  # noqa: PLC0415 - loads Pillow

    if source is None or not any(image.path and is_echo(source, image.path) for image in images):
        return []
    return [f"{plan.model} returned the source image unchanged; another model may do what the prompt asks."]


def _public_link(plan: Plan, answer: GenerationAnswer) -> list[str]:
    if plan.fields.get("response_format") != "b64_ephemeral" or not any(item.url for item in answer.items):
        return []
    return ["b64_ephemeral was asked for, but ImageRouter answered a link, which anyone who has it can open."]
