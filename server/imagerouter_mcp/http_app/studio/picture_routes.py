"""Serve the gallery's files to the studio's page."""

from anyio import to_thread
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.entries import GalleryImage
from imagerouter_mcp.http_app.downloads import PICTURE, kept_file
from imagerouter_mcp.http_app.exposure import STUDIO
from imagerouter_mcp.http_app.studio.deletion_routes import delete_one
from imagerouter_mcp.http_app.studio.small_json import answer, unusable
from imagerouter_mcp.http_app.upload_page import Arrivals
from imagerouter_mcp.wiring import App

_HEADERS = {**PICTURE, "Cross-Origin-Resource-Policy": "same-origin"}


def add_pictures(server: MCPServer[Apps], apps: Apps, arrivals: Arrivals) -> None:
    """Add `/studio/pictures/{handle}` and `/studio/uploads`.

    Args:
        server: The server being built.
        apps: Hold the galleries.
        arrivals: Receives uploads.
    """

    @server.custom_route(f"{STUDIO}pictures/{{handle}}", methods=["GET", "DELETE"])
    async def picture(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        app, handle = apps.present(), request.path_params["handle"]
        try:
            if request.method == "DELETE":
                return await delete_one(app, handle)
            return await to_thread.run_sync(_looked_up, app, handle)
        except ImageRouterError as error:
            return unusable(app, error)

    @server.custom_route(f"{STUDIO}uploads", methods=["POST"])
    async def upload(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        app = apps.present()
        return await arrivals.take(app, app.uploads.new_name(), request)


def _looked_up(app: App, handle: str) -> Response:
    """Return a picture's file, or why there is none."""
    found = app.gallery.find(handle)
    if found:
        return _whole(app, found[0])
    if app.gallery.was_deleted(handle):
        return answer({"error": "This picture was deleted."}, 410)
    return answer({"error": "There is no such picture in the gallery."}, 404)


def _whole(app: App, image: GalleryImage) -> Response:
    about = {"media_type": image.media_type, "handle": image.handle}
    try:
        served = kept_file(app, image.path, _HEADERS)
    except OSError:
        return answer({"error": "The object store does not answer. Try again in a minute.", **about}, 503)
    return served or answer({"error": "The file of this picture is not there any more.", **about}, 404)
