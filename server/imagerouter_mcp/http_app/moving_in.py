"""Move what waits on this machine into the object store, once that takes files again."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.background import repeating
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.files import RESCUED
from imagerouter_mcp.gallery.rescued_files import move_in
from imagerouter_mcp.people.person import LOCAL

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.object_store import ObjectStore

logger = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""How often to look whether something waits."""


@asynccontextmanager
async def moving_in(apps: Apps) -> AsyncGenerator[None]:
    """Move what waits into the object store during the block, if there is one; warn if it takes nothing."""
    if apps.settings.object_store is None:
        yield
        return
    failure = "What waits for the object store still waits"
    async with (
        repeating(partial(_move_in, apps), first=0, every=LOOK_SECONDS, failure=failure),
        anyio.create_task_group() as starting,
    ):
        starting.start_soon(to_thread.run_sync, _warn_of, apps.operator.shared.objects)
        yield


async def _move_in(apps: Apps) -> None:
    for person in await to_thread.run_sync(_waiting, apps.settings.data_dir):
        await _move_in_of(apps, person)


async def _move_in_of(apps: Apps, person: str) -> None:
    known = await apps.find(person)
    if known is None:
        return
    async with apps.using(known) as app:
        if moved := await to_thread.run_sync(move_in, app.gallery, app.files, app.settings):
            logger.info("Moved %d files into the object store.", moved)


def _warn_of(objects: "ObjectStore | None") -> None:
    """Log why the object store takes nothing: at start, not at the first call."""
    try:
        _ = objects and objects.check()
    except ConfigurationError as error:
        logger.warning("%s", error)


def _waiting(data_dir: Path) -> list[str]:
    """Return the ids of the people whose files wait on this machine."""
    folders = {LOCAL.id: data_dir / RESCUED}
    folders |= {each.parent.name: each for each in (data_dir / "people").glob(f"*/{RESCUED}")}
    return [person for person, folder in folders.items() if folder.is_dir() and any(folder.iterdir())]
