"""Report how results differ from what was asked, and what is visibly wrong, a short sentence each."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagerouter_mcp.api.facts import facts_of
from imagerouter_mcp.api.wire import GenerationAnswer
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.generation.planning.plan import Plan
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.tiff import count_pages

if TYPE_CHECKING:
    from imagerouter_mcp.images.pixels.comparison import Look

_TIFF = "image/tiff"
_SAME_SHAPE = 0.06
"""Aspect ratios whose logarithms differ by less look the same; models round sides to multiples."""
_DARK, _LIGHT = 20, 235
"""Channel values of 255: a colour up to the first is called black, from the second on white."""


def differences(
    plan: Plan,
    answer: GenerationAnswer,
    images: Sequence[StoredImage],
    looks: Sequence["Look"] = (),
    source: "Look | None" = None,
) -> list[str]:
    """Compare results with what was asked for. Opens files, so call it in a thread.

    Args:
        plan: What was sent.
        answer: The service's answer.
        images: The stored results; those without a file are left out.
        looks: What the results look like, of those that were decoded.
        source: What the first source image of an edit looks like.
    """
    stored = [image for image in images if image.path]
    return [
        *_other_size(plan, stored),
        *_other_format(plan, stored),
        *_pages(stored),
        *(_echo(plan, looks, source) or _other_shape(plan, looks, source)),
        *_one_colour(looks),
        *_transparency(plan, looks),
        *_public_link(plan, answer),
    ]


def _other_size(plan: Plan, images: Sequence[StoredImage]) -> list[str]:
    made = next(((image.width, image.height) for image in images if image.width and image.height), None)
    if plan.cut or plan.size is None or made is None or made == plan.size:
        return []
    return [f"{plan.size[0]}x{plan.size[1]} was asked for; {plan.model} made {made[0]}x{made[1]}."]


def _other_shape(plan: Plan, looks: Sequence["Look"], source: "Look | None") -> list[str]:
    """Return a sentence if an edit of one picture changed its shape, which nobody asked for."""
    if plan.size or source is None or len(plan.origins) > 1:
        return []
    for look in looks:
        if abs(math.log(look.width * source.height / (look.height * source.width))) > _SAME_SHAPE:
            was, made = (f"{each.width}x{each.height}" for each in (source, look))
            return [
                f'The source has {was}; {plan.model} made {made}. aspect_ratio="match" asks for its shape.'
            ]
    return []


def _other_format(plan: Plan, images: Sequence[StoredImage]) -> list[str]:
    asked = None if plan.cut else plan.fields.get("output_format")
    made = next((_format(image) for image in images if image.media_type), None)
    if asked is None or made is None or made == asked:
        return []
    return [f"{asked} was asked for; {plan.model} answered {made.upper()}."]


def _format(image: StoredImage) -> str:
    """Return the name of an image's format: "svg" for `image/svg+xml`."""
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


def _echo(plan: Plan, looks: Sequence["Look"], source: "Look | None") -> list[str]:
    """Return a sentence if the source came back unchanged; models that enlarge or convert may do that."""
    if source is None or facts_of(plan.model).does or not any(look.equals(source) for look in looks):
        return []
    return [f"{plan.model} returned the source image unchanged; another model may do what the prompt asks."]


def _one_colour(looks: Sequence["Look"]) -> list[str]:
    for look in looks:
        if look.invisible:
            return ["There is nothing to see: the whole picture is transparent."]
        if look.colour:
            return [f"There is nothing to see: the whole picture is {_colour_name(look.colour)}."]
    return []


def _colour_name(colour: tuple[int, int, int]) -> str:
    if max(colour) <= _DARK:
        return "black"
    if min(colour) >= _LIGHT:
        return "white"
    return "of one colour, #{:02x}{:02x}{:02x}".format(*colour)


def _transparency(plan: Plan, looks: Sequence["Look"]) -> list[str]:
    """Return how much is transparent, if that was asked for, and how to get it if nothing is."""
    if not plan.transparency or not looks:
        return []
    shares = [look.transparent for look in looks]
    measured = f"Measured: {', '.join(map(_per_cent, shares))}."
    return [measured] if min(shares) > 0 else [f"{measured} {plan.transparency}"]


def _per_cent(share: float) -> str:
    if share <= 0:
        return "no transparency"
    rounded = round(100 * share)
    number = "under 1" if rounded == 0 else "over 99" if rounded == 100 else f"{rounded}"  # noqa: PLR2004 - per cent
    return f"{number} % of the picture is transparent"


def _public_link(plan: Plan, answer: GenerationAnswer) -> list[str]:
    if plan.fields.get("response_format") != "b64_ephemeral" or not any(item.url for item in answer.items):
        return []
    return ["b64_ephemeral was asked for, but ImageRouter answered with a link, which anyone can open."]
