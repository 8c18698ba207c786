"""Try the main job for real, with a sandbox process, a server process and the SDK's client."""

import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from imagerouter_mcp.cli.spoken import without_dead_links
from imagerouter_mcp.cli.tool_answer import TEST_MODEL, answer_text, first_image, innermost
from imagerouter_mcp.errors import ConfigurationError, ServiceUnreachableError
from imagerouter_mcp.settings import KEYS_PAGE, load_settings

SANDBOX_MODEL = "openai/gpt-image-1.5"
SANDBOX_READY = "Sandbox at "
"""What the sandbox prints before its address when it is ready."""

_PROMPT = "A lighthouse on a cliff at dusk, warm light in its windows, watercolour"
_CHANGE = "Make it a snowy winter night"


class DemoError(Exception):
    """A step of the demo failed."""


def run_demo(output: str, *, live: bool) -> int:
    """Make and edit a picture, and show each result.

    Args:
        output: The folder for the pictures.
        live: Whether to use the real service; needs `IMAGEROUTER_API_KEY`.

    Returns:
        0 if every step succeeded, else 1.

    Raises:
        ConfigurationError: `live` without a key.
    """
    folder = Path(output).absolute()
    failed = False
    try:
        with tempfile.TemporaryDirectory() as records, _service(live=live) as service:
            environment = {
                **service,
                "IMAGEROUTER_OUTPUT_DIR": str(folder),
                "IMAGEROUTER_DATA_DIR": records,
            }
            anyio.run(_converse, environment, TEST_MODEL if live else SANDBOX_MODEL)
    except* DemoError as errors:
        print(f"\nThe demo failed: {innermost(errors)}", file=sys.stderr)
        failed = True
    else:
        print(f"\nAll four calls worked. The pictures are in {folder}")
    return int(failed)


@contextmanager
def _service(*, live: bool) -> Generator[dict[str, str]]:
    """Yield the environment variables that lead the server to its service."""
    if live:
        settings = load_settings()
        if settings.key is None:
            raise ConfigurationError(
                "The live demo needs an ImageRouter API key.",
                f"Make one at {KEYS_PAGE} and set IMAGEROUTER_API_KEY.",
            )
        print(f"Using {settings.base_url} with its free model {TEST_MODEL}.")
        yield {
            "IMAGEROUTER_API_KEY": settings.key.get_secret_value(),
            "IMAGEROUTER_BASE_URL": settings.base_url,
        }
        return
    from imagerouter_mcp.sandbox.service.accounts import KEY  # noqa: PLC0415 - the live demo needs none of it

    command = [sys.executable, "-m", "imagerouter_mcp", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            address = _address(process)
            print(f"Started a sandbox in place of ImageRouter at {address} (process {process.pid}).")
            yield {
                "IMAGEROUTER_API_KEY": KEY,
                "IMAGEROUTER_BASE_URL": address,
            }
        finally:
            process.terminate()


def _address(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        if line.startswith(SANDBOX_READY):
            return line.removeprefix(SANDBOX_READY).strip()
    raise ServiceUnreachableError("The sandbox did not start.", "See what it printed above.")


async def _converse(environment: Mapping[str, str], model: str) -> None:
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "imagerouter_mcp"], env=dict(environment)
    )
    print("Starting the MCP server over stdio …")
    async with Client(stdio_client(parameters)) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        print(f"Connected, protocol {client.protocol_version}. It offers {', '.join(tools)}.")
        popular = await _call(client, "popular_models", {"limit": 3})
        _check(popular.get("models"), "popular_models named no model")
        found = await _call(client, "search_models", {"query": "gpt image", "supports": ["edit"], "limit": 3})
        _check(found.get("models"), "search_models found no model")
        made = await _call(client, "generate_image", {"prompt": _PROMPT, "model": model})
        picture = _picture(made)
        edited = await _call(
            client, "edit_image", {"images": [str(picture)], "prompt": _CHANGE, "model": model}
        )
        result = _picture(edited)
        _check(result != picture, "edit_image answered with the source's own path")
        _check(picture.is_file(), "the source picture is gone")


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    print(f"\n▶ {tool}({shown})")

    async def show(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001 - the SDK's
        print(f"  … {message}", flush=True)

    result = await client.call_tool(tool, arguments, progress_callback=show)
    print(indent(without_dead_links(answer_text(result)), "  "))
    _check(not result.is_error, f"{tool} answered with an error")
    return result.structured_content or {}


def _picture(made: Mapping[str, Any]) -> Path:
    """Return the file of a generation, after checking that it is the picture that the answer names."""
    from PIL import Image  # noqa: PLC0415 - as everywhere: loaded when needed

    path, size = first_image(made)
    _check(path.is_absolute() and path.is_file(), f"there is no file at {path}")
    with Image.open(path) as picture:
        picture.load()
        _check(picture.size == size, f"{path} has {picture.size} pixels, not {size}")
    return path


def _check(right: object, otherwise: str) -> None:
    if not right:
        raise DemoError(otherwise)
