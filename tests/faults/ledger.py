"""What was asked and paid at the service, what the person has, and whether all that was said is true."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import httpx

from faults.hosts import Era, Host, Told
from faults.scene import QUICK, Scene, make, new_prompt
from imagerouter_mcp.images.inspect.binary import NotAPictureError
from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.money import dollars

Word = Literal["made", "no", "unknown", "yes"]
"""What an answer says: here it is; or, without it, whether it was charged."""
CHARGED = ("It has been paid for.", "was charged.", "was kept.")
"""How an error says that money was spent."""
NOT_CHARGED = "Nothing was charged."
UNDER_WAY = ("preparing", "queued", "working", "received")
_WAIT_SECONDS = 10
_ROUNDS = 3
_CENT_PART = 0.0001
"""Sums of floating numbers differ by less."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be counted for one picture that was wanted.

    Attributes:
        asked: How often the service was asked for it, or None when that may vary.
        paid: How often it was paid for, or None when both once and never are right.
        reachable: How many pictures the person has in the end, where it was paid for.
        word: What the answer says, or None when no answer arrives, or any may.
        unknowable: Whether the server cannot know whether it was charged.
        listed: Whether `list_images` can know of it; where the records were destroyed, the picture that the
            answer told of counts too.
    """

    asked: int | None = 1
    paid: int | None = 1
    reachable: int = 1
    word: Word | None = "made"
    unknowable: bool = False
    listed: bool = True


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted for one prompt.

    Attributes:
        asked: Requests at the service.
        paid: Those that stayed paid.
        reachable: Whole pictures that `list_images` leads to.
        listed: Everything else that it tells of this prompt: pictures that are not here, unfinished work.
    """

    asked: int
    paid: int
    reachable: int
    listed: Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Row:
    """The sums of one fault over its tries."""

    fault: str
    tries: int = 0
    asked: int = 0
    paid: int = 0
    reachable: int = 0
    true: int = 0


@dataclass(slots=True)
class Tally:
    """One row for each fault that was tried."""

    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    _adding: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: str, counted: Counted) -> None:
        """Count one try in which everything that was said was true."""
        row = self.rows.setdefault(fault, Row(fault))
        with self._adding:
            row.tries += 1
            row.asked += counted.asked
            row.paid += counted.paid
            row.reachable += counted.reachable
            row.true += 1

    def begin(self, fault: str) -> None:
        """Show the fault, even if no try of it succeeds."""
        self.rows.setdefault(fault, Row(fault))

    def table(self) -> str:
        """The rows in Markdown."""
        lines = ["| fault | tries | asked | paid | reachable | told truly |", "|---|--:|--:|--:|--:|--:|"]
        lines += [
            f"| {row.fault} | {row.tries} | {row.asked} | {row.paid} | {row.reachable} | {row.true} |"
            for row in self.rows.values()
        ]
        return "\n".join(lines)


@dataclass(slots=True)
class Trial:
    """One try of one fault, with one picture that is wanted.

    Attributes:
        scene: Where it plays.
        tally: Where it is counted in the end.
        fault: As the table calls it.
        era: Which protocol the host speaks.
        prompt: Like no other.
    """

    scene: Scene
    tally: Tally
    fault: str
    era: Era
    prompt: str = field(init=False)

    def __post_init__(self) -> None:
        self.prompt = new_prompt(self.fault)
        self.tally.begin(self.fault)

    def conclude(
        self, host: Host, expected: Expected, told: Told | None = None, witness: Host | None = None
    ) -> None:
        """See that the next call works, then count and compare.

        Args:
            host: Makes the next call.
            expected: What must be counted.
            told: The answer, if one came.
            witness: Whose list counts, instead of the host's.

        Raises:
            AssertionError: Something was lost, paid twice, or said and not so, or the next call fails.
        """
        following = make(host, new_prompt("after"), QUICK)
        assert not following.failed, f"the next call fails: {following.text}"
        counted = count(self.scene, witness or host, self.prompt, expected, told)
        verify(expected, counted, told)
        check_amounts(self.scene, witness or host, self.prompt, counted)
        check_sums(self.scene, witness or host)
        self.tally.add(self.fault, counted)


def count(scene: Scene, host: Host, prompt: str, expected: Expected, told: Told | None = None) -> Counted:
    """Count at the service, and at the person's end after everything unfinished had time to finish.

    Args:
        scene: Whose service.
        host: Whose `list_images`.
        prompt: What was asked for.
        expected: Whether there is anything to collect, and whether `list_images` can know of it.
        told: The answer.
    """
    scene.wait_settled(prompt)
    listing = _settled_listing(host, prompt, collect=bool(expected.reachable))
    listed = [image for image in listing.images if image["prompt"] == prompt]
    unlisted = told.images if told and not expected.listed else ()
    here = [image for image in (*listed, *unlisted) if _is_whole(image)]
    elsewhere = [image for image in listed if not _is_whole(image)]
    requests = scene.requests(prompt)
    return Counted(
        asked=len(requests),
        paid=sum(bool(entry["paid"]) for entry in requests),
        reachable=len({image.get("path") or image["handle"] for image in here}),
        listed=[*elsewhere, *_unfinished(listing, prompt)],
    )


def verify(expected: Expected, counted: Counted, told: Told | None) -> None:
    """Compare.

    Raises:
        AssertionError: Something was lost, paid twice, or said and not so.
    """
    problems = [*_miscounted(expected, counted), *_false(expected, counted, told)]
    assert not problems, "; ".join(problems) + f"\n{counted}\n{told.result if told else None}"


def check_amounts(scene: Scene, host: Host, prompt: str, counted: Counted) -> None:
    """Compare the amounts that are told of charged failures with what the account lost.

    Raises:
        AssertionError: `list_images` or `get_generation` tells another amount, or none.
    """
    lost = dollars(Decimal(str(sum(entry["cost_usd"] for entry in scene.requests(prompt)))))
    for each in counted.listed:
        if _listed_word(each) != "yes":
            continue
        if each.get("state") is None:
            said = each.get("cost_usd")
        else:
            assert lost in each["error"], f"list_images does not tell of {lost}: {each['error']}"
            error = host.call("get_generation", generation=each["generation"]).fields["error"]
            said = error.get("cost_usd", error.get("up_to_usd"))
        assert said is not None, f"no amount is told of {each}"
        assert dollars(Decimal(str(said))) == lost, f"{said} USD are told, and {lost} were lost"


def check_sums(scene: Scene, host: Host) -> None:
    """Compare what `spending` says, also of the day's budget, with all that stayed paid.

    Raises:
        AssertionError: It says too much, or too little.
    """
    paid = sum(entry["cost_usd"] for entry in scene.journal())
    said = host.call("spending", period="all").fields
    certain = said["total_usd"]
    most = certain + said["uncertain_usd"] + said["under_way_usd"]
    left = max(0, said["budget_usd"] - most)
    assert abs(said["budget_left_usd"] - left) < _CENT_PART, f"{said['budget_left_usd']} USD left, not {left}"
    assert certain <= paid + _CENT_PART, f"spending says {certain} USD, and {paid} were paid"
    assert scene.records_lost or paid <= most + _CENT_PART, (
        f"spending says {most} USD at most, of {paid} paid"
    )


def _settled_listing(host: Host, prompt: str, *, collect: bool) -> Told:
    for _ in range(_ROUNDS):
        listing = host.call("list_images", query=prompt, limit=200)
        assert not listing.failed, listing.text
        to_collect = [each for each in _unfinished(listing, prompt) if each["state"] in UNDER_WAY]
        if collect:
            to_collect += [
                image for image in listing.images if image["prompt"] == prompt and not _is_whole(image)
            ]
        if not to_collect:
            return listing
        for each in to_collect:
            host.call("get_generation", generation=each["generation"], wait=_WAIT_SECONDS)
    return host.call("list_images", query=prompt, limit=200)


def _unfinished(listing: Told, prompt: str) -> list[Mapping[str, Any]]:
    return [each for each in listing.fields.get("unfinished", ()) if each["prompt"] == prompt]


def _is_whole(image: Mapping[str, Any]) -> bool:
    path, download = image.get("path"), image.get("download_url")
    if image.get("missing") or not (path or download):
        return False
    try:
        inspect(Path(path) if path else BytesIO(_downloaded(str(download))))
    except (OSError, NotAPictureError):
        return False
    return True


def _downloaded(url: str) -> bytes:
    return httpx.get(url, trust_env=False, timeout=60).content


def _miscounted(expected: Expected, counted: Counted) -> Iterable[str]:
    if expected.asked is not None and counted.asked != expected.asked:
        yield f"the service was asked {counted.asked} times, not {expected.asked}"
    if counted.paid != expected.paid and (expected.paid is not None or counted.paid > 1):
        yield f"it was paid {counted.paid} times, not {expected.paid}"
    reachable = expected.reachable if expected.paid is not None or counted.paid else 0
    if counted.reachable != reachable:
        yield f"{counted.reachable} pictures can be reached, not {reachable}"


def _false(expected: Expected, counted: Counted, told: Told | None) -> Iterable[str]:
    word = _word(told) if told else None
    if expected.word and word != expected.word:
        yield f"the answer says {word!r}, not {expected.word!r}"
    if word == "no" and counted.paid:
        yield "the answer says that nothing was charged, and it was"
    if word in ("yes", "made") and not counted.paid:
        yield "the answer says that it was charged, and it was not"
    words = [_listed_word(each) for each in counted.listed]
    if counted.paid > counted.reachable + words.count("yes") + words.count("unknown"):
        yield "list_images says less than was paid"
    if counted.paid < counted.reachable + words.count("yes"):
        yield "list_images says more than was paid"
    if word == "unknown" and "unknown" not in words:
        yield "list_images does not say that an outcome is unknown"
    if "unknown" in (word, *words) and not expected.unknowable:
        yield "it is said that the charge is unknown, and it could be known"


def _word(told: Told) -> str | None:
    if told.failed:
        return told.charged
    return "made" if told.images else told.state


def _listed_word(each: Mapping[str, Any]) -> str | None:
    """What an entry without a picture says of money; a picture that could not be fetched was paid for."""
    state = each.get("state")
    if state is None:
        return "yes"
    if state == "failed":
        error = each.get("error", "")
        return "yes" if NOT_CHARGED not in error and any(words in error for words in CHARGED) else "no"
    return {"not_sent": "no", "unknown": "unknown"}.get(state)
