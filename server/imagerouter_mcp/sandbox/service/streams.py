"""Response bodies that come piece by piece, and connections that break."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from imagerouter_mcp.sandbox.service.state import SandboxState


class CutError(Exception):
    """Raised by a body's iterator to break the connection instead of ending the body."""


class CuttableResponse(StreamingResponse):
    """A streaming response whose iterator may raise `CutError`."""

    async def stream_response(self, send: Send) -> None:
        """Send, and leave the response unfinished on `CutError`: the server then closes the connection."""
        try:
            await super().stream_response(send)
        except CutError:
            return


class StalledResponse(Response):
    """Not even a status line, until the client goes away or the server stops."""

    def __init__(self, state: SandboxState) -> None:
        super().__init__()
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait."""
        del scope, send
        waiting = {asyncio.ensure_future(self._state.closing.wait()), asyncio.ensure_future(_left(receive))}
        _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()


class VanishedResponse(Response):
    """The connection closes without a status line."""

    def __init__(self, state: SandboxState) -> None:
        super().__init__()
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hang up; a server whose application merely returns would send a 500 of its own."""
        del send
        self._state.hang_up(scope["client"])
        await _left(receive)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def stall(state: SandboxState) -> None:
    """Wait until the server stops, then break the connection.

    Raises:
        CutError: Always.
    """
    await state.closing.wait()
    raise CutError


async def beat(job: "asyncio.Task[bytes]", state: SandboxState) -> AsyncIterator[bytes]:
    """Give a space every heartbeat while a job runs, then its result.

    The job goes on when the client leaves and the iteration is cancelled.
    """
    while not (await asyncio.wait({job}, timeout=state.settings.heartbeat_seconds))[0]:
        if state.closing.is_set():
            raise CutError
        yield b" "
    yield job.result()


async def drip(data: bytes, state: SandboxState, size: int, seconds: float) -> AsyncIterator[bytes]:
    """Give `data` in pieces of `size` bytes, one every `seconds`."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        await state.pause(seconds)
        if state.closing.is_set():
            raise CutError


async def endless(chunk: bytes, state: SandboxState) -> AsyncIterator[bytes]:
    """Give a chunk again and again."""
    while not state.closing.is_set():
        yield chunk
        await asyncio.sleep(0)  # the client's leaving must be noticed
    raise CutError


async def cut_after(data: bytes) -> AsyncIterator[bytes]:
    """Give `data`, then break the connection."""
    yield data
    await asyncio.sleep(0)
    raise CutError
