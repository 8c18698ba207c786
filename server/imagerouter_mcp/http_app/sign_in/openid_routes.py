"""Send a person's browser to the OpenID provider, and let the person in when it comes back.

`state` names the sign-in, and its own cookie proves that the browser is the one that started it. This stops
an attacker from signing a victim's browser in as somebody else (login CSRF): the victim's browser lacks the
cookie that belongs to the attacker's `state`. The cookie is HttpOnly, works once, and is SameSite=Lax:
browsers send it on the provider's redirect, but not with forms or scripts of other sites.
"""

import logging

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from imagerouter_mcp.http_app.sign_in.cookies import Cookies
from imagerouter_mcp.http_app.sign_in.pages import notice_page
from imagerouter_mcp.http_app.sign_in.person_routes import PersonRoutes, not_from_our_page, over
from imagerouter_mcp.http_app.sign_in_paths import CALLBACK, OPENID
from imagerouter_mcp.lines import one_line
from imagerouter_mcp.people.register import People
from imagerouter_mcp.sign_in.issuer import (
    LONGEST_SUBJECT,
    IssuerSettingsError,
    IssuerUnavailableError,
    TokenRefusedError,
)
from imagerouter_mcp.sign_in.openid import OpenIdProvider
from imagerouter_mcp.sign_in.vouched import verified_address, vouched_name
from imagerouter_mcp.sign_in.waiting import Asked, Waiting

logger = logging.getLogger(__name__)

_SEE_OTHER = 303


class OpenIdRoutes:
    """The two routes for signing in with a provider.

    Args:
        provider: The provider.
        sign_ins: Stores the sign-ins in progress there.
        people: The register of people.
        persons: Signs browsers in.
        cookies: Binds sign-ins to browsers.
    """

    def __init__(
        self,
        provider: OpenIdProvider,
        sign_ins: Waiting,
        people: People,
        persons: PersonRoutes,
        cookies: Cookies,
    ) -> None:
        self._provider = provider
        self._sign_ins = sign_ins
        self._people = people
        self._persons = persons
        self._cookies = cookies
        self.routes = [
            Route(OPENID, self._begin, methods=["POST"]),
            Route(CALLBACK, self._come_back, methods=["GET"]),
        ]

    async def _begin(self, request: Request) -> Response:
        if not await self._persons.is_from_our_page(request):
            return not_from_our_page()
        handle = str((await request.form()).get("request", ""))
        asked = Asked()
        try:
            address = await self._provider.address(asked)
        except IssuerUnavailableError as error:
            return self._unavailable(error)
        await to_thread.run_sync(self._sign_ins.keep, asked, handle)
        answer = RedirectResponse(address, _SEE_OTHER, {"Cache-Control": "no-store"})
        self._cookies.bind(request, answer, asked)
        return answer

    async def _come_back(self, request: Request) -> Response:
        said = request.query_params
        state = said.get("state", "")
        asked = self._cookies.asked(request, state)
        handle = await to_thread.run_sync(self._sign_ins.take, asked)
        if handle is None:
            return over()
        answer = await self._let_in(request, asked, handle)
        self._cookies.unbind(answer, state)
        return answer

    async def _let_in(self, request: Request, asked: Asked, handle: str) -> Response:
        """Sign in the person whom the provider identified."""
        name = self._provider.name
        try:
            claims = await self._provider.claims(asked, request.query_params)
        except IssuerUnavailableError as error:
            return self._unavailable(error)
        except TokenRefusedError as error:
            return notice_page(
                403,
                f"{name} did not sign you in",
                f"The reason: {error}. Start again in your app.",
            )
        known_as = one_line(
            verified_address(claims) or vouched_name(claims) or claims["sub"], LONGEST_SUBJECT
        )
        if not self._provider.lets_in(claims):
            return notice_page(
                403,
                "You have no access here",
                f"{name} knows you as {known_as}. Whoever runs this server has not given that account "
                "access: ask them, or sign in with another account.",
            )
        person = await to_thread.run_sync(
            self._people.vouched_for, claims["iss"], claims["sub"], vouched_name(claims)
        )
        if person is None:
            return notice_page(
                403,
                "You no longer have access here",
                f"Whoever runs this server has blocked {known_as}. Ask them.",
            )
        return await self._persons.let_in(request, person.id, handle)

    def _unavailable(self, error: IssuerUnavailableError) -> Response:
        logger.warning("Nobody can sign in at %s: %s.", self._provider.name, error)
        if isinstance(error, IssuerSettingsError):
            return notice_page(
                500,
                f"{self._provider.name} cannot sign you in here",
                f"A setting has to be corrected first: {error}. Tell whoever runs this server; trying "
                "again will not help until then.",
            )
        return notice_page(
            503,
            f"{self._provider.name} cannot be reached",
            f"This server cannot sign you in there: {error}. Try again in a minute. If this continues, tell "
            "whoever runs this server.",
        )
