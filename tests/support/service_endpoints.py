"""A client of ImageRouter's endpoints, and pictures to send with it."""

import asyncio
import io
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from PIL import Image

from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.http import ServiceHTTP
from imagerouter_mcp.api.wire import Upload
from imagerouter_mcp.fetch import http_client
from imagerouter_mcp.settings import Settings

Journal = Callable[[], list[dict[str, Any]]]
Change = Callable[..., None]
Answering = Callable[..., Awaitable[str]]
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Script], Awaitable[str]]

EDITS = "/v1/openai/images/edits"
GENERATIONS = "/v1/openai/images/generations"
PROMPT = 'Zwei Füchse,\r\n"sehr" müde — 狐 🦊; name="model" --boundary'


@asynccontextmanager
async def client(settings: Settings, **changes: object) -> AsyncGenerator[ImageRouterClient]:
    settings = settings.model_copy(update=changes)
    async with http_client() as http:
        yield ImageRouterClient(ServiceHTTP(http, settings.key, settings.stall_seconds), settings)


def picture(kind: str = "PNG", side: int = 32, colour: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, kind)
    return buffer.getvalue()


def edits(journal: Journal) -> list[dict[str, Any]]:
    """Return the edits that were asked for, without the question which service it is."""
    return [entry for entry in journal() if entry["path"] == EDITS]


def upload(data: bytes, name: str = "image.png", media_type: str = "image/png") -> Upload:
    return Upload(io.BytesIO(data), name, media_type)


def answer(body: str) -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}".encode()
    )
