"""People of a server that serves several, each with clients that show their token."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from imagerouter_mcp.people.person import Person
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.settings import Settings


@dataclass
class Home:
    """A person of the server, with the client that shows their token."""

    person: Person
    token: str
    client: httpx.AsyncClient
    settings: Settings
    names: dict[str, str] = field(default_factory=dict[str, str])
    """What they have, by what it is."""
    own_key: str | None = None
    """The ImageRouter key that every request brings, as long as there is one."""
    _connected: dict[str, Client] = field(default_factory=dict[str, Client])

    async def call(self, tool: str, era: str = "auto", **arguments: object) -> dict[str, Any]:
        """Call a tool as a host does, and return the whole answer."""
        async with self.agent(era) as agent:
            return (await agent.call_tool(tool, arguments)).model_dump(mode="json")

    async def read(self, uri: str, era: str = "auto") -> str:
        """Read a resource; an error is returned as its sentence."""
        async with self.agent(era) as agent:
            try:
                return (await agent.read_resource(uri)).model_dump_json()
            except MCPError as error:
                return str(error)

    @asynccontextmanager
    async def agent(self, era: str = "auto") -> AsyncGenerator[Client]:
        """Connect a host that shows the person's token, unless one is staying."""
        if era in self._connected:
            yield self._connected[era]
            return
        async with (
            httpx2.AsyncClient(
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=30,
                event_hooks={"request": [self._add_key]},
            ) as http,
            Client(
                streamable_http_client(f"{self.client.base_url}/mcp", http_client=http), mode=era
            ) as agent,
        ):
            yield agent

    async def _add_key(self, request: httpx2.Request) -> None:
        if self.own_key:
            request.headers["X-Api-Key"] = self.own_key

    @asynccontextmanager
    async def staying(self, era: str = "auto") -> AsyncGenerator[None]:
        """Connect a host for all calls of the block."""
        async with self.agent(era) as agent:
            self._connected[era] = agent
            yield
            del self._connected[era]


@asynccontextmanager
async def let_in(settings: Settings, base_url: str, name: str) -> AsyncGenerator[Home]:
    """Let a person in, as the operator does while the server runs."""
    with closing(open_register(settings)) as people:
        person = people.add("operator", name, name)
        token = people.new_token(person)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, timeout=30) as client:
        yield Home(person, token, client, settings.for_person(person.id))
