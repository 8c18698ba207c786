"""What was made, told three ways that each stand alone: text, structured content, and blocks.

Hosts drop one or two of the three, so path, link, handle, model and cost stand in the text and in the
structured content alike; picture data stands in an image block only.
"""

import base64
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from mcp.types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent

from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.generation.calls.outcome import Finished, Pending
from imagerouter_mcp.generation.planning.prices import Estimate, dollars, total
from imagerouter_mcp.generation.planning.request import THINGS, Kind
from imagerouter_mcp.lines import one_line

if TYPE_CHECKING:
    from imagerouter_mcp.generation.planning.plan import Plan
    from imagerouter_mcp.images.budgets import Preview

GENERATION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "images": {"type": "array", "items": {"type": "object"}},
        "generation": {"type": "string"},
        "state": {"type": "string"},
        "model": {"type": "string"},
        "prompt": {"type": "string"},
        "revised_prompt": {"type": "string"},
        "cost_usd": {"type": "number"},
        "latency_ms": {"type": "integer"},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
}
"""Of the structured content, which also has {why, estimate_usd, failures, media} where they are known. An
image is {handle, path, url, media_type, width, height, bytes, seconds}, of several generations also {model,
cost_usd, latency_ms}; the outer `cost_usd` is the sum. To who is far away, an image has `download_url` in
place of `path`. While it is not done there are no images, but `state`, `ask_again_seconds` and
`elapsed_seconds`."""

_DRAWN_AT_ONCE = 2
_DRAWING: RunVar[CapacityLimiter] = RunVar("previews being drawn")

PreviewChoice = Literal["auto", "none", "large"]


async def generation_result(
    batch: Finished, preview: PreviewChoice, media: Sequence[str] = (), links: Links | None = None
) -> CallToolResult:
    """The whole answer to a generation tool.

    Args:
        batch: What came of the request.
        preview: How large the inline pictures are.
        media: The `MEDIA:` lines that the agent should repeat, if this host wants any.
        links: How who is far away reaches the files; None names them by their paths.
    """
    blocks: list[ContentBlock] = [TextContent(type="text", text=as_text(batch, media, links))]
    blocks.extend(await _previews(batch, preview))
    blocks.extend(
        _link(image, made.record)
        for made in batch.results
        for image in made.record.images
        if image.path and image.handle
    )
    return CallToolResult(content=blocks, structured_content=as_fields(batch, media, links))


def pending_result(pending: Pending) -> CallToolResult:
    """The answer while a generation is under way."""
    lines = [
        f"Not done yet: {pending.words}. It goes on, and is paid for only once.",
        f"Call get_generation with {pending.call} in about {pending.ask_again} s to collect it (no charge).",
    ]
    told = {
        "generation": pending.call,
        "state": pending.state,
        "ask_again_seconds": pending.ask_again,
        "elapsed_seconds": round(pending.elapsed),
        "model": pending.model,
        "prompt": pending.prompt,
    }
    return CallToolResult(content=[text_block(lines)], structured_content=told)


def plan_result(plan: "Plan", count: int, kind: Kind) -> CallToolResult:
    """The answer to a dry run."""
    cost = total([plan.estimate] * count)
    why = f", for {plan.why}" if plan.why else ""
    size = f" at {plan.fields['size']}" if "size" in plan.fields else ""
    thing = THINGS[kind]
    what = f"a {thing}" if count == 1 else f"{count} {thing}s"
    lines = [
        f"This would ask {plan.model} for {what}{size}{why}.",
        f"It would cost {cost}." if cost else "What it would cost is not known.",
        "Nothing was sent.",
        *(f"Note: {note}" for note in plan.notes),
    ]
    told = {
        "dry_run": True,
        "model": plan.model,
        "why": plan.why,
        "size": plan.fields.get("size", "auto"),
        "estimate_usd": _estimate_fields(cost),
        "notes": list(plan.notes),
    }
    return CallToolResult(content=[text_block(lines)], structured_content=_known(told))


def text_block(lines: Iterable[str]) -> TextContent:
    """Lines of an answer, of which none can hold another, whatever text of others is in it."""
    return TextContent(type="text", text="\n".join(map(one_line, lines)))


def as_text(batch: Finished, media: Sequence[str] = (), links: Links | None = None) -> str:
    """What was made, where it lies, what it cost, in words that a person could read aloud."""
    several = len(batch.results) > 1
    lines = [_heading(batch)]
    for made in batch.results:
        record = made.record
        if several:
            lines.append(_label(record, " · "))
        alone = not several and len(record.images) == 1
        lines.extend(line for image in record.images for line in _image_lines(image, links, alone=alone))
        if record.revised_prompt and record.revised_prompt != record.prompt:
            lines.append(f"The model read the prompt as: {record.revised_prompt}")
    lines.extend(f"Note: {note}" for note in _notes(batch))
    lines.extend(f"Failed: {failure}" for failure in batch.failures)
    if media:
        lines.extend(["To show it in the chat, end your reply with:", *media])
    return text_block(lines).text


def as_fields(batch: Finished, media: Sequence[str] = (), links: Links | None = None) -> dict[str, Any]:
    """The same as JSON: what is unknown is left out."""
    first = batch.results[0]
    told = {
        **_made_fields(first.record, links),
        "why": first.why or None,
        "estimate_usd": _estimate_fields(_expected(batch)),
        "notes": list(_notes(batch)),
        "failures": list(batch.failures) or None,
        "media": list(media) or None,
    }
    if batch.call:
        told["generation"] = batch.call
    if len(batch.results) > 1:
        total = _cost(batch)
        told["images"] = [
            {**image_fields(image, links), **_whose(made.record)}
            for made in batch.results
            for image in made.record.images
        ]
        told["model"] = ", ".join(dict.fromkeys(made.record.model for made in batch.results))
        told["cost_usd"] = _number(total)
    return _known(told)


def record_fields(record: Record, links: Links | None) -> dict[str, Any]:
    """All that the gallery knows of a generation, as JSON."""
    return {
        **_made_fields(record, links),
        "created": record.created_at.isoformat(timespec="seconds"),
        "parameters": record.parameters,
        "sources": list(record.sources),
    }


def image_fields(image: GalleryImage, links: Links | None) -> dict[str, Any]:
    """One image as JSON, its file by path or by link."""
    return _known(
        {
            "handle": image.handle or None,
            "path" if links is None else "download_url": place(image, links),
            "url": image.url,
            "media_type": image.media_type,
            "width": image.width,
            "height": image.height,
            "bytes": image.bytes,
            "seconds": None if image.seconds is None else round(image.seconds, 2),
        }
    )


def place(image: GalleryImage, links: Links | None) -> str | None:
    """Where the file is: its path, or a link to it for who is far away; None while there is none."""
    if image.path is None or not links:
        return str(image.path) if image.path else None
    return links.download(image.handle) if image.handle else None


def price(cost_usd: Decimal | None) -> str:
    """A cost for a sentence."""
    if cost_usd is None:
        return "cost unknown"
    return dollars(cost_usd) if cost_usd else "nothing"


def _made_fields(record: Record, links: Links | None) -> dict[str, Any]:
    return _known(
        {
            "images": [image_fields(image, links) for image in record.images],
            "generation": record.generation or None,
            "model": record.model,
            "prompt": record.prompt,
            "revised_prompt": record.revised_prompt,
            "cost_usd": _number(record.cost_usd),
            "latency_ms": record.latency_ms,
        }
    )


def _whose(record: Record) -> dict[str, Any]:
    """What an image of several says of its own generation."""
    return _known(
        {"model": record.model, "cost_usd": _number(record.cost_usd), "latency_ms": record.latency_ms}
    )


def _heading(batch: Finished) -> str:
    """What was made with what for how much: "Made 1 picture with … for $0.04 in 6.9 s."."""
    count = sum(len(made.record.images) for made in batch.results)
    asked = len(batch.results) + len(batch.failures)
    thing = "video" if _has_video(batch) else "picture"
    what = f"{count} {thing}{'s' if count > 1 else ''}"
    if batch.failures:
        what = f"{len(batch.results)} of {asked} {thing}s"
    first = batch.results[0]
    models = {made.record.model for made in batch.results}
    with_what = f" with {first.record.model}" if len(models) == 1 else f" with {len(models)} models"
    total = _cost(batch)
    certain = not batch.failures and all(made.record.cost_usd is not None for made in batch.results)
    cost = "" if total is None else f" for {'' if certain else 'at least '}{price(total)}"
    took = max((made.record.latency_ms or 0 for made in batch.results), default=0)
    why = f" {first.record.model} was chosen, for {first.why}." if first.why else ""
    return f"Made {what}{with_what}{cost}{f' in {took / 1000:.1f} s' if took else ''}.{why}"


def _has_video(batch: Finished) -> bool:
    images = (image for made in batch.results for image in made.record.images)
    return any((image.media_type or "").startswith("video/") for image in images)


def _image_lines(image: GalleryImage, links: Links | None, *, alone: bool) -> list[str]:
    lines: list[str] = []
    where = place(image, links)
    if where:
        lines.append(f"{'Download within a day' if links else 'Saved'}: {where} ({_describe(image)})")
    if image.url:
        lines.append(f"Link: {image.url} (anyone who has it can open it)")
    if image.handle:
        also = ' (or "last")' if alone else ""
        lines.append(f"Handle: {image.handle}{also} names it as a source image.")
    return lines


def _describe(image: GalleryImage) -> str:
    """An image in a few words: "1024×1024 WebP, 183 kB"."""
    kind = (image.media_type or "").rpartition("/")[2].removesuffix("+xml").upper().replace("WEBP", "WebP")
    size = f"{image.width}×{image.height} " if image.width and image.height else ""
    length = f"{image.seconds:.1f} s, " if image.seconds else ""
    return f"{size}{kind}, {length}{_size(image.bytes or 0)}"


def _label(record: Record, between: str) -> str:
    took = f"{record.latency_ms / 1000:.1f} s" if record.latency_ms is not None else ""
    return between.join(part for part in (record.model, price(record.cost_usd), took) if part)


def _notes(batch: Finished) -> tuple[str, ...]:
    """Each note once, however many pictures it is about."""
    return tuple(dict.fromkeys(note for made in batch.results for note in made.notes))


def _cost(batch: Finished) -> Decimal | None:
    costs = [made.record.cost_usd for made in batch.results if made.record.cost_usd is not None]
    return sum(costs, Decimal()) if costs else None


def _expected(batch: Finished) -> Estimate | None:
    """What all that was made was expected to cost; None when the list did not tell of one."""
    return total(made.estimate for made in batch.results)


def _estimate_fields(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {
        "low": float(estimate.low),
        "likely": float(estimate.likely),
        "high": float(estimate.high),
    }


def _number(cost: Decimal | None) -> float | None:
    return None if cost is None else float(cost)


def _size(count: int) -> str:
    kilobytes, megabytes = count / 1000, count / 1_000_000
    return f"{megabytes:.1f} MB" if megabytes >= 1 else f"{max(1, round(kilobytes))} kB"


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _link(image: GalleryImage, record: Record) -> ResourceLink:
    return ResourceLink(
        type="resource_link",
        uri=f"imagerouter://images/{image.handle}",
        name=image.path.name if image.path else image.handle,
        description=one_line(record.prompt[:100]) or None,
        mime_type=image.media_type,
        size=image.bytes,
    )


async def _previews(batch: Finished, size: PreviewChoice) -> list[ImageContent]:
    """The inline pictures: one for one, one labelled sheet for several."""
    if size == "none":
        return []
    from imagerouter_mcp.images.contact_sheet import Tile, make_sheet
    from imagerouter_mcp.images.previews import make_preview

    tiles = [
        Tile(image.path, _label(made.record, " · "))
        for made in batch.results
        for image in made.record.images
        if image.path
    ]
    try:
        if len(tiles) == 1:
            shown = await to_thread.run_sync(make_preview, tiles[0].path, size, limiter=_drawing())
        else:
            shown = await to_thread.run_sync(make_sheet, tiles, size, limiter=_drawing())
    except OSError:  # the file is gone again: the answer is worth more than its preview
        return []
    return [image_block(shown)] if shown else []


def _drawing() -> CapacityLimiter:
    """Lets few previews be drawn side by side: each holds a whole picture's pixels in memory."""
    try:
        return _DRAWING.get()
    except LookupError:
        limiter = CapacityLimiter(_DRAWN_AT_ONCE)
        _DRAWING.set(limiter)
        return limiter


def image_block(preview: "Preview") -> ImageContent:
    """A picture as hosts take it."""
    data = base64.b64encode(preview.data).decode("ascii")
    return ImageContent(type="image", data=data, mime_type=preview.media_type)
