"""The same call again after its connection was lost: it is answered with the same picture, and paid once."""

import itertools
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PIL import Image

from faults import places
from faults.cases import TRIES, Case
from faults.door import Door, Loss, door
from faults.hosts import Host, HTTPHost, RawHost
from faults.ledger import Trial
from faults.scene import QUICK, Scene, make, new_prompt, picture
from faults.table import MADE

Transport = Literal["HTTP", "stdio"]
Asked = Literal["generate", "edit a file", "edit last"]

_MODEL = "sandbox/slow-0.6"
_TRANSPORTS: tuple[Transport, ...] = ("HTTP", "stdio")
_LOSSES: tuple[Loss, ...] = ("closed", "reset", "silent")
_ASKED: tuple[Asked, ...] = ("generate", "edit a file", "edit last")
_FORMATS = {"URL": "url", "base64": "b64_ephemeral"}
_SAYS = ("nothing was charged again", "again=true makes another one")


@dataclass(frozen=True, slots=True)
class Line:
    """How a host reaches a server, so that a test can lose the connection.

    Attributes:
        host: Makes the first call.
        lose: Loses the connection.
        return_: Comes back; gives the host that makes the call again.
    """

    host: Host
    lose: Callable[[Loss], None]
    return_: Callable[[Loss], Host]


@dataclass(frozen=True, slots=True)
class Moment:
    """When the same call comes again.

    Attributes:
        when: In words.
        wait: Waits for it, once the service has been asked for a prompt.
    """

    when: str
    wait: Callable[[Scene, str], None]


def _at_once(_: Scene, __: str) -> None:
    """While the service works."""


def _at_the_end(scene: Scene, prompt: str) -> None:
    """As soon as the service has answered, while the picture is fetched and stored."""
    scene.wait_settled(prompt)


def _after(scene: Scene, prompt: str, seconds: float, older: float = 0) -> None:
    """Some time after the end; what is `older` passes in the records alone."""
    scene.wait_until(lambda: places.has_ended(scene.data, prompt), f"{prompt} does not end")
    places.grow_older(scene.data, older)
    time.sleep(seconds)


def _an_hour_ahead(scene: Scene, prompt: str) -> None:
    """Once the clock was set ahead by an hour after the end."""
    scene.wait_until(lambda: places.has_ended(scene.data, prompt), f"{prompt} does not end")
    places.date_back(scene.data, prompt, 3600)


MOMENTS = (
    Moment("before the end", _at_once),
    Moment("at the end", _at_the_end),
    Moment("0.1 s after the end", partial(_after, seconds=0.1)),
    Moment("2.5 s after the end", partial(_after, seconds=2.5)),
    Moment("60 s after the end", partial(_after, seconds=0.1, older=60)),
    Moment("once the clock was set ahead an hour", _an_hour_ahead),
)
_A_REAL_MINUTE = Moment("60 s after the end, waited for", partial(_after, seconds=60))


@contextmanager
def _open_door(behind: str) -> Generator[Door]:
    with door(behind) as made:
        made.open()
        yield made


@contextmanager
def _http(trial: Trial) -> Generator[Line]:
    """A server behind a door; it may read the scene's folder."""
    trial.scene.environment["IMAGEROUTER_INPUT_DIRS"] = str(trial.scene.folder)
    address = trial.scene.keep_once(Scene.serving, trial.scene)
    between = trial.scene.keep_once(_open_door, address)
    with closing(HTTPHost(f"http://{between.address}/mcp", trial.era)) as host:
        try:
            yield Line(host, between.lose, lambda _: host)
        finally:
            between.lose("closed")  # what was silent


@contextmanager
def _stdio(trial: Trial) -> Generator[Line]:
    """A server over pipes: a host that has parted from it starts another."""
    host: RawHost = trial.scene.running_host(trial.era)

    def return_(loss: Loss) -> Host:
        return host if loss == "silent" else trial.scene.another_running_host(trial.era)

    yield Line(host, host.lose, return_)


_LINES: Mapping[Transport, Callable[[Trial], AbstractContextManager[Line]]] = {"HTTP": _http, "stdio": _stdio}


def _wish(host: Host, scene: Scene, asked: Asked) -> tuple[str, dict[str, object]]:
    """The tool and its sources."""
    if asked == "generate":
        return "generate_image", {}
    if asked == "edit a file":
        return "edit_image", {"images": [str(_drawn(scene.folder / "source.png"))]}
    assert not make(host, new_prompt("the picture to change"), QUICK).failed
    return "edit_image", {"images": ["last"]}


def _drawn(path: Path) -> Path:
    if not path.exists():
        Image.new("RGB", (64, 64), "green").save(path)
    return path


def _repeat(
    trial: Trial, *, transport: Transport, loss: Loss, moment: Moment, asked: Asked, form: str
) -> None:
    """Lose the connection while the service works, and make the same call again."""
    with _LINES[transport](trial) as line:
        tool, sources = _wish(line.host, trial.scene, asked)
        arguments = {**picture(trial.prompt, _MODEL, response_format=_FORMATS[form]), **sources}
        line.host.begin(tool, **arguments)
        trial.scene.wait_asked(trial.prompt)
        line.lose(loss)
        moment.wait(trial.scene, trial.prompt)
        host = line.return_(loss)
        told, once_more = (host.call(tool, **arguments) for _ in range(2))
        assert told.images, told.text
        assert told.images == once_more.images
        said = (
            (*_SAYS, f"name {told.images[0]['handle']} in place of last") if asked == "edit last" else _SAYS
        )
        for each in (told, once_more):
            assert all(words in each.text for words in said), each.text
        trial.conclude(host, MADE, told)


def _cases() -> Iterator[Case]:
    """Every combination; the short run takes each transport and loss once."""
    at_once, at_the_end, after, *_, clock_ahead = (moment.when for moment in MOMENTS)
    short = {
        ("HTTP", "closed", at_once, "generate", "URL"),
        ("HTTP", "reset", at_the_end, "edit a file", "base64"),
        ("HTTP", "silent", after, "edit last", "URL"),
        ("stdio", "closed", clock_ahead, "edit last", "URL"),
        ("stdio", "reset", at_the_end, "edit a file", "base64"),
        ("stdio", "silent", after, "edit last", "URL"),
    }
    for transport, loss, moment in itertools.product(_TRANSPORTS, _LOSSES, MOMENTS):
        for asked, form in itertools.product(_ASKED, _FORMATS):
            is_short = (transport, loss, moment.when, asked, form) in short
            yield Case(
                f"{transport} {loss}, the same call {moment.when}",
                f"the same call over {transport}",
                partial(_repeat, transport=transport, loss=loss, moment=moment, asked=asked, form=form),
                long=not is_short,
                tries=TRIES if is_short else 1,
                variant=f"{asked}, {form}",
            )
    for transport in _TRANSPORTS:
        yield Case(
            f"{transport} silent, the same call {_A_REAL_MINUTE.when}",
            f"a minute over {transport}",
            partial(
                _repeat,
                transport=transport,
                loss="silent",
                moment=_A_REAL_MINUTE,
                asked="edit last",
                form="URL",
            ),
            long=True,
            tries=1,
        )


CASES = tuple(_cases())
