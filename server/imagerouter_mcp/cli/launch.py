"""Find out how a host starts this server: with the command that is running now, by its full path."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagerouter_mcp.errors import ConfigurationError

COMMAND = "imagerouter-mcp"
SERVER = "imagerouter"
"""The server's name in every configuration; the same as `server.NAME`, without importing the SDK."""
_PASSING = {"archive-v0", "builds-v0", "environments-v2"}
"""Folders of uv's cache, where `uvx` runs a command. uv deletes them sooner or later."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A program and its arguments."""

    command: str
    arguments: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """Return the program followed by its arguments."""
        return [self.command, *self.arguments]


def own_launch(*, sandbox: bool) -> Launch:
    """Return the command with which a host can start this same server.

    The path is absolute, because desktop programs often search other folders than a terminal does.

    Args:
        sandbox: Whether the server is to use the sandbox.

    Raises:
        ConfigurationError: The command runs from a cache.
    """
    words = [*_own_words(), *(["--sandbox"] if sandbox else [])]
    if _PASSING & set(Path(words[0]).parts):
        raise ConfigurationError(
            "This command runs from uv's cache, where a host may not find it again.",
            "Install it first, with `uv tool install imagerouter-mcp`, then run the installed command.",
        )
    return Launch(words[0], tuple(words[1:]))


def _own_words() -> list[str]:
    typed = Path(sys.argv[0])
    found = shutil.which(str(typed)) if typed.stem == COMMAND else None
    return [str(Path(found).absolute())] if found else [sys.executable, "-m", "imagerouter_mcp"]


def as_typed(words: Sequence[str]) -> str:
    """Quote a command line as a person would type it on this operating system."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
