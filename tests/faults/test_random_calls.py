"""Two thousand calls of all kinds, many at once: what is said and summed equals what the service charged."""

import random
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from faults.hosts import SdkHost, Told
from faults.scene import Scene, new_prompt, scene
from imagerouter_mcp.sandbox.service.accounts import KEY, UNITS_A_DOLLAR, Account

CALLS = 2000
ABREAST = 8
BUDGET = "10000"
UNIT = Decimal(1) / UNITS_A_DOLLAR
RICH = 10_000 * UNITS_A_DOLLAR
LISTED_PRICE = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of call.

    Attributes:
        model: What is asked for.
        arguments: More of it.
        tool: Which tool is called.
    """

    model: str
    arguments: Mapping[str, object]
    tool: str = "generate_image"


def _kind(model: str, tool: str = "generate_image", **arguments: object) -> Kind:
    preview: dict[str, object] = {"preview": "none"} if tool == "generate_image" else {}
    return Kind(model, {**preview, **arguments}, tool)


KINDS = (
    _kind("test/test", size="256x256"),
    _kind("black-forest-labs/FLUX-1-schnell", size="128x128", quality="low"),
    _kind("black-forest-labs/FLUX-1-schnell", size="128x192"),
    _kind("qwen/qwen-image", size="192x128", quality="high"),
    _kind("ideogram-ai/ideogram-v3", size="1024x1024"),
    _kind("stabilityai/sdxl-turbo:free", size="256x256"),
    _kind("nobody/knows-it"),
    *(
        _kind(f"sandbox/{name}", size="256x256")
        for name in (
            "slow-0",
            "dear",
            "charged-error",
            "charged-429",
            "postlog",
            "refund-failure",
            "provider-error",
            "provider-429",
            "late-error",
            "moderated",
            "no-credits",
            "access-denied",
            "status-500",
            "rate-limited-once",
            "rate-limited-untimed",
            "html-502",
            "html-504",
            "json-504",
            "cut",
            "vanished",
            "garbage",
            "empty-data",
            "no-url",
            "bad-base64",
            "url-404",
        )
    ),
    *(_kind(f"sandbox/video-{name}", "generate_video") for name in ("slow-0", "charged-error", "postlog")),
)
UNKNOWN = ("html-502", "html-504", "json-504", "cut", "vanished", "garbage")
"""Whose charge nobody can know: the most that they may have cost is set aside."""
KEPT = ("postlog", "refund-failure")


@pytest.mark.long
def test_what_is_said_and_summed_is_what_the_service_charged(tmp_path: Path) -> None:
    chance = random.Random(12)  # noqa: S311 - kinds of calls, not secrets
    with scene(tmp_path) as made:
        made.environment |= {"IMAGEROUTER_BUDGET_USD": BUDGET, "IMAGEROUTER_CONCURRENCY": str(ABREAST)}
        account: Account = made.state.accounts.authorize(f"Bearer {KEY}")
        account.deposits += RICH
        before = account.used
        wanted = {new_prompt("a fox"): chance.choice(KINDS) for _ in range(CALLS)}
        host = made.sdk_host()

        def call(prompt: str) -> Told:
            kind = wanted[prompt]
            return host.call(kind.tool, prompt=prompt, model=kind.model, **kind.arguments)

        with ThreadPoolExecutor(ABREAST) as pool:
            told = dict(zip(wanted, pool.map(call, wanted), strict=True))

        entries = _by_prompt(made)
        problems = [
            f"{kind.model}: {problem}"
            for prompt, kind in wanted.items()
            for problem in _problems(kind, told[prompt], entries.get(prompt, []))
        ]
        assert not problems, Counter(problems)
        _check_sums(host, wanted, entries, Decimal(account.used - before) * UNIT)


def _by_prompt(made: Scene) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for entry in made.journal():
        found.setdefault(str(entry["fields"]["prompt"]), []).append(entry)
    return found


def _problems(kind: Kind, told: Told, entries: list[Mapping[str, Any]]) -> list[str]:
    """What an answer says of money and is not so."""
    paid = [entry for entry in entries if entry["paid"]]
    charged = sum((_dollars(entry) for entry in paid), Decimal(0))
    said = told.charged if told.failed else "made"
    problems: list[str] = []
    if len(paid) > 1:
        problems.append("paid twice")
    if said == "no" and charged:
        problems.append(f"says that nothing was charged, and {charged} was")
    if said in ("yes", "made") and not paid:
        problems.append(f"says {said}, and nothing was charged")
    if (said == "unknown") is not kind.model.endswith(UNKNOWN):
        problems.append(f"says {said}")
    amount = told.fields.get("cost_usd") if not told.failed else told.fields["error"].get("cost_usd")
    if amount is not None and Decimal(str(amount)) != charged:
        problems.append(f"says {amount}, and {charged} was charged")
    return problems


def _check_sums(
    host: SdkHost,
    wanted: Mapping[str, Kind],
    entries: Mapping[str, list[Mapping[str, Any]]],
    lost: Decimal,
) -> None:
    """Compare `spending` with the service's account, to 1/10,000 USD."""
    said = host.call("spending", period="all").fields
    costs = {prompt: sum(map(_dollars, entries.get(prompt, [])), Decimal(0)) for prompt in wanted}
    unsure = {prompt for prompt, kind in wanted.items() if kind.model.endswith((*UNKNOWN, *KEPT))}
    uncharged = LISTED_PRICE * sum(kind.model.endswith("html-502") for kind in wanted.values())

    assert sum(costs.values()) == lost, "the journal and the account of the service agree"
    certain = sum(cost for prompt, cost in costs.items() if prompt not in unsure)
    assert Decimal(str(said["total_usd"])).quantize(UNIT) == certain
    uncertain = sum(cost for prompt, cost in costs.items() if prompt in unsure) + uncharged
    assert Decimal(str(said["uncertain_usd"])).quantize(UNIT) == uncertain
    assert said["under_way_usd"] == 0
    left = Decimal(BUDGET) - certain - uncertain
    assert Decimal(str(said["budget_left_usd"])).quantize(UNIT) == left


def _dollars(entry: Mapping[str, Any]) -> Decimal:
    return Decimal(str(entry["cost_usd"]))
