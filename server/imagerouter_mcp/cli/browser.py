"""Open the person's browser, without the secrets in the environment."""

import html
import platform
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagerouter_mcp.gallery.files import discard, temporary_path
from imagerouter_mcp.private_files import open_private
from imagerouter_mcp.settings import program_environment

_PROGRAM = "import sys, webbrowser; webbrowser.open(sys.argv[1])"


def open_in_browser(address: str) -> None:
    """Show a page or a file; the browser's output and its failures are ignored."""
    environment = program_environment()
    environment.pop("TERM", None)  # no browser that would take over the terminal
    with suppress(OSError):
        subprocess.run(  # noqa: S603 - our own program, and an address of our own
            [sys.executable, "-P", "-c", _PROGRAM, address],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends the command must not end the browser
            check=False,
        )


@contextmanager
def hidden_from_others(link: str, folder: Path) -> Generator[str | None]:
    """Yield an address that leads a browser to a secret link, or None if it cannot be opened.

    Other users of the machine can read the arguments of every process. So the address is that of a page that
    only this user can read, and that goes on to the link; it is removed at the end of the block. Where Linux
    runs within Windows, the browser cannot read it, and gets the link itself.

    Args:
        link: Whoever opens it first gets in.
        folder: Where the page is written. Browsers in a sandbox can read no hidden folder of the home.
    """
    page = temporary_path(folder).with_suffix(".html")
    shown = html.escape(link)
    content = (
        f'<!doctype html><meta charset="utf-8"><title>Studio</title><meta http-equiv="refresh" content="0;'
        f'url={shown}"><p><a href="{shown}">Open the studio</a></p>'
    )
    if "microsoft" in platform.release().lower():
        yield link
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open_private(page, "xb") as file:
            file.write(content.encode())
    except OSError:
        yield None
        return
    try:
        yield page.as_uri()
    finally:
        discard(page)
