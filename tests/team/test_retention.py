"""Old pictures go from a database and an object store that two servers share, also while they are used."""

import io
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client
from PIL import Image
from pydantic import SecretStr

from imagerouter_mcp import retention
from imagerouter_mcp.apps import Apps, open_apps
from imagerouter_mcp.database.postgres import PostgresDatabase, PostgresServer
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.tables import SCHEMA
from imagerouter_mcp.people.person import LOCAL, Person
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app
from patience import PATIENCE_SECONDS, until
from support.calls_under_way import HELD, asked
from support.object_store import BUCKET, SeaweedFS, new_prefix
from support.recording import RecordingGallery

if TYPE_CHECKING:
    from support.postgres import Cluster

pytestmark = pytest.mark.long

CENTS = Decimal("0.04")
"""What each recorded picture cost."""


@pytest.fixture
def prefix() -> str:
    return new_prefix()


@pytest.fixture
def team(
    settings: Settings,
    postgres: "Cluster",
    object_store: SeaweedFS,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Return what the servers have in common."""
    monkeypatch.setattr(retention, "FIRST_SECONDS", 0)
    for name, value in object_store.credentials().items():
        monkeypatch.setenv(name, value)
    shared = {
        "database_url": SecretStr(postgres.new_database()),
        "object_store": f"s3://{BUCKET}/{prefix}",
        "people": True,
        "wait_seconds": 0,
    }
    return settings.model_copy(update=shared)


@asynccontextmanager
async def replica(team: Settings, folder: Path) -> AsyncGenerator[tuple[App, Apps]]:
    own = team.model_copy(update={"data_dir": folder / "data", "output_dir": folder / "pictures"})
    async with open_app(own) as local, open_apps(local) as apps:
        yield local, apps


async def recorded(apps: Apps, server: PostgresServer, person: Person, days_ago: int) -> str:
    """Record a picture of a person's, kept in the object store; return its handle."""
    content = io.BytesIO()
    Image.new("RGB", (64, 64), (days_ago % 256, 90, 30)).save(content, "PNG")
    async with apps.using(person) as app:
        file = app.settings.output_dir / f"{days_ago}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.getvalue())
        key = app.files.keep(file, f"gen_{days_ago}-1")
    image = StoredImage(path=key, media_type="image/png", width=64, height=64, bytes=content.tell())
    when = datetime.now(UTC) - timedelta(days=days_ago)
    with closing(PostgresDatabase(server, SCHEMA, person.id)) as database:
        made = RecordingGallery(database).record([image], when, prompt="a fox", model="m", cost_usd=CENTS)
    return made.images[0].handle


@pytest.mark.parametrize("part", [{}, {"mask": "box:25%,25%,50%,50%"}], ids=["whole", "masked"])
async def test_two_servers_delete_what_is_too_old_and_a_call_that_uses_it_ends_well(
    *,
    part: dict[str, str],
    team: Settings,
    tmp_path: Path,
    sandbox: Sandbox,
    change_sandbox: Callable[..., None],
    object_store: SeaweedFS,
    prefix: str,
) -> None:
    with closing(open_register(team)) as people:
        ann = people.add("operator", "Ann", "Ann")
    async with (
        replica(team, tmp_path / "one") as (one, apps_of_one),
        replica(team, tmp_path / "other") as (other, apps_of_other),
        Client(build_server(one)) as agent,
        Client(build_server(other)) as collecting,
    ):
        server = one.shared.postgres
        assert server
        handles = {
            person: [await recorded(apps_of_one, server, person, days_ago) for days_ago in (29, 32, 900)]
            for person in (LOCAL, ann)
        }
        kept, _, used = handles[LOCAL]
        wish = {"prompt": "Make it night", "images": [used], **HELD, **part}
        begun = await _call(agent, "edit_image", **wish)
        await until(lambda: asked(sandbox))

        async with AsyncExitStack() as retaining:
            for apps in (apps_of_one, apps_of_other):
                await retaining.enter_async_context(retention.retention(apps, 30))
            await until(lambda: len(_objects(object_store, prefix)) == 2)
            for person in (LOCAL, ann):
                async with apps_of_other.using(person) as app:
                    await until(lambda app=app: app.gallery.count() == 1)
        assert one.at_work, "its own server leaves a person alone while a call is under way"

        change_sandbox(held=False)
        ended = await _call(collecting, "get_generation", generation=begun["generation"])
        with anyio.fail_after(PATIENCE_SECONDS):
            while "images" not in ended:
                ended = await _call(collecting, "get_generation", generation=begun["generation"])
        (result,) = ended["images"]
        listed = await _call(collecting, "list_images")
        assert {image["handle"] for image in listed["images"]} == {kept, result["handle"]}
        assert not any(image.get("missing") for image in listed["images"])
        cost = Decimal(str(ended["cost_usd"]))
        for person, spent in ((LOCAL, 3 * CENTS + cost), (ann, 3 * CENTS)):
            async with apps_of_other.using(person) as app:
                assert app.ledger.committed(date(2020, 1, 1), today()) == spent


def _objects(store: SeaweedFS, prefix: str) -> list[str]:
    """Return the keys of the pictures in the store."""
    return [key for key in store.keys(prefix) if "/pictures/" in key]


async def _call(agent: Client, tool: str, **arguments: object) -> dict[str, Any]:
    answer = await agent.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return answer.structured_content or {}
