"""Four servers of one person on one data folder make, edit, repeat and collect, and are killed at random."""

import random
import re
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from faults import places
from faults.hosts import RawHost, Told
from faults.ledger import UNDER_WAY, Expected, Tally, check_sums, count, verify
from faults.scene import QUICK, SOON, Scene, new_prompt, picture, scene

SERVERS, CALLERS, SECONDS = 4, 2, 45.0
BETWEEN_KILLS = 2.5
_MODELS = (QUICK, QUICK, SOON, "sandbox/slow-0.6", "sandbox/url-slow", "sandbox/charged-error")
_FORMATS = ("url", "url", "b64_json", "b64_ephemeral")
_STEPS = (["crop 1:1"], ["resize 64x64"], ["convert webp"], ["rotate 90", "grey"])
_REPEATED = re.compile(r"the same call made before|The file of \w+ is not there any more")
_RECENT = 12
"""From so many of the newest calls one is chosen to be repeated, and from so many pictures one to edit."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A call that costs money.

    Attributes:
        tool: The tool.
        arguments: Its arguments.
    """

    tool: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class Story:
    """What was wanted and what became of it; all threads write to it.

    Attributes:
        wishes: The paid calls, by prompt.
        told: All answers to each.
        images: Handles of pictures that somebody was told of.
        problems: What was not as it must be.
        chance: Chooses.
        over: Whether nothing more is to begin.
    """

    chance: random.Random
    wishes: dict[str, Wish] = field(default_factory=dict[str, Wish])
    told: dict[str, list[Told]] = field(default_factory=dict[str, list[Told]])
    images: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])
    over: threading.Event = field(default_factory=threading.Event)

    def recent(self, of: Sequence[str]) -> str | None:
        """One of the newest, at random."""
        newest = of[-_RECENT:]
        return self.chance.choice(newest) if newest else None


class Caller(threading.Thread):
    """Makes one call after another of one server, until that is killed or everything is over.

    Args:
        host: Whose server.
        story: Where it is told.
    """

    def __init__(self, host: RawHost, story: Story) -> None:
        super().__init__(daemon=True)
        self._host = host
        self._story = story
        self._acts: Sequence[tuple[int, Callable[[], None]]] = (
            (6, self._make),
            (3, self._edit),
            (4, self._repeat),
            (3, self._collect),
            (2, self._finish),
            (2, self._lose_file),
            (2, self._look),
        )
        self.start()

    def run(self) -> None:
        """Work."""
        weights, acts = zip(*self._acts, strict=True)
        with suppress(ConnectionResetError):
            while not self._story.over.is_set():
                act = self._story.chance.choices(acts, weights)[0]
                try:
                    act()
                except TimeoutError:
                    self._story.problems.append(
                        f"{act.__name__} of process {self._host.process.pid} got no answer"
                    )
                    return

    def _make(self) -> None:
        prompt, chance = new_prompt("a fox"), self._story.chance
        arguments = picture(prompt, chance.choice(_MODELS), response_format=chance.choice(_FORMATS))
        self._wish(prompt, Wish("generate_image", arguments))

    def _edit(self) -> None:
        source, chance = self._story.recent(self._story.images), self._story.chance
        if source:
            prompt = new_prompt("an owl")
            arguments = picture(prompt, chance.choice(_MODELS), images=[chance.choice((source, "last"))])
            if chance.random() < 0.4:
                arguments["mask"] = "box:0,0,50%,50%"
            self._wish(prompt, Wish("edit_image", arguments))

    def _repeat(self) -> None:
        prompt = self._story.recent(list(self._story.wishes))
        if prompt and "last" not in self._story.wishes[prompt].arguments.get("images", ()):
            self._wish(prompt, self._story.wishes[prompt])

    def _wish(self, prompt: str, wish: Wish) -> None:
        self._story.wishes[prompt] = wish
        told = self._host.call(wish.tool, **wish.arguments)
        self._heard(told, wish.tool)
        self._story.told.setdefault(prompt, []).append(told)
        self._story.images += [str(image["handle"]) for image in told.images]

    def _collect(self) -> None:
        of = self._story.recent(list(self._story.told))
        generation = of and self._story.told[of][-1].generation
        if generation:
            self._heard(self._host.call("get_generation", generation=generation, wait=0), "get_generation")

    def _finish(self) -> None:
        source = self._story.recent(self._story.images)
        if source:
            steps = self._story.chance.choice(_STEPS)
            self._heard(
                self._host.call("finish_image", images=[source], steps=steps, preview="none"), "finish_image"
            )

    def _lose_file(self) -> None:
        """Delete a picture's file, then ask for the picture."""
        source = self._story.recent(self._story.images)
        if source:
            told = self._host.call("show_image", handle=source, preview="none")
            self._heard(told, "show_image")
            for image in told.images:
                if image.get("download_url") or image.get("url"):
                    Path(str(image["path"])).unlink(missing_ok=True)

    def _look(self) -> None:
        for tool in ("list_images", "spending"):
            told = self._host.call(tool)
            self._heard(told, tool)
            assert not told.failed, told.text

    def _heard(self, told: Told, tool: str) -> None:
        if told.fields.get("error", {}).get("kind") in ("internal", "configuration"):
            self._story.problems.append(f"{tool}: {told.text}")


def play(made: Scene, tally: Tally, seconds: float, seed: int) -> None:
    """Let four servers work and be killed for so long, then compare.

    Raises:
        AssertionError: Something was lost, paid twice or told falsely.
    """
    story = Story(random.Random(seed))  # noqa: S311 - moments, not secrets
    made.state.settings.latency_seconds = 0.1
    made.environment |= {
        "IMAGEROUTER_BUDGET_USD": "1000",
        "IMAGEROUTER_WAIT_SECONDS": "2",
        "IMAGEROUTER_CONFIRM_USD": "1",
    }
    hosts = [made.raw_host() for _ in range(SERVERS)]
    callers = [[Caller(host, story) for _ in range(CALLERS)] for host in hosts]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(story.chance.uniform(0, 2 * BETWEEN_KILLS))  # somewhere within a request
        place = story.chance.randrange(SERVERS)
        _kill(hosts[place], callers[place])
        hosts[place] = made.raw_host()
        callers[place] = [Caller(hosts[place], story) for _ in range(CALLERS)]
    story.over.set()
    for caller in chain.from_iterable(callers):
        caller.join()
    with ThreadPoolExecutor(SERVERS) as pool:
        list(pool.map(_end, hosts))
    _compare(made, story, tally)


def _kill(host: RawHost, callers: Sequence[Caller]) -> None:
    host.signal(signal.SIGKILL)
    host.wait()
    for caller in callers:
        caller.join()


def _end(host: RawHost) -> None:
    host.signal(signal.SIGTERM)
    host.wait()


def _compare(made: Scene, story: Story, tally: Tally) -> None:
    witness = made.raw_host(IMAGEROUTER_WAIT_SECONDS="20")
    problems = list(story.problems)
    fault = "four servers at work on one folder, killed at random moments"
    tally.begin(fault)
    for prompt in story.wishes:
        _restore(witness, prompt)
        counted = count(made, witness, prompt, Expected())
        told = _first(witness, story.told.get(prompt, []))
        expected = _expected(told)
        if told is None or told.failed:  # it was cut off, and another server may have finished it
            expected = replace(expected, reachable=counted.reachable)
        try:
            verify(expected, counted, told)
        except AssertionError as error:
            problems.append(f"{prompt}: {error}")
        else:
            tally.add(fault, counted)
    with closing(sqlite3.connect(made.data / places.DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    problems += _doubled(story)
    assert not problems, "\n".join(problems)
    check_sums(made, witness)


def _restore(witness: RawHost, prompt: str) -> None:
    """Fetch again what was deleted."""
    for image in witness.call("list_images", query=prompt, limit=200).images:
        if image.get("missing"):
            witness.call("show_image", handle=image["handle"], preview="none")


def _first(witness: RawHost, told: Sequence[Told]) -> Told | None:
    """What was said of a call first; of a repeated failure it is said that the repetition cost nothing.

    So it is where the source's file was deleted before a call that a server had left could be repeated.
    """
    own = [each for each in told if not (each.failed and _REPEATED.search(each.text))]
    if own and own[0].state in UNDER_WAY:
        return witness.call("get_generation", generation=own[0].generation, wait=20)
    return own[0] if own else None


def _expected(told: Told | None) -> Expected:
    """What is right: of what was under way when a server was killed, nobody may know what came of it."""
    if told and told.images:
        return Expected()
    return Expected(asked=None, paid=None, reachable=0, word=None, unknowable=True)


def _doubled(story: Story) -> list[str]:
    """Files that two calls claim."""
    claimed = {
        (str(image["path"]), prompt)
        for prompt, answers in story.told.items()
        for told in answers
        for image in told.images
        if image.get("path")
    }
    counts = Counter(path for path, _ in claimed)
    return [f"{path} is said to be of {prompt!r}" for path, prompt in claimed if counts[path] > 1]


@pytest.mark.long
def test_nothing_is_lost_or_paid_twice_when_four_servers_work_on_one_folder(
    tmp_path: Path, tally: Tally
) -> None:
    with scene(tmp_path) as made:
        play(made, tally, SECONDS, seed=1)
