"""Two servers go on working while their object store is away, silent, talks nonsense, or is killed."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from mcp import Client

from patience import wait_until
from support.http_serving import Serving
from support.object_store import Gate, Manner, SeaweedFS

if TYPE_CHECKING:
    from support.postgres import Cluster

pytestmark = pytest.mark.long

WORKERS = 3
"""For each server."""


@dataclass
class Load:
    """Calls that are made one after another until they are to end, and what was answered."""

    servers: list[Serving]
    made: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    refused: dict[str, str] = field(default_factory=dict[str, str])
    ended: bool = False

    @property
    def answered(self) -> int:
        """How many calls were answered."""
        return len(self.made) + len(self.refused)

    async def run(self) -> None:
        """Make calls until `ended` is set."""
        numbers = count()
        async with anyio.create_task_group() as group:
            for server in self.servers * WORKERS:
                group.start_soon(self._work, server, numbers)

    async def _work(self, server: Serving, numbers: "count[int]") -> None:
        async with Client(server.url) as client:
            while not self.ended:
                prompt = f"fox {next(numbers)}"
                wish = {"prompt": prompt, "model": "openai/gpt-image-1.5", "size": "256x256"}
                answer = await client.call_tool("generate_image", wish)
                if answer.is_error:
                    self.refused[prompt] = "\n".join(getattr(block, "text", "") for block in answer.content)
                    await anyio.sleep(0.2)  # as whoever reads the refusal
                else:
                    self.made[prompt] = answer.structured_content or {}


@pytest.fixture
def gate(store: SeaweedFS) -> Iterator[Gate]:
    gate = Gate(store)
    yield gate
    gate.close()


@pytest.fixture
def servers(postgres: "Cluster", gate: Gate, start_two: Callable[..., list[Serving]]) -> list[Serving]:
    """Run two servers that reach the store through the gate."""
    return start_two({"IMAGEROUTER_DATABASE_URL": postgres.new_database(), "AWS_ENDPOINT": gate.endpoint})


def test_nothing_that_was_paid_for_is_lost_and_nothing_false_is_said(
    servers: list[Serving],
    gate: Gate,
    store: SeaweedFS,
    folders: list[Path],
    journal: Callable[[], list[dict[str, Any]]],
) -> None:
    load = Load(servers)
    calls = threading.Thread(target=lambda: anyio.run(load.run))
    calls.start()
    for manner in ("open", "shut", "open", "silent", "open", "garbage", "open"):
        _for_a_while(load, gate, manner)
    store.stop()
    _more(load)
    store.start()
    _more(load)
    load.ended = True
    calls.join()

    for folder in folders:
        rescued = folder / "data" / "rescued"
        wait_until(lambda rescued=rescued: not rescued.exists() or not any(rescued.iterdir()))
    assert len(load.made) > 20
    assert load.refused
    asked = [entry["fields"]["prompt"] for entry in journal() if "/openai/" in entry["path"]]
    assert len(asked) == len(set(asked)), "something was paid for twice"
    for prompt, text in load.refused.items():
        assert "Nothing was charged" in text, text
        assert prompt not in asked, text
    assert sorted(asked) == sorted(load.made)
    for prompt, answer in load.made.items():
        assert answer["cost_usd"] is not None, prompt
        (picture,) = answer["images"]
        for server in servers:
            address = picture["download_url"].replace(
                picture["download_url"].split("/files/")[0], server.base
            )
            found = httpx.get(address, trust_env=False, timeout=60)
            assert (found.status_code, len(found.content)) == (200, picture["bytes"]), (prompt, answer)


def _for_a_while(load: Load, gate: Gate, manner: Manner) -> None:
    gate.behave(manner)
    _more(load)


def _more(load: Load) -> None:
    """Wait until each worker has had an answer or two."""
    before = load.answered
    wait_until(lambda: load.answered >= before + 4 * WORKERS, 300)
