"""How each host registers a server that runs elsewhere. The token stays in the environment of the host."""

import json
from collections.abc import Callable, Mapping

from imagerouter_mcp.cli.hosts import CALL_MS, Host
from imagerouter_mcp.cli.launch import SERVER
from imagerouter_mcp.errors import ConfigurationError

TOKEN = "IMAGEROUTER_MCP_TOKEN"  # noqa: S105 - a variable's name
"""The variable that holds the token on the person's machine, as it does on the server's."""

Entry = Callable[[str], dict[str, object]]
"""Builds the server's entry in a host's configuration from its address."""


def _with_header(reference: str, **fixed: object) -> Entry:
    """Return a builder of entries with a header that refers to the token as the host refers to a variable."""
    return lambda url: {**fixed, "url": url, "headers": {"Authorization": f"Bearer {reference}"}}


_SHELL, _ENV = f"${{{TOKEN}}}", f"${{env:{TOKEN}}}"
_PLACEHOLDER = "PUT-THE-TOKEN-HERE"
"""For a host that reads no variables in its file."""
_ENTRIES: Mapping[str, Entry] = {
    "claude-code": _with_header(_SHELL, type="http"),
    "cursor": _with_header(_ENV),
    "vscode": _with_header(_ENV, type="http"),
    "gemini": lambda url: {
        "httpUrl": url,
        "headers": {"Authorization": f"Bearer ${TOKEN}"},
        "timeout": CALL_MS,
    },
    "codex": lambda url: {
        "url": url,
        "bearer_token_env_var": TOKEN,
        "tool_timeout_sec": CALL_MS // 1000,
    },
    "opencode": _with_header(f"{{env:{TOKEN}}}", type="remote", timeout=CALL_MS),
    "openclaw": _with_header(_SHELL, transport="streamable-http", requestTimeoutMs=CALL_MS),
    "windsurf": lambda url: {"serverUrl": url, "headers": {"Authorization": f"Bearer {_ENV}"}},
    "zed": _with_header(_PLACEHOLDER),
}


def remote_entry(host: Host, url: str) -> dict[str, object]:
    """Return the entry of a server at an address.

    Raises:
        ConfigurationError: The host takes no address in its configuration.
    """
    if host.word not in _ENTRIES:
        raise ConfigurationError(
            f"{host.name} has no place for an address in its file.",
            f"Add {url} in its settings, under Connectors; the server must be reachable from the internet.",
        )
    return _ENTRIES[host.word](url)


def token_remark(host: Host, url: str) -> str:
    """Return where the person has to put their token for the server, as a sentence."""
    if _PLACEHOLDER in str(remote_entry(host, url)):
        return f"{host.name} reads no variables: put your token for the server in place of {_PLACEHOLDER}."
    return f"Set {TOKEN} to your token for the server in the environment of {host.name}."


def remote_words(host: Host, url: str) -> list[str] | None:
    """Return the arguments of the host's own command that register a server at an address, if it can."""
    entry = remote_entry(host, url)
    add = ["mcp", "add"]
    words = {
        "claude-code": [
            *(*add, "--scope", "user", "--transport", "http", SERVER, url),
            *("--header", f"Authorization: Bearer {_SHELL}"),
        ],
        "vscode": ["--add-mcp", json.dumps({"name": SERVER, **entry})],
        "gemini": [
            *(*add, "--scope", "user", "--transport", "http", "--timeout", str(CALL_MS)),
            *("--header", f"Authorization: Bearer ${TOKEN}", SERVER, url),
        ],
        "codex": [*add, SERVER, "--url", url, "--bearer-token-env-var", TOKEN],
        "opencode": [*add, SERVER, "--url", url, "--header", f"Authorization=Bearer {{env:{TOKEN}}}"],
        "openclaw": ["mcp", "set", SERVER, json.dumps(entry)],
    }
    return words.get(host.word)
