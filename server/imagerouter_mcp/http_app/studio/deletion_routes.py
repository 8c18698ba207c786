"""Delete pictures for the studio's page, which asks the person first."""

from typing import Any

from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.days import named_day
from imagerouter_mcp.gallery.deletion import Deleted
from imagerouter_mcp.http_app.exposure import STUDIO
from imagerouter_mcp.http_app.studio.small_json import answer, read_object, unusable
from imagerouter_mcp.wiring import App


def add_deletion(server: MCPServer[Apps], apps: Apps) -> None:
    """Add `/studio/delete`; `/studio/pictures/{handle}` deletes single pictures.

    Args:
        server: The server being built.
        apps: Hold the galleries.
    """

    @server.custom_route(f"{STUDIO}delete", methods=["POST"])
    async def delete(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        app, asked = apps.present(), await read_object(request) or {}
        try:
            before = named_day(str(asked.get("before")))
        except ValueError:
            return answer({"error": 'Send {"before": "2026-11-23", "confirm": false}.'}, 400)
        try:
            chosen = await to_thread.run_sync(app.deletion.before, before)
            if asked.get("confirm") is not True:
                return answer({"pictures": len(chosen.handles), "bytes": chosen.bytes, "deleted": False})
            return answer(_told(app, await to_thread.run_sync(app.deletion.delete, chosen.handles)))
        except ImageRouterError as error:
            return unusable(app, error)


async def delete_one(app: App, handle: str) -> Response:
    """Delete one picture.

    Raises:
        ConfigurationError: The gallery cannot be used.
    """
    chosen = await to_thread.run_sync(app.deletion.named, [handle])
    if chosen.unknown:
        return answer({"error": chosen.unknown[0]}, 404)
    deleted = await to_thread.run_sync(app.deletion.delete, chosen.handles)
    if not deleted.pictures and deleted.notes:
        return answer({"error": app.settings.for_callers(deleted.notes[0])}, 409)
    return answer(_told(app, deleted))


def _told(app: App, deleted: Deleted) -> dict[str, Any]:
    notes = [app.settings.for_callers(note) for note in deleted.notes]
    return {"pictures": deleted.pictures, "bytes": deleted.bytes, "deleted": True, "notes": notes}
