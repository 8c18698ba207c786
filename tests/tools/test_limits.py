"""What a call and a day may cost, and when the person is asked."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from imagerouter_mcp.api.catalogue import Catalogue
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App
from patience import at_once, until
from support.eras import in_both_eras

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

CENT = {"prompt": "A fox", "model": "sandbox/slow-0", "size": "256x256"}
"""A picture for $0.01 by the list."""
ONCE = pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it


@pytest.fixture(autouse=True)
def priced(change_sandbox: Callable[..., None]) -> None:
    """The sandbox's own models are in the list, at $0.01 each."""
    change_sandbox(models="with-faults")


def usd(amount: str) -> Decimal:
    return Decimal(amount)


@ONCE
@pytest.mark.parametrize(
    ("tool", "arguments", "numbers"),
    [
        (
            "generate_image",
            {"model": "google/gemini-3-pro", "n": 5},
            ("$1.20", "$1.00", "5 × google", "$0.24"),
        ),
        (
            "compare_models",
            {
                "models": [
                    "google/gemini-3-pro",
                    "openai/gpt-image-1",
                    "openai/gpt-image-1.5",
                    "xAI/grok-imagine-image",
                    "openai/gpt-image-1-mini",
                    "openai/dall-e-3",
                ]
            },
            ("$1.082", "$1.00", "google/gemini-3-pro up to $0.24", "openai/gpt-image-1 up to $0.30"),
        ),
    ],
)
async def test_a_call_for_pictures_may_cost_a_dollar(
    connect: Hosts, made: Journal, tool: str, arguments: dict[str, object], numbers: tuple[str, ...]
) -> None:
    async with connect() as host:
        told = await host(tool, prompt="A fox", **arguments)
        spent = (await host("spending")).fields
    assert told.fields["error"]["kind"] == "budget"
    assert told.fields["error"]["charged"] == "no"
    assert all(number in told.text for number in numbers), told.text
    assert "IMAGEROUTER_MAX_COST_USD" in told.text
    assert spent["total_usd"] == spent["under_way_usd"] == spent["uncertain_usd"] == 0
    assert not made()


@ONCE
async def test_the_persons_own_limit_holds_for_the_sum_of_a_call(connect: Hosts, made: Journal) -> None:
    async with connect(max_cost_usd=usd("0.02")) as host:
        refused = [
            await host("generate_image", **CENT, n=3),
            await host(
                "compare_models", prompt="A fox", models=["sandbox/slow-0", "sandbox/slow-1", "sandbox/gif"]
            ),
            await host("generate_video", prompt="A fox", model="bytedance/seedance-1-lite"),
        ]
        assert not made()
        within = await host("generate_image", **CENT, n=2)
    assert [each.fields["error"]["kind"] for each in refused] == ["budget"] * 3
    assert "3 × sandbox/slow-0 up to $0.01" in refused[0].text
    assert "$0.3456" in refused[2].text
    assert within.fields["cost_usd"] == 0.02


@ONCE
async def test_a_video_may_cost_more_than_a_picture(connect: Hosts, made: Journal) -> None:
    async with connect() as host:
        told = await host("generate_video", prompt="A fox runs", model="wan/wan-2.6", seconds=5)
    assert not told.failed, told.text
    assert told.fields["estimate_usd"]["high"] == 2.25
    assert len(made()) == 1


@ONCE
async def test_what_is_under_way_counts_against_the_day_in_every_server_and_ends_as_what_it_cost(
    connect: Hosts, made: Journal, let_go: Callable[[], None]
) -> None:
    # At most $0.007, in truth $0.0013.
    cheap = {"model": "black-forest-labs/FLUX-1-schnell", "size": "128x128"}
    budget = {"budget_usd": usd("0.011"), "concurrency": 1}
    async with connect(**budget) as host, connect(**budget) as other:
        slow = asyncio.create_task(host("generate_image", **{**CENT, "model": "sandbox/held"}))
        await until(made)
        during = (await other("spending")).fields
        refused = await other("generate_image", prompt="A wolf", **cheap)
        let_go()
        await slow
        after = (await other("spending")).fields
        still = await host("generate_image", prompt="A wolf", **cheap)
    assert (during["under_way_usd"], during["total_usd"], during["budget_left_usd"]) == (0.01, 0, 0.001)
    assert refused.fields["error"]["kind"] == "budget"
    assert "$0.007" in refused.text
    assert "budget of $0.011, $0.01 is spent, reserved or of unknown outcome." in refused.text
    assert "IMAGEROUTER_BUDGET_USD" in refused.text
    assert (after["under_way_usd"], after["total_usd"], after["budget_left_usd"]) == (0, 0.01, 0.001)
    assert still.failed
    assert len(made()) == 1


@ONCE
async def test_the_day_is_charged_what_a_picture_cost_and_not_what_it_might_have(
    connect: Hosts, made: Journal
) -> None:
    cheap = {"model": "black-forest-labs/FLUX-1-schnell", "size": "128x128"}
    async with connect(budget_usd=usd("0.009")) as host:
        told = [await host("generate_image", prompt=f"Fox {number}", **cheap) for number in range(3)]
    assert [each.failed for each in told] == [False, False, True]  # 0.0026 + 0.007 is too much
    assert "$0.0026" in told[2].text
    assert len(made()) == 2


@ONCE
async def test_an_unknown_outcome_counts_against_the_day_and_a_failure_does_not(
    connect: Hosts, made: Journal
) -> None:
    async with connect(budget_usd=usd("0.015")) as host:
        failed = await host("generate_image", prompt="A fox", model="sandbox/moderated")
        unknown = await host("generate_image", prompt="A fox", model="sandbox/vanished")
        spent = (await host("spending")).fields
        refused = await host("generate_image", **CENT)
    assert failed.fields["error"]["charged"] == "no"
    assert unknown.fields["error"]["charged"] == "unknown"
    assert (spent["uncertain_usd"], spent["total_usd"]) == (0.01, 0)
    assert refused.fields["error"]["kind"] == "budget"
    assert len(made()) == 2


@ONCE
async def test_of_two_servers_that_ask_at_once_only_one_gets_the_last_cent(
    connect: Hosts, made: Journal
) -> None:
    budget = {"budget_usd": usd("0.01")}
    async with connect(**budget) as host, connect(**budget) as other:
        told = await at_once(
            host("generate_image", **CENT), other("generate_image", **{**CENT, "prompt": "A wolf"})
        )
    assert sorted(each.failed for each in told) == [False, True]
    assert len(made()) == 1


@ONCE
async def test_yesterday_does_not_count(connect: Hosts, settings: Settings) -> None:
    async with connect(budget_usd=usd("0.01")) as host:
        await host("generate_image", **CENT)
        assert (await host("generate_image", **CENT, again=True)).failed
        _a_day_earlier(settings.data_dir)
        assert not (await host("generate_image", **CENT, again=True)).failed


def _a_day_earlier(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "gallery.sqlite3")) as connection, connection:
        for table in ("generations", "journal"):
            connection.execute(f"UPDATE {table} SET created_at = created_at - 86400")  # noqa: S608 - two names


@ONCE
async def test_what_is_free_needs_no_budget(connect: Hosts) -> None:
    async with connect(budget_usd=usd("0"), max_cost_usd=usd("0"), confirm_usd=usd("0")) as host:
        free = await host("generate_image", prompt="A fox", model="test/test")
        paid = await host("generate_image", **CENT)
    assert not free.failed, free.text
    assert paid.fields["error"]["kind"] == "budget"


class Person:
    """Answers what the server asks, always alike.

    Attributes:
        questions: What they were asked.
        meanwhile: What happens while they think.
    """

    def __init__(
        self, action: str, *, go_ahead: bool | None = None, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self.meanwhile = meanwhile
        content: dict[str, Any] | None = None if go_ahead is None else {"go_ahead": go_ahead}
        self._answer = ElicitResult.model_validate({"action": action, "content": content})
        self.questions: list[str] = []

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """Answer one question."""
        del context
        self.questions.append(params.message)
        self.meanwhile()
        return self._answer


DEAR = {"confirm_usd": usd("0.005")}
NO = {
    "decline": lambda: Person("decline"),
    "cancel": lambda: Person("cancel"),
    "not go ahead": lambda: Person("accept", go_ahead=False),
}


@in_both_eras
async def test_a_person_who_agrees_gets_the_picture_after_one_question(connect: Hosts, made: Journal) -> None:
    person = Person("accept", go_ahead=True)
    async with connect(person=person, **DEAR) as host:
        told = await host("generate_image", **CENT, n=2)
    assert not told.failed, told.text
    assert person.questions == ["These 2 pictures may cost up to $0.02. Go ahead?"]
    assert len(made()) == 2


@pytest.mark.parametrize("how", NO)
@in_both_eras
async def test_a_person_who_does_not_agree_pays_nothing_whatever_the_agent_says(
    connect: Hosts, made: Journal, how: str
) -> None:
    person = NO[how]()
    async with connect(person=person, **DEAR) as host:
        told = await host("generate_image", **CENT)
        insisting = await host("generate_image", **CENT, confirm_cost=True)
        cheap = await host("generate_image", prompt="A fox", model="test/test")
    assert len(person.questions) == 2
    for each in (told, insisting):
        assert each.fields["error"]["kind"] == "budget"
        assert each.fields["error"]["charged"] == "no"
    assert not cheap.failed
    assert [entry["fields"]["model"] for entry in made()] == ["test/test"]


@in_both_eras
async def test_where_nobody_can_be_asked_the_agent_has_to_say_that_the_person_agreed(
    connect: Hosts, made: Journal
) -> None:
    async with connect(**DEAR) as host:
        refused = await host("generate_image", **CENT)
        assert not made()
        confirmed = await host("generate_image", **CENT, confirm_cost=True)
    assert refused.fields["error"]["kind"] == "budget"
    assert "confirm_cost=true" in refused.text
    assert "$0.01" in refused.text
    assert not confirmed.failed, confirmed.text


class Prices:
    """Prices that a server learns of at once, as it does of others when its list has grown old."""

    def __init__(self, change_sandbox: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
        self._change = change_sandbox
        monkeypatch.setattr(App, "catalogue", property(self._catalogue))
        self._catalogues: dict[App, Catalogue] = {}

    def rise(self) -> None:
        """Let ImageRouter ask ten times as much from now on."""
        self._change(models="with-dearer-faults")

    def _catalogue(self, app: App) -> Catalogue:
        return self._catalogues.setdefault(app, Catalogue(app.shared.client.models, lifetime=0))


@pytest.fixture
def prices(change_sandbox: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Prices:
    return Prices(change_sandbox, monkeypatch)


@pytest.mark.parametrize("era", ["legacy"])  # where the answer comes in the middle of the call
async def test_a_price_that_rises_while_the_person_thinks_is_not_paid(
    connect: Hosts, made: Journal, prices: Prices
) -> None:
    person = Person("accept", go_ahead=True, meanwhile=prices.rise)
    async with connect(person=person, **DEAR) as host:
        refused = await host("generate_image", **CENT, n=2)
        assert not made()
        agreed = await host("generate_image", **CENT, n=2)
    assert refused.fields["error"]["kind"] == "budget"
    assert "The price named was up to $0.02; by now this may cost up to $0.20" in refused.text
    assert person.questions == [
        "These 2 pictures may cost up to $0.02. Go ahead?",
        "These 2 pictures may cost up to $0.20. Go ahead?",
    ]
    assert not agreed.failed, agreed.text


@ONCE
async def test_a_person_is_asked_again_where_a_price_rises_while_they_think(
    connect: Hosts, made: Journal, prices: Prices
) -> None:
    person = Person("accept", go_ahead=True, meanwhile=prices.rise)
    async with connect(person=person, **DEAR) as host:
        told = await host("generate_image", **CENT)
    assert person.questions == [
        f"This picture may cost up to {price}. Go ahead?" for price in ("$0.01", "$0.10")
    ]
    assert not told.failed, told.text
    assert len(made()) == 1


@in_both_eras
@pytest.mark.parametrize("how", [{}, {"dry_run": True}])
async def test_an_agent_that_says_yes_says_it_to_the_price_that_it_was_told(
    connect: Hosts, made: Journal, prices: Prices, how: dict[str, bool]
) -> None:
    async with connect(**DEAR) as host:
        await host("generate_image", **CENT, **how)
        prices.rise()
        refused = await host("generate_image", **CENT, confirm_cost=True)
        assert not made()
        confirmed = await host("generate_image", **CENT, confirm_cost=True)
    assert "The price named was up to $0.01; by now this may cost up to $0.10" in refused.text
    assert not confirmed.failed, confirmed.text


@ONCE
@pytest.mark.parametrize("limit", ["max_cost_usd", "budget_usd"])
async def test_agreeing_lifts_no_limit(connect: Hosts, made: Journal, limit: str) -> None:
    person = Person("accept", go_ahead=True)
    async with (
        connect(**{limit: usd("0.005")}, **DEAR) as host,
        connect(person=person, **{limit: usd("0.005")}, **DEAR) as other,
    ):
        told = [await each("generate_image", **CENT, confirm_cost=True) for each in (host, other)]
    assert [each.fields["error"]["kind"] for each in told] == ["budget"] * 2
    assert all(f"IMAGEROUTER_{limit.upper()}" in each.text for each in told)
    assert not made()


@ONCE
@pytest.mark.parametrize(
    ("tool", "arguments", "question"),
    [
        ("edit_image", {"images": ["last"], "prompt": "Invert", "model": "sandbox/slow-0"}, "This picture"),
        (
            "compare_models",
            {"prompt": "A fox", "models": ["sandbox/slow-0", "test/test"], "size": "256x256"},
            "These 2 pictures",
        ),
        ("generate_video", {"prompt": "A fox", "model": "sandbox/video-slow-0"}, "This video"),
    ],
)
async def test_every_tool_that_costs_asks(
    connect: Hosts, made: Journal, tool: str, arguments: dict[str, object], question: str
) -> None:
    person = Person("decline")
    async with connect(person=person, **DEAR) as host, connect(**DEAR) as unable_to_ask:
        await host("generate_image", prompt="A fox", model="test/test")
        told = await host(tool, **arguments)
        refused = await unable_to_ask(tool, **arguments)
    assert person.questions == [f"{question} may cost up to $0.01. Go ahead?"]
    assert told.failed
    assert "confirm_cost=true" in refused.text
    assert len(made()) == 1


@ONCE
@pytest.mark.parametrize("tool", ["generate_image", "edit_image", "generate_video"])
async def test_a_dry_run_asks_nobody(connect: Hosts, source: Path, tool: str) -> None:
    person = Person("decline")
    model = "sandbox/video-slow-0" if tool == "generate_video" else "sandbox/slow-0"
    images = {"images": [str(source)]} if tool == "edit_image" else {}
    async with connect(person=person, **DEAR) as host:
        told = await host(tool, prompt="A fox", model=model, dry_run=True, **images)
    assert told.fields["estimate_usd"]["high"] == 0.01
    assert person.questions == []


async def test_a_price_that_nobody_knows_may_be_above_what_the_person_wants_to_be_asked_about(
    connect: Hosts, made: Journal, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(models="normal")  # where the sandbox's own are not listed
    person = Person("accept", go_ahead=True)
    async with connect(**DEAR) as host, connect(person=person, **DEAR) as other:
        refused = await host("generate_image", **CENT)
        assert not made()
        confirmed = await host("generate_image", **CENT, confirm_cost=True)
        agreed = await other("generate_image", **CENT)
    assert "confirm_cost=true" in refused.text
    assert "at an unknown price" in refused.text
    assert person.questions == ["Nobody knows beforehand what this picture costs. Go ahead?"]
    assert not confirmed.failed
    assert not agreed.failed


@ONCE
async def test_a_price_that_is_just_allowed_needs_no_question(connect: Hosts) -> None:
    person = Person("decline")
    async with connect(person=person, confirm_usd=usd("0.01")) as host:
        told = await host("generate_image", **CENT)
    assert not told.failed, told.text
    assert person.questions == []


async def test_a_person_who_set_nothing_is_asked_nothing(connect: Hosts) -> None:
    person = Person("decline")
    async with connect(person=person) as host:
        told = await host("generate_image", **CENT, n=2)
    assert not told.failed, told.text
    assert person.questions == []
