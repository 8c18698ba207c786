"""Links that register this server in an editor at a click."""

import base64
import json
from urllib.parse import quote, urlencode

from imagerouter_mcp.cli.hosts import plain_entry, vscode_entry
from imagerouter_mcp.cli.launch import COMMAND, SERVER, Launch

ON_PATH = Launch(COMMAND)
"""For links that everybody may click: the command as it is found on PATH."""


def cursor_link(launch: Launch) -> str:
    """A web page of Cursor's that opens Cursor and proposes the server."""
    config = base64.b64encode(json.dumps(plain_entry(launch), separators=(",", ":")).encode()).decode()
    return f"https://cursor.com/en/install-mcp?{urlencode({'name': SERVER, 'config': config})}"


def vscode_link(launch: Launch) -> str:
    """A web page of VS Code's that does the same; sites such as GitHub let no `vscode:` link through."""
    config = json.dumps({"name": SERVER, **vscode_entry(launch)}, separators=(",", ":"))
    target = f"vscode:mcp/install?{quote(config, safe='')}"
    return f"https://insiders.vscode.dev/redirect?{urlencode({'url': target})}"
