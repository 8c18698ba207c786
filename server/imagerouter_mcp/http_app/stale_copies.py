"""Remove from this machine what another server deleted: copies of objects, and thumbnails."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
from anyio import to_thread

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 600.0
"""How often to look for such copies."""
UNUSED = timedelta(minutes=10)
"""How long a copy must be unused: a new one is there before its record."""


@asynccontextmanager
async def dropping_stale_copies(apps: Apps) -> AsyncGenerator[None]:
    """Remove stale copies during the block, if there is an object store."""
    if apps.settings.object_store is None:
        yield
        return
    async with anyio.create_task_group() as group:
        group.start_soon(_drop, apps)
        yield
        group.cancel_scope.cancel()


async def _drop(apps: Apps) -> None:
    while True:
        await anyio.sleep(LOOK_SECONDS)
        try:
            for person in await apps.everybody():
                async with apps.using(person) as app:
                    await to_thread.run_sync(app.deletion.drop_stale_copies, UNUSED)
        except (ImageRouterError, OSError) as error:
            logger.warning("Copies of deleted pictures stay on this machine for now: %s", error)
