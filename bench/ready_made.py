"""A sandbox whose model `test/test` draws one picture and answers with it from then on, after some seconds.

As a process of its own: `python -m bench.ready_made 2.0`; its first line is that of the command `sandbox`.
"""

import asyncio
import sys
from contextlib import suppress

from imagerouter_mcp.sandbox.service.asgi import build_app
from imagerouter_mcp.sandbox.service.imitation import imitate
from imagerouter_mcp.sandbox.service.providers import ProviderAnswer
from imagerouter_mcp.sandbox.service.serve import serve
from imagerouter_mcp.sandbox.service.validation import ValidRequest


class _ReadyMade:
    """A provider that draws its first picture at once, and takes some seconds to answer with it again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._answer: ProviderAnswer | None = None

    async def __call__(self, request: ValidRequest, provider_id: str) -> ProviderAnswer:
        if self._answer is None:
            self._answer = await imitate(request, provider_id)
        else:
            await asyncio.sleep(self._seconds)
        return self._answer


def main(seconds: float) -> None:
    """Serve on a free loopback port until interrupted."""

    def ready(address: str) -> None:
        sys.stdout.write(f"Sandbox at {address}\n")
        sys.stdout.flush()

    app = build_app(providers={"test/test": _ReadyMade(seconds)})
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(app, "127.0.0.1", 0, ready=ready))


if __name__ == "__main__":
    main(float(sys.argv[1]))
