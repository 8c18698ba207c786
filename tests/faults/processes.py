"""What hosts and people do to servers: give up, stop, kill, suspend or double them."""

import signal
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from faults import places
from faults.cases import TRIES, Case
from faults.hosts import Host, RawHost, SdkHost, Told
from faults.ledger import UNDER_WAY, Expected, Trial
from faults.moments import MOMENTS, Moment, begin_preparing, begin_sent
from faults.scene import QUICK, SOON, STALL_SECONDS, Scene, make, new_prompt, picture
from faults.table import KEPT, LOST_AND_PAID, MADE

_LOST = Expected(reachable=0, word=None, unknowable=True)
_ENDS = ("stdin closed", "SIGTERM", "SIGKILL")


def _collected(host: Host, told: Told) -> Told:
    """What came of a call, once it is done."""
    while told.state in UNDER_WAY:
        told = host.call("get_generation", generation=told.generation, wait=20)
    return told


def _again(trial: Trial, host: Host) -> Told:
    """The call that a model makes when it saw no answer: the same once more."""
    return _collected(host, make(host, trial.prompt, SOON))


def _queueing_host(trial: Trial) -> RawHost:
    """A host whose second call has to wait for the first."""
    trial.scene.environment["IMAGEROUTER_CONCURRENCY"] = "1"
    return trial.scene.running_host(trial.era)


def _cancel(trial: Trial, moment: Moment) -> None:
    host = _queueing_host(trial)
    host.cancel(moment.begin(trial.scene, host, trial.prompt))
    trial.conclude(host, moment.expected)


def _cancel_and_call_again(trial: Trial) -> None:
    host = _queueing_host(trial)
    host.cancel(begin_sent(trial.scene, host, trial.prompt))
    told = _again(trial, host)
    trial.conclude(host, MADE, told)


def _time_out_and_call_again(trial: Trial) -> None:
    host = trial.scene.shared_host(trial.era)
    host.call("list_images")
    with pytest.raises(Exception, match=r"(?i)time"):
        host.call_for(0.5, "generate_image", **picture(trial.prompt, SOON))
    told = _again(trial, host)
    trial.conclude(host, MADE, told)


def _disconnect_and_call_again(trial: Trial) -> None:
    address = trial.scene.keep_once(Scene.serving, trial.scene)
    lost = SdkHost(address, trial.era)
    pending = lost.begin("generate_image", **picture(trial.prompt, SOON))
    trial.scene.wait_asked(trial.prompt)
    pending.cancel()
    lost.close()
    host = trial.scene.keep(closing(SdkHost(address, trial.era)))
    told = _again(trial, host)
    trial.conclude(host, MADE, told)


def _hand_off(trial: Trial) -> None:
    """The answer comes in time, and whoever asks later gets the same."""
    trial.scene.environment["IMAGEROUTER_WAIT_SECONDS"] = "1"
    host = trial.scene.running_host(trial.era)
    host.call("list_images")
    first = make(host, trial.prompt, "sandbox/slow-3")
    assert first.state in UNDER_WAY
    assert not first.failed
    told = _collected(host, first)
    others = (
        host.call("get_generation", generation=first.generation),
        trial.scene.raw_host().call("get_generation", generation=first.generation),
    )
    assert [other.images for other in others] == [told.images] * 2
    trial.conclude(host, MADE, told)


def _outlast_the_host(trial: Trial) -> None:
    """A model of 75 s in front of a host that gives up after 60, with the settings as they are by default."""
    trial.scene.environment["IMAGEROUTER_TIMEOUT"] = "300"
    host = trial.scene.shared_host(trial.era)
    trial.scene.state.settings.latency_seconds = 75
    first = host.call_for(60, "generate_image", **picture(trial.prompt, QUICK))
    trial.scene.state.settings.latency_seconds = 0
    assert first.state in UNDER_WAY
    trial.conclude(host, MADE, _collected(host, first))


def _end(host: RawHost, how: str) -> None:
    """End a server and wait until it is gone."""
    if how == "stdin closed":
        host.close()
    else:
        host.signal(signal.Signals[how])
        host.wait()


def _end_server(trial: Trial, how: str, moment: Moment) -> None:
    host = _queueing_host(trial)
    moment.begin(trial.scene, host, trial.prompt)
    _end(host, how)
    unknown = how == "SIGKILL" and moment.begin is begin_sent
    trial.conclude(_queueing_host(trial), _LOST if unknown else moment.expected)


def _end_without_grace(trial: Trial) -> None:
    trial.scene.environment["IMAGEROUTER_GRACE_SECONDS"] = "0.5"
    host = trial.scene.running_host(trial.era)
    host.begin("generate_image", **picture(trial.prompt, "sandbox/slow-5"))
    trial.scene.wait_asked(trial.prompt)
    _end(host, "SIGTERM")
    trial.conclude(trial.scene.running_host(trial.era), _LOST)


def _kill_and_call_again(trial: Trial) -> None:
    """What may have been paid for is not asked for again by accident, but on purpose."""
    host = _queueing_host(trial)
    begin_sent(trial.scene, host, trial.prompt)
    _end(host, "SIGKILL")
    host = _queueing_host(trial)
    told = _again(trial, host)
    trial.conclude(host, LOST_AND_PAID, told)
    on_purpose = make(host, trial.prompt, SOON, again=True)
    assert on_purpose.images
    assert [entry["paid"] for entry in trial.scene.requests(trial.prompt)] == [True, True]


def _ask_two_servers(trial: Trial) -> None:
    hosts = trial.scene.running_host(trial.era), trial.scene.raw_host(trial.era)
    for each in hosts:
        each.call("list_images")
    pending = [each.begin("generate_image", **picture(trial.prompt, SOON)) for each in hosts]
    told = [each.result() for each in pending]
    assert [each.images for each in told] == [told[0].images] * 2
    trial.conclude(hosts[0], MADE, told[1])


def _collect_late_with_four_servers(trial: Trial) -> None:
    """A picture that no folder took is fetched by four servers at once: there is one file of it."""
    scene = trial.scene
    # The records fit below the limit, the picture does not.
    usual, scene.command = scene.command, places.limited_command("RLIMIT_FSIZE", 8_000_000)
    late = make(
        scene.shared_host(trial.era), trial.prompt, "sandbox/noise", size="2048x2048", output_format="png"
    )
    scene.command = usual
    assert late.failed
    hosts = [scene.raw_host(trial.era) for _ in range(4)]
    listings = [host.call("list_images", query=trial.prompt) for host in hosts]
    work = listings[0].images[0]["generation"]
    pending = [host.begin("get_generation", generation=work) for host in hosts]
    told = [each.result() for each in pending]
    assert [each.images for each in told] == [told[0].images] * 4, told
    file = Path(told[0].images[0]["path"])
    assert list(file.parent.glob(f"{file.stem}*")) == [file]
    trial.conclude(hosts[0], KEPT, late)


def _edit_much_with_few_descriptors(trial: Trial, edits: int, connections: int = 0) -> None:
    """Edits of 16 sources at once, where a process may have 256 descriptors, as on macOS.

    With idle connections beside them it is a server over HTTP.
    """
    scene = trial.scene
    scene.environment |= {"IMAGEROUTER_WAIT_SECONDS": "60", "IMAGEROUTER_BUDGET_USD": "100"}
    scene.command = places.limited_command("RLIMIT_NOFILE", 256)
    if connections:
        address = scene.keep(Scene.serving(scene))
        server = urlsplit(address)
        for _ in range(connections):
            scene.keep(socket.create_connection((server.hostname, server.port)))
        host = scene.keep(closing(SdkHost(address, trial.era)))
    else:
        host = scene.raw_host(trial.era)
    file = BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG")
    source = f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    prompts = [trial.prompt, *(new_prompt("another edit") for _ in range(edits - 1))]
    pending = [host.begin("edit_image", images=[source] * 16, **picture(prompt, QUICK)) for prompt in prompts]
    told = [each.result(120) for each in pending]
    assert [each.text for each in told if each.failed] == []
    trial.conclude(host, MADE, told[0])


def _run_out_of_descriptors(trial: Trial, **arguments: object) -> None:
    """While the service works, other things take all descriptors that the server may have."""
    host = trial.scene.running_host(trial.era)
    pending = host.begin("generate_image", **picture(trial.prompt, SOON, **arguments))
    trial.scene.wait_asked(trial.prompt)
    with places.no_descriptor_free(host.process.pid):
        told = pending.result(60)
    trial.conclude(host, MADE, told)


def _suspend(trial: Trial, seconds: float) -> None:
    """Suspend a server while the service works; meanwhile another one looks at what it finds."""
    scene, host = trial.scene, trial.scene.running_host(trial.era)
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
    trial.conclude(host, MADE, _collected(host, pending.result()))


def _ends() -> Iterator[Case]:
    """Each end at each moment; `tests/transports/test_ending.py` has the gentle ones too."""
    for how in _ENDS:
        for moment in MOMENTS:
            yield Case(
                f"{how} while {moment.when}",
                how,
                partial(_end_server, how=how, moment=moment),
                # The case of the same call again ends a server whose request was sent.
                long=how != "SIGKILL" or moment.begin in (begin_preparing, begin_sent),
                tries=TRIES if how == "SIGKILL" or moment.expected.asked else 1,
            )


CASES = (
    *(
        Case(f"cancelled while {moment.when}", "cancelled", partial(_cancel, moment=moment))
        for moment in MOMENTS
    ),
    Case("cancelled, then the same call again", "cancelled", _cancel_and_call_again),
    Case(
        "the client's own timeout, then the same call again",
        "timed out",
        _time_out_and_call_again,
        long=True,
    ),
    Case(
        "HTTP connection lost, then the same call again",
        "disconnected",
        _disconnect_and_call_again,
        ("legacy",),  # the newer era is among `repeats`
    ),
    Case("longer than the host waits, then collected", "handed off", _hand_off, long=True),
    Case("a model of 75 s, a host that gives up after 60", "slow", _outlast_the_host, long=True, tries=1),
    *_ends(),
    Case("SIGTERM, grace too short", "impatient", _end_without_grace, long=True),
    Case("SIGKILL, then the same call again", "SIGKILL", _kill_and_call_again),
    Case("two servers asked for the same at once", "two servers", _ask_two_servers),
    Case(
        "a late picture collected by four servers at once",
        "four servers",
        _collect_late_with_four_servers,
        long=True,
    ),
    Case("no descriptor free meanwhile, by URL", "descriptors", _run_out_of_descriptors),
    Case(
        "no descriptor free meanwhile, base64",
        "descriptors",
        partial(_run_out_of_descriptors, response_format="b64_ephemeral"),
        long=True,
    ),
    Case(
        "24 edits of 16 sources, 256 descriptors",
        "descriptors",
        partial(_edit_much_with_few_descriptors, edits=24),
        long=True,
    ),
    Case(
        "8 edits of 16 sources over HTTP, 256 descriptors, 225 idle connections",
        "connections",
        partial(_edit_much_with_few_descriptors, edits=8, connections=225),
        long=True,  # `make test` has it among the attacks of many connections
    ),
    Case("suspended for 6 s", "two servers", partial(_suspend, seconds=3 * STALL_SECONDS), long=True),
    Case("suspended for a minute", "two servers", partial(_suspend, seconds=60), long=True, tries=1),
)
