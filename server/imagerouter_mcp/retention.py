"""Delete pictures that are older than the operator keeps them, in the background of a server."""

import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import date, timedelta
from functools import partial

from anyio import to_thread

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.background import repeating
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.wiring import App

FIRST_SECONDS = 5
"""How long a server waits after its start, which comes first."""
LOOK_SECONDS = 600
"""How often it looks: another day may have begun, or somebody's last call ended."""
_AT_ONCE = 500

logger = logging.getLogger(__name__)


def retention(apps: Apps, keep_days: int | None) -> AbstractAsyncContextManager[None]:
    """Delete old pictures of all people until the block ends, once a day for each person.

    Several servers may do so at the same time: each skips what another has deleted.

    Args:
        apps: Has the pictures.
        keep_days: How many days pictures are kept; None deletes none.
    """
    if keep_days is None:
        return nullcontext()
    chore = partial(_delete_of_everybody, apps, timedelta(days=keep_days), {})
    failure = "Old pictures are not deleted now"
    return repeating(chore, first=FIRST_SECONDS, every=LOOK_SECONDS, failure=failure)


async def _delete_of_everybody(apps: Apps, kept: timedelta, done: dict[str, date]) -> None:
    """Delete the old pictures of everybody who is not at work, once a day.

    Args:
        apps: Has the pictures.
        kept: How long pictures are kept.
        done: The day on which this was last done for each person; updated.
    """
    day = today()
    for person in await apps.everybody():
        if done.get(person.id) != day:
            async with apps.using(person) as app:
                try:
                    if not app.at_work and await _deleted(app, day - kept):
                        done[person.id] = day
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
