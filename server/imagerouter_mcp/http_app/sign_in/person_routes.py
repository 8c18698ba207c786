"""Serve the pages where people sign in and decide what a client may do."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode, urlsplit

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from imagerouter_mcp.http_app.exposure import MCP_PATH, STUDIO_CLIENT
from imagerouter_mcp.http_app.sign_in.cookies import Cookies
from imagerouter_mcp.http_app.sign_in.limit import Limit
from imagerouter_mcp.http_app.sign_in.own_key_pages import OwnKeyPages
from imagerouter_mcp.http_app.sign_in.pages import notice_page, page, shown_if
from imagerouter_mcp.http_app.sign_in.provider import AuthorizationServer
from imagerouter_mcp.http_app.sign_in.registered_client import (
    RegisteredClient,
    is_loopback_redirect,
    with_parameters,
)
from imagerouter_mcp.http_app.sign_in_paths import CONSENT, INVITATION, SIGN_IN_PAGE, SIGN_OUT
from imagerouter_mcp.lines import one_line
from imagerouter_mcp.sign_in.authorization_requests import AuthorizationRequest
from imagerouter_mcp.sign_in.client_documents import is_document_address
from imagerouter_mcp.sign_in.sign_in import SignIn

CODES_PER_SECOND = 0.5
"""Invitation codes per second that one network may try, with bursts of five."""
LONGEST_NAME = 60
_SEE_OTHER = 303
_FORM = "application/x-www-form-urlencoded"
NameOf = Callable[[str], Awaitable[str | None]]
"""Returns a person's name by id, or None if that person no longer exists."""


class PersonRoutes:
    """The routes that a person's browser opens.

    Args:
        sign_in: The stores.
        server: Knows the clients.
        issuer: The server's own origin.
        cookies: Binds requests to browsers, and browsers to people.
        name_of: Finds people's names.
        provider: Name of the provider that people can sign in with, or None.
        own_keys: Asks people for their own ImageRouter keys; None where the operator pays for everyone.
    """

    def __init__(
        self,
        sign_in: SignIn,
        server: AuthorizationServer,
        issuer: str,
        cookies: Cookies,
        name_of: NameOf,
        *,
        provider: str | None,
        own_keys: OwnKeyPages | None = None,
    ) -> None:
        self._sign_in = sign_in
        self._server = server
        self._issuer = issuer
        self._cookies = cookies
        self._name_of = name_of
        self._own_keys = own_keys
        self._provider = provider
        self._codes = Limit(CODES_PER_SECOND)
        self.routes = [
            Route(CONSENT, self._show_consent, methods=["GET"]),
            Route(CONSENT, self._decide, methods=["POST"]),
            Route(SIGN_IN_PAGE, self._show_sign_in, methods=["GET"]),
            Route(SIGN_IN_PAGE, self._accept, methods=["POST"]),
            Route(INVITATION, self._show_sign_in, methods=["GET"]),
            Route(SIGN_OUT, self._sign_out, methods=["POST"]),
            *(own_keys.routes(self) if own_keys else ()),
        ]

    async def person(self, request: Request) -> tuple[str, str] | None:
        """Return the id and name of the person signed in with this browser, or None."""
        secret = self._cookies.signed_in(request)
        person = await to_thread.run_sync(self._sign_in.browsers.find, secret) if secret else None
        name = await self._name_of(person) if person else None
        return (person, name) if person and name is not None else None

    async def let_in(self, request: Request, person: str, handle: str) -> Response:
        """Sign a browser in, and continue with the request that it sent, if any."""
        before = self._cookies.signed_in(request)
        if before:
            await to_thread.run_sync(self._sign_in.browsers.sign_out, before)
        answer = self._go_on(handle)
        self._cookies.sign_in(answer, await to_thread.run_sync(self._sign_in.browsers.sign_in, person))
        return answer

    async def _show_consent(self, request: Request) -> Response:
        handle = request.query_params.get("request", "")
        asked = await to_thread.run_sync(self._sign_in.requests.find, self._cookies.asked(request, handle))
        if asked is None:
            return over()
        person = await self.person(request)
        if person is None:
            return RedirectResponse(_with_request(SIGN_IN_PAGE, handle), _SEE_OTHER)
        if asked.by_own_page:
            return await self._decided(request, handle, person[0])
        if self._own_keys and (way := await self._own_keys.ask(request, person[0], handle)):
            return way
        client = await self._server.get_client(asked.client)
        return over() if client is None else _consent_page(client, asked, person, handle)

    async def _decide(self, request: Request) -> Response:
        if not await self.is_from_our_page(request):
            return not_from_our_page()
        form = await request.form()
        handle = str(form.get("request", ""))
        person = await self.person(request)
        if person is None:
            return RedirectResponse(_with_request(SIGN_IN_PAGE, handle), _SEE_OTHER)
        if form.get("person", person[0]) != person[0]:  # somebody else signed in after the page was shown
            return self._go_on(handle)
        return await self._decided(request, handle, person[0] if form.get("decision") == "allow" else None)

    async def _decided(self, request: Request, handle: str, allowed_by: str | None) -> Response:
        """Tell the client what the person decided; each request is answered once.

        Args:
            request: The browser's request.
            handle: The handle of the client's request.
            allowed_by: The id of the person who allows it; None if it is refused.
        """
        asked = await to_thread.run_sync(self._sign_in.requests.take, self._cookies.asked(request, handle))
        if asked is None:
            return over()
        if allowed_by:
            code = await to_thread.run_sync(self._sign_in.grants.give_code, allowed_by, asked)
            said = {"code": code}
        else:
            said = {"error": "access_denied", "error_description": "The person did not allow it."}
        address = with_parameters(asked.redirect_uri, **said, state=asked.state, iss=self._issuer)
        answer = RedirectResponse(address, _SEE_OTHER, {"Cache-Control": "no-store"})
        self._cookies.unbind(answer, handle)
        return answer

    async def _show_sign_in(self, request: Request) -> Response:
        handle = request.query_params.get("request", "")
        person = await self.person(request)
        if person and request.url.path == SIGN_IN_PAGE:
            return page(
                "signed_in",
                title="You are signed in",
                name=person[1],
                address=self._issuer + MCP_PATH,
                own_key=shown_if(self._own_keys),
            )
        return self._sign_in_page(handle, opened=request.url.path == INVITATION)

    async def _accept(self, request: Request) -> Response:
        if not await self.is_from_our_page(request):
            return not_from_our_page()
        form = await request.form()
        handle = str(form.get("request", ""))
        if self._codes.refuses(request):
            return self._sign_in_page(
                handle, "Too many codes were tried. Wait a minute, then try again.", 429
            )
        person = await to_thread.run_sync(self._sign_in.invitations.accept, str(form.get("code", "")))
        if person is None or await self._name_of(person) is None:
            return self._sign_in_page(
                handle,
                "This code does not work: it is incomplete, expired or already used. "
                f"Ask for a new invitation{f', or sign in with {self._provider}' if self._provider else ''}.",
                403,
            )
        return await self.let_in(request, person, handle)

    async def _sign_out(self, request: Request) -> Response:
        if not await self.is_from_our_page(request):
            return not_from_our_page()
        form = await request.form()
        await to_thread.run_sync(self._sign_in.browsers.sign_out, self._cookies.signed_in(request))
        answer = RedirectResponse(_with_request(SIGN_IN_PAGE, str(form.get("request", ""))), _SEE_OTHER)
        self._cookies.sign_out(answer)
        return answer

    def _sign_in_page(
        self, handle: str, complaint: str = "", status: int = 200, *, opened: bool = False
    ) -> Response:
        """Return the sign-in page.

        Args:
            handle: Handle of the request to continue with, if any.
            complaint: What is wrong with the invitation code that was entered.
            status: The HTTP status.
            opened: Whether the person arrived with an invitation link.
        """
        with_code = opened or bool(complaint) or self._provider is None
        return page(
            "sign_in",
            status,
            title="Sign in",
            handle=handle,
            provider=one_line(self._provider or "", LONGEST_NAME),
            provided=shown_if(self._provider),
            only_invited=shown_if(not self._provider),
            opened="open" if with_code else "",
            complaint=complaint,
            wrong=shown_if(complaint),
        )

    def _go_on(self, handle: str) -> Response:
        return RedirectResponse(_with_request(CONSENT if handle else SIGN_IN_PAGE, handle), _SEE_OTHER)

    async def is_from_our_page(self, request: Request) -> bool:
        """Return whether a form can have come from our own page, by the browser's headers."""
        sites, origins = request.headers.getlist("sec-fetch-site"), request.headers.getlist("origin")
        sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        return (
            sent == _FORM
            and all(site == "same-origin" for site in sites)
            and all(origin.lower() == self._issuer for origin in origins)
        )


def _consent_page(
    client: RegisteredClient, asked: AuthorizationRequest, person: tuple[str, str], handle: str
) -> Response:
    is_described, is_own = is_document_address(client.client_id), client.client_id == STUDIO_CLIENT
    host = urlsplit(client.client_id).netloc if is_described else ""
    target = urlsplit(asked.redirect_uri)
    local = is_loopback_redirect(asked.redirect_uri) and not is_own
    return page(
        "consent",
        title="Allow this app?",
        client=one_line(client.client_name or host or "An app without a name", LONGEST_NAME),
        described=shown_if(is_described),
        host=host,
        unchecked=shown_if(not is_described and not is_own),
        target=target.netloc or f"{target.scheme}:",
        local=shown_if(local),
        elsewhere=shown_if(not local),
        person_id=person[0],
        person=one_line(person[1], LONGEST_NAME),
        handle=handle,
    )


def _with_request(path: str, handle: str) -> str:
    return f"{path}?{urlencode({'request': handle})}" if handle else path


def over() -> Response:
    """Return the page for a sign-in that is unknown, expired or already decided."""
    return notice_page(
        400,
        "This sign-in has ended",
        "It is already decided, more than 15 minutes old, or was started in another browser. "
        "Start again in your app.",
    )


def not_from_our_page() -> Response:
    """Return the answer to a form that cannot have come from our own page."""
    return notice_page(403, "This did not come from our page", "Start again in your app.")
