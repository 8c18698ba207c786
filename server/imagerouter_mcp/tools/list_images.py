"""The tool `list_images`: list what was made."""

from typing import TYPE_CHECKING, Annotated, TypedDict

from anyio import to_thread
from mcp.types import CallToolResult
from pydantic import Field

from imagerouter_mcp.gallery.days import here
from imagerouter_mcp.lines import collapse
from imagerouter_mcp.tools.declare import READS_HERE, tool
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.pictures import Picture, cost_words, picture_fields, place
from imagerouter_mcp.tools.structured import PROMPT_IN_FIELDS, short_prompt, tool_result
from imagerouter_mcp.tools.unfinished import Unfinished, unfinished, unfinished_lines

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.entries import Entry, GalleryImage, Record
    from imagerouter_mcp.gallery.journal import Journal
    from imagerouter_mcp.gallery.records import Gallery
    from imagerouter_mcp.gallery.signed_links import Links

Query = Annotated[
    str,
    Field(description='Words of prompt, model, handle or date ("2026-11", "today").'),
]
Limit = Annotated[int, Field(ge=1, le=200, description="Maximum number of generations. Default 10.")]

_QUERY_SHOWN = 80
"""Characters."""
_LOOKED_THROUGH = 200
"""How many generations without a result, newest first, are searched."""


class ListedPicture(Picture):
    """A picture in the gallery; `cost_usd` is that of its whole generation."""

    generation: str
    prompt: str
    created: str
    sources: list[str]
    missing: bool | None


class ImagesContent(TypedDict):
    """Some pictures of the gallery; `total` counts all generations that match."""

    images: list[ListedPicture]
    unfinished: list[Unfinished]
    total: int


@tool("List images", READS_HERE)
async def list_images(
    *, ctx: AppContext, query: Query = "", limit: Limit = 10
) -> Annotated[CallToolResult, ImagesContent]:
    """List pictures and videos made earlier, newest first, and what is unfinished. Free."""
    app = ctx.request_context.lifespan_context.present()
    await app.calls.settle()
    # All in one thread: under load, each change of threads costs milliseconds.
    return await to_thread.run_sync(_look, app.gallery, app.journal, app.links, query, limit)


def _look(
    gallery: "Gallery", journal: "Journal", links: "Links | None", query: str, limit: int
) -> CallToolResult:
    """Return the tool's answer."""
    from imagerouter_mcp.gallery.query import matches

    without_result = journal.unfinished(_LOOKED_THROUGH)
    entries = [entry for entry in without_result if matches(query, _words(entry), entry.created_at)][:limit]
    records = gallery.list(query, limit)
    total = gallery.count(query)
    pairs = [(image, record) for record in records for image in record.images]
    lines = [
        *unfinished_lines(entries),
        *(_line(image, record, links) for image, record in pairs),
        *_more(total - len(records), query),
        *(sentence for record in records for sentence in record.damage),
    ]
    images = [_listed(image, record, links) for image, record in pairs]
    content = ImagesContent(images=images, unfinished=list(map(unfinished, entries)), total=total)
    return tool_result(lines or [_nothing(query, gallery.count())], content)


def _nothing(query: str, made: int) -> str:
    if not made:
        return "No picture has been made yet."
    of_all = "The only generation does not have" if made == 1 else f"None of the {made} generations has"
    return f"{of_all} all the words of {collapse(query, _QUERY_SHOWN)!r}. Use fewer words."


def _more(more: int, query: str) -> list[str]:
    if more <= 0:
        return []
    older = "1 older generation" if more == 1 else f"{more} older generations"
    found = f"{older} with these words" if query.strip() else older
    return [f"And {found}: use a larger limit{'' if query.strip() else ', or words in query'}."]


def _words(entry: "Entry") -> str:
    """Return what a search for a generation without a result looks through."""
    return f"{entry.prompt}\n{entry.model}\n{entry.handle}\n{entry.call}"


def _listed(image: "GalleryImage", record: "Record", links: "Links | None") -> ListedPicture:
    return {
        **picture_fields(image, links),
        "generation": record.generation,
        "prompt": record.prompt[:PROMPT_IN_FIELDS],
        "model": record.model,
        "cost_usd": record.cost_usd,
        "created": record.created_at.isoformat(timespec="seconds"),
        "sources": [source[:PROMPT_IN_FIELDS] for source in record.sources],
        "missing": not image.here or None,
    }


def _line(image: "GalleryImage", record: "Record", links: "Links | None") -> str:
    parts = [
        image.handle,
        here(record.created_at).strftime("%Y-%m-%d %H:%M"),
        *(() if record.made_here else (record.model,)),
        cost_words(record.cost_usd),
        f'"{short_prompt(record.prompt)}"',
        _place(image, links),
    ]
    return " · ".join(parts)


def _place(image: "GalleryImage", links: "Links | None") -> str:
    named = place(image, links)
    if named is None:
        return f"not fetched yet: call show_image with {image.handle}"
    return f"{named} (the file is gone)" if not image.here else named
