"""The tool `list_images`: what was made."""

from typing import Annotated, Any

from anyio import to_thread
from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.results import image_fields, place, price, text_block
from imagerouter_mcp.tools.unfinished import unfinished_fields, unfinished_lines

Query = Annotated[
    str,
    Field(description='Words of the prompt, model, handle or date ("2026-11", "today"). Empty: all.'),
]
Limit = Annotated[int, Field(ge=1, le=200, description="At most so many generations. Default 10.")]

IMAGES_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "images": {"type": "array", "items": {"type": "object"}},
        "unfinished": {"type": "array", "items": {"type": "object"}},
        "total": {"type": "integer"},
    },
}
"""Of the structured content: each image is {handle, prompt, model, cost_usd, created, path, url, missing, …};
`total` counts all generations of the gallery; `cost_usd` is the whole generation's. What is under way, or
of unknown outcome, is {generation, state, prompt, model, created, may_cost_usd, error}."""

_PROMPT_SHOWN, _PROMPT_TOLD = 60, 200
"""Characters of a prompt in the text and in the structured content; the record's resource has all."""


async def list_images(*, ctx: AppContext, query: Query = "", limit: Limit = 10) -> CallToolResult:
    """List the pictures and videos made earlier, newest first, and what is unfinished. Free of charge."""
    app = ctx.request_context.lifespan_context
    gallery, links = app.gallery, app.links
    await app.calls.settle()
    unfinished = await to_thread.run_sync(app.journal.unfinished, limit)
    records = await to_thread.run_sync(gallery.list, query, limit)
    total = await to_thread.run_sync(gallery.count)
    pairs = [(image, record) for record in records for image in record.images]
    told = await to_thread.run_sync(lambda: [_fields(image, record, links) for image, record in pairs])
    lines = [*unfinished_lines(unfinished), *(_line(image, record, links) for image, record in pairs)]
    return CallToolResult(
        content=[text_block(lines or [_nothing(query, total)])],
        structured_content={
            "images": told,
            "unfinished": [unfinished_fields(entry) for entry in unfinished],
            "total": total,
        },
    )


def _nothing(query: str, total: int) -> str:
    if not total:
        return "No picture has been made yet."
    return f"None of the {total} generations has all the words of {query!r}. Use fewer words."


def _fields(image: GalleryImage, record: Record, links: Links | None) -> dict[str, Any]:
    fields = {
        **image_fields(image, links),
        "generation": record.generation,
        "prompt": record.prompt[:_PROMPT_TOLD],
        "model": record.model,
        "created": record.created_at.isoformat(timespec="seconds"),
        "sources": [source[:_PROMPT_TOLD] for source in record.sources],
    }
    if record.cost_usd is not None:
        fields["cost_usd"] = float(record.cost_usd)
    if is_missing(image):
        fields["missing"] = True
    return fields


def _line(image: GalleryImage, record: Record, links: Links | None) -> str:
    prompt = " ".join(record.prompt.split())
    shown = prompt if len(prompt) <= _PROMPT_SHOWN else f"{prompt[: _PROMPT_SHOWN - 1]}…"
    parts = [
        image.handle,
        record.created_at.astimezone().strftime("%Y-%m-%d %H:%M"),
        record.model,
        price(record.cost_usd),
        f'"{shown}"',
        _place(image, links),
    ]
    return " · ".join(parts)


def _place(image: GalleryImage, links: Links | None) -> str:
    named = place(image, links)
    if named is None:
        return f"not fetched yet: call show_image with {image.handle}"
    return f"{named} (the file is gone)" if is_missing(image) else named


def is_missing(image: GalleryImage) -> bool:
    """Whether the picture's file is not where it was stored."""
    return image.path is None or not image.path.is_file()
