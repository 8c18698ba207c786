"""Clients sign in as a person has them do it: the server's address alone, a browser, an OpenID provider.

Codex and Claude Code describe themselves in documents at their makers' addresses, which are not fetched here:
the server begins with copies of them.
"""

import json
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import httpx
from agents import AGENTS, PICTURE, TOOL, ask
from installing import Installed, version
from table import Row
from workshop import Ran, Workshop

from support.http_serving import Serving, bare_environment, serving
from support.openid_provider import CLIENT, SECRET, openid_provider

SIGN_IN_HEAD = ("client", "version", "what was shown", "passed")
_BROWSERS = ("xdg-open", "browser")
"""Commands that open a browser; the second one is named in `BROWSER`."""
_HANDLE = "img_"
"""How the handle of a picture begins."""
_LOOPBACK = ["http://localhost/callback", "http://127.0.0.1/callback"]
_DOCUMENTS = {
    "https://claude.ai/oauth/claude-code-client-metadata": "Claude Code",
    "https://chatgpt.com/oauth/codex/client.json": "Codex",
}
"""The names of clients by the addresses of their documents."""


def try_sign_in(folder: Path, installed: Installed) -> list[Row]:
    """Have every client sign in once."""
    shop = Workshop(folder / "workshop", installed.folders)
    browser = _browser(shop)
    home = folder / "server"
    home.mkdir()
    with openid_provider() as provider:
        environment = {
            **bare_environment(home),
            "IMAGEROUTER_PEOPLE": "1",
            "IMAGEROUTER_OPENID_ISSUER": provider.issuer,
            "IMAGEROUTER_OPENID_CLIENT_ID": CLIENT,
            "IMAGEROUTER_OPENID_CLIENT_SECRET": SECRET,
            "IMAGEROUTER_OPENID_ALLOW": "@corp.example",
            "IMAGEROUTER_ALLOW_PRIVATE_ISSUER": "1",
        }
        with serving(environment, "--sandbox") as server:
            _keep_documents(server, home)
            return [_tried(shop, installed, client, server, browser) for client in _WAYS]


def _browser(shop: Workshop) -> Mapping[str, str]:
    """Install a person's browser, and return the variable that names it."""
    script = Path(__file__).with_name("person_browser.py")
    for name in _BROWSERS:
        command = shop.command.with_name(name)
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@" >/dev/null 2>&1\n', "utf-8")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return {"BROWSER": str(shop.command.with_name(_BROWSERS[-1]))}


def _keep_documents(server: Serving, home: Path) -> None:
    """Have the server know the documents already; any request of a client makes its database."""
    httpx.get(f"{server.base}/authorize", params={"client_id": "-", "code_challenge_method": "S256"})
    (database,) = home.rglob("sign_in.sqlite3")
    with closing(sqlite3.connect(database)) as connection, connection:
        for address, name in _DOCUMENTS.items():
            document = {"client_id": address, "client_name": name, "redirect_uris": _LOOPBACK}
            connection.execute(
                "INSERT INTO client_documents (address, metadata, fetched_at) VALUES (?, ?, ?)",
                (address, json.dumps(document), int(time.time())),
            )


def _tried(
    shop: Workshop, installed: Installed, client: str, server: Serving, browser: Mapping[str, str]
) -> Row:
    name, sign_in, look, seen = _WAYS[client]
    row = Row(name, version(client))
    if why := installed.failed.get(client) or installed.failed.get("node"):
        row.problems.append(f"installed: {why}")
    else:
        signed_in = sign_in(shop, server.url, browser)
        row.expect("signed in", seen=signed_in.status == 0, otherwise=signed_in.printed + signed_in.errors)
        looked = shop.run(*(word.replace("URL", server.url) for word in look))
        shown = looked.status == 0 and seen in looked.printed
        row.expect(f"`{look[0]}` then shows “{seen}”", seen=shown, otherwise=looked.printed + looked.errors)
        made, otherwise = _make(shop, client, server.url)
        row.expect("asked for a picture: made", seen=made, otherwise=otherwise)
    print(f"{'FAIL' if row.problems else 'ok':<5} {row.client} {row.version}: signing in", flush=True)
    for problem in row.problems:
        print(f"      not {problem}")
    return row


def _make(shop: Workshop, client: str, url: str) -> tuple[bool, str]:
    """Have a client that has signed in make a picture; return whether it did, and what it said."""
    if client in AGENTS:
        asked = ask(shop, client)
        return asked.finished and _HANDLE in asked.script.received, asked.ran.printed + asked.ran.errors
    words = [f"{name}={value}" for name, value in PICTURE.items()]
    called = shop.run("mcporter", "call", f"{url}.{TOOL}", "--allow-http", *words, "--output", "json")
    return called.status == 0 and _HANDLE in called.printed, called.printed + called.errors


def _mcporter(shop: Workshop, url: str, browser: Mapping[str, str]) -> Ran:
    return shop.run("mcporter", "auth", url, "--allow-http", environment=browser)


def _claude(shop: Workshop, url: str, browser: Mapping[str, str]) -> Ran:
    shop.run("claude", "mcp", "add", "--transport", "http", "imagerouter", url)
    # It only signs in at a terminal.
    return shop.run("script", "-qec", "claude mcp login imagerouter", "/dev/null", environment=browser)


def _codex(shop: Workshop, url: str, browser: Mapping[str, str]) -> Ran:
    shop.run("codex", "mcp", "add", "imagerouter", "--url", url, environment=browser)
    return shop.run("codex", "mcp", "login", "imagerouter", environment=browser)


def _opencode(shop: Workshop, url: str, browser: Mapping[str, str]) -> Ran:
    servers = {"mcp": {"imagerouter": {"type": "remote", "url": url}}}
    (shop.home / "opencode.json").write_text(json.dumps(servers), "utf-8")
    return shop.run("opencode", "mcp", "auth", "imagerouter", environment=browser)


_Way = tuple[str, Callable[[Workshop, str, Mapping[str, str]], Ran], tuple[str, ...], str]
_WAYS: dict[str, _Way] = {
    "mcporter": ("mcporter", _mcporter, ("mcporter", "list", "URL", "--allow-http"), "generate_image"),
    "claude": ("Claude Code", _claude, ("claude", "mcp", "list"), "✔ Connected"),
    "codex": ("Codex", _codex, ("codex", "mcp", "list"), "OAuth"),
    "opencode": ("opencode", _opencode, ("opencode", "mcp", "list"), "✓ imagerouter"),
}
"""For each client: its name, how it signs in, what then looks whether it works, and what that shows."""
SIGN_IN_CLIENTS = tuple(_WAYS)
