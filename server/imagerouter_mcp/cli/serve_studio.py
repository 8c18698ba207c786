"""Serve the studio to the person's own browser, and print links to it."""

import os
import signal
import socket
import sys
import threading
from contextlib import ExitStack, suppress

import anyio

from imagerouter_mcp.cli.browser import hidden_from_others, open_in_browser
from imagerouter_mcp.cli.chosen_settings import chosen_settings, sandbox_records
from imagerouter_mcp.cli.screen import columns
from imagerouter_mcp.cli.serve_http import let_signals_pass, listen, serve
from imagerouter_mcp.descriptor_limit import raise_descriptor_limit
from imagerouter_mcp.http_app.app import build_http_app
from imagerouter_mcp.http_app.draining import Draining
from imagerouter_mcp.http_app.studio.opening_links import noted_address, opening_link, running_studio
from imagerouter_mcp.retention import retention
from imagerouter_mcp.settings import Settings, load_settings
from imagerouter_mcp.wiring import open_app

_HOST = "127.0.0.1"
_ONLY_THIS_MACHINE = {
    "mcp_token": (),
    "people": False,
    "public_url": None,
    "http_hosts": (),
    "http_origins": (),
    "http_proxies": (),
}
"""Settings of `imagerouter-mcp http` that give others access."""


def run_studio(port: int, *, sandbox: bool, browser: bool) -> int:
    """Serve until a signal arrives; print another link whenever Enter is pressed.

    Args:
        port: The port to bind to, 0 for a free one.
        sandbox: Whether to make pictures with the sandbox.
        browser: Whether to open the person's browser.

    Raises:
        ConfigurationError: The port cannot be used, or a variable has an invalid value.
    """
    let_signals_pass()
    raise_descriptor_limit()
    with (
        chosen_settings(sandbox=sandbox) as settings,
        listen("The studio", _HOST, port) as listener,
    ):
        own = settings.model_copy(update=_ONLY_THIS_MACHINE)
        base_url = f"http://{_HOST}:{listener.getsockname()[1]}"
        _tell(opening_link(base_url, own), own, sandbox=sandbox)
        threading.Thread(target=_print_more, args=(base_url, own), daemon=True).start()
        with ExitStack() as opened:
            if browser:
                link = opening_link(base_url, own)
                page = opened.enter_context(hidden_from_others(link, own.output_dir))
                if page:
                    threading.Thread(target=open_in_browser, args=(page,), daemon=True).start()
            anyio.run(_serve, own, listener, base_url)
    print("The studio is closed.", flush=True)
    return 0


def print_studio_link(*, sandbox: bool) -> int:
    """Print a link to the studio of a server that runs with the same data folder.

    Raises:
        ConfigurationError: There is no such server.
    """
    settings = load_settings()
    if sandbox:
        settings = settings.model_copy(update={"data_dir": sandbox_records(settings)})
    print(opening_link(settings.public_url or running_studio(settings), settings), flush=True)
    return 0


async def _serve(settings: Settings, listener: socket.socket, base_url: str) -> None:
    async with open_app(settings) as app, retention(app, settings.keep_days):
        with noted_address(base_url, settings):
            await serve(build_http_app(app, _HOST, studio_only=True), app, listener, Draining(0))


def _tell(link: str, settings: Settings, *, sandbox: bool) -> None:
    if sandbox:
        about = "The sandbox draws the pictures here, at no cost. Its gallery is kept apart from yours.\n"
    elif settings.key is None:
        about = "There is no API key yet: `imagerouter-mcp key` stores one, --sandbox does without.\n"
    else:
        about = ""
    print(
        f"\nThe studio is open. If your browser does not show it, open\n\n  {_bold(link)}\n\n"
        f"{about}The link works once, within ten minutes. Enter prints another, Ctrl+C ends the studio.\n",
        flush=True,
    )


def _print_more(base_url: str, settings: Settings) -> None:
    """Print a link for each line of stdin, until that ends.

    Not by sys.stdin, whose lock a waiting thread would hold when the interpreter ends.
    """
    if hasattr(signal, "SIGTTIN"):  # in the background, reading fails in place of stopping the process
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN})
    with suppress(OSError):
        while os.read(0, 4096):
            print(f"  {_bold(opening_link(base_url, settings))}\n", flush=True)


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if columns(sys.stdout) else text
