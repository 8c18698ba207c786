"""A server that people sign in to, and what clients and browsers do there."""

import base64
import hashlib
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from anyio import to_thread
from pydantic import SecretStr

from imagerouter_mcp.cli.checks import Finding
from imagerouter_mcp.cli.sign_in_checks import sign_in_findings
from imagerouter_mcp.http_app.sign_in import oauth_routes, person_routes, sign_in_app
from imagerouter_mcp.people.person import Person
from imagerouter_mcp.people.register import BY_OPERATOR, open_register
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.sign_in.sign_in import SignIn
from support.http_in_process import served
from support.http_serving import ACCEPT, INITIALIZE

REDIRECT = "http://127.0.0.1:51234/callback"
"""Where a client of these tests wants its answer; nothing listens there."""
_HANDLE = re.compile(r'name="request" value="([^"]*)"')


@dataclass(frozen=True)
class Pkce:
    """A verifier and its challenge."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """The SHA-256 in base64url."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True)
class SignInServer:
    """A server that runs, and its stores."""

    url: str
    sign_in: SignIn
    settings: Settings

    @property
    def resource(self) -> str:
        """The address of its MCP endpoint."""
        return f"{self.url}/mcp"

    def invite(self, name: str) -> str:
        """Invite a person and return the code."""
        return self.sign_in.invitations.invite(self.person(name).id, 7)

    def person(self, name: str) -> Person:
        """Return a person, who is added if there is none of the name."""
        with closing(open_register(self.settings)) as register:
            return register.add(BY_OPERATOR, name, name)

    def visitor(self) -> "Visitor":
        """Return a browser that nobody is signed in with."""
        return Visitor(self)


class Visitor:
    """A browser, or a client: it keeps cookies, and follows no redirect by itself.

    Args:
        server: Where it goes.
    """

    def __init__(self, server: SignInServer) -> None:
        self.server = server
        self.http = httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60)

    async def __aenter__(self) -> Self:
        """Open the connections."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        await self.http.aclose()

    async def register(self, **metadata: Any) -> httpx.Response:  # noqa: ANN401 - whatever a client may say
        """Register a client."""
        usual = {"client_name": "A test", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
        return await self.http.post("/register", json={**usual, **metadata})

    async def client_id(self, **metadata: Any) -> str:  # noqa: ANN401 - as above
        """Register a client and return its id."""
        return (await self.register(**metadata)).json()["client_id"]

    async def authorize(self, client: str, pkce: Pkce, **parameters: str | None) -> httpx.Response:
        """Ask for an authorization, as a client has the browser do."""
        usual: dict[str, str | None] = {
            "client_id": client,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
            "state": "a state",
            "resource": self.server.resource,
        }
        asked = {name: value for name, value in {**usual, **parameters}.items() if value is not None}
        return await self.http.get("/authorize", params=asked)

    async def accept(self, code: str, handle: str = "") -> httpx.Response:
        """Enter the code of an invitation."""
        return await self.http.post("/sign-in", data={"code": code, "request": handle})

    async def begin(self, handle: str = "") -> str:
        """Press the button of the provider, and return where the browser is sent."""
        answer = await self.http.post("/sign-in/openid", data={"request": handle})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def consent_handle(self, asked: httpx.Response) -> str:
        """Open the page of consent and return the handle in its form."""
        page = await self.http.get(asked.headers["location"])
        found = _HANDLE.search(page.text)
        assert page.status_code == 200, page.text
        assert found, page.text
        return found[1]

    async def decide(self, handle: str, decision: str = "allow", **headers: str) -> httpx.Response:
        """Press a button of the page of consent."""
        return await self.http.post(
            "/consent", data={"request": handle, "decision": decision}, headers=headers
        )

    async def code(self, client: str, pkce: Pkce, **parameters: str | None) -> str:
        """Have the person who is signed in allow a client, and return the code that it gets."""
        asked = await self.authorize(client, pkce, **parameters)
        answer = await self.decide(await self.consent_handle(asked))
        return httpx.URL(answer.headers["location"]).params["code"]

    async def exchange(self, client: str, pkce: Pkce, code: str, **fields: str | None) -> httpx.Response:
        """Exchange a code."""
        usual: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "client_id": client,
            "code": code,
            "code_verifier": pkce.verifier,
            "redirect_uri": REDIRECT,
            "resource": self.server.resource,
        }
        return await self.token(**{**usual, **fields})

    async def refresh(self, client: str, token: str, **fields: str | None) -> httpx.Response:
        """Exchange a refresh token."""
        return await self.token(
            **{"grant_type": "refresh_token", "client_id": client, "refresh_token": token, **fields}
        )

    async def token(self, **fields: str | None) -> httpx.Response:
        """Send a form to the token endpoint."""
        return await self.http.post("/token", data={k: v for k, v in fields.items() if v is not None})

    async def signed_in(self, name: str) -> "Visitor":
        """Sign a person in with this browser."""
        answer = await self.accept(self.server.invite(name))
        assert answer.status_code == 303, answer.text
        return self

    async def tokens(self, client: str) -> dict[str, Any]:
        """Have the person who is signed in let a client in, and return its tokens."""
        pkce = Pkce()
        answer = await self.exchange(client, pkce, await self.code(client, pkce))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def call(self, token: str | None) -> httpx.Response:
        """Send a request to the MCP endpoint."""
        shown = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.http.post("/mcp", json=INITIALIZE, headers={**ACCEPT, **shown})


async def examined(visitor: Visitor) -> dict[str, Finding]:
    """Return what `doctor --remote` says of how people sign in, by its names."""
    asked = (await visitor.call(None)).headers["www-authenticate"]
    findings = await to_thread.run_sync(lambda: list(sign_in_findings(visitor.server.resource, asked)))
    return {each.name: each for each in findings}


@asynccontextmanager
async def sign_in_server(
    folder: Path,
    *,
    per_second: float = 10_000,
    database_url: str | None = None,
    base_url: str | None = None,
    **further: Any,  # noqa: ANN401 - settings of any type
) -> AsyncGenerator[SignInServer]:
    """Run a server that people sign in to.

    Args:
        folder: Where it keeps everything.
        per_second: How many requests each limit of sign-in allows; tests send more than people do.
        database_url: PostgreSQL, if it keeps its records there.
        base_url: The service that makes pictures, if any are made.
        further: Further settings.
    """
    settings = Settings(
        api_key=SecretStr(KEY if base_url else "sk-a-test"),
        output_dir=folder / "pictures",
        data_dir=folder / "data",
        http_rate=10_000,
        database_url=SecretStr(database_url) if database_url else None,
        people=True,
        remote=True,
        **further,
    )
    if base_url:
        settings = settings.model_copy(update={"base_url": base_url})
    async with AsyncExitStack() as running:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(oauth_routes, "REQUESTS_PER_SECOND", per_second)
            patch.setattr(oauth_routes, "REGISTRATIONS_PER_SECOND", per_second)
            patch.setattr(person_routes, "CODES_PER_SECOND", per_second)
            patch.setattr(sign_in_app, "PAGES_PER_SECOND", per_second)
            links, app = await running.enter_async_context(served(settings))
        yield SignInServer(links.base_url, app.shared.sign_in, settings)
