"""Two servers, each with folders of its own, share pictures by a database and an object store."""

import io
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from anyio import to_thread
from mcp import Client
from pydantic import SecretStr

from imagerouter_mcp.apps import open_apps
from imagerouter_mcp.cli.main import main
from imagerouter_mcp.gallery import object_store
from imagerouter_mcp.gallery.kept_sources import KeptSources
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.http_app import moving_in, stale_copies
from imagerouter_mcp.people.person import Person
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app
from patience import until
from support.http_in_process import served
from support.http_serving import sandbox_environment
from support.object_store import BUCKET, SECRET_KEY, Gate, SeaweedFS, new_prefix

if TYPE_CHECKING:
    from support.postgres import Cluster

FOX = {"prompt": "A fox", "model": "openai/gpt-image-1.5", "size": "256x256"}
Call = Callable[..., Any]


class Replica:
    """One of the servers: its App, its links, and a client of it."""

    def __init__(self, app: App, links: Links, client: Client) -> None:
        self.app = app
        self._links = links
        self._client = client

    async def __call__(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool; return its structured content, with the text of all blocks as `text`."""
        answer = await self._client.call_tool(tool, arguments)
        text = "\n".join(getattr(block, "text", "") for block in answer.content)
        return {"failed": answer.is_error, "text": text, **(answer.structured_content or {})}

    async def ready(self) -> httpx.Response:
        """Ask whether the server can make pictures."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            return await client.get(f"{self._links.base_url}/ready")

    async def fetch(self, handle: str, **headers: str) -> httpx.Response:
        """Follow this server's own link to a picture."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            return await client.get(self._links.download(handle), headers=headers)


@pytest.fixture
def prefix() -> str:
    return new_prefix()


@pytest.fixture
def gate(object_store: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Put a gate before the store, and have the servers go through it."""
    gate = Gate(object_store)
    for name, value in (object_store.credentials() | {"AWS_ENDPOINT": gate.endpoint}).items():
        monkeypatch.setenv(name, value)
    yield gate
    gate.close()


@pytest.fixture
def team(settings: Settings, postgres: "Cluster", prefix: str, gate: Gate) -> Settings:
    """Return what the servers have in common."""
    del gate
    shared = {
        "database_url": SecretStr(postgres.new_database()),
        "object_store": f"s3://{BUCKET}/{prefix}",
        "remote": True,
    }
    return settings.model_copy(update=shared)


@asynccontextmanager
async def replica(team: Settings, folder: Path) -> AsyncGenerator[Replica]:
    own = team.model_copy(update={"data_dir": folder / "data", "output_dir": folder / "pictures"})
    async with AsyncExitStack() as opened:
        links, app = await opened.enter_async_context(served(own))
        client = await opened.enter_async_context(Client(build_server(app)))
        yield Replica(app, links, client)


def _copies(server: Path) -> list[Path]:
    """Return the copies of objects that a server has on its disk."""
    walked = os.walk(server / "pictures")  # which does not mind that a folder goes meanwhile
    return [Path(folder, name) for folder, _, names in walked for name in names]


async def test_what_one_server_made_is_the_other_ones_too_until_it_is_deleted_on_both(
    *,
    team: Settings,
    tmp_path: Path,
    object_store: SeaweedFS,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with replica(team, tmp_path / "one") as one, replica(team, tmp_path / "other") as other:
        (made,) = (await one("generate_image", **FOX))["images"]
        (listed,) = (await other("list_images"))["images"]
        assert not listed.get("missing")
        edited = await other("edit_image", **{**FOX, "images": [made["handle"]]})
        assert not edited["failed"], edited["text"]
        assert str(tmp_path) not in f"{made} {listed} {edited}"
        assert BUCKET not in f"{made} {listed} {edited}"

        whole, part = await one.fetch(made["handle"]), await other.fetch(made["handle"], Range="bytes=1-4")
        assert (whole.status_code, len(whole.content)) == (200, made["bytes"])
        assert (part.status_code, part.content) == (206, whole.content[1:5])
        assert "fox" in part.headers["content-disposition"]

        handles = [made["handle"], edited["images"][0]["handle"]]
        (kept,) = (await other("generate_image", **{**FOX, "prompt": "An owl"}))["images"]
        for handle in (*handles, kept["handle"]):
            other.app.thumbnails.keep(handle, "tile_160", "its state", b"a thumbnail")
        await to_thread.run_sync(one.app.deletion.delete, handles)
        monkeypatch.setattr(stale_copies, "UNUSED", timedelta())
        monkeypatch.setattr(stale_copies, "LOOK_SECONDS", 0.05)
        async with stale_copies.dropping_stale_copies(other.app):
            await until(lambda: all("owl" in path.name for path in _copies(tmp_path / "other")))
        assert other.app.thumbnails.handles() == {kept["handle"]}
        assert (await other.fetch(kept["handle"])).status_code == 200
        await to_thread.run_sync(other.app.deletion.delete, [kept["handle"]])
        assert (await other.fetch(made["handle"])).status_code == 410
        left = [key for key in object_store.keys(prefix) if "/check" not in key]
        assert left == []


async def test_what_another_server_has_of_a_removed_person_goes_too_and_nothing_of_others(
    team: Settings,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folders = {"data_dir": tmp_path / "data", "output_dir": tmp_path / "pictures"}
    other = team.model_copy(update={"people": True, **folders})
    assert team.database_url
    one = {
        **sandbox_environment(sandbox, tmp_path / "one"),
        "IMAGEROUTER_PEOPLE": "1",
        "IMAGEROUTER_DATABASE_URL": team.database_url.get_secret_value(),
        "IMAGEROUTER_OBJECT_STORE": str(team.object_store),
    }
    for name, value in one.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stale_copies, "LOOK_SECONDS", 0.05)
    async with open_app(other) as local, open_apps(local) as apps:
        with closing(open_register(other)) as people:
            ann, ben, cy = (people.add("operator", name, name) for name in ("Ann", "Ben", "Cy"))
        unknown = Person(f"p_{0:020}", "", "", "of another database")
        for person in (ann, ben, cy, unknown):
            async with apps.using(person) as app:
                app.uploads.keep(app.uploads.new_name(), io.BytesIO(b"an upload"))
                sources = KeptSources(app.settings.data_dir)
                sources.keep(["gen_7f3a"], io.BytesIO(b"a source"), io.BytesIO(b"a mask"))
                copy = app.settings.output_dir / "pictures/x/fox.png"
                copy.parent.mkdir(parents=True)
                copy.write_bytes(b"a copy")
        for name in ("Ann", "Cy"):
            assert await to_thread.run_sync(main, ["people", "remove", name, "--yes"]) == 0
        undeletable = other.for_person(min(ann.id, cy.id)).output_dir
        shutil.rmtree(undeletable)
        undeletable.touch()  # deleting a folder there fails
        async with stale_copies.dropping_stale_copies(apps):
            await until(
                lambda: not any({ann.id, cy.id} & set(folders) for _, folders, _ in os.walk(tmp_path))
            )
    assert f"The folder {undeletable} of a removed person cannot be deleted now" in caplog.text
    for person in (ben, unknown):
        own = other.for_person(person.id)
        assert len([*own.data_dir.glob("uploads/*"), *own.data_dir.glob("sources/*")]) == 3
        assert (own.output_dir / "pictures/x/fox.png").exists()


async def test_a_store_that_goes_away_after_the_payment_costs_nobody_a_picture(
    team: Settings, tmp_path: Path, gate: Gate, journal: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving_in, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(object_store, "OPEN_SECONDS", 0.05)
    async with replica(team, tmp_path / "one") as one, replica(team, tmp_path / "other") as other:
        await one("generate_image", **FOX)
        gate.behave("shut")
        made = await one("generate_image", **{**FOX, "prompt": "An owl"})
        (owl,) = made["images"]
        assert not made["failed"]
        assert "It waits on the server, because it could not be written to the object store" in made["text"]
        assert made["cost_usd"]
        assert (await one.fetch(owl["handle"])).status_code == 200

        paid = len(journal())
        refused = await one("generate_image", **{**FOX, "prompt": "A bear"})
        assert refused["failed"]
        assert "cannot be kept in the object store" in refused["text"]
        assert "Nothing was charged" in refused["text"]
        assert len(journal()) == paid
        ready = await one.ready()
        assert ready.json()["lacking"] == ["object store"]
        told = f"{made} {refused} {ready.text}"
        assert [each for each in (team.object_store, gate.endpoint, SECRET_KEY) if str(each) in told] == []

        gate.behave("open")
        async with moving_in.moving_in(one.app):
            rescued = tmp_path / "one" / "data" / "rescued"
            await until(lambda: not any(rescued.iterdir()))
        found = await other.fetch(owl["handle"])
        assert (found.status_code, len(found.content)) == (200, owl["bytes"])
