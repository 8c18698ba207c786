"""`imagerouter-mcp key`: store the API key in the file that every host's server reads."""

import getpass
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from imagerouter_mcp.cli.asking import ended_by_ctrl_c, has_terminal
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.settings import KEY_FILE, KEYS_PAGE, config_folder, key_complaint, load_settings

KEY_LENGTH = 64
"""Characters of an API key, as checked by ImageRouter's backend."""
JWT_LENGTH = 100
"""Characters of the shortest temporary key, from the same source."""


def run_key(*, remove: bool) -> int:
    """Ask for the key without echo and store it, or remove the stored one.

    Args:
        remove: Whether to remove the stored key instead.

    Raises:
        ConfigurationError: The input cannot be a key, or the file cannot be written.
    """
    file = config_folder() / KEY_FILE
    try:
        if remove:
            existed = file.exists()
            file.unlink(missing_ok=True)
            print(f"Removed the key from {file}." if existed else f"There was no key at {file}.")
            return 0
        store(checked(ask_for_key()), file)
    except OSError as error:
        raise ConfigurationError(
            f"The key file {file} cannot be written: {error.strerror or error}.",
            "Correct the permissions of its folder, then try again.",
        ) from None
    print(f"Stored the key in {file}, readable by you alone. Restart the hosts that are running.")
    settings = load_settings()
    if settings.api_key or settings.api_key_file:
        variable = "IMAGEROUTER_API_KEY" if settings.api_key else "IMAGEROUTER_API_KEY_FILE"
        print(f"Note that {variable} is set here. It takes precedence where a host passes it on.")
    return 0


def ask_for_key() -> str:
    """Return what a person types unseen, or what is piped in."""
    try:
        if not has_terminal():
            return sys.stdin.readline() if sys.stdin else ""
        with ended_by_ctrl_c():
            return getpass.getpass(f"API key from {KEYS_PAGE} (it is not shown): ")
    except EOFError:
        return ""
    except UnicodeDecodeError:
        return "\N{REPLACEMENT CHARACTER}"  # which no key has


def checked(given: str) -> str:
    """Return the key if it can be one. Errors never repeat the input.

    Raises:
        ConfigurationError: It cannot be a key.
    """
    key = given.strip()
    length = len(key)
    if not key:
        wrong = "No key was given."
    elif complaint := key_complaint(key):
        wrong = f"The input {complaint}."
    elif length != KEY_LENGTH and length < JWT_LENGTH:
        wrong = f"The input has {length} characters; a key has {KEY_LENGTH}."
    else:
        return key
    raise ConfigurationError(wrong, f"Copy the key again from {KEYS_PAGE}. Nothing was stored.")


def store(key: str, file: Path) -> None:
    """Write the key file atomically, readable by its owner only.

    Raises:
        OSError: It cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.parent.chmod(0o700)
    # mkstemp creates the file with mode 0600.
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".api-key-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write(key + "\n")
            target.flush()
            os.fsync(target.fileno())
        Path(name).replace(file)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise
