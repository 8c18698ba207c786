"""Hosts that give up, stop, kill, suspend or double their servers."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from faults.door import Door, door
from faults.hosts import Era, Host, RawHost, SdkHost, Told
from faults.ledger import UNDER_WAY, Expected, Tally, Trial
from faults.scene import QUICK, SOON, STALL_SECONDS, Scene, make, new_prompt, picture
from faults.table import LOST_AND_PAID, MADE

Stages = Callable[[str], Scene]

DRIPPING = "sandbox/url-slow"
_NEVER_SENT = Expected(asked=0, paid=0, reachable=0, word=None)
_KEPT = Expected(word=None)
_LOST = Expected(reachable=0, word=None, unknowable=True)
both_eras = pytest.mark.parametrize("era", ["auto", pytest.param("legacy", marks=pytest.mark.long)])


def same_again(host: Host, prompt: str, model: str = SOON) -> Told:
    """The call that a model makes when it saw no answer: the same once more."""
    told = make(host, prompt, model)
    if told.state in UNDER_WAY:
        return host.call("get_generation", generation=told.generation, wait=20)
    return told


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
    host.begin("generate_image", **picture(first, SOON))
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
    number, _ = host.ask("generate_image", **picture(prompt, DRIPPING, size="32x32"))
    scene.wait_fetching(before)
    return number


def one_at_a_time(scene: Scene) -> Scene:
    """The second call has to queue."""
    scene.environment["IMAGEROUTER_CONCURRENCY"] = "1"
    return scene


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
at_each_moment = pytest.mark.parametrize("moment", [pytest.param(each, id=each.when) for each in MOMENTS])


def _ended() -> Iterator[object]:
    """Each end at each moment; those before the request are for the long run, save for the hardest."""
    for how in ("stdin closed", "SIGTERM", "SIGKILL"):
        for moment in MOMENTS:
            long = how != "SIGKILL" and moment.expected is _NEVER_SENT
            yield pytest.param(
                how, moment, id=f"{how} while {moment.when}", marks=[pytest.mark.long] if long else []
            )


@both_eras
@at_each_moment
def test_the_client_cancels(stages: Stages, tally: Tally, era: Era, moment: Moment) -> None:
    trial = Trial(one_at_a_time(stages("cancelled")), tally, f"cancelled while {moment.when}")
    host = trial.scene.running_host(era)
    host.cancel(moment.begin(trial.scene, host, trial.prompt))
    trial.conclude(host, moment.expected)


@both_eras
def test_a_cancelled_call_made_again_gets_what_the_first_has_paid_for(
    stages: Stages, tally: Tally, era: Era
) -> None:
    trial = Trial(one_at_a_time(stages("cancelled")), tally, "cancelled, then the same call again")
    host = trial.scene.running_host(era)
    host.cancel(begin_sent(trial.scene, host, trial.prompt))
    told = same_again(host, trial.prompt)
    trial.conclude(host, MADE, told)


@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_the_client_gives_up_and_calls_again(stages: Stages, tally: Tally, era: Era) -> None:
    trial = Trial(stages("shared"), tally, "the client's own timeout, then the same call again")
    host = trial.scene.shared_host(era)
    with pytest.raises(Exception, match=r"(?i)time"):
        host.call_for(0.5, "generate_image", **picture(trial.prompt, SOON))
    told = same_again(host, trial.prompt)
    trial.conclude(host, MADE, told)


@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_the_connection_is_lost_and_the_client_calls_again(stages: Stages, tally: Tally, era: Era) -> None:
    trial = Trial(stages("http"), tally, "HTTP connection lost, then the same call again")
    address = trial.scene.keep_once(Scene.serving, trial.scene)
    lost = SdkHost(address, era)
    pending = lost.begin("generate_image", **picture(trial.prompt, SOON))
    trial.scene.wait_asked(trial.prompt)
    pending.cancel()
    lost.close()
    host = trial.scene.keep(closing(SdkHost(address, era)))
    told = same_again(host, trial.prompt)
    trial.conclude(host, MADE, told)


def test_what_takes_longer_than_the_host_waits_is_collected_later(stages: Stages, tally: Tally) -> None:
    trial = Trial(stages("handed off"), tally, "handed off and collected")
    trial.scene.environment["IMAGEROUTER_WAIT_SECONDS"] = "1"
    host = trial.scene.running_host()
    began = time.monotonic()
    first = make(host, trial.prompt, "sandbox/slow-2")
    assert time.monotonic() - began < 2
    assert first.state in UNDER_WAY
    assert not first.failed
    told = host.call("get_generation", generation=first.generation, wait=20)
    others = (
        host.call("get_generation", generation=first.generation),
        trial.scene.raw_host().call("get_generation", generation=first.generation),
    )
    assert [other.images for other in others] == [told.images] * 2
    trial.conclude(host, MADE, told)


@pytest.mark.parametrize(("how", "moment"), _ended())
def test_the_server_is_ended(stages: Stages, tally: Tally, how: str, moment: Moment) -> None:
    trial = Trial(one_at_a_time(stages("ended")), tally, f"{how} while {moment.when}")
    host = trial.scene.running_host()
    moment.begin(trial.scene, host, trial.prompt)
    end(host, how)
    unknown = how == "SIGKILL" and moment.begin is begin_sent
    trial.conclude(trial.scene.running_host(), _LOST if unknown else moment.expected)


def end(host: RawHost, how: str) -> None:
    """End a server and wait until it is gone."""
    if how == "stdin closed":
        host.close()
    else:
        host.signal(signal.Signals[how])
        host.wait()


def test_a_server_that_is_ended_does_not_wait_beyond_its_grace(stages: Stages, tally: Tally) -> None:
    trial = Trial(stages("impatient"), tally, "SIGTERM, grace too short")
    trial.scene.environment["IMAGEROUTER_GRACE_SECONDS"] = "0.5"
    host = trial.scene.running_host()
    host.begin("generate_image", **picture(trial.prompt, "sandbox/slow-2"))
    trial.scene.wait_asked(trial.prompt)
    began = time.monotonic()
    end(host, "SIGTERM")
    assert time.monotonic() - began < 2
    trial.conclude(trial.scene.running_host(), _LOST)


def test_a_call_with_an_unknown_outcome_is_not_repeated_by_accident(stages: Stages, tally: Tally) -> None:
    trial = Trial(one_at_a_time(stages("ended")), tally, "SIGKILL, then the same call again")
    host = trial.scene.running_host()
    begin_sent(trial.scene, host, trial.prompt)
    end(host, "SIGKILL")
    host = trial.scene.running_host()
    told = same_again(host, trial.prompt)
    trial.conclude(host, LOST_AND_PAID, told)
    on_purpose = make(host, trial.prompt, SOON, again=True)
    assert on_purpose.images
    assert [entry["paid"] for entry in trial.scene.requests(trial.prompt)] == [True, True]


def test_two_servers_asked_for_the_same_at_once_pay_once(stages: Stages, tally: Tally) -> None:
    trial = Trial(stages("two"), tally, "two servers asked for the same at once")
    hosts = trial.scene.running_host(), trial.scene.raw_host()
    for each in hosts:
        each.call("list_images")
    pending = [each.begin("generate_image", **picture(trial.prompt, SOON)) for each in hosts]
    told = [each.result() for each in pending]
    assert [each.images for each in told] == [told[0].images] * 2
    trial.conclude(hosts[0], MADE, told[1])


def suspend(scene: Scene, tally: Tally, seconds: float) -> None:
    """Suspend a server while the service works; meanwhile another one looks at what it finds."""
    trial, host = Trial(scene, tally, f"suspended for {seconds:g} s"), scene.running_host()
    pending = host.begin("generate_image", **picture(trial.prompt, SOON))
    scene.wait_asked(trial.prompt)
    host.signal(signal.SIGSTOP)
    try:
        until = time.monotonic() + seconds
        listing = scene.raw_host().call("list_images")
        states = [each["state"] for each in listing.fields["unfinished"] if each["prompt"] == trial.prompt]
        assert states == ["working"], "the other server takes it for dead"
        time.sleep(max(0, until - time.monotonic()))
    finally:
        host.signal(signal.SIGCONT)
    trial.conclude(host, MADE, pending.result())


def test_a_suspended_server_goes_on(stages: Stages, tally: Tally) -> None:
    suspend(stages("two"), tally, 3 * STALL_SECONDS)


@pytest.mark.long
def test_a_server_suspended_for_a_minute_goes_on(stages: Stages, tally: Tally) -> None:
    suspend(stages("two"), tally, 60)
