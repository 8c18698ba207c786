"""Check this machine without using the network: Python, folders, where the key is, the proxy."""

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
from imagerouter_mcp.cli.checks import Check, Finding
from imagerouter_mcp.cli.launch import as_typed
from imagerouter_mcp.settings import KEYS_PAGE, Settings, misspelt_settings

MACHINE_SECONDS = 10.0
"""Time limit. It is generous because a disk may be on the network."""


def machine_checks(settings: Settings, *, sandbox: bool) -> list[Check]:
    """Return the checks of this machine.

    Args:
        settings: The person's settings.
        sandbox: Whether the key is the sandbox's, so that it needs no check.
    """

    async def folders() -> Sequence[Finding]:
        pictures = await to_thread.run_sync(_writable, "pictures folder", settings.output_dir, "OUTPUT_DIR")
        records = await to_thread.run_sync(_writable, "records folder", settings.data_dir, "DATA_DIR")
        return [pictures, records]

    async def key() -> Sequence[Finding]:
        return [await to_thread.run_sync(_key, settings)]

    async def proxy() -> Sequence[Finding]:
        return [_proxy()]

    async def names() -> Sequence[Finding]:
        return [
            Finding("settings", "warning", f"{name} is not a setting and is ignored.", f"Is {meant} meant?")
            for name, meant in misspelt_settings().items()
        ]

    async def version() -> Sequence[Finding]:
        python = f"Python {platform.python_version()} at {sys.executable}, {platform.platform(terse=True)}."
        return [Finding("version", "ok", f"imagerouter-mcp {__version__}."), Finding("python", "ok", python)]

    return [
        Check("version", version, MACHINE_SECONDS),
        Check("folders", folders, MACHINE_SECONDS),
        *([] if sandbox else [Check("key", key, MACHINE_SECONDS)]),
        Check("proxy", proxy, MACHINE_SECONDS),
        Check("settings", names, MACHINE_SECONDS),
    ]


def _writable(name: str, folder: Path, variable: str) -> Finding:
    """Try to write into a folder, or into its nearest existing parent. Leave nothing behind."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        if not existing.is_dir():
            raise NotADirectoryError(20, "a file is in the way")
        with tempfile.TemporaryFile(dir=existing, prefix=".imagerouter-mcp-"):
            pass
    except OSError as error:
        remedy = f"Correct its permissions, or set IMAGEROUTER_{variable} to another folder."
        what = f"{folder} cannot be written to: {error.strerror or error}."
        return Finding(name, "failure", what, remedy)
    made = "" if existing == folder else " as soon as it is needed"
    return Finding(name, "ok", f"{folder} can be written to{made}.")


def _key(settings: Settings) -> Finding:
    """Say where the key comes from, never the key itself.

    Raises:
        ConfigurationError: The key file cannot be read.
    """
    if settings.api_key:
        found = "The key is set in this terminal, as IMAGEROUTER_API_KEY."
        serves_others = settings.public_url or settings.mcp_token or settings.people
        if settings.key_file.is_file() or serves_others:
            return Finding("key", "ok", found)
        remedy = "Hosts may not pass it on: imagerouter-mcp key stores it for all of them."
        return Finding("key", "warning", found, remedy)
    if settings.key is None and settings.own_keys == "required":
        return Finding("key", "ok", "Everybody pays with a key of their own.")
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
        return "an invalid address"
