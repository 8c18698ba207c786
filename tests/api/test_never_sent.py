"""Requests that never reach the service.

A plain port in place of TLS fails where a bad certificate does.
"""

import asyncio

from imagerouter_mcp import errors
from imagerouter_mcp.settings import Settings
from support.service_calls import Answering, failure, paid, raw


async def closed_port() -> int:
    """A port where nothing listens any more: the operating system gives it to nobody else so soon."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_a_refused_connection_was_never_sent(settings: Settings) -> None:
    error = await failure(settings, paid(f"http://127.0.0.1:{await closed_port()}/v1"))
    assert type(error) is errors.ServiceUnreachableError
    assert error.charged == "no"
    assert "could not be reached at 127.0.0.1" in error.what
    assert "IMAGEROUTER_BASE_URL" in error.remedy


async def test_a_name_that_nobody_knows_was_never_sent(settings: Settings) -> None:
    error = await failure(settings, paid("http://nonexistent.invalid/v1"))
    assert type(error) is errors.ServiceUnreachableError
    assert "could not be reached at nonexistent.invalid" in error.what


async def test_a_failed_tls_handshake_was_never_sent(answering: Answering, settings: Settings) -> None:
    heard: list[bytes] = []
    waiting = await answering(raw(b"{}"), heard=heard)
    for plain in (settings.base_url, waiting):  # the one refuses the handshake, the other says nothing to it
        error = await failure(settings, paid(plain.replace("http://", "https://")), stall_seconds=0.5)
        assert type(error) is errors.ServiceUnreachableError
        assert error.charged == "no"
    assert heard == []


async def test_an_address_that_is_none_is_a_matter_of_configuration(settings: Settings) -> None:
    error = await failure(settings, paid("http://xn--.invalid/v1"))
    assert type(error) is errors.ConfigurationError
    assert "IMAGEROUTER_BASE_URL" in error.remedy
