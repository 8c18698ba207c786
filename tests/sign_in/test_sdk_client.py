"""The SDK's own client signs in to a server process, with a person's browser and a real redirect."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import httpx2
import pytest
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from imagerouter_mcp.cli.main import main
from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.http_serving import Serving, bare_environment, sandbox_environment, serving


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
    """A person's browser, which presses “Allow”, and the client's page that waits for the answer."""

    def __init__(self, url: str) -> None:
        self.http = httpx.AsyncClient(base_url=url, trust_env=False, timeout=20, follow_redirects=True)
        self.opened = 0
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def accept(self, code: str) -> None:
        """Enter the code of an invitation."""
        page = await self.http.post("/sign-in", data={"code": code, "request": ""})
        assert "You are signed in as <bdi>Ann</bdi>" in page.text

    async def open(self, address: str) -> None:
        """Open the address that a client names, and allow what it asks for."""
        self.opened += 1
        self.answer = asyncio.get_running_loop().create_future()
        page = await self.http.get(address)
        handle = page.text.split('name="request" value="')[1].split('"')[0]
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
async def connected(server: Serving, kept: Kept, browser: Browser) -> AsyncGenerator[Client]:
    """Connect a client that signs in when it has to."""
    listener = await asyncio.start_server(browser.receive, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    metadata = OAuthClientMetadata(
        client_name="The SDK's client", redirect_uris=[AnyUrl(f"http://127.0.0.1:{port}/callback")]
    )
    signing_in = OAuthClientProvider(server.url, metadata, kept, browser.open, browser.wait)
    async with (
        listener,
        httpx2.AsyncClient(auth=signing_in, trust_env=False, timeout=20) as http,
        Client(streamable_http_client(server.url, http_client=http)) as client,
    ):
        yield client


def _invited(capsys: pytest.CaptureFixture[str], name: str) -> str:
    assert main(["people", "invite", name]) == 0
    return capsys.readouterr().out.split("/invitation#")[1].split()[0]


async def test_the_sdks_client_signs_in_once_and_comes_back_until_its_person_is_removed(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment = {**sandbox_environment(sandbox, tmp_path), "IMAGEROUTER_PEOPLE": "1"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with serving({**bare_environment(tmp_path), **environment}) as server:
        browser, kept = Browser(server.base), Kept()
        await browser.accept(_invited(capsys, "Ann"))
        for _ in range(2):
            async with connected(server, kept, browser) as client:
                assert (await client.call_tool("list_images", {})).is_error is False
        assert browser.opened == 1
        assert kept.tokens
        assert await asyncio.to_thread(main, ["people", "remove", "Ann", "--yes"]) == 0
        shown = {"Authorization": f"Bearer {kept.tokens.access_token}"}
        assert (await browser.http.post("/mcp", headers=shown)).status_code == 401
        await browser.http.aclose()
