"""Pictures that are older than the operator keeps them go by themselves, whoever's they are."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from imagerouter_mcp import retention
from imagerouter_mcp.apps import open_apps
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from patience import until
from support.recording import RecordingGallery


def record(settings: Settings, days_ago: int) -> Path:
    """Record a picture that cost 4 cents, and return its file."""
    path = settings.output_dir / f"{days_ago}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a picture")
    image = StoredImage(path=path, media_type="image/png", bytes=path.stat().st_size)
    with closing(gallery_database(settings.data_dir)) as database:
        when = datetime.now(UTC) - timedelta(days=days_ago)
        RecordingGallery(database).record([image], when, prompt="a fox", model="m", cost_usd=Decimal("0.04"))
    return path


@pytest.mark.parametrize("servers", [1, 2])
async def test_a_server_deletes_what_is_too_old_of_everybody_and_what_was_spent_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, servers: int
) -> None:
    monkeypatch.setattr(retention, "FIRST_SECONDS", 0)
    team = settings.model_copy(update={"people": True})
    with closing(open_register(team)) as people:
        ann = people.add("operator", "Ann", "Ann")
    own = [team, team.for_person(ann.id)]
    old = [record(each, days) for each in own for days in (32, 900)]
    young = [record(each, days) for each in own for days in (0, 29)]
    async with anyio.create_task_group() as running:
        for _ in range(servers):
            running.start_soon(_serve, team)
        await until(lambda: not any(path.exists() for path in old))
        running.cancel_scope.cancel()
    assert all(path.exists() for path in young)
    async with open_app(team) as local, open_apps(local) as apps, apps.using(ann) as app:
        assert app.gallery.count() == 2
        assert app.ledger.committed(date(2020, 1, 1), today()) == Decimal("0.16")


async def _serve(settings: Settings) -> None:
    async with open_app(settings) as local, open_apps(local) as apps, retention.retention(apps, 30):
        await anyio.sleep_forever()


async def test_a_gallery_that_cannot_be_read_keeps_nobody_elses_old_pictures(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FIRST_SECONDS", 0)
    team = settings.model_copy(update={"people": True})
    with closing(open_register(team)) as people:
        ann, bob = (people.add("operator", name, name) for name in ("Ann", "Bob"))
    damaged = team.for_person(ann.id).data_dir
    damaged.mkdir(parents=True)
    (damaged / "gallery.sqlite3").write_bytes(b"no database" * 500)
    old = record(team.for_person(bob.id), 32)
    async with anyio.create_task_group() as running:
        running.start_soon(_serve, team)
        await until(lambda: not old.exists())
        running.cancel_scope.cancel()
