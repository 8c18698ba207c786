"""The moments of a call at which something may happen to it, and how a call is brought there."""

from collections.abc import Callable
from dataclasses import dataclass

from faults.door import Door, door
from faults.hosts import RawHost
from faults.ledger import Expected
from faults.scene import QUICK, SOON, Scene, new_prompt, picture

_DRIPPING = "sandbox/url-slow"
_NEVER_SENT = Expected(asked=0, paid=0, reachable=0, word=None)
_KEPT = Expected(word=None)


def deaf_door(scene: Scene) -> Door:
    """A port that never answers."""
    made = scene.keep_once(door, scene.sandbox.base_url)
    if not made.deaf:
        made.deaf = True
        made.open()
    return made


def begin_preparing(scene: Scene, host: RawHost, prompt: str) -> int:
    """A call whose source image does not come: it stays before the request."""
    silent = deaf_door(scene)
    before = silent.callers
    number, _ = host.ask("edit_image", images=[f"http://{silent.address}/cat.png"], **picture(prompt, QUICK))
    scene.wait_until(lambda: silent.callers > before, "the source image was not asked for")
    return number


def begin_queued(scene: Scene, host: RawHost, prompt: str) -> int:
    """A call that waits for its turn, behind another one."""
    first = new_prompt("the first in the queue")
    host.begin("generate_image", **picture(first, "sandbox/slow-5"))  # a busy machine needs time to look
    scene.wait_asked(first)
    number, _ = host.ask("generate_image", **picture(prompt, QUICK))
    scene.wait_state(host, prompt, "queued")
    return number


def begin_sent(scene: Scene, host: RawHost, prompt: str) -> int:
    """A call whose request has arrived."""
    number, _ = host.ask("generate_image", **picture(prompt, SOON))
    scene.wait_asked(prompt)
    return number


def begin_fetching(scene: Scene, host: RawHost, prompt: str) -> int:
    """A call whose result is on its way."""
    before = scene.fetches()
    number, _ = host.ask("generate_image", **picture(prompt, _DRIPPING))
    scene.wait_fetching(before)
    return number


@dataclass(frozen=True)
class Moment:
    """When something happens to a call.

    Attributes:
        when: In words.
        begin: Brings a call to that moment; gives the request's number.
        expected: What must be counted when the call, or its server, is ended then in good order.
    """

    when: str
    begin: Callable[[Scene, RawHost, str], int]
    expected: Expected


MOMENTS = [
    Moment("preparing", begin_preparing, _NEVER_SENT),
    Moment("queued", begin_queued, _NEVER_SENT),
    Moment("sent", begin_sent, _KEPT),
    Moment("fetching", begin_fetching, _KEPT),
]
