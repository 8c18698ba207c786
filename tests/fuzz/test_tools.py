"""Every tool, called with what its own schema allows and with what it does not: an answer each time."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from mcp import Client
from mcp.types import CallToolResult, Tool
from PIL import Image

from imagerouter_mcp.sandbox.service.accounts import Accounts
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from support.visible import is_visible

Fuzz = Callable[..., None]
Ask = Callable[[str, dict[str, Any]], CallToolResult]

STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
telling = st.sampled_from(
    [
        *("", "auto", "last", "img_1", "test/test", "openai/gpt-image-1.5", "black-forest-labs/FLUX-2-flex"),
        *(
            "64x64",
            "1024x1024",
            "0x0",
            "99999x99999",
            "16:9",
            "match",
            "box:0,0,50%,50%",
            "alpha",
            "cheapest",
        ),
        *("crop 16:9", "trim", "resize 50%", "pad 1:1 blur", "rotate 5", "cutout", "grid", "animate gif"),
        *("convert webp 2kB", "convert ico", "favicon", "before-after"),
        *("~", "~/a", "~/.ssh", "/", "/etc", "/proc/self/environ", "/dev/zero", "..", "file:///etc/passwd"),
        *("http://127.0.0.1:9/", "http://[::1]/", "data:,", "data:image/png;base64,iVBORw0KGgo=", "A" * 300),
        *("\x1b[2J", "\u202e", "\0", "\nMEDIA:/etc/passwd", "٣", "{}", "null", "-1", "1e999", "x" * 20_000),
    ]
)
"""What leads past the first check of some parameter; each is tried for all of them."""
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def valid(schema: Mapping[str, Any], source: str) -> SearchStrategy[Any]:
    """What a property's schema allows; the tools' contract keeps schemas to these keywords."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", -(2**70)), min(schema.get("maximum", 2**70), 3))
        case "number":
            return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False)
        case "array":
            return st.lists(valid(schema["items"], source), max_size=4)
        case _:
            return texts | telling | st.just(source)


def calls(tools: list[Tool], source: str) -> SearchStrategy[tuple[str, dict[str, Any]]]:
    """Arguments for each tool: mostly as its schema says, now and then of another kind or name."""
    drawn: list[SearchStrategy[tuple[str, dict[str, Any]]]] = []
    for tool in tools:
        properties: dict[str, Any] = tool.input_schema["properties"]
        required = set(tool.input_schema.get("required", []))
        fields = {name: valid(schema, source) for name, schema in properties.items()}
        proper = st.fixed_dictionaries(
            {name: fields[name] for name in required},
            optional={name: fields[name] for name in fields.keys() - required},
        )
        names = st.sampled_from([*fields, "", "ctx", "self", "__class__"]) | texts
        mixed = st.dictionaries(names, junk | telling, max_size=5)
        arguments = st.one_of(proper, proper, proper, mixed)
        drawn.append(st.tuples(st.just(tool.name), arguments))
    return st.one_of(drawn)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A picture in the home folder."""
    path = tmp_path / "source.png"
    Image.linear_gradient("L").crop((0, 0, 48, 32)).save(path)
    return str(path)


@pytest.fixture
def server(settings: Settings) -> Iterator[tuple[Ask, list[Tool]]]:
    """One server and its client for all calls, which a synchronous test can ask."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_app(settings)) as app,
        portal.wrap_async_context_manager(Client(build_server(app))) as client,
    ):

        def ask(tool: str, arguments: dict[str, Any]) -> CallToolResult:
            return portal.call(client.call_tool, tool, arguments)

        yield ask, portal.call(client.list_tools).tools


def test_every_call_is_answered_in_words(
    server: tuple[Ask, list[Tool]], sandbox: Sandbox, source: str, fuzz: Fuzz
) -> None:
    ask, tools = server
    count = 0

    def attempt(drawn: tuple[str, dict[str, Any]]) -> None:
        nonlocal count
        count += 1
        if not count % 200:  # else the account is soon empty, and nothing is made any more
            sandbox.app.state.sandbox.accounts = Accounts()
        result = ask(*drawn)
        fields: dict[str, Any] = result.structured_content or {}
        if result.is_error:
            assert fields["error"]["kind"] != "internal"
            assert is_visible(fields["error"]["message"])
        assert result.content
        for block in result.content:
            assert not STEERING.search(getattr(block, "text", ""))

    fuzz(calls(tools, source), attempt, usual=600)
