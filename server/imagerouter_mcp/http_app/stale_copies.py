"""Remove from this machine what another server deleted: copies, thumbnails, folders of removed people."""

import logging
import re
import shutil
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.background import repeating
from imagerouter_mcp.settings import Settings

if TYPE_CHECKING:
    from imagerouter_mcp.people.register import People

LOOK_SECONDS = 600.0
"""How often to look for such copies."""
UNUSED = timedelta(minutes=10)
"""How long a copy must be unused: a new one is there before its record."""
logger = logging.getLogger(__name__)
_ID = re.compile(r"p_[0-9a-f]{20}")


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
    if people := apps.operator.shared.people:
        await to_thread.run_sync(_drop_removed, apps.settings, people)


def _drop_removed(settings: Settings, people: "People") -> None:
    """Delete the folders of people whom another server removed.

    Only those go whom the register remembers: with a wrong or new database, everybody seems to be unknown.
    """
    for person in filter(_ID.fullmatch, people.removed()):
        own = settings.for_person(person)
        for folder in (own.output_dir, own.data_dir):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                pass
            except OSError as error:
                logger.warning("The folder %s of a removed person cannot be deleted now: %s", folder, error)
