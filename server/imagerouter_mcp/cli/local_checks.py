"""What the doctor finds out without asking anybody: Python, folders, the key's place, the proxy."""

import os
import platform
import stat
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from anyio import to_thread

from imagerouter_mcp import __version__
from imagerouter_mcp.cli.findings import Check, Finding
from imagerouter_mcp.cli.launch import as_typed, own_launch
from imagerouter_mcp.cli.starting import START_SECONDS, start
from imagerouter_mcp.settings import KEYS_PAGE, Settings

LOCAL_SECONDS = 10.0
"""A disk may be a network's."""


def local_checks(settings: Settings, *, sandbox: bool) -> list[Check]:
    """What to look at on this machine.

    Args:
        settings: What the person set.
        sandbox: Whether the key is the sandbox's, and so of no interest.
    """

    async def folders() -> Sequence[Finding]:
        pictures = await to_thread.run_sync(_writable, "pictures folder", settings.output_dir, "OUTPUT_DIR")
        records = await to_thread.run_sync(_writable, "records folder", settings.data_dir, "DATA_DIR")
        return [pictures, records]

    async def key() -> Sequence[Finding]:
        return [await to_thread.run_sync(_key, settings)]

    async def proxy() -> Sequence[Finding]:
        return [_proxy()]

    async def version() -> Sequence[Finding]:
        python = f"Python {platform.python_version()} at {sys.executable}, {platform.platform(terse=True)}."
        return [Finding("version", "ok", f"imagerouter-mcp {__version__}."), Finding("python", "ok", python)]

    return [
        Check("version", version, LOCAL_SECONDS),
        Check("folders", folders, LOCAL_SECONDS),
        *([] if sandbox else [Check("key", key, LOCAL_SECONDS)]),
        Check("proxy", proxy, LOCAL_SECONDS),
    ]


def server_check(*, sandbox: bool) -> Check:
    """Start the server as a host does."""

    async def look() -> Sequence[Finding]:
        launch = own_launch(sandbox=sandbox)
        started = await start(launch, {})
        what = f"{as_typed(launch.words)} lists {started.tools} tools after {started.seconds:.1f} s."
        return [Finding("server", "ok", what)]

    return Check("server", look, START_SECONDS + LOCAL_SECONDS)


def _writable(name: str, folder: Path, variable: str) -> Finding:
    """Try to write where pictures or records go, or would go: nothing is left behind, nor made."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        if not existing.is_dir():
            raise NotADirectoryError(20, "a file is in the way")
        with tempfile.TemporaryFile(dir=existing, prefix=".imagerouter-mcp-"):
            pass
    except OSError as error:
        remedy = f"Correct its permissions, or choose another folder as IMAGEROUTER_{variable}."
        what = f"{folder} cannot be written to: {error.strerror or error}."
        return Finding(name, "failure", what, remedy)
    made = "" if existing == folder else " once it is needed"
    return Finding(name, "ok", f"{folder} can be written to{made}.")


def _key(settings: Settings) -> Finding:
    """Where the key is from; the key itself is never told.

    Raises:
        ConfigurationError: The file that should hold it cannot be read.
    """
    if settings.api_key:
        found = "The key is in IMAGEROUTER_API_KEY of this terminal."
        if settings.key_file.is_file():
            return Finding("key", "ok", found)
        remedy = "Hosts may not pass it on: imagerouter-mcp key stores it for all of them."
        return Finding("key", "warning", found, remedy)
    if settings.key is None:
        remedy = f"Make one at {KEYS_PAGE} and store it: imagerouter-mcp key"
        return Finding("key", "failure", "There is no API key.", remedy)
    file = settings.key_file
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        what = f"The key in {file} can be read by other users of this machine."
        return Finding("key", "warning", what, f"Run: {as_typed(['chmod', '600', str(file)])}")
    return Finding("key", "ok", f"The key is in {file}.")


def _proxy() -> Finding:
    used = sorted({_without_password(url) for name, url in getproxies().items() if name != "no"})
    return Finding(
        "proxy", "ok", f"Connections go through {' and '.join(used)}." if used else "No proxy is set."
    )


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "an address that is none"
