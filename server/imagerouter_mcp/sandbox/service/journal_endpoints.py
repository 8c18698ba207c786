"""The endpoints that only the sandbox has, under `/sandbox/`: what has arrived."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imagerouter_mcp.sandbox.service.state import SandboxState


async def read_journal(request: Request) -> Response:
    """`GET /sandbox/journal`: everything that arrived, in order."""
    state: SandboxState = request.app.state.sandbox
    return JSONResponse(state.journal.as_json())


async def clear_journal(request: Request) -> Response:
    """`DELETE /sandbox/journal`: forget what arrived."""
    state: SandboxState = request.app.state.sandbox
    state.reset()
    return Response(status_code=204)


async def read_upload(request: Request) -> Response:
    """`GET /sandbox/uploads/{sha256}`: the bytes of an uploaded file."""
    state: SandboxState = request.app.state.sandbox
    found = state.uploads.get(request.path_params["sha256"])
    return Response(found.data, media_type=found.media_type) if found else PlainTextResponse("Not Found", 404)
