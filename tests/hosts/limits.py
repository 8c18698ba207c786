"""How long each client lets a call last, as it is registered by our own set-up; all of them side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from agents import AGENTS, ask
from slow_server import WAITED
from trials import inspector_call, mcporter_call
from workshop import Ran, Workshop

LONGEST = 130
"""Seconds that the slow tool takes; what lasts longer is told as "over"."""


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
        return dict(zip(measurable, workers.map(partial(_lasted, shop), measurable), strict=True))


def _lasted(shop: Workshop, client: str) -> str:
    if client in AGENTS:
        asked = ask(shop, client)
        return _words(asked.seconds, asked.script.received)
    ran = _CALLS[client](shop)
    return _words(ran.seconds, ran.printed)


def _words(seconds: float, received: str) -> str:
    if WAITED in received:
        return f"over {LONGEST} s"
    return f"about {seconds:.0f} s" if seconds else "not measured: nothing came back"


_CALLS: dict[str, Callable[[Workshop], Ran]] = {"inspector": inspector_call, "mcporter": mcporter_call}
