"""Remove from this machine what another server deleted: copies of objects, and thumbnails."""

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from functools import partial

from anyio import to_thread

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.background import repeating
from imagerouter_mcp.people.person import Person
from imagerouter_mcp.settings import Settings

LOOK_SECONDS = 600.0
"""How often to look for such copies."""
UNUSED = timedelta(minutes=10)
"""How long a copy must be unused: a new one is there before its record."""
_ID = re.compile(r"p_[0-9a-f]{20}")


def dropping_stale_copies(apps: Apps) -> AbstractAsyncContextManager[None]:
    """Remove stale copies during the block, if there is an object store."""
    if apps.settings.object_store is None:
        return nullcontext()
    failure = "Copies of deleted pictures stay on this machine for now"
    return repeating(partial(_drop, apps), first=LOOK_SECONDS, every=LOOK_SECONDS, failure=failure)


async def _drop(apps: Apps) -> None:
    everybody = await apps.everybody()
    removed = await to_thread.run_sync(_removed, apps.settings, everybody)
    for person in (*everybody, *removed):
        async with apps.using(person) as app:
            await to_thread.run_sync(app.deletion.drop_stale_copies, UNUSED)


def _removed(settings: Settings, everybody: Sequence[Person]) -> list[Person]:
    """Return people who have folders on this machine and whom another server removed.

    Nothing of theirs is recorded any more, so all copies and thumbnails in these folders are stale.
    """
    if not (settings.people and settings.database_url):
        return []
    known = {person.id for person in everybody}
    folders = [*(settings.data_dir / "people").glob("p_*"), *settings.output_dir.glob("p_*")]
    ids = {folder.name for folder in folders if _ID.fullmatch(folder.name)}
    return [Person(each, "", "", each) for each in sorted(ids - known)]
