"""An App for each person: each request works with the parts of the person who sent it, and with no others."""

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio import to_thread

from imagerouter_mcp.background import repeating
from imagerouter_mcp.descriptor_limit import descriptor_limit
from imagerouter_mcp.errors import ConfigurationError, NotSentError
from imagerouter_mcp.people.person import LOCAL, Person
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.signed_links import Links
    from imagerouter_mcp.people.api_keys import ApiKeys
    from imagerouter_mcp.people.register import People

logger = logging.getLogger(__name__)

MOST_IDLE = 50
"""How many Apps stay open that nobody uses; the longest idle one is closed first."""
MOST_OPEN = 400
"""How many Apps may be open at once. With 0.9 MB each this is some 350 MB; with PostgreSQL 70 MB."""
SETTLE_SECONDS = 60
"""How often a server looks for calls that another one left when it ended."""
_DESCRIPTORS = 5
"""Files of an open App: a gallery read and written, with their logs, and a lock (PostgreSQL: none)."""
_THREADS = 4


class TooManyPeopleError(NotSentError):
    """As many people as the server has room for are using it."""


class Apps(Protocol):
    """Gives each request the App of its person. An `App` alone does so for the one person it has."""

    @property
    def settings(self) -> Settings:
        """The operator's settings."""
        ...

    @property
    def links(self) -> "Links | None":
        """Makes links for callers on other machines; None if callers are on this one."""
        ...

    @property
    def operator(self) -> App:
        """The local person's own App."""
        ...

    def present(self) -> App:
        """Return the App of the person whose request is being answered."""
        ...

    async def find(self, person: str, /) -> Person | None:
        """Return the person with an id, or None if there is nobody with it, or nobody any more."""
        ...

    async def everybody(self) -> list[Person]:
        """Return all people, the local one first."""
        ...

    async def by_token(self, token: str, /) -> Person | None:
        """Return the person to whom the operator gave a bearer token, or None."""
        ...

    async def end_calls(self, seconds: float, /) -> None:
        """Send nothing more, and give what was sent some seconds to arrive and be stored."""
        ...

    def using(self, person: Person, /) -> AbstractAsyncContextManager[App]:
        """Keep the App of a person open for the block, in which it is the present one."""
        ...


@dataclass(slots=True)
class _Opened:
    app: App
    users: int = 0


class PersonalApps:
    """The Apps of several people, opened when they are needed and closed when they are idle.

    Args:
        local: The operator's own App, which whoever opened it closes.
        people: Who there is.

    Raises:
        ConfigurationError: A folder that everybody may read from has the pictures of people in it.
    """

    def __init__(self, local: App, people: "People") -> None:
        _check_folders(local.settings)
        self._local = local
        local.shared.people = people
        if local.settings.own_keys != "no":
            local.shared.api_keys = _api_keys(local.settings, people)
        self._people = people
        # A locked gallery may hold up all threads of the tools; it must not hold up finding out who asks.
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._opened: OrderedDict[str, _Opened] = OrderedDict()
        """By the person's id, the longest unused first."""
        self._most_open = min(MOST_OPEN, descriptor_limit() // 2 // _DESCRIPTORS)
        self._present: ContextVar[App] = ContextVar("present_app")

    @property
    def settings(self) -> Settings:
        """The operator's settings."""
        return self._local.settings

    @property
    def links(self) -> "Links | None":
        """Makes links for callers on other machines."""
        return self._local.links

    @property
    def operator(self) -> App:
        """The local person's own App."""
        return self._local

    def present(self) -> App:
        """Return the App of the person whose request is being answered.

        Raises:
            LookupError: No person was recognised; a route that anybody may ask for must not need an App.
        """
        return self._present.get()

    async def find(self, person: str) -> Person | None:
        """Return the person with an id, or None if there is nobody with it, or nobody any more."""
        if person == LOCAL.id:
            return LOCAL
        return await to_thread.run_sync(self._people.let_in, person, limiter=self._threads)

    async def everybody(self) -> list[Person]:
        """Return all people, the local one first."""
        known = await to_thread.run_sync(self._people.everybody, limiter=self._threads)
        return [LOCAL, *(person for person, _ in known)]

    async def by_token(self, token: str) -> Person | None:
        """Return the person to whom the operator gave a bearer token, or None."""
        return await to_thread.run_sync(self._people.by_token, token, limiter=self._threads)

    @asynccontextmanager
    async def using(self, person: Person) -> AsyncGenerator[App]:
        """Keep the App of a person open for the block, in which it is the present one.

        Raises:
            TooManyPeopleError: There is no room for another one.
        """
        opened = _Opened(self._local) if person == LOCAL else self._open(person)
        opened.users += 1
        before = self._present.set(opened.app)
        try:
            if len(self._opened) > self._most_open:
                await self._close_idle()
            yield opened.app
        finally:
            self._present.reset(before)
            opened.users -= 1
            await self._close_idle()

    def _open(self, person: Person) -> _Opened:
        if person.id not in self._opened:
            if len(self._opened) - len(self._idle()) >= self._most_open:
                raise TooManyPeopleError(
                    "As many people as this server has room for are using it.", "Try again in a minute."
                )
            self._opened[person.id] = _Opened(self._local.for_person(person))
        self._opened.move_to_end(person.id)
        return self._opened[person.id]

    async def recount(self) -> None:
        """Recount what everybody has committed, in case a process died before it noted that.

        A person whose records cannot be read can spend nothing; the others are not affected.
        """
        for person in await self.everybody():
            async with self.using(person) as app:
                if app.has_records:
                    try:
                        await to_thread.run_sync(app.allowance.recount)
                    except ConfigurationError as error:
                        logger.warning("What %s has spent cannot be counted: %s", person.id, error)

    async def settle_left(self) -> None:
        """Settle calls that other servers left when they ended, so that their money does not stay reserved.

        Their people may never come back, and everybody's budget would stay smaller.
        """
        from imagerouter_mcp.gallery.spent_by_all import reserved_by_ended

        postgres = self._local.shared.postgres
        left = await to_thread.run_sync(reserved_by_ended, postgres) if postgres else ()
        for person in await self.everybody() if left else ():
            if person.id in left:
                async with self.using(person) as app:
                    await app.calls.settle()
                    await to_thread.run_sync(app.allowance.recount)

    async def end_calls(self, seconds: float) -> None:
        """Send nothing more, and give what was sent some seconds to arrive and be stored."""
        async with anyio.create_task_group() as ending:
            for app in (self._local, *(opened.app for opened in self._opened.values())):
                ending.start_soon(app.end_calls, seconds)

    async def close(self) -> None:
        """Close the Apps of all people but the local one."""
        while self._opened:
            _, opened = self._opened.popitem()
            await opened.app.close()
        self._people.close()

    def _idle(self) -> list[str]:
        return [
            person for person, opened in self._opened.items() if not opened.users and not opened.app.at_work
        ]

    async def _close_idle(self) -> None:
        idle = self._idle()
        surplus = max(len(idle) - MOST_IDLE, len(self._opened) - self._most_open, 0)
        # All are taken out at once: while one is being closed, a request may come for the person of the next.
        for closing in [self._opened.pop(person) for person in idle[:surplus]]:
            await closing.app.close()


@asynccontextmanager
async def open_apps(local: App) -> AsyncGenerator[Apps]:
    """Open what serves all people that the settings ask for, and close it at the end of the block.

    Args:
        local: The operator's own App, which whoever opened it closes.

    Raises:
        ConfigurationError: A folder that everybody may read from has the pictures of people in it, or their
            API keys cannot be decrypted.
    """
    if not local.settings.people:
        if local.settings.own_keys != "no":
            from imagerouter_mcp.people.api_keys import check_key_settings

            check_key_settings(local.settings)
        yield local
        return
    from imagerouter_mcp.people.register import open_register

    apps = PersonalApps(local, open_register(local.settings, local.shared.postgres))
    try:
        await apps.recount()
        yield apps
    finally:
        await apps.close()


def settling_left(apps: Apps) -> AbstractAsyncContextManager[None]:
    """Settle what other servers left when they ended, again and again during the block."""
    if not isinstance(apps, PersonalApps):
        return nullcontext()
    failure = "Calls that ended servers left are not settled now"
    return repeating(apps.settle_left, first=SETTLE_SECONDS, every=SETTLE_SECONDS, failure=failure)


def _api_keys(settings: Settings, people: "People") -> "ApiKeys":
    """Return people's own ImageRouter keys; what is wrong with some of them is logged.

    Raises:
        ConfigurationError: There is no secret, or a wrong one.
    """
    from imagerouter_mcp.people.api_keys import open_api_keys, unreadable_keys

    keys = open_api_keys(settings, people)
    if warning := unreadable_keys(keys):
        logger.warning(warning)
    return keys


def _check_folders(settings: Settings) -> None:
    own = [folder.resolve() for folder in (settings.data_dir, settings.output_dir)]
    for folder in settings.input_dirs:
        real = folder.resolve()
        if any(real.is_relative_to(each) or each.is_relative_to(real) for each in own):
            raise ConfigurationError(
                f"Everybody may read from {folder} (IMAGEROUTER_INPUT_DIRS), and the pictures of people are "
                "kept there.",
                "Choose a folder without them.",
            )
