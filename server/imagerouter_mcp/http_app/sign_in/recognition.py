"""Recognise people by their clients' access tokens, issued here or by their company."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from anyio import to_thread

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.http_app.admission import NotRecognisedError, Recognised, Recognition
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.exposure import MCP_PATH
from imagerouter_mcp.http_app.sign_in.metadata_routes import challenge
from imagerouter_mcp.http_app.sign_in.registered_client import SCOPE
from imagerouter_mcp.people.register import People
from imagerouter_mcp.sign_in.company_tokens import CompanyTokens, NotLetInError, ScopeLackingError
from imagerouter_mcp.sign_in.issuer import Issuer, IssuerSettingsError, IssuerUnavailableError
from imagerouter_mcp.sign_in.sign_in import SignIn
from imagerouter_mcp.sign_in.vouched import vouched_name

_JWT_DOTS = 2
_COMPANYS_APP = "an app of the company"
"""The name for every client of a company that issues tokens itself; none of them is the studio."""
_UNTIL_CORRECTED = "Whoever runs this server has to correct its settings first."


def recognition(apps: Apps, origin: str) -> Recognition:
    """Return what recognises people by an access token, or by a token from the operator.

    Args:
        apps: The people's Apps.
        origin: The server's own origin.
    """
    shared = apps.operator.shared
    if apps.settings.jwt_issuer and shared.issuer and shared.people:
        by_token = _by_company_token(apps, shared.issuer, shared.people, origin)
        return Recognition(by_token, apps.find, challenge(origin, apps.settings.jwt_scope))
    by_token = _by_own_token(apps, shared.sign_in, origin)
    return Recognition(by_token, apps.find, challenge(origin, SCOPE))


def _by_own_token(apps: Apps, sign_in: SignIn, origin: str) -> Callable[[str], Awaitable[Recognised | None]]:
    async def by_token(token: str) -> Recognised | None:
        shown = await to_thread.run_sync(sign_in.grants.find_access, token)
        if shown is None:
            return await _by_operators_token(apps, token)
        person = await apps.find(shown.person) if shown.resource == origin + MCP_PATH else None
        return Recognised(person, shown.client) if person else None

    return by_token


async def _by_operators_token(apps: Apps, token: str) -> Recognised | None:
    person = await apps.by_token(token)
    return Recognised(person) if person else None


def _by_company_token(
    apps: Apps, issuer: Issuer, people: People, origin: str
) -> Callable[[str], Awaitable[Recognised | None]]:
    tokens = CompanyTokens(issuer, apps.settings, origin + MCP_PATH)

    async def by_token(token: str) -> Recognised | None:
        if token.count(".") != _JWT_DOTS:
            return await _by_operators_token(apps, token)
        try:
            claims = await tokens.claims(token)
        except IssuerUnavailableError as error:
            lasts = isinstance(error, IssuerSettingsError)
            told = (
                f"You cannot be recognised now, because {issuer.host}'s keys cannot be fetched: {error}. "
                f"Nothing was sent. {_UNTIL_CORRECTED if lasts else 'Try again in a minute.'}"
            )
            raise NotRecognisedError(
                error_response(HTTPStatus.SERVICE_UNAVAILABLE, told, {"Retry-After": "30"})
            ) from None
        except ScopeLackingError as error:
            lacking = challenge(origin, apps.settings.jwt_scope, "insufficient_scope")
            raise NotRecognisedError(
                error_response(HTTPStatus.FORBIDDEN, str(error), {"WWW-Authenticate": lacking})
            ) from None
        except NotLetInError as error:
            raise NotRecognisedError(error_response(HTTPStatus.FORBIDDEN, str(error))) from None
        if claims is None:
            return None
        name = vouched_name(claims)
        person = await to_thread.run_sync(people.vouched_for, claims["iss"], claims["sub"], name)
        if person is None:
            blocked = "Whoever runs this server has blocked you. Ask them."
            raise NotRecognisedError(error_response(HTTPStatus.FORBIDDEN, blocked))
        return Recognised(person, _COMPANYS_APP)

    return by_token
