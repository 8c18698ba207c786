"""Serve clients' OAuth requests with the SDK's handlers, after checks that the SDK omits."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import urljoin

from mcp.server.auth.handlers.authorize import AuthorizationHandler
from mcp.server.auth.handlers.register import RegistrationHandler
from mcp.server.auth.handlers.token import TokenHandler
from mcp.server.auth.middleware.client_auth import AuthenticationError, ClientAuthenticator
from mcp.server.auth.settings import ClientRegistrationOptions
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imagerouter_mcp.events import TokenAsked, tell
from imagerouter_mcp.http_app.exposure import STUDIO_CLIENT
from imagerouter_mcp.http_app.sign_in.cookies import Cookies
from imagerouter_mcp.http_app.sign_in.limit import Limit
from imagerouter_mcp.http_app.sign_in.pages import notice_page
from imagerouter_mcp.http_app.sign_in.provider import AuthorizationServer, is_same_resource
from imagerouter_mcp.http_app.sign_in.registered_client import with_parameters
from imagerouter_mcp.http_app.sign_in_paths import AUTHORIZE, CONSENT, REGISTER, REVOKE, TOKEN
from imagerouter_mcp.sign_in.client_documents import DocumentError, is_document_address
from imagerouter_mcp.sign_in.waiting import Asked

LONGEST_QUERY = 10_000
GRANTS = ("authorization_code", "refresh_token")
REQUESTS_PER_SECOND = 10.0
"""For one client in one network, with bursts of a hundred. All users of a web host share it."""
REGISTRATIONS_PER_SECOND = 1.0
"""Registrations that one network may send, with bursts of ten. Some hosts register for each connection."""
TOKEN_SECONDS, REFRESH_SECONDS = 8.0, 25.0
"""Answer within these, because claude.ai waits 10 s for tokens and 30 s for refreshed ones."""
MOST_UNDER_WAY = 300
"""Token requests at the same time. Those whose client was answered or has left hold no connection."""
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_FORM = "application/x-www-form-urlencoded"
Endpoint = Callable[[Request], Awaitable[Response]]


def oauth_routes(server: AuthorizationServer, issuer: str, resource: str, cookies: Cookies) -> list[Route]:
    """Return the routes of the authorization server.

    Args:
        server: Answers the handlers.
        issuer: The server's own origin.
        resource: The address of our MCP endpoint.
        cookies: Binds a request to the browser that sent it.
    """
    authenticator = ClientAuthenticator(server)
    limit = Limit(REQUESTS_PER_SECOND)
    options = ClientRegistrationOptions(enabled=True)
    return [
        Route(AUTHORIZE, _authorizing(server, issuer, cookies), methods=["GET"]),
        Route(
            TOKEN,
            _checked(_in_time(_told(TokenHandler(server, authenticator).handle)), resource, limit),
            methods=["POST"],
        ),
        Route(
            REVOKE,
            _checked(_revoking(server, authenticator), resource, limit),
            methods=["POST"],
        ),
        Route(REGISTER, _registering(RegistrationHandler(server, options).handle), methods=["POST"]),
    ]


def _authorizing(server: AuthorizationServer, issuer: str, cookies: Cookies) -> Endpoint:
    limit = Limit(REQUESTS_PER_SECOND)

    async def authorize(request: Request) -> Response:
        client = request.query_params.get("client_id", "")
        if limit.refuses(request, client):
            return notice_page(429, "Too many sign-ins", "Wait a minute, then start again in your app.")
        if complaint := await _complaint(server, request, client):
            return notice_page(400, "This app cannot sign in", complaint)
        asked = Asked()
        asking = server.asking(asked, by_own_page=client == STUDIO_CLIENT and _is_from_our_page(request))
        answer = await AuthorizationHandler(asking).handle(request)
        location = answer.headers.get("location")
        if location is None:
            return notice_page(
                400,
                "This app cannot sign in",
                "It is not registered here, or not with the redirect address that it asks for. "
                "Remove this server from your app and add it again; the app then registers again.",
            )
        if location.startswith(f"{CONSENT}?"):
            answer.headers["location"] = urljoin(issuer, location)
            cookies.bind(request, answer, asked)
        else:
            answer.headers["location"] = with_parameters(location, iss=issuer)
        return answer

    return authorize


def _is_from_our_page(request: Request) -> bool:
    """Return whether one of our own pages led here, by a header that other sites cannot set."""
    return request.headers.getlist("sec-fetch-site") == ["same-origin"]


async def _complaint(server: AuthorizationServer, request: Request, client: str) -> str | None:
    """Return why a request must not be answered with a redirect, or None."""
    if len(request.scope["query_string"]) > LONGEST_QUERY:
        return "Its request is too long."
    if repeated := _repeated(request.query_params):
        return f"Its request names “{repeated}” more than once."
    if request.query_params.get("code_challenge_method") != "S256":
        return "It does not protect the sign-in with PKCE and SHA-256 (code_challenge_method=S256)."
    if is_document_address(client):
        try:
            await server.described_client(client)
        except DocumentError as error:
            return f"The document that describes the app cannot be used: {error}."
    return None


def _checked(handler: Endpoint, resource: str, limit: Limit) -> Endpoint:
    """Return an endpoint that checks a form before the SDK's handler reads it."""

    async def answer(request: Request) -> Response:
        if _media_type(request) != _FORM:
            return _refusal(400, "invalid_request", f"Send a form as {_FORM}.")
        form = await request.form()
        if limit.refuses(request, str(form.get("client_id", ""))):
            return _too_many()
        if repeated := _repeated(form):
            return _refusal(400, "invalid_request", f"The form has {repeated} more than once.")
        asked = form.get("resource")
        if asked is not None and not is_same_resource(str(asked), resource):
            return _refusal(400, "invalid_target", f"Tokens are issued for {resource} only.")
        return await handler(request)

    return answer


def _revoking(server: AuthorizationServer, authenticator: ClientAuthenticator) -> Endpoint:
    """Return the RFC 7009 endpoint. The SDK's own refuses clients without a secret."""

    async def revoke(request: Request) -> Response:
        try:
            client = await authenticator.authenticate_request(request)
        except AuthenticationError as error:
            return _refusal(401, "invalid_client", error.message)
        shown = str((await request.form()).get("token", ""))
        token = await server.load_access_token(shown) or await server.load_refresh_token(client, shown)
        if token and token.client_id == client.client_id:
            await server.revoke_token(token)
        return Response(headers=_NO_STORE)

    return revoke


def _in_time(handler: Endpoint) -> Endpoint:
    """Return an endpoint that says in time if tokens take longer; what was begun goes on."""
    under_way: set[asyncio.Future[Response]] = set()

    async def answer(request: Request) -> Response:
        renews = (await request.form()).get("grant_type") == "refresh_token"
        if len(under_way) < MOST_UNDER_WAY:
            work = asyncio.ensure_future(handler(request))
            under_way.add(work)
            work.add_done_callback(
                lambda ended: (under_way.discard(ended), ended.cancelled() or ended.exception())
            )
            await asyncio.wait({work}, timeout=REFRESH_SECONDS if renews else TOKEN_SECONDS)
            if work.done():
                return await work
        sentence = "The server's records do not answer. Try again in a minute."
        return _refusal(503, "temporarily_unavailable", sentence, {"Retry-After": "10"})

    return answer


def _told(handler: Endpoint) -> Endpoint:
    """Return an endpoint that also reports each token request's outcome to the log and the metrics."""

    async def answer(request: Request) -> Response:
        reply = await handler(request)
        shown = str((await request.form()).get("grant_type"))
        outcome = json.loads(bytes(reply.body)).get("error", "ok")
        tell(TokenAsked(grant=shown if shown in GRANTS else "other", outcome=outcome))
        return reply

    return answer


def _registering(handler: Endpoint) -> Endpoint:
    limit = Limit(REGISTRATIONS_PER_SECOND)

    async def register(request: Request) -> Response:
        if limit.refuses(request):
            return _too_many()
        answer = await handler(request)
        answer.headers.update(_NO_STORE)
        return answer

    return register


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _repeated(fields: FormData | QueryParams) -> str | None:
    """Return a parameter that occurs more than once, which OAuth forbids, or None."""
    names = [name for name, _ in fields.multi_items()]
    return next((name for name in names if names.count(name) > 1), None)


def _too_many() -> Response:
    return _refusal(
        429,
        "temporarily_unavailable",
        "Too many requests. Wait a moment, then continue.",
        {"Retry-After": "10"},
    )


def _refusal(status: int, error: str, sentence: str, headers: dict[str, str] | None = None) -> Response:
    content = {"error": error, "error_description": sentence}
    return JSONResponse(content, status, {**_NO_STORE, **(headers or {})})
