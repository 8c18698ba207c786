"""Answers that send a space every few seconds while the work goes on."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Send

from imagerouter_mcp.sandbox.service.state import SandboxState


class CutError(Exception):
    """Raised by a body's iterator to break the connection instead of ending the body."""


class CuttableResponse(StreamingResponse):
    """A streaming response whose iterator may raise `CutError`."""

    async def stream_response(self, send: Send) -> None:
        """Send the body; leave it unfinished on `CutError`, so that the server closes the connection."""
        try:
            await super().stream_response(send)
        except CutError:
            return


async def beat(job: "asyncio.Task[bytes]", state: SandboxState) -> AsyncIterator[bytes]:
    """Give a space every heartbeat while a job runs, then its result.

    The job goes on when the client leaves and the iteration is cancelled.
    """
    while not (await asyncio.wait({job}, timeout=state.settings.heartbeat_seconds))[0]:
        if state.closing.is_set():
            raise CutError
        yield b" "
    yield job.result()
