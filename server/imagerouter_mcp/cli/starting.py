"""Starting the server as a host does, to see whether it answers."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

import anyio
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client

from imagerouter_mcp.cli.launch import Launch, as_typed
from imagerouter_mcp.errors import ConfigurationError

START_SECONDS = 20.0
"""How long that may take; it takes about one. Of the hosts Codex waits 10 s, others 30 s and more."""


@dataclass(frozen=True, slots=True)
class Started:
    """A server that answered: how many tools it listed, and after how many seconds."""

    tools: int
    seconds: float


async def start(launch: Launch, environment: Mapping[str, str]) -> Started:
    """Start a server with the bare environment that a host gives, list its tools, and end it.

    Args:
        launch: What to start.
        environment: Variables that the host's configuration adds.

    Raises:
        ConfigurationError: It cannot be started, ends at once, or does not answer in time.
    """
    begun = time.monotonic()
    tools, reason = 0, f"it did not answer within {START_SECONDS:g} seconds"
    parameters = StdioServerParameters(
        command=launch.command, args=list(launch.arguments), env=dict(environment), cwd=Path.home()
    )
    try:
        with _unread() as unread, anyio.move_on_after(START_SECONDS):
            async with Client(stdio_client(parameters, errlog=unread)) as client:
                tools = len((await client.list_tools()).tools)
    except* OSError as errors:
        reason = f"it cannot be started ({_first(errors)})"
    except* MCPError as errors:
        reason = f"it ended at once ({_first(errors)})"
    if not tools:
        raise ConfigurationError(
            f"The server does not answer: {reason}.", f"Run it by hand to see why: {as_typed(launch.words)}"
        )
    return Started(tools, time.monotonic() - begun)


def _unread() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _first(error: BaseException) -> BaseException:
    """The error within the groups that task groups wrap around it."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
