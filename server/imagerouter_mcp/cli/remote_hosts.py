"""How each host registers a server that runs elsewhere. A token stays in the environment of the host."""

import json
from collections.abc import Mapping

from imagerouter_mcp.cli.hosts import CALL_MS, Host
from imagerouter_mcp.cli.launch import SERVER
from imagerouter_mcp.errors import ConfigurationError

TOKEN = "IMAGEROUTER_MCP_TOKEN"  # noqa: S105 - a variable's name
"""The variable that holds the token on the person's machine, as it does on the server's."""
_SHELL, _ENV = f"${{{TOKEN}}}", f"${{env:{TOKEN}}}"
_PLACEHOLDER = "PUT-THE-TOKEN-HERE"
"""For a host that reads no variables in its file."""
_ENTRIES: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "claude-code": ("url", _SHELL, {"type": "http"}),
    "cursor": ("url", _ENV, {}),
    "vscode": ("url", _ENV, {"type": "http"}),
    "gemini": ("httpUrl", f"${TOKEN}", {"timeout": CALL_MS}),
    "codex": ("url", TOKEN, {"tool_timeout_sec": CALL_MS // 1000}),
    "opencode": ("url", f"{{env:{TOKEN}}}", {"type": "remote", "timeout": CALL_MS}),
    "openclaw": ("url", _SHELL, {"transport": "streamable-http", "requestTimeoutMs": CALL_MS}),
    "windsurf": ("serverUrl", _ENV, {}),
    "zed": ("url", _PLACEHOLDER, {}),
}
"""For each host: the field of the address, what stands for the token, and further fields."""
_SIGNING_IN: Mapping[str, str] = {
    "claude-code": f"run: claude mcp login {SERVER}",
    "codex": f"run: codex mcp login {SERVER}",
    "opencode": f"run: opencode mcp auth {SERVER}",
    "gemini": f"type in Gemini CLI: /mcp auth {SERVER}",
    "openclaw": f'add "auth": "oauth" to the entry and run: openclaw mcp login {SERVER}',
}
"""How to sign in, for each host where `make hosts` tried it or the host's documentation says it."""


def remote_entry(host: Host, url: str, *, token: bool) -> dict[str, object]:
    """Return the entry of a server at an address.

    Args:
        host: The host.
        url: The address.
        token: Whether the host is to send a token; without one, its user signs in.

    Raises:
        ConfigurationError: The host takes no address in its configuration.
    """
    if host.word not in _ENTRIES:
        raise ConfigurationError(
            f"{host.name} has no place for an address in its file.",
            f"Add {url} in its settings, under Connectors; the server must be reachable from the internet.",
        )
    field, reference, further = _ENTRIES[host.word]
    entry = {**further, field: url}
    if token and host.word == "codex":
        entry["bearer_token_env_var"] = reference
    elif token:
        entry["headers"] = {"Authorization": f"Bearer {reference}"}
    return entry


def access_remark(host: Host, *, token: bool) -> str:
    """Return what the person has to do to be let in by the server, as a sentence or two."""
    if not token:
        how = _SIGNING_IN.get(host.word, f"do so in {host.name}'s list of MCP servers")
        return (
            f"If the server asks you to sign in, {how}. If you were given a token instead, run this again "
            "with --token."
        )
    if _ENTRIES[host.word][1] == _PLACEHOLDER:
        return f"{host.name} reads no variables: put your token for the server in place of {_PLACEHOLDER}."
    return (
        f"{host.name} reads your token from the environment variable {TOKEN}; set it before you start "
        f"{host.name}."
    )


def remote_words(host: Host, url: str, *, token: bool) -> list[str] | None:
    """Return the arguments of the host's own command that register a server at an address, if it can.

    Without a token, Codex's command would also begin to sign in, and fail if nobody does.
    """
    entry = remote_entry(host, url, token=token)
    add = ["mcp", "add"]
    reference = _ENTRIES[host.word][1]
    header = ["--header", f"Authorization: Bearer {reference}"] if token else []
    words: dict[str, list[str] | None] = {
        "claude-code": [*add, "--scope", "user", "--transport", "http", SERVER, url, *header],
        "vscode": ["--add-mcp", json.dumps({"name": SERVER, **entry})],
        "gemini": [
            *(*add, "--scope", "user", "--transport", "http", "--timeout", str(CALL_MS)),
            *(*header, SERVER, url),
        ],
        "codex": [*add, SERVER, "--url", url, "--bearer-token-env-var", TOKEN] if token else None,
        "opencode": [
            *(*add, SERVER, "--url", url),
            *(["--header", f"Authorization=Bearer {reference}"] if token else []),
        ],
        "openclaw": ["mcp", "set", SERVER, json.dumps(entry)],
    }
    return words.get(host.word)
