"""The SDK's own client, which signs in with a person's browser and a real redirect."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import httpx2
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl


class Kept(TokenStorage):
    """Keeps what a client got, as its file would."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """Return the tokens."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep the tokens."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return what the client registered."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep what the client registered."""
        self.client = client_info


class Browser:
    """A person's browser, which presses “Allow”, and the client's page that waits for the answer.

    Args:
        url: The server.
        name: Who they are there.
        own_key: The ImageRouter key that they store where they are asked; without one they leave paying to
            the operator.
    """

    def __init__(self, url: str, name: str = "Ann", own_key: str = "") -> None:
        self.name = name
        self._own_key = own_key
        self.http = httpx.AsyncClient(base_url=url, trust_env=False, timeout=60, follow_redirects=True)
        self.opened = 0
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def accept(self, code: str) -> None:
        """Enter the code of an invitation."""
        page = await self.http.post("/sign-in", data={"code": code, "request": ""})
        assert f"You are signed in as <bdi>{self.name}</bdi>" in page.text

    async def open(self, address: str) -> None:
        """Open the address that a client names, and allow what it asks for."""
        self.opened += 1
        self.answer = asyncio.get_running_loop().create_future()
        page = await self.http.get(address)
        handle = page.text.split('name="request" value="')[1].split('"')[0]
        if "Sign in with" in page.text:
            page = await self.http.post("/sign-in/openid", data={"request": handle})
        if page.url.path == "/api-key" and self._own_key:
            key = {"request": handle, "api_key": self._own_key, "decision": "store"}
            page = await self.http.post("/api-key", data=key)
        elif page.url.path == "/api-key":
            page = await self.http.get("/consent", params={"request": handle, "key": "later"})
        assert "to use your pictures?" in page.text
        done = await self.http.post("/consent", data={"request": handle, "decision": "allow"})
        assert done.text == "You may close this page."

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the redirect."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.answer.set_result(head.split(" ")[1])
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\nConnection: close\r\n\r\nYou may close this page."
        )
        await writer.drain()
        writer.close()

    async def wait(self) -> AuthorizationCodeResult:
        """Wait for the answer to arrive."""
        said = httpx.URL(await self.answer).params
        return AuthorizationCodeResult(code=said["code"], state=said["state"], iss=said["iss"])


@asynccontextmanager
async def connected(url: str, kept: Kept, browser: Browser) -> AsyncGenerator[Client]:
    """Connect a client that signs in when it has to."""
    listener = await asyncio.start_server(browser.receive, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    metadata = OAuthClientMetadata(
        client_name="The SDK's client", redirect_uris=[AnyUrl(f"http://127.0.0.1:{port}/callback")]
    )
    signing_in = OAuthClientProvider(url, metadata, kept, browser.open, browser.wait)
    async with (
        listener,
        httpx2.AsyncClient(auth=signing_in, trust_env=False, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client
