"""Remove from this machine what another server deleted: copies of objects, and thumbnails."""

from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from functools import partial

from anyio import to_thread

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.background import repeating

LOOK_SECONDS = 600.0
"""How often to look for such copies."""
UNUSED = timedelta(minutes=10)
"""How long a copy must be unused: a new one is there before its record."""


def dropping_stale_copies(apps: Apps) -> AbstractAsyncContextManager[None]:
    """Remove stale copies during the block, if there is an object store."""
    if apps.settings.object_store is None:
        return nullcontext()
    failure = "Copies of deleted pictures stay on this machine for now"
    return repeating(partial(_drop, apps), first=LOOK_SECONDS, every=LOOK_SECONDS, failure=failure)


async def _drop(apps: Apps) -> None:
    for person in await apps.everybody():
        async with apps.using(person) as app:
            await to_thread.run_sync(app.deletion.drop_stale_copies, UNUSED)
