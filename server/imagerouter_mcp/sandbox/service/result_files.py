"""Where results are fetched: `/files/<name>`."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from imagerouter_mcp.sandbox.service.state import SandboxState


async def file(request: Request) -> Response:
    """`GET /files/{name}`: a result with its media type."""
    state: SandboxState = request.app.state.sandbox
    found = state.results.get(request.path_params["name"])
    return Response(found.data, media_type=found.media_type) if found else PlainTextResponse("Not Found", 404)
