"""Many people on two servers, of which one is killed now and then: each call is paid once, and counted."""

import json
import signal
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio import to_thread
from pydantic import SecretStr

from imagerouter_mcp.people.personal_limits import NO_LIMITS, Limits
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from patience import until
from support.http_serving import Serving, bare_environment, modern, sandbox_environment, serving

if TYPE_CHECKING:
    from support.postgres import Cluster

pytestmark = pytest.mark.long

PEOPLE, CALLS, KILLS = 50, 40, 4
SPENDERS, ABREAST = 8, 12
"""People with a budget, and how many calls each makes at once."""
MOMENTS = (2, 5, 9, 14, 20)
"""How many pictures have been paid for when a server is killed."""
PAUSE_SECONDS = 0.5
"""Until whoever was refused asks again."""
OWN_BUDGET_USD, BUDGET_USD = Decimal("0.05"), Decimal("0.32")
"""Of each person, for five pictures, and of all, which is less than these together."""
LEASE_SECONDS = "2"
UNDER_WAY = ("preparing", "queued", "working", "received")
_CENT_PART = 0.0001
"""Sums of floating numbers differ by less."""


class Team:
    """Two equal servers; one that is killed is replaced.

    Args:
        environment: What each is started with.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._opened = ExitStack()
        self.servers = [self._start(), self._start()]

    def _start(self) -> Serving:
        return self._opened.enter_context(serving(self._environment))

    def replace(self, number: int) -> None:
        """Kill a server, and start another."""
        self.servers[number].end(signal.SIGKILL)
        self.servers[number] = self._start()

    def close(self) -> None:
        """End all servers."""
        self._opened.close()


@dataclass
class Caller:
    """A person, and what was answered to each prompt: None where the server ended first."""

    team: Team
    name: str
    token: str
    told: dict[str, dict[str, Any] | None] = field(default_factory=dict[str, dict[str, Any] | None])

    async def work(self, first: int, calls: int = CALLS, model: str = "sandbox/slow-0") -> None:
        """Want one picture after another, from the servers in turn."""
        async with self._connected() as client:
            for number in range(calls):
                prompt = f"a fox of {self.name}, number {len(self.told)}"
                wish = {"prompt": prompt, "model": model, "size": "256x256", "preview": "none"}
                self.told[prompt] = None
                with suppress(httpx.TransportError):
                    self.told[prompt] = await self._ask(client, first + number, wish)

    async def _ask(self, client: httpx.AsyncClient, number: int, wish: dict[str, Any]) -> dict[str, Any]:
        """Ask one server, or the other where that one is not there, as a load balancer does."""
        try:
            return await self._call(client, number, "generate_image", wish)
        except httpx.ConnectError:
            return await self._call(client, number + 1, "generate_image", wish)

    async def settled(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Collect what is under way; return what `list_images` and `spending` say in the end."""
        async with self._connected() as client:
            while True:
                listed = (await self._call(client, 0, "list_images", {"limit": 200}))["structuredContent"]
                waiting = [each for each in listed.get("unfinished", ()) if each["state"] in UNDER_WAY]
                if not waiting:
                    break
                for each in waiting:
                    await self._call(
                        client, 1, "get_generation", {"generation": each["generation"], "wait": 5}
                    )
            spent = await self._call(client, 1, "spending", {"period": "all"})
            return listed, spent["structuredContent"]

    def _connected(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(headers=headers, trust_env=False, timeout=300)

    async def _call(
        self, client: httpx.AsyncClient, number: int, tool: str, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        body, headers = modern("tools/call", name=tool, arguments=arguments)
        server = self.team.servers[number % 2]
        answer = await client.post(server.url, json=body, headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.text
        lines = [line.removeprefix("data:") for line in answer.text.splitlines() if line.startswith("data:")]
        messages = [json.loads(line) for line in lines or [answer.text] if line.strip()]
        found = next((message["result"] for message in messages if "result" in message), None)
        if found is None:
            raise httpx.ReadError(f"no answer, only {answer.text[-300:]!r}")
        return found


Start = Callable[..., tuple[Team, list[Caller]]]


@pytest.fixture
def start(sandbox: Sandbox, postgres: "Cluster", tmp_path: Path) -> Generator[Start]:
    """Return a function that runs two servers on one database that know some people."""
    with ExitStack() as opened:

        def start(
            people: int, limits: Limits = NO_LIMITS, budget_usd: Decimal = Decimal(1000)
        ) -> tuple[Team, list[Caller]]:
            url = postgres.new_database()
            made = Team(
                {
                    **bare_environment(tmp_path),
                    **sandbox_environment(sandbox, tmp_path),
                    "IMAGEROUTER_DATABASE_URL": url,
                    "IMAGEROUTER_PEOPLE": "1",
                    "IMAGEROUTER_LEASE_SECONDS": LEASE_SECONDS,
                    "IMAGEROUTER_BUDGET_USD": str(budget_usd),
                    "IMAGEROUTER_HTTP_RATE": "10000",
                    "IMAGEROUTER_WAIT_SECONDS": "600",
                }
            )
            opened.enter_context(closing(made))
            with closing(open_register(Settings(database_url=SecretStr(url)))) as register:
                known = [register.add("operator", name, name) for name in (f"P{n}" for n in range(people))]
                for person in known:
                    register.limit(person, limits)
                return made, [Caller(made, person.name, register.new_token(person)) for person in known]

        yield start


def test_two_thousand_calls_of_fifty_people_are_paid_once_and_counted(
    start: Start,
    change_sandbox: Callable[..., None],
    journal: Callable[[], list[dict[str, Any]]],
) -> None:
    change_sandbox(models="with-faults")
    servers, callers = start(PEOPLE)
    settled = anyio.run(_play, servers, callers)

    costs = _costs(journal())
    for each in callers:
        listed, spent = settled[each.name]
        _check_told(each, listed, costs)
        _check_sums(spent, sum(costs.get(prompt, 0) for prompt in each.told))
    assert _answered(callers) == PEOPLE * CALLS
    made = sum(told is not None and not told["isError"] for each in callers for told in each.told.values())
    refusals = Counter(
        told["content"][0]["text"][:90]
        for each in callers
        for told in each.told.values()
        if told and told["isError"]
    )
    assert made > PEOPLE * CALLS * 0.9, refusals


def test_no_budget_is_passed_while_servers_are_killed(
    start: Start,
    change_sandbox: Callable[..., None],
    journal: Callable[[], list[dict[str, Any]]],
) -> None:
    change_sandbox(models="with-faults")
    servers, callers = start(SPENDERS, Limits(day_usd=OWN_BUDGET_USD), BUDGET_USD)
    settled = anyio.run(_spend, servers, callers, journal)

    costs = _costs(journal())
    assert sum(costs.values()) <= float(BUDGET_USD) + _CENT_PART
    committed = 0.0
    for each in callers:
        listed, spent = settled[each.name]
        paid = sum(costs.get(prompt, 0) for prompt in each.told)
        assert paid <= float(OWN_BUDGET_USD) + _CENT_PART
        _check_told(each, listed, costs)
        _check_sums(spent, paid)
        committed += spent["total_usd"] + spent["uncertain_usd"]
    assert committed == pytest.approx(float(BUDGET_USD))  # pyright: ignore[reportUnknownMemberType] - pytest's types


async def _spend(
    servers: Team, callers: list[Caller], journal: Callable[[], list[dict[str, Any]]]
) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Have everybody ask for more than they may spend while servers are killed; return what each is told."""
    settled: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    enough = anyio.Event()

    async def disturb() -> None:
        for number, moment in enumerate(MOMENTS):
            await until(lambda moment=moment: len(_costs(journal())) >= moment, 100)
            await to_thread.run_sync(servers.replace, number % 2)
        enough.set()

    async def want(each: Caller, first: int) -> None:
        while not enough.is_set():
            await each.work(first, 1, "sandbox/slow-1")
            await anyio.sleep(PAUSE_SECONDS)

    async def spend_the_rest(each: Caller) -> None:
        """Settle first, because what a killed server reserved and never sent is free again."""
        await each.settled()
        await each.work(0, ABREAST)
        settled[each.name] = await each.settled()

    async with anyio.create_task_group() as group:
        group.start_soon(disturb)
        for each in callers:
            for first in range(ABREAST):
                group.start_soon(want, each, first)
    for each in callers:
        await spend_the_rest(each)
    return settled


def _costs(entries: list[dict[str, Any]]) -> dict[str, float]:
    """Return what each prompt cost that was paid for; what answers of 429 refused may be sent again."""
    costs: dict[str, float] = {}
    for entry in entries:
        if entry["paid"] and entry["path"].startswith("/v1/openai/"):
            prompt = entry["fields"]["prompt"]
            assert prompt not in costs, f"{prompt} was paid for twice"
            costs[prompt] = entry["cost_usd"]
    return costs


async def _play(servers: Team, callers: list[Caller]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Have everybody work while servers are killed; return what each is told in the end."""
    settled: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    async def disturb() -> None:
        for number in range(KILLS):
            enough = (number + 1) * PEOPLE * CALLS // (KILLS + 1)
            await until(lambda enough=enough: _answered(callers) >= enough, 300)
            await to_thread.run_sync(servers.replace, number % 2)

    async def settle(each: Caller) -> None:
        settled[each.name] = await each.settled()

    async with anyio.create_task_group() as group:
        group.start_soon(disturb)
        for number, each in enumerate(callers):
            group.start_soon(each.work, number)
    async with anyio.create_task_group() as group:
        for each in callers:
            group.start_soon(settle, each)
    return settled


def _answered(callers: list[Caller]) -> int:
    return sum(len(each.told) for each in callers)


def _check_told(each: Caller, listed: dict[str, Any], costs: dict[str, float]) -> None:
    """Compare what a person was told with what was paid for, and with their list."""
    pictures = {image["prompt"] for image in listed["images"]}
    known = pictures | {one["prompt"] for one in listed.get("unfinished", ())}
    for prompt, told in each.told.items():
        if told is None:
            assert prompt not in costs or prompt in known, f"{prompt} was paid for and is not known"
        elif told["isError"]:
            text = told["content"][0]["text"]
            assert prompt not in costs or "Nothing was charged" not in text, text
        else:
            assert prompt in costs, f"{prompt} was never asked for"
            assert prompt in pictures, f"{prompt} was lost"


def _check_sums(spent: dict[str, Any], paid: float) -> None:
    """Compare what `spending` says with what was paid."""
    certain = spent["total_usd"]
    most = certain + spent["uncertain_usd"] + spent["under_way_usd"]
    assert certain <= paid + _CENT_PART
    assert paid <= most + _CENT_PART
