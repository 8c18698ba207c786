"""Two servers of one person, ended again and again while they make pictures (`make faults`)."""

import random
import signal
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faults import places
from faults.hosts import RawHost, Told
from faults.ledger import Counted, Expected, Tally, count, verify
from faults.scene import QUICK, Scene, new_prompt, picture, scene

ENDS, PICTURES = 20, 500
_MODELS = (QUICK, QUICK, QUICK, "sandbox/url-slow")


@dataclass(slots=True)
class Story:
    """What happened to every picture that was wanted.

    Attributes:
        wanted: The arguments of each call, by prompt.
        told: The last answer to each prompt, where one came.
        interrupted: Prompts whose answer a server's end has cut off.
        chance: For models and moments.
    """

    wanted: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])
    told: dict[str, Told] = field(default_factory=dict[str, Told])
    interrupted: set[str] = field(default_factory=set[str])
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - moments, not secrets


class Worker(threading.Thread):
    """Wants one picture after another until its server ends, or says that it is about to.

    Args:
        host: Whose server.
        story: Where it is told.
        prompt: What to want first: what an earlier server was ended over.
    """

    def __init__(self, host: RawHost, story: Story, prompt: str | None = None) -> None:
        super().__init__(daemon=True)
        self.host = host
        self.cut_off: str | None = prompt
        self._story = story
        self.start()

    def run(self) -> None:
        """Work."""
        while True:
            prompt = self.cut_off or self._new()
            self.cut_off = prompt
            try:
                told = self.host.call("generate_image", **self._story.wanted[prompt])
            except ConnectionResetError:
                self._story.interrupted.add(prompt)
                return
            self._story.told[prompt] = told
            if told.fields.get("error", {}).get("kind") == "not_sent":
                self._story.interrupted.add(prompt)
                return
            self.cut_off = None

    def _new(self) -> str:
        prompt = new_prompt("a fox")
        model = self._story.chance.choice(_MODELS)
        self._story.wanted[prompt] = picture(prompt, model)
        return prompt


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_lost_when_two_servers_are_ended_at_random_moments(
    tmp_path: Path, tally: Tally, how: signal.Signals
) -> None:
    with scene(tmp_path) as made:
        _series(made, tally, how)


def _series(made: Scene, tally: Tally, how: signal.Signals) -> None:
    story = Story()
    made.state.settings.latency_seconds = 0.1
    made.environment |= {"IMAGEROUTER_BUDGET_USD": "1000"}
    workers = [Worker(made.raw_host(), story) for _ in range(2)]
    for number in range(ENDS):
        before = len(story.told)
        for enough in range(before + 1, before + PICTURES // ENDS + 1):
            made.wait_until(lambda enough=enough: len(story.told) >= enough, "no more pictures come")
        time.sleep(story.chance.uniform(0, 0.3))  # somewhere within a request, not between two
        ended = workers[number % 2]
        ended.host.signal(how)
        ended.host.wait()
        ended.join()
        workers[number % 2] = Worker(made.raw_host(), story, ended.cut_off)
    for worker in workers:
        worker.host.signal(signal.SIGTERM)
        worker.host.wait()
        worker.join()

    fault = f"{how.name} of two servers at {ENDS} random moments"
    tally.begin(fault)
    witness = made.raw_host()
    for prompt in story.wanted:
        counted = count(made, witness, prompt, Expected())
        verify(_expected(story, prompt, how, counted), counted, story.told.get(prompt))
        tally.add(fault, counted)
    with closing(sqlite3.connect(made.data / places.DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    paths = [image["path"] for told in story.told.values() for image in told.images]
    assert len(paths) == len(set(paths))


def _expected(story: Story, prompt: str, how: signal.Signals, counted: Counted) -> Expected:
    """What is right: only of what was under way when a server was killed may nobody know what it came to."""
    if prompt not in story.interrupted:
        return Expected()
    told = story.told.get(prompt)
    if how == signal.SIGKILL and not (told and told.images):
        return Expected(None, None, counted.reachable, None, unknowable=True)
    return Expected(asked=None, paid=None, word=None)
