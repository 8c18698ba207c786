"""A company as docs/hosting.md has it: people come, one is limited, a server goes, a backup comes back."""

import json
import re
import signal
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio import to_thread
from mcp import Client

from imagerouter_mcp.sandbox.service.accounts import KEY, UNITS_A_DOLLAR, Accounts
from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.free_ports import free_port, free_ports
from support.http_serving import COMMAND, Serving, bare_environment, sandbox_environment, serving
from support.in_turn import in_turn
from support.object_store import SeaweedFS, new_prefix
from support.openid_provider import ANN, CLIENT, SECRET, Provider, openid_provider
from support.sdk_signing_in import Browser, Kept, connected

if TYPE_CHECKING:
    from support.postgres import Cluster

pytestmark = pytest.mark.long

CLEOS_KEY = "cleos-own-key-".ljust(64, "7")
FOX = {"model": "openai/gpt-image-1.5", "size": "256x256", "preview": "none"}
ENDS_WITHIN = 60.0


@dataclass
class House:
    """Two servers behind one address.

    Args:
        folder: In which each server has folders of its own.
        base: The address.
        shared: The settings of both.
    """

    folder: Path
    base: str
    shared: dict[str, str]
    opened: ExitStack = field(default_factory=ExitStack)
    servers: list[Serving] = field(default_factory=list[Serving])

    def open(self) -> None:
        """Start both servers, and what stands before them."""
        ports = free_ports(2)
        self.servers = [self._start(number, port) for number, port in enumerate(ports)]
        port = int(self.base.rpartition(":")[2])
        self.opened.enter_context(in_turn(self.folder, port, [f"127.0.0.1:{each}" for each in ports]))

    def close(self) -> None:
        """End everything."""
        self.opened.close()

    def replace(self, number: int) -> None:
        """End a server as a supervisor does, and start another in its place."""
        ended = self.servers[number]
        status, log = ended.end(signal.SIGTERM, ENDS_WITHIN)
        assert status == 0, log
        self.servers[number] = self._start(number, int(httpx.URL(ended.base).port or 0))

    def command(self, *words: str) -> str:
        """Type a command with the servers' settings; return what it prints."""
        ended = subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, *words], env=self.environment(0), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def invitation(self, name: str) -> str:
        """Invite a person; return the code."""
        code = re.search(r"/invitation#(\S+)", self.command("people", "invite", name))
        assert code
        return code[1]

    def environment(self, number: int) -> dict[str, str]:
        """Return the variables of a server."""
        home = self.folder / f"server-{number}"
        home.mkdir(exist_ok=True)
        folders = {
            "IMAGEROUTER_OUTPUT_DIR": str(home / "pictures"),
            "IMAGEROUTER_DATA_DIR": str(home / "data"),
        }
        return {**bare_environment(home), **self.shared, **folders}

    def _start(self, number: int, port: int) -> Serving:
        return self.opened.enter_context(serving(self.environment(number), "--port", str(port)))


@pytest.fixture
def provider() -> Iterator[Provider]:
    with openid_provider() as running:
        running.told(claims={**ANN, "sub": "cleo-1", "name": "Cleo", "email": "cleo@corp.example"})
        yield running


@pytest.fixture
def house(
    sandbox: Sandbox, postgres: "Cluster", object_store: SeaweedFS, provider: Provider, tmp_path: Path
) -> Iterator[House]:
    base = f"http://localhost:{free_port()}"
    shared = {
        **sandbox_environment(sandbox, tmp_path),
        "IMAGEROUTER_PUBLIC_URL": base,
        "IMAGEROUTER_HTTP_PROXIES": "127.0.0.1",
        "IMAGEROUTER_HTTP_STATELESS": "1",
        "IMAGEROUTER_LINK_SECRET": "a-link-secret-of-all-servers-0123456789",
        "IMAGEROUTER_PEOPLE": "1",
        "IMAGEROUTER_OWN_KEYS": "allowed",
        "IMAGEROUTER_KEY_SECRETS": "a-secret-of-this-house-0123456789abcdef",
        "IMAGEROUTER_OPENID_ISSUER": provider.issuer,
        "IMAGEROUTER_OPENID_CLIENT_ID": CLIENT,
        "IMAGEROUTER_OPENID_CLIENT_SECRET": SECRET,
        "IMAGEROUTER_OPENID_ALLOW": "@corp.example",
        "IMAGEROUTER_ALLOW_PRIVATE_ISSUER": "1",
        "IMAGEROUTER_DATABASE_URL": postgres.new_database(),
        "IMAGEROUTER_DRAIN_SECONDS": "2",
        **object_store.environment(new_prefix()),
    }
    made = House(tmp_path, base, shared)
    yield made
    made.close()


@dataclass
class Person:
    """Somebody with a browser, and what their host keeps."""

    browser: Browser
    kept: Kept = field(default_factory=Kept)

    @asynccontextmanager
    async def host(self, house: House) -> AsyncGenerator[Client]:
        """Connect their host, which signs in where it has to."""
        async with connected(f"{house.base}/mcp", self.kept, self.browser) as client:
            yield client

    async def make(self, house: House, prompt: str) -> dict[str, Any]:
        """Have a picture made; return what the model receives."""
        async with self.host(house) as client:
            return await _call(client, "generate_image", prompt=prompt, **FOX)


async def _call(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    told = await client.call_tool(tool, arguments)
    text = "\n".join(getattr(block, "text", "") for block in told.content)
    return {**(told.structured_content or {}), "failed": told.is_error, "text": text}


async def test_three_people_work_through_a_limit_a_replaced_server_and_a_restored_backup(
    house: House, sandbox: Sandbox, postgres: "Cluster", object_store: SeaweedFS, tmp_path: Path
) -> None:
    looked = json.loads(await to_thread.run_sync(house.command, "doctor", "--json"))
    assert "failure" not in {each["state"] for each in looked["findings"]}, looked
    await to_thread.run_sync(house.open)
    ada = Person(Browser(house.base, "Ada"))
    ben = Person(Browser(house.base, "Ben"))
    cleo = Person(Browser(house.base, "Cleo", CLEOS_KEY))
    async with AsyncExitStack() as browsers:
        for each in (ada, ben, cleo):
            browsers.push_async_callback(each.browser.http.aclose)
        for each in (ada, ben):
            await each.browser.accept(await to_thread.run_sync(house.invitation, each.browser.name))

        fox = await ada.make(house, "A fox of Ada")
        owl = await cleo.make(house, "An owl of Cleo")
        assert _used(sandbox, KEY) == pytest.approx(fox["cost_usd"])  # pyright: ignore[reportUnknownMemberType] - pytest's types
        assert _used(sandbox, CLEOS_KEY) == pytest.approx(owl["cost_usd"])  # pyright: ignore[reportUnknownMemberType] - as above

        await to_thread.run_sync(house.command, "people", "limit", "Ben", "--day", "0.2")
        assert not (await ben.make(house, "A bear of Ben"))["failed"]
        refused = await ben.make(house, "A second bear of Ben")
        assert refused["failed"]
        assert "Nothing was charged" in refused["text"], refused["text"]

        await _replace_under_load(house, ada)
        before = {each.browser.name: await _state(house, each) for each in (ada, ben, cleo)}
        await to_thread.run_sync(_lose_and_restore, house, postgres, object_store, tmp_path)
        assert {each.browser.name: await _state(house, each) for each in (ada, ben, cleo)} == before
        again = await cleo.make(house, "Another owl of Cleo")
        assert _used(sandbox, CLEOS_KEY) == pytest.approx(owl["cost_usd"] + again["cost_usd"])  # pyright: ignore[reportUnknownMemberType] - as above
        assert (await ben.make(house, "A third bear of Ben"))["failed"]
        assert [each.browser.opened for each in (ada, ben, cleo)] == [1, 1, 1]


async def _replace_under_load(house: House, person: Person) -> None:
    """Replace either server while pictures are made; no call may fail."""
    told: list[dict[str, Any]] = []
    over = anyio.Event()

    async def make(number: int) -> None:
        while not over.is_set():
            told.append(await person.make(house, f"A fox of {number}, {len(told)}"))

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(make, number)
        for number in range(2):
            await to_thread.run_sync(house.replace, number)
        over.set()
    assert len(told) > 3
    assert not [each["text"] for each in told if each["failed"]]


async def _state(house: House, person: Person) -> dict[str, Any]:
    """Return what a person has, with each picture as it is downloaded, and what they spent."""
    async with person.host(house) as client, httpx.AsyncClient(trust_env=False, timeout=60) as browser:
        listed = await _call(client, "list_images", limit=200)
        spent = await _call(client, "spending", period="all")
        shown = [await _call(client, "show_image", handle=each["handle"]) for each in listed["images"]]
        links = [image["download_url"] for each in shown for image in each["images"]]
        files = [(await browser.get(link)).raise_for_status().content for link in links]
    assert files
    return {
        "images": [each["handle"] for each in listed["images"]],
        "spent": spent["total_usd"],
        "files": files,
    }


def _lose_and_restore(house: House, postgres: "Cluster", store: SeaweedFS, folder: Path) -> None:
    """Back up database and bucket, lose both and the servers' disks, and restore them elsewhere."""
    backup = folder / "backup.sql"
    backup.write_bytes(postgres.dump(house.shared["IMAGEROUTER_DATABASE_URL"]))
    prefix = house.shared["IMAGEROUTER_OBJECT_STORE"].rpartition("/")[2]
    objects = {key.removeprefix(prefix): store.get(key) for key in store.keys(prefix)}
    house.close()
    for key in objects:
        store.delete(prefix + key)

    house.folder = folder / "elsewhere"
    house.folder.mkdir()
    other = new_prefix()
    for key, content in objects.items():
        store.put(other + key, content)
    house.shared |= {
        "IMAGEROUTER_DATABASE_URL": postgres.restore(backup.read_bytes()),
        **store.environment(other),
    }
    house.open()


def _used(sandbox: Sandbox, key: str) -> float:
    """Return what the account of a key was charged, in USD."""
    used = sandbox.app.state.sandbox.accounts.authorize(f"Bearer {key}").used
    return (used - Accounts().authorize(f"Bearer {key}").used) / UNITS_A_DOLLAR
