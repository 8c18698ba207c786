"""Fixtures for the files that test how people sign in; their `conftest.py` imports them."""

from collections.abc import AsyncGenerator, Generator

import pytest
import pytest_asyncio

from support.openid_provider import Provider, openid_provider
from support.signing_in import SignInServer, Visitor, sign_in_server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[SignInServer]:
    """Run a server that people sign in to."""
    async with sign_in_server(tmp_path_factory.mktemp("team")) as running:
        yield running


@pytest.fixture(scope="module")
def provider() -> Generator[Provider]:
    """Run an OpenID provider, or a company's own authorization server."""
    with openid_provider() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def ann(server: SignInServer) -> AsyncGenerator[Visitor]:
    """Return a browser that Ann is signed in with."""
    async with server.visitor() as visitor:
        yield await visitor.signed_in("Ann")


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(server: SignInServer) -> AsyncGenerator[Visitor]:
    """Return a browser that nobody is signed in with."""
    async with server.visitor() as visitor:
        yield visitor
