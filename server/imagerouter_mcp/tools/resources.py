"""Resources: pictures, their records and the models, and completions of their names."""

import json
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from mcp.server import MCPServer
from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError, NotFoundError
from imagerouter_mcp.tools.listed_models import listed_model
from imagerouter_mcp.tools.offered_models import limits_of, offered
from imagerouter_mcp.tools.prompts import SUGGESTED
from imagerouter_mcp.tools.structured import as_json
from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.api.catalogue import Listing

_COMPLETIONS = 50
_LONGEST_TYPED = 1000
"""Characters that are completed; what was typed begins each of the completions."""
_JSON = "application/json"
_BYTES = "application/octet-stream"


def add_resources(server: MCPServer[Apps], apps: Apps) -> None:
    """Add the resources and their completions to a server."""

    @server.resource(
        "imagerouter://images/{handle}",
        name="image",
        title="Generated image",
        description="A generated image's file; above 700 kB a smaller JPEG of it.",
        mime_type=_BYTES,
    )
    async def image(handle: str) -> bytes:  # pyright: ignore[reportUnusedFunction] - the server holds it
        from imagerouter_mcp.tools.picture_files import picture_or_fitted

        return await picture_or_fitted(apps.present(), handle)

    @server.resource(
        "imagerouter://images/{handle}/record",
        name="record",
        title="Record of a generation",
        description="Prompt, model, parameters, sources, cost and files of a generation.",
        mime_type=_JSON,
    )
    async def record(handle: str) -> str:  # pyright: ignore[reportUnusedFunction] - the server holds it
        from imagerouter_mcp.generation.handles import find_image
        from imagerouter_mcp.tools.generation_result import record_fields

        app = apps.present()
        found = (await find_image(app.gallery, handle))[1]
        return json.dumps(_with_parts(record_fields(found, app.links)), ensure_ascii=False)

    # One template for two resources, because each takes half a millisecond of the start; `record` goes first.
    @server.resource(
        "imagerouter://images/{handle}/{+file}",
        name="file",
        title="Part of a file, or before the edit",
        description="parts/1, parts/2 …: a generated image's whole file; its record tells in how many parts. "
        "before: a copy, as JPEG, of the picture that an edit was made from.",
        mime_type=_BYTES,
    )
    async def file(handle: str, file: str) -> bytes:  # pyright: ignore[reportUnusedFunction] - the server holds it
        from imagerouter_mcp.tools.picture_files import picture_before, picture_part

        if file == "before":
            return await picture_before(apps.present(), handle)
        return await picture_part(apps.present(), handle, file.removeprefix("parts/"))

    @server.resource(
        "imagerouter://models",
        name="models",
        title="Models",
        description="Every model of ImageRouter with prices and abilities.",
        mime_type=_JSON,
    )
    async def models() -> str:  # pyright: ignore[reportUnusedFunction] - the server holds it
        listing = await _offered(apps.present())
        return json.dumps([as_json(listed_model(entry)) for entry in listing.models])

    @server.resource(
        "imagerouter://models/{+id}",
        name="model",
        title="Model",
        description="One model with prices and abilities.",
        mime_type=_JSON,
    )
    async def model(id: str) -> str:  # noqa: A002 # pyright: ignore[reportUnusedFunction] - named in the template
        return json.dumps(await _model(apps.present(), id))

    @server.completion()
    async def complete(  # pyright: ignore[reportUnusedFunction] - the server holds it
        ref: PromptReference | ResourceTemplateReference,  # noqa: ARG001 - a name means the same everywhere
        argument: CompletionArgument,
        context: CompletionContext | None,  # noqa: ARG001 - no argument depends on another
    ) -> Completion:
        short = len(argument.value) <= _LONGEST_TYPED
        values = await _completions(apps.present(), argument) if short else []
        return Completion(
            values=values[:_COMPLETIONS], total=len(values), has_more=len(values) > _COMPLETIONS
        )


def _with_parts(record: dict[str, Any]) -> dict[str, Any]:
    """Add to each image in how many parts its file can be read."""
    from imagerouter_mcp.tools.picture_files import parts_of

    for image in record["images"]:
        for file in filter(None, (image, image.get("original"))):
            file["parts"] = parts_of(file.get("bytes"))
    return record


async def _offered(app: App) -> "Listing":
    return offered(await app.catalogue.models(), await limits_of(app))


async def _model(app: App, model_id: str) -> dict[str, Any]:
    from imagerouter_mcp.api.catalogue import closest_ids

    listing = await app.catalogue.models()
    entry = listing.meant(model_id)
    if entry is None:
        near = closest_ids(offered(listing, await limits_of(app)), model_id)
        raise NotFoundError(
            f"There is no model {model_id[:100]!r} at ImageRouter.",
            f"Closest are {', '.join(near)}." if near else "Find models with search_models.",
        )
    return as_json(listed_model(entry))


async def _completions(app: App, argument: CompletionArgument) -> list[str]:
    """Return handles, model ids or phrases that continue what was typed; none if they cannot be read."""
    from imagerouter_mcp.api.model_search import search

    typed = argument.value.strip().lower()
    if argument.name in SUGGESTED:
        return [phrase for phrase in SUGGESTED[argument.name] if phrase.lower().startswith(typed)]
    try:
        if argument.name in ("handle", "image"):
            records = await to_thread.run_sync(app.gallery.list, None, 200)
            handles = ["last", *(image.handle for record in records for image in record.images)]
            return [handle for handle in handles if handle.startswith(typed)]
        if argument.name in ("id", "model"):
            return [entry.id for entry in search((await _offered(app)).models, typed)]
        if argument.name == "models":
            before, comma, last = argument.value.rpartition(",")
            found = search((await _offered(app)).models, last.strip().lower())
            return [f"{before}{comma} {entry.id}" if comma else entry.id for entry in found]
    except ImageRouterError:
        return []
    return []
