"""An App for each person: each request works with the parts of the person who sent it, and with no others."""

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import anyio

from imagerouter_mcp.people.person import LOCAL, Person
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.gallery.signed_links import Links

MOST_IDLE = 50
"""How many Apps stay open that nobody uses; the longest idle one is closed first."""


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
        """Return the person with an id, or None if there is nobody of that id, or no longer."""
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
    """

    def __init__(self, local: App) -> None:
        self._local = local
        self._opened: OrderedDict[str, _Opened] = OrderedDict()
        """By the person's id, the longest unused first."""
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

    @asynccontextmanager
    async def using(self, person: Person) -> AsyncGenerator[App]:
        """Keep the App of a person open for the block, in which it is the present one."""
        if person == LOCAL:
            opened = _Opened(self._local)
        else:
            opened = self._opened.get(person.id) or _Opened(self._local.for_person(person))
            self._opened[person.id] = opened
            self._opened.move_to_end(person.id)
        opened.users += 1
        before = self._present.set(opened.app)
        try:
            yield opened.app
        finally:
            self._present.reset(before)
            opened.users -= 1
            await self._close_idle()

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

    async def _close_idle(self) -> None:
        idle = [
            person for person, opened in self._opened.items() if not opened.users and not opened.app.at_work
        ]
        for person in idle[:-MOST_IDLE]:
            await self._opened.pop(person).app.close()
