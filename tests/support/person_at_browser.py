"""A person who was invited to a server process and allows what clients ask for, without a window."""

import re
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import httpx

from support.http_serving import COMMAND, Serving

_HANDLE = re.compile(r'name="request" value="([^"]+)"')
_LINK = re.compile(r"/invitation#(\S+)")


class PersonAtBrowser:
    """A browser in which a person is signed in.

    Args:
        http: It, with its cookies.
    """

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def allow(self, address: str) -> httpx.Response:
        """Open an address that a client names, press “Allow”, and return the page of the client."""
        handle = _HANDLE.search(self.http.get(address).raise_for_status().text)
        assert handle, f"no page of consent at {address}"
        done = self.http.post("/consent", data={"request": handle[1], "decision": "allow"})
        return done.raise_for_status()


@contextmanager
def invited(server: Serving, environment: Mapping[str, str], *words: str) -> Generator[PersonAtBrowser]:
    """Invite a person as the operator does, and accept the invitation.

    Args:
        server: Where to.
        environment: The server's.
        words: Further words of the command.
    """
    command = [sys.executable, *COMMAND[1:], "people", *words, "invite", "Ann"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command
    code = _LINK.search(printed)
    assert code, printed
    with httpx.Client(base_url=server.base, trust_env=False, timeout=30, follow_redirects=True) as http:
        page = http.post("/sign-in", data={"code": code[1], "request": ""})
        assert "You are signed in" in page.text, page.text
        yield PersonAtBrowser(http)
