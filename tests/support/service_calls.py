"""Single requests to ImageRouter through `ServiceHTTP`, for the tests of what answers them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.api.http import Call, ServiceHTTP
from imagerouter_mcp.fetch import http_client
from imagerouter_mcp.settings import Settings

Journal = Callable[[], list[dict[str, Any]]]
Answering = Callable[..., Awaitable[str]]
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Script], Awaitable[str]]

FREE_MODEL = "black-forest-labs/FLUX-1-schnell:free"


@asynccontextmanager
async def service(settings: Settings, **changes: object) -> AsyncGenerator[ServiceHTTP]:
    settings = settings.model_copy(update=changes)
    async with http_client() as http:
        yield ServiceHTTP(http, settings.key, settings.stall_seconds)


def posted(settings: Settings, body: object) -> Call:
    url = f"{settings.base_url}/v1/openai/images/generations"
    return Call("POST", url, settings.timeout or 10, paid=True, content={"json": body})


def generation(settings: Settings, model: str = "test/test", **fields: object) -> Call:
    return posted(settings, {"model": model, "prompt": "a red fox", **fields})


def lookup(url: str, seconds: float = 10) -> Call:
    return Call("GET", url, seconds, authorized=False)


def paid(url: str, seconds: float = 10) -> Call:
    return Call("POST", url, seconds, paid=True, content={"json": {"model": "test/test"}})


def raw(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Pulse:
    """Counts signs of life."""

    beats = 0

    async def __call__(self) -> None:
        """Count one."""
        self.beats += 1


async def failure(
    settings: Settings, call: Call, heartbeat: Pulse | None = None, **changes: object
) -> errors.ImageRouterError:
    async with service(settings, **changes) as http:
        with pytest.raises(errors.ImageRouterError) as caught:
            await http.send(call, heartbeat or Pulse())
    return caught.value
