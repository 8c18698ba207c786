"""A generation told three ways that each stand alone: text, structured content, and blocks.

Hosts drop one or two of the three, so path, link, handle, model and cost stand in the text and in the
structured content alike; picture data stands in an image block only.
"""

import base64
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

from anyio import to_thread
from mcp.types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent

from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.generation.plan import dollars
from imagerouter_mcp.generation.request import Generation
from imagerouter_mcp.images.previews import make_preview

GENERATION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "images": {"type": "array", "items": {"type": "object"}},
        "model": {"type": "string"},
        "prompt": {"type": "string"},
        "revised_prompt": {"type": "string"},
        "cost_usd": {"type": "number"},
        "latency_ms": {"type": "integer"},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
}
"""Of a generation's structured content; an image is {handle, path, url, media_type, width, height, bytes}."""

PreviewChoice = Literal["auto", "none", "large"]
PREVIEWS_TOTAL = 760_000
"""Characters of base64 in one answer: with text and structured content, it stays under 900 kB of JSON."""


async def generation_result(
    generation: Generation, preview: PreviewChoice, media: Sequence[str] = ()
) -> CallToolResult:
    """The whole answer to a generation tool.

    Args:
        generation: What came of the request.
        preview: How large the inline pictures are.
        media: The `MEDIA:` lines that the agent should repeat, if this host wants any.
    """
    blocks: list[ContentBlock] = [TextContent(type="text", text=as_text(generation, media))]
    room = PREVIEWS_TOTAL
    for image in generation.record.images:
        shown = await _preview(image, preview, room)
        if shown:
            room -= len(shown.data)
            blocks.append(shown)
        if image.path and image.handle:
            blocks.append(_link(image, generation.record))
    return CallToolResult(content=blocks, structured_content=as_fields(generation, media))


def as_text(generation: Generation, media: Sequence[str] = ()) -> str:
    """What was made, where it lies, what it cost, in words that a person could read aloud."""
    record = generation.record
    lines = [_made(record)]
    for image in record.images:
        if image.path:
            lines.append(f"Saved: {image.path} ({describe(image)})")
        if image.url:
            lines.append(f"Link: {image.url} (anyone who has it can open it)")
        if image.handle:
            lines.append(f'Handle: {image.handle} (or "last") names it as a source image.')
    if record.revised_prompt and record.revised_prompt != record.prompt:
        lines.append(f"The model read the prompt as: {record.revised_prompt}")
    lines.extend(f"Note: {note}" for note in generation.notes)
    if media:
        lines.extend(["To show it in the chat, end your reply with:", *media])
    return "\n".join(lines)


def as_fields(generation: Generation, media: Sequence[str] = ()) -> dict[str, Any]:
    """The same as JSON: what is unknown is left out."""
    return {
        **_made_fields(generation.record),
        "notes": list(generation.notes),
        **({"media": list(media)} if media else {}),
    }


def record_fields(record: Record) -> dict[str, Any]:
    """All that the gallery knows of a generation, as JSON."""
    return {
        **_made_fields(record),
        "created": record.created_at.isoformat(timespec="seconds"),
        "parameters": record.parameters,
        "sources": list(record.sources),
    }


def _made_fields(record: Record) -> dict[str, Any]:
    return _known(
        {
            "images": [image_fields(image) for image in record.images],
            "generation": record.generation or None,
            "model": record.model,
            "prompt": record.prompt,
            "revised_prompt": record.revised_prompt,
            "cost_usd": None if record.cost_usd is None else float(record.cost_usd),
            "latency_ms": record.latency_ms,
        }
    )


def image_fields(image: GalleryImage) -> dict[str, Any]:
    """One image as JSON."""
    return _known(
        {
            "handle": image.handle or None,
            "path": str(image.path) if image.path else None,
            "url": image.url,
            "media_type": image.media_type,
            "width": image.width,
            "height": image.height,
            "bytes": image.bytes,
        }
    )


def describe(image: GalleryImage) -> str:
    """An image in a few words: "1024×1024 WebP, 183 kB"."""
    kind = (image.media_type or "").rpartition("/")[2].removesuffix("+xml").upper().replace("WEBP", "WebP")
    size = f"{image.width}×{image.height} " if image.width and image.height else ""
    return f"{size}{kind}, {_size(image.bytes or 0)}"


def _made(record: Record) -> str:
    count = len(record.images)
    what = "1 picture" if count == 1 else f"{count} pictures"
    cost = f" for {price(record.cost_usd)}" if record.cost_usd is not None else ""
    took = f" in {record.latency_ms / 1000:.1f} s" if record.latency_ms is not None else ""
    return f"Made {what} with {record.model}{cost}{took}."


def price(cost_usd: Decimal | None) -> str:
    """A cost for a sentence."""
    if cost_usd is None:
        return "cost unknown"
    return dollars(float(cost_usd)) if cost_usd else "nothing"


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
        description=record.prompt[:100] or None,
        mime_type=image.media_type,
        size=image.bytes,
    )


async def _preview(image: GalleryImage, size: PreviewChoice, room: int) -> ImageContent | None:
    """A preview that fits into what is left of the whole answer: a smaller one, or none, where it must."""
    if size == "none" or image.path is None:
        return None
    made = await to_thread.run_sync(make_preview, image.path, size)
    if made is None:
        return None
    data = base64.b64encode(made.data).decode("ascii")
    if len(data) > room:
        return await _preview(image, "auto", room) if size == "large" else None
    return ImageContent(type="image", data=data, mime_type=made.media_type)
