"""Delete pictures that are older than the operator keeps them, in the background of a server."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date, timedelta

import anyio
from anyio import to_thread

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.wiring import App

FIRST_SECONDS = 5
"""How long after its start a server looks for old pictures: it has something else to do before."""
LOOK_SECONDS = 600
"""How often it looks whether another day has begun, or whether somebody who was at work is no longer."""
_AT_ONCE = 500

logger = logging.getLogger(__name__)


@asynccontextmanager
async def retention(apps: Apps, keep_days: int | None) -> AsyncGenerator[None]:
    """Delete old pictures of all people until the block ends, once a day for each person.

    Several servers may do so at the same time: what one has deleted, the others pass over.

    Args:
        apps: What has the pictures.
        keep_days: How many days pictures are kept; None deletes none.
    """
    if keep_days is None:
        yield
        return
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_delete_daily, apps, keep_days)
        yield
        tasks.cancel_scope.cancel()


async def _delete_daily(apps: Apps, keep_days: int) -> None:
    await anyio.sleep(FIRST_SECONDS)
    day = today()
    done: set[str] = set()
    while True:
        if today() != day:
            day = today()
            done.clear()
        try:
            await _delete_of_everybody(apps, day - timedelta(days=keep_days), done)
        except (ImageRouterError, OSError) as error:
            logger.warning("Old pictures are not deleted now: %s", error)
        await anyio.sleep(LOOK_SECONDS)


async def _delete_of_everybody(apps: Apps, before: date, done: set[str]) -> None:
    """Delete the old pictures of everybody whose turn it is and who is not at work; note who is done."""
    for person in await apps.everybody():
        if person.id not in done:
            async with apps.using(person) as app:
                try:
                    if not app.at_work and await _deleted(app, before):
                        done.add(person.id)
                except (ImageRouterError, OSError) as error:
                    logger.warning("Old pictures of %s are not deleted now: %s", person.id, error)


async def _deleted(app: App, before: date) -> bool:
    """Delete what was made before a day; return False if a call has begun meanwhile."""
    if not app.has_records:
        return True
    chosen = await to_thread.run_sync(app.deletion.before, before)
    for first in range(0, len(chosen.handles), _AT_ONCE):
        if app.at_work:
            return False
        handles = chosen.handles[first : first + _AT_ONCE]
        deleted = await to_thread.run_sync(app.deletion.delete, handles)
        logger.info("Deleted %d pictures made before %s (IMAGEROUTER_KEEP_DAYS).", deleted.pictures, before)
        for note in deleted.notes:
            logger.info("%s", note)
    return True
