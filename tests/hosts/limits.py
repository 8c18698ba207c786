"""How long each client lets a call last, as it is registered by our own set-up; all of them side by side."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from agents import AGENTS, ask
from slow_server import WAITED
from trials import inspector_call, mcporter_call
from workshop import Ran, Workshop

LONGEST = 130
"""Seconds that the slow tool takes; what lasts longer is told as "over"."""
APART = 10
"""Seconds between their starts: all at once would keep each other from starting in time."""


def measure(shop: Workshop, clients: Sequence[str]) -> dict[str, str]:
    """Let each of the clients call a tool that takes `LONGEST` seconds.

    Args:
        shop: Where the clients have been set up.
        clients: Their short names.

    Returns:
        How long the call lasted, in words, by the client's short name.
    """
    shop.slow_down(LONGEST)
    measurable = [client for client in clients if client in _CALLS or client in AGENTS]
    with ThreadPoolExecutor(len(measurable) or 1) as workers:
        begun = [workers.submit(_lasted, shop, place, client) for place, client in enumerate(measurable)]
    return {client: work.result() for client, work in zip(measurable, begun, strict=True)}


def _lasted(shop: Workshop, place: int, client: str) -> str:
    time.sleep(place * APART)
    if client in AGENTS:
        asked = ask(shop, client)
        return _words(asked.seconds, asked.script.received)
    ran = _CALLS[client](shop)
    called = shop.called(client)
    return _words(time.time() - called if called else 0, ran.printed)


def _words(seconds: float, received: str) -> str:
    if WAITED in received:
        return f"over {LONGEST} s"
    return f"about {seconds:.0f} s" if seconds else "not measured: nothing came back"


_CALLS: dict[str, Callable[[Workshop], Ran]] = {"inspector": inspector_call, "mcporter": mcporter_call}
