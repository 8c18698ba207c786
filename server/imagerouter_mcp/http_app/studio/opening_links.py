"""Make links that open the studio, in the serving process or for it in another one."""

import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.files import discard, partial_file
from imagerouter_mcp.gallery.signed_links import link_secret
from imagerouter_mcp.http_app.exposure import STUDIO_PAGE
from imagerouter_mcp.http_app.studio.one_time_codes import OneTimeCodes
from imagerouter_mcp.private_files import private_folder
from imagerouter_mcp.settings import Settings

_ANSWER_SECONDS = 2


def studio_codes(settings: Settings) -> OneTimeCodes:
    """Return what makes and redeems the studio's codes.

    Raises:
        ConfigurationError: The data folder cannot keep the secret that signs them.
    """
    return OneTimeCodes(link_secret(settings), settings.data_dir)


def opening_link(base_url: str, settings: Settings) -> str:
    """Return a link that opens the studio of a server once, within ten minutes.

    The browser keeps the part after `#` to itself; the page exchanges it for a token.

    Raises:
        ConfigurationError: As `studio_codes`.
    """
    return f"{base_url}{STUDIO_PAGE}#{studio_codes(settings).new()}"


@contextmanager
def noted_address(base_url: str, settings: Settings) -> Generator[None]:
    """Record where the studio is served until the block ends, for `studio --link`."""
    file = _note(settings)
    with suppress(OSError), partial_file(private_folder(file.parent), private=True) as partial:
        partial.file.write(base_url.encode())
        partial.file.close()
        partial.path.replace(file)
    try:
        yield
    finally:
        if _read(file) == base_url:
            discard(file)


def running_studio(settings: Settings) -> str:
    """Return the address of the last server that was started with this data folder and still runs.

    Raises:
        ConfigurationError: There is none.
    """
    address = _read(_note(settings))
    if not address or not _answers(address):
        raise ConfigurationError(
            f"No studio is being served with the records in {settings.data_dir}.",
            "Start `imagerouter-mcp studio` or `imagerouter-mcp http`, with the same IMAGEROUTER_DATA_DIR.",
        )
    return address


def _note(settings: Settings) -> Path:
    return settings.data_dir / "studio-address"


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError):
        return ""


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), _ANSWER_SECONDS).close()
    except OSError:
        return False
    return True
