"""Every attack tried here is a row of `docs/security-tests.md`, which `make security` rewrites."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from mcp import Client
from mcp.types import CallToolResult

from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from support.sign_in_fixtures import ann, provider, server
from support.signing_in import SignInServer, Visitor

__all__ = ["ann", "provider", "server"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "security-tests.md"
HEAD = """# What the security tests tried

Written by `make security` from what `tests/security/` did; each row is an attempt that failed as it should.
"""
_PORT = re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):\d{4,5}\b")

Row = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried, in which section of the document, and what happened."""

    section: str
    tried: str
    outcome: str


ATTEMPTS = pytest.StashKey[list[Attempt]]()


def pytest_configure(config: pytest.Config) -> None:
    """Start with an empty list."""
    config.stash[ATTEMPTS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compare the document last, after every test that adds a row."""
    last = Path(__file__).with_name("test_document.py")
    items.sort(key=lambda item: item.path == last)


@pytest.fixture
def row(request: pytest.FixtureRequest, tmp_path: Path) -> Row:
    """Adds a row to the document: `row(section, tried, outcome)`, called once the attempt has failed.

    The test's own folder and ports are replaced, so that the document is the same wherever it is written.
    """

    def add(section: str, tried: str, outcome: str) -> None:
        tried, outcome = (_cell(text.replace(str(tmp_path), "FOLDER")) for text in (tried, outcome))
        request.config.stash[ATTEMPTS].append(Attempt(section, tried, outcome))

    return add


Call = Callable[..., Awaitable[CallToolResult]]


@pytest.fixture
def call() -> Call:
    """Calls a tool, by settings, name and arguments, of a server of its own."""

    async def ask(settings: Settings, tool: str, **arguments: object) -> CallToolResult:
        async with open_app(settings) as app, Client(build_server(app)) as client:
            return await client.call_tool(tool, arguments)

    return ask


@pytest.fixture
def document(pytestconfig: pytest.Config) -> tuple[Path, str]:
    """Where the document is, and what it should be after the attempts so far."""
    return DOCUMENT, written(pytestconfig.stash[ATTEMPTS])


def written(attempts: Sequence[Attempt]) -> str:
    """The document: a summary, and a table for each section in the order of their names."""
    sections: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        sections.setdefault(attempt.section, []).append(attempt)
    parts = [HEAD, "| section | tried | got through |", "|---|---:|---:|"]
    parts += [f"| {name} | {len(sections[name])} | 0 |" for name in sorted(sections)]
    for name in sorted(sections):
        parts += [f"\n## {name}\n", "| | tried | what happened |", "|---:|---|---|"]
        parts += [f"| {n} | {each.tried} | {each.outcome} |" for n, each in enumerate(sections[name], 1)]
    return "\n".join([*parts, ""])


def _cell(text: str) -> str:
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in _PORT.sub(r"\1:PORT", text))
    return shown.replace("|", "\\|")


@pytest_asyncio.fixture(loop_scope="module")
async def mallory(server: SignInServer) -> AsyncGenerator[Visitor]:
    """Return a browser that an attacker is signed in with, who is one of the team."""
    async with server.visitor() as visitor:
        yield await visitor.signed_in("Mallory")
