"""The object store is away for a minute while people make, edit and look at pictures on two servers."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from pydantic import SecretStr

from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.settings import Settings
from patience import wait_until
from support.http_serving import Serving
from support.object_store import SeaweedFS

if TYPE_CHECKING:
    from support.postgres import Cluster

pytestmark = pytest.mark.long

AWAY_SECONDS = 60.0
NAMES = ("Ann", "Ben", "Cleo")
READING_SECONDS = 0.2
"""How long a person looks at an answer."""
WAYS = ("new", "slow", "edited", "masked", "shown")
MODEL = {"model": "openai/gpt-image-1.5", "size": "256x256"}
SLOW = {"model": "sandbox/slow-2", "size": "256x256"}
PART = {"mask": "box:25%,25%,50%,50%"}


@dataclass
class Team:
    """Two servers with folders of their own."""

    servers: list[Serving]
    folders: list[Path]
    tokens: dict[str, str]
    """Of each person."""

    def lacking(self) -> list[list[str]]:
        """Return what each server says it lacks."""
        told = [httpx.get(f"{each.base}/ready", trust_env=False, timeout=60) for each in self.servers]
        return [answer.json().get("lacking", []) for answer in told]

    def waiting(self) -> list[Path]:
        """Return the files that wait for the store."""
        found = (path for folder in self.folders for path in folder.glob("data/people/*/rescued/*"))
        return [path for path in found if path.is_file()]


@dataclass
class Load:
    """What people ask for until it is to end, each from both servers in turn, and what they are told."""

    team: Team
    made: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """What each prompt was answered with."""
    refused: dict[str, str] = field(default_factory=dict[str, str])
    """Why each of the others was not made."""
    not_shown: list[str] = field(default_factory=list[str])
    answered: Counter[str] = field(default_factory=Counter[str])
    """How many calls of each way were answered."""
    spent: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """What `spending` tells each person in the end."""
    ended: bool = False

    async def run(self) -> None:
        """Have everybody work in every way until `ended` is set."""
        async with anyio.create_task_group() as group:
            for name, token in self.team.tokens.items():
                group.start_soon(self._live, name, token)

    async def _live(self, name: str, token: str) -> None:
        async with AsyncExitStack() as opened:
            http = httpx2.AsyncClient(
                headers={"Authorization": f"Bearer {token}"},
                timeout=600,
                limits=httpx2.Limits(max_keepalive_connections=0),  # the server may end an idle one just then
            )
            await opened.enter_async_context(http)
            servers = [
                await opened.enter_async_context(Client(streamable_http_client(each.url, http_client=http)))
                for each in self.team.servers
            ]
            handles: list[str] = []
            async with anyio.create_task_group() as group:
                for number, way in enumerate(WAYS):
                    group.start_soon(self._work, name, way, servers[number % 2 :] + servers, handles)
            told = await servers[0].call_tool("spending", {"period": "all"})
            self.spent[name] = told.structured_content or {}

    async def _work(self, name: str, way: str, servers: list[Client], handles: list[str]) -> None:
        """Do one thing again and again, most often with the picture that was made last."""
        for number in count():
            if self.ended:
                return
            if handles or way in ("new", "slow"):
                prompt = f"{name}, {way} {number}"
                tool, wish = _wish(way, prompt, handles[-1] if handles else "")
                told = await servers[number % 2].call_tool(tool, wish)
                self._note(way, prompt, told, handles)
                self.answered[way] += 1
            await anyio.sleep(READING_SECONDS)

    def _note(self, way: str, prompt: str, told: Any, handles: list[str]) -> None:  # noqa: ANN401 - the SDK's result
        text = "\n".join(getattr(block, "text", "") for block in told.content)
        if way == "shown":
            self.not_shown += [text] if told.is_error else []
        elif told.is_error:
            self.refused[prompt] = text
        else:
            self.made[prompt] = {**told.structured_content, "text": text}
            handles.append(told.structured_content["images"][0]["handle"])


@pytest.fixture
def team(
    change_sandbox: Callable[..., None],
    postgres: "Cluster",
    folders: list[Path],
    start_two: Callable[..., list[Serving]],
) -> Team:
    change_sandbox(models="with-faults")
    url = postgres.new_database()
    with closing(open_register(Settings(database_url=SecretStr(url)))) as register:
        tokens = {name: register.new_token(register.add("operator", name, name)) for name in NAMES}
    servers = start_two({"IMAGEROUTER_DATABASE_URL": url, "IMAGEROUTER_PEOPLE": "1"})
    return Team(servers, folders, tokens)


@pytest.mark.parametrize(
    ("gone", "lacking"),
    [("killed", "object store"), ("frozen", "an answer in time")],
    ids=["killed", "frozen"],
)
def test_what_was_paid_while_the_store_was_away_for_a_minute_arrives_later_and_nothing_is_paid_twice(
    team: Team, store: SeaweedFS, journal: Callable[[], list[dict[str, Any]]], gone: str, lacking: str
) -> None:
    load = Load(team)
    calls = threading.Thread(target=lambda: anyio.run(load.run))
    calls.start()
    try:
        _more(load)
        began = time.monotonic()
        (store.stop if gone == "killed" else store.freeze)()
        threading.Event().wait(AWAY_SECONDS)
        assert team.lacking() == [[lacking]] * 2
        (store.start if gone == "killed" else store.thaw)()
        assert time.monotonic() - began >= AWAY_SECONDS
        wait_until(lambda: team.lacking() == [[], []])
        _more(load)
    finally:
        load.ended = True
        calls.join()

    wait_until(lambda: not team.waiting())
    assert any("It waits on the server" in each["text"] for each in load.made.values())
    assert load.refused
    _check_paid(load, journal())
    _check_arrived(load)


def _wish(way: str, prompt: str, earlier: str) -> tuple[str, dict[str, Any]]:
    """Return a tool and its arguments."""
    match way:
        case "shown":
            return "show_image", {"handle": earlier}
        case "edited":
            return "edit_image", {"prompt": prompt, "images": [earlier], **MODEL}
        case "masked":
            return "edit_image", {"prompt": prompt, "images": [earlier], **MODEL, **PART}
        case _:
            return "generate_image", {"prompt": prompt, **(SLOW if way == "slow" else MODEL)}


def _more(load: Load) -> None:
    """Wait until everybody has had more answers of every way."""
    before = load.answered.copy()
    wait_until(lambda: all(load.answered[way] >= before[way] + 2 * len(NAMES) for way in WAYS), 300)


def _check_paid(load: Load, requests: list[dict[str, Any]]) -> None:
    """Compare what people were told with what the service was asked for."""
    paid = [each for each in requests if "/openai/" in each["path"]]
    costs = {each["fields"]["prompt"].splitlines()[0]: each["cost_usd"] for each in paid}
    assert len(costs) == len(paid), "something was paid for twice"
    for prompt, text in load.refused.items():
        assert "Nothing was charged" in text, (prompt, text)
        assert prompt not in costs, text
    assert costs.keys() == load.made.keys()
    for prompt, answer in load.made.items():
        assert answer["cost_usd"] == pytest.approx(costs[prompt])  # pyright: ignore[reportUnknownMemberType] - pytest's types
    for text in load.not_shown:
        assert "object store" in text, text
        assert "Do not make it again" in text, text
    for name in NAMES:
        own = sum(cost for prompt, cost in costs.items() if prompt.startswith(name))
        assert load.spent[name]["total_usd"] == pytest.approx(own)  # pyright: ignore[reportUnknownMemberType] - pytest's types


def _check_arrived(load: Load) -> None:
    """Fetch every picture from either server: one of them has it from the store alone."""
    for prompt, answer in load.made.items():
        (picture,) = answer["images"]
        link = httpx.URL(picture["download_url"])
        for server in load.team.servers:
            found = httpx.get(f"{server.base}{link.raw_path.decode()}", trust_env=False, timeout=60)
            assert (found.status_code, len(found.content)) == (200, picture["bytes"]), (prompt, answer)
