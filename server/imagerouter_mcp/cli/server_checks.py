"""Start the server as a host does, and make a test picture."""

import base64
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import anyio
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import ImageContent

from imagerouter_mcp.cli.checks import Check, Finding
from imagerouter_mcp.cli.launch import Launch, as_typed, own_launch
from imagerouter_mcp.cli.tool_answer import TEST_MODEL, answer_text, first_image, innermost
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app

START_SECONDS = 20.0
"""Time limit for a start, which takes about one second. Codex waits 10 s, other hosts 30 s and more."""
PICTURE_SECONDS = 90.0


def start_check(*, sandbox: bool) -> Check:
    """Return the check that starts this very command as a host would."""

    async def run() -> Sequence[Finding]:
        launch = own_launch(sandbox=sandbox)
        began = time.monotonic()
        tools = await _count_tools(launch)
        seconds = time.monotonic() - began
        what = f"{as_typed(launch.words)} lists {tools} tools after {seconds:.1f} s."
        return [Finding("server", "ok", what)]

    return Check("server", run, START_SECONDS + 10)


async def _count_tools(launch: Launch) -> int:
    """Start a server in the bare environment that hosts provide, count its tools, and stop it.

    Raises:
        ConfigurationError: It cannot be started, ends at once, or does not answer in time.
    """
    tools, reason = 0, f"it did not answer within {START_SECONDS:g} seconds"
    parameters = StdioServerParameters(
        command=launch.command, args=list(launch.arguments), env={}, cwd=Path.home()
    )
    try:
        with _unread() as unread, anyio.move_on_after(START_SECONDS):
            async with Client(stdio_client(parameters, errlog=unread)) as client:
                tools = len((await client.list_tools()).tools)
    except* OSError as errors:
        reason = f"it cannot be started ({innermost(errors)})"
    except* MCPError as errors:
        reason = f"it ended at once ({innermost(errors)})"
    if not tools:
        raise ConfigurationError(
            f"The server does not answer: {reason}.", f"Run it yourself to see why: {as_typed(launch.words)}"
        )
    return tools


def _unread() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def picture_check(settings: Settings) -> Check:
    """Return the check that calls `generate_image` with the free test model, as an agent would."""

    async def run() -> Sequence[Finding]:
        async with open_app(settings) as app, Client(build_server(app)) as client:
            arguments = {"prompt": "A test picture", "model": TEST_MODEL, "preview": "auto"}
            result = await client.call_tool("generate_image", arguments)
        if result.is_error:
            return [Finding("picture", "failure", answer_text(result).replace("\n", " "))]
        path, (width, height) = first_image(result.structured_content or {})
        if not await anyio.Path(path).is_file():
            remedy = "Look at the pictures folder above."
            return [Finding("picture", "failure", "The test picture has no file.", remedy)]
        made = f"{TEST_MODEL} made {path}, {width}×{height}"
        previews = [block for block in result.content if isinstance(block, ImageContent)]
        if not previews:
            remedy = "IMAGEROUTER_PREVIEW=auto turns previews on."
            return [Finding("picture", "warning", f"{made}, without a preview.", remedy)]
        size = len(base64.b64decode(previews[0].data)) / 1024
        return [Finding("picture", "ok", f"{made}, with a preview of {size:.0f} KiB.")]

    return Check(
        "picture", run, PICTURE_SECONDS, ("key", "api", "key accepted", "credits", "pictures folder")
    )
