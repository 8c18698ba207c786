"""Receive pictures to edit at a signed link that works once, from curl or from a form in a browser."""

import html
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from anyio import to_thread
from mcp.server import MCPServer
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Message

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError, InvalidSourceError
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.gallery.uploads import MAX_UPLOAD_BYTES, Uploads, is_upload
from imagerouter_mcp.http_app.admission import CLIENT, declared_size
from imagerouter_mcp.http_app.downloads import HARMLESS, read_link
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.shares import Shares
from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.images.prepare import SourceImage

MAX_ARRIVING_BYTES = 2**30
"""How much of uploads may be on disk while they arrive; no client can take it all."""
_ENVELOPE_BYTES = 64 * 1024
"""Room for what a form sends beside its file."""
_MAX_BYTES = MAX_UPLOAD_BYTES + _ENVELOPE_BYTES
_MAX_FIELDS = 10
_PAGE = {
    **HARMLESS,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}
_FORM = """<form method="post" enctype="multipart/form-data">
<p>Choose one picture to be edited. This link works once, for a few minutes.</p>
<p><input type="file" name="file" accept="image/*" required> <button>Send</button></p>
</form>"""


class _RefusedError(Exception):
    """The upload is refused before it is looked at.

    Args:
        answer: Says why.
    """

    def __init__(self, answer: Response) -> None:
        self.answer = answer


def add_uploads(server: MCPServer[Apps], apps: Apps, links: Links, arrivals: "Arrivals") -> None:
    """Add `/uploads/{name}`.

    Args:
        server: The server being built.
        apps: Keep the uploads.
        links: Checks each request's signature.
        arrivals: Receives the uploads.
    """

    @server.custom_route("/uploads/{name}", methods=["GET", "POST", "PUT"])
    async def upload(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        name = request.path_params["name"]
        whose = await read_link(apps, links, "uploads", name, request)
        if isinstance(whose, Response):
            return whose
        if not is_upload(name):
            return error_response(404, "There is no such link. Ask the agent for one.")
        async with apps.using(whose) as app:
            if await to_thread.run_sync(app.uploads.find, name):
                return _used()
            if request.method not in ("POST", "PUT"):
                return _page(_FORM)
            return await arrivals.take(app, name, request)


class Arrivals:
    """Receives uploads, and limits how much disk they take until they are complete."""

    def __init__(self) -> None:
        self._held = Shares(MAX_ARRIVING_BYTES)

    async def take(self, app: App, name: str, request: Request) -> Response:
        """Receive a picture, keep it under a name from `Uploads.new_name`, and describe it.

        Args:
            app: Keeps the uploads.
            name: Not used before.
            request: Brings the picture as its body, or as a form's file.
        """
        from imagerouter_mcp.images.confined import scratch_file  # noqa: PLC0415 - loaded at the first upload
        from imagerouter_mcp.images.workers import decode  # noqa: PLC0415 - as above

        with scratch_file() as file, self._counted(request) as counted:
            try:
                await _read(counted, file)
                kept = await decode("sources", file, _keep, app.uploads, name, file)
            except _RefusedError as refused:
                return refused.answer
            except ClientDisconnect:
                return Response(status_code=400)  # the client is gone
            except InvalidSourceError as error:
                return error_response(415, f"{error.what} {error.remedy}")
            except ImageRouterError as error:
                return error_response(507, app.settings.for_callers(f"{error.what} {error.remedy}"))
        return _welcome(request, name, kept) if kept else _used()

    @contextmanager
    def _counted(self, request: Request) -> Generator[Request]:
        """Yield a request whose body is limited, and counted until the block ends."""
        client, held = request.scope[CLIENT], 0

        async def counting() -> Message:
            nonlocal held
            message = await request.receive()
            more = len(message.get("body", b""))
            if held + more > _MAX_BYTES:
                raise _RefusedError(_TOO_LARGE)
            if not self._held.take(client, more):
                raise _RefusedError(_TOO_MUCH)
            held += more
            return message

        try:
            yield Request(request.scope, counting)
        finally:
            self._held.give_back(client, held)


def _keep(uploads: Uploads, name: str, file: BinaryIO) -> "SourceImage | None":
    """Check a picture, remove everything but the picture, and keep it under a name; None if it is taken.

    Raises:
        InvalidSourceError: It is not a picture.
        ConfigurationError: It cannot be kept.
    """
    from imagerouter_mcp.images.prepare import prepare  # noqa: PLC0415 - see `Arrivals.take`

    prepared = prepare(file, "sent here")
    with prepared.file:
        return prepared if uploads.keep(name, prepared.file) else None


async def _read(request: Request, file: BinaryIO) -> None:
    """Write an upload into a file and rewind it.

    Raises:
        _RefusedError: It is too large, there is no room for it now, or it is a form that cannot be read.
        ClientDisconnect: It did not arrive completely.
    """
    if declared_size(request.scope) > _MAX_BYTES:
        raise _RefusedError(_TOO_LARGE)
    async for chunk in _content(request):
        await to_thread.run_sync(file.write, chunk)
    file.seek(0)


async def _content(request: Request) -> AsyncIterator[bytes]:
    """Yield the file of a form, or the body if it is no form.

    Raises:
        _RefusedError: It is a form that cannot be read.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        async for chunk in request.stream():
            yield chunk
        return
    try:
        async with request.form(max_files=1, max_fields=_MAX_FIELDS) as form:
            for _, value in form.multi_items():
                if isinstance(value, UploadFile):
                    while chunk := await value.read(_ENVELOPE_BYTES):
                        yield chunk
    except (HTTPException, UnicodeError):  # Python knows an encoding "undefined"
        raise _RefusedError(_NOT_A_FORM) from None


_TOO_LARGE = error_response(413, "The file is too large. Send a smaller picture.")
_TOO_MUCH = error_response(503, "Too many pictures arrive at once. Try again soon.", {"Retry-After": "5"})
_NOT_A_FORM = error_response(400, "The form cannot be read. Send the picture alone, as the body.")


def _used() -> Response:
    return error_response(409, "This link has been used. Ask the agent for a new one.")


def _welcome(request: Request, name: str, kept: "SourceImage") -> Response:
    if "text/html" in request.headers.get("accept", ""):
        arrived = f"The picture ({kept.width}×{kept.height}) has arrived. Name it to the agent"
        return _page(f"<p>{arrived}: <code>{html.escape(name)}</code>.</p>")
    description = {
        "handle": name,
        "media_type": kept.media_type,
        "width": kept.width,
        "height": kept.height,
        "notes": list(kept.notes),
    }
    return JSONResponse(description, 201, HARMLESS)


def _page(content: str) -> Response:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Send a picture</title>'
    return HTMLResponse(f"{head}{content}</html>", headers=_PAGE)
