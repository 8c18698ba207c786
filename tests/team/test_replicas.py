"""Several servers on one PostgreSQL database and one folder: calls pass between them, whatever ends."""

import random
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from faults.hosts import RawHost, Told
from faults.ledger import Expected, check_sums, count, verify
from faults.moments import begin_queued, begin_sent
from faults.scene import QUICK, SOON, Scene, make, new_prompt, picture, scene
from support.pooler import Pooler, pooler_program, running_pooler
from support.postgres import Cluster

LEASE_SECONDS = 2
UNKNOWN = Expected(reachable=0, word=None, unknowable=True)
KEPT = Expected(word=None)
NEVER_SENT = Expected(asked=0, paid=0, reachable=0, word=None)
Disturbance = Callable[[RawHost], None]
"""Does something to a server, or to what it works with."""
ENDS, FREEZES, PICTURES = 20, 10, 20


@pytest.fixture
def team(tmp_path: Path, postgres: Cluster) -> Iterator[Scene]:
    """A scene whose servers share a database."""
    with scene(tmp_path) as made:
        made.environment |= _team_settings(postgres.new_database())
        yield made


def test_another_server_collects_what_one_began_and_settles_what_a_killed_one_left(team: Scene) -> None:
    one, other = team.raw_host(IMAGEROUTER_WAIT_SECONDS="0"), team.raw_host()
    handed_off = make(one, collected := new_prompt("collected"), "sandbox/slow-1")
    told = other.call("get_generation", generation=handed_off.generation, wait=30)
    verify(Expected(), count(team, other, collected, Expected(), told), told)

    begin_sent(team, one, lost := new_prompt("lost"))
    one.signal(signal.SIGKILL)
    one.wait()
    again = other.begin("generate_image", **picture(lost, "sandbox/slow-1"))
    told = again.result(60)
    assert told.charged == "unknown", told.text
    verify(UNKNOWN, count(team, other, lost, UNKNOWN), None)
    assert len(team.requests(lost)) == 1
    check_sums(team, other)
    assert not (team.data / "gallery.sqlite3").exists()


@pytest.mark.long
def test_a_server_that_stands_still_longer_than_its_lease_sends_nothing_and_its_answer_still_counts(
    team: Scene,
) -> None:
    frozen, other = team.raw_host(IMAGEROUTER_CONCURRENCY="1"), team.raw_host()
    other.call("list_images")
    team.state.settings.latency_seconds = 1
    begin_queued(team, frozen, queued := new_prompt("queued"))
    (sent,) = {entry["fields"]["prompt"] for entry in team.journal()}
    frozen.signal(signal.SIGSTOP)
    settle(team, other, queued, "not_sent")
    settle(team, other, sent, "unknown")
    frozen.signal(signal.SIGCONT)

    team.wait_until(lambda: pictures(other, sent) == 1, "the late answer is not recorded")
    verify(KEPT, count(team, other, sent, KEPT), None)
    verify(NEVER_SENT, count(team, other, queued, NEVER_SENT), None)
    told = frozen.call("list_images")
    assert not told.failed, told.text
    check_sums(team, other)


@dataclass
class Pooled:
    """Servers that reach their database through a pooler, which can be killed."""

    team: Scene
    pooler: Pooler
    url: str
    """The database's own address."""

    def break_off(self, host: RawHost, prompt: str) -> "Future[Told]":
        """Have a picture made, and kill the pooler while it is being recorded; return the answer to come."""
        answer = host.begin("generate_image", **picture(prompt, SOON))
        self.team.wait_asked(prompt)
        with psycopg.connect(self.url) as connection:
            connection.execute("LOCK TABLE journal")
            waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
            self.team.wait_until(lambda: connection.execute(waiting).rowcount > 0, "nothing is recorded")
            self.pooler.stop()
        return answer

    def go_on(self) -> None:
        """Start the pooler again."""
        self.pooler.start(self.url)


@pytest.fixture
def pooled(tmp_path: Path, postgres: Cluster) -> Iterator[Pooled]:
    """A scene whose servers reach their database through a pooler."""
    program = pooler_program()
    if program is None:
        pytest.skip("a pooler before PostgreSQL: `make test-tools` installs PgBouncer")
    url = postgres.new_database()
    with running_pooler(postgres, program, url) as pooler, scene(tmp_path) as made:
        made.environment |= _team_settings(pooler.address(url))
        yield Pooled(made, pooler, url)


def test_a_picture_that_could_not_be_recorded_is_there_for_every_server_soon_after(pooled: Pooled) -> None:
    team = pooled.team
    one, other = team.raw_host(IMAGEROUTER_LEASE_SECONDS="60"), team.raw_host()
    other.call("list_images")
    answer = pooled.break_off(one, fox := new_prompt("a fox"))
    pooled.go_on()
    told = answer.result(60)
    assert "could not be recorded" in told.text
    team.wait_until(lambda: pictures(other, fox) == 1, "the picture is not recorded")
    verify(Expected(), count(team, other, fox, Expected(), told), told)
    check_sums(team, other)


def test_a_picture_is_recorded_by_who_has_it_though_another_server_took_the_call_for_lost(
    pooled: Pooled, tmp_path: Path
) -> None:
    team = pooled.team
    other = team.raw_host()
    other.call("list_images")
    team.environment |= {
        "IMAGEROUTER_DATA_DIR": str(tmp_path / "data of one"),
        "IMAGEROUTER_OUTPUT_DIR": str(tmp_path / "pictures of one"),
    }
    one = team.raw_host()
    answer = pooled.break_off(one, fox := new_prompt("a fox"))
    one.signal(signal.SIGSTOP)
    pooled.go_on()
    settle(team, other, fox, "unknown")
    one.signal(signal.SIGCONT)
    told = answer.result(60)
    team.wait_until(lambda: pictures(other, fox) == 1, "the picture is not recorded")
    verify(Expected(), count(team, other, fox, Expected(), told), told)
    check_sums(team, other)


@pytest.mark.long
def test_a_database_that_was_away_for_long_is_used_again_at_once(pooled: Pooled) -> None:
    team = pooled.team
    one, other = team.raw_host(), team.raw_host()
    other.call("list_images")
    answer = pooled.break_off(one, fox := new_prompt("a fox"))
    told = answer.result(60)
    for _ in range(3):  # each is told after some seconds
        assert one.call("list_images").failed
    pooled.go_on()
    assert not one.call("list_images").failed
    team.wait_until(lambda: pictures(other, fox) == 1, "the picture is not recorded")
    verify(Expected(), count(team, other, fox, Expected(), told), told)
    check_sums(team, other)


@pytest.mark.long
@pytest.mark.parametrize("restarted", ["the database", "the pooler"])
def test_servers_go_on_when_what_they_keep_records_in_is_restarted(
    pooled: Pooled, postgres: Cluster, restarted: str
) -> None:
    def restart(_: RawHost) -> None:
        if restarted == "the database":
            postgres.stop()
            postgres.start()
        else:
            pooled.pooler.stop()
            pooled.go_on()

    _play(pooled.team, [restart] * 5, [signal.SIGTERM] * 5)


@pytest.mark.long
def test_nothing_is_lost_or_paid_twice_while_servers_are_killed_and_frozen(team: Scene) -> None:
    def stand_still(host: RawHost) -> None:
        host.signal(signal.SIGSTOP)
        threading.Event().wait(LEASE_SECONDS + 1)  # longer than the lease
        host.signal(signal.SIGCONT)

    _play(team, [stand_still] * FREEZES, [signal.SIGKILL] * ENDS)
    assert not (team.data / "gallery.sqlite3").exists()


@pytest.mark.long
def test_clocks_two_hours_apart_change_nothing(team: Scene) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("a clock that is wrong: `make test-tools` installs libfaketime")
    ahead = {"LD_PRELOAD": str(library), "FAKETIME": "+2h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    _play(team, [], [signal.SIGKILL] * 6, ahead)


def settle(team: Scene, host: RawHost, prompt: str, state: str) -> None:
    """Have a server take over what others left, until its list says that a call has come to this."""

    def settled() -> bool:
        unfinished = host.call("list_images").fields.get("unfinished", ())
        return any((each["prompt"], each["state"]) == (prompt, state) for each in unfinished)

    team.wait_until(settled, f"{prompt} is never {state}")


def pictures(host: RawHost, prompt: str) -> int:
    """Return how many pictures of a prompt a server lists."""
    return sum(image["prompt"] == prompt for image in host.call("list_images", query=prompt).images)


class Wishes(threading.Thread):
    """Wants one picture after another, each from one of two servers."""

    def __init__(self, made: Scene, number: int, environment: Mapping[str, str]) -> None:
        super().__init__(daemon=True)
        self.host = made.raw_host("auto", **environment)
        self.told: dict[str, Told | None] = {}
        """The answer to each prompt; None where the server ended first."""
        self._number = number
        self._enough = threading.Event()
        self.start()

    def run(self) -> None:
        """Work until it is enough, or the server ends."""
        while not self._enough.is_set():
            prompt = new_prompt(f"a fox of {self._number}")
            self.told[prompt] = None
            try:
                self.told[prompt] = self.host.call("generate_image", **picture(prompt, QUICK))
            except ConnectionResetError:
                return

    def stop(self) -> None:
        """Want no more."""
        self._enough.set()
        self.join()


def _play(
    made: Scene,
    disturbances: list[Disturbance],
    ends: list[signal.Signals],
    of_second: Mapping[str, str] | None = None,
) -> None:
    """Have pictures made by two servers, of which one is disturbed or ended now and then; count.

    Args:
        made: Where it happens.
        disturbances: What happens to a server.
        ends: How one is ended that is replaced by another.
        of_second: More variables of the second server and of those that replace it.
    """
    environments: list[Mapping[str, str]] = [{}, of_second or {}]
    made.state.settings.latency_seconds = 0.1
    made.environment["IMAGEROUTER_BUDGET_USD"] = "1000"
    chance = random.Random(1)  # noqa: S311 - an order, not secrets
    steps: list[Disturbance | signal.Signals] = [*disturbances, *ends]
    chance.shuffle(steps)
    wishes = [Wishes(made, number, environment) for number, environment in enumerate(environments)]
    everything = list(wishes)

    def answered() -> int:
        return sum(told is not None for each in everything for told in list(each.told.values()))

    for number, step in enumerate(steps):
        one = number % 2
        before = answered()
        made.wait_until(lambda before=before: answered() >= before + PICTURES // 2, "no more pictures come")
        if isinstance(step, signal.Signals):
            wishes[one].host.signal(step)
            wishes[one].host.wait()
            wishes[one].join()
            wishes[one] = Wishes(made, number + 2, environments[one])
            everything.append(wishes[one])
            continue
        step(wishes[one].host)
    for each in wishes:
        each.stop()

    witness = made.raw_host()
    for each in everything:
        for prompt, told in each.told.items():
            if told is None or told.failed:
                counted = count(made, witness, prompt, UNKNOWN)
                expected = Expected(None, None, counted.reachable, None, unknowable=True)
            else:
                expected = Expected()
                counted = count(made, witness, prompt, expected)
            verify(expected, counted, told)
            assert counted.asked <= 1, prompt
    check_sums(made, witness)


def _team_settings(url: str) -> dict[str, str]:
    return {
        "IMAGEROUTER_DATABASE_URL": url,
        "IMAGEROUTER_LEASE_SECONDS": str(LEASE_SECONDS),
        "IMAGEROUTER_STALL_SECONDS": "60",
        "IMAGEROUTER_TIMEOUT": "60",
    }
