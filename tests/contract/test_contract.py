"""What every host sees of the tools before it calls one: a promise that changes by decision only.

`make snapshots` takes the present state as the promise.
"""

import difflib
import json
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import Tool
from pydantic import SecretStr

from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.tools import all_tools
from imagerouter_mcp.tools.declare import explained
from imagerouter_mcp.tools.parameters import SELF_EXPLAINING
from imagerouter_mcp.wiring import App, open_app

SNAPSHOT = Path(__file__).with_name("tools.json")
MAX_LIST_CHARACTERS, MAX_WITHOUT_OUTPUT = 16_000, 10_500
"""Of JSON, in all and without output schemas: a model reads the list at every turn."""
MAX_NAME = 25
"""Hosts put the server's name before it and cut at 60 to 64."""
COSTING = ("generate_image", "edit_image", "compare_models", "generate_video")
TYPES = ("string", "integer", "number", "boolean", "array")
PROPERTY_KEYWORDS = {
    "type",
    "description",
    "enum",
    "items",
    "minimum",
    "maximum",
}
"""All that a property may say: each other keyword was refused by some host."""


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    """The SDK client's word for a protocol era."""
    return request.param


@pytest.fixture
def offline(tmp_path: Path) -> Settings:
    """A server that can reach nothing and has no key."""
    return Settings(
        base_url="http://127.0.0.1:9",
        output_dir=tmp_path / "pictures",
        data_dir=tmp_path / "data",
    )


@pytest.fixture
async def tools(offline: Settings, era: str) -> list[Tool]:
    """The tools as a client lists them."""
    return await listed(offline, era)


async def listed(settings: Settings, era: str) -> list[Tool]:
    async with open_app(settings) as app, Client(build_server(app), mode=era) as client:
        return (await client.list_tools()).tools


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def properties(tool: Tool) -> dict[str, dict[str, Any]]:
    return tool.input_schema["properties"]


def as_snapshot(tools: list[Tool]) -> str:
    kept = ("name", "title", "description", "inputSchema", "outputSchema", "annotations", "_meta")
    told = [tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in tools]
    snapshot = [{name: tool.get(name) for name in kept} for tool in told]
    text = json.dumps(snapshot, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return re.sub(r"viewer-[0-9a-f]+\.html", "viewer-HASH.html", text)


async def test_the_tools_are_as_promised(tools: list[Tool], pytestconfig: pytest.Config) -> None:
    present = as_snapshot(tools)
    if pytestconfig.getoption("--accept-contract"):
        SNAPSHOT.write_text(present, "utf-8")
    promised = SNAPSHOT.read_text("utf-8") if SNAPSHOT.exists() else ""
    if present != promised:
        lines = (promised.splitlines(), present.splitlines())
        difference = difflib.unified_diff(*lines, "promised", "present", lineterm="", n=6)
        pytest.fail(
            "\n".join(["The tools have changed. If that is meant, run `make snapshots`.", "", *difference]),
            pytrace=False,
        )


async def test_names_are_short_and_plain(tools: list[Tool]) -> None:
    assert [tool.name for tool in tools if not re.fullmatch(rf"[a-z0-9_]{{1,{MAX_NAME}}}", tool.name)] == []
    assert len({tool.name for tool in tools}) == len(tools)


async def test_every_tool_has_a_title_a_description_and_its_hints(tools: list[Tool]) -> None:
    for tool in tools:
        assert tool.title
        assert tool.description
        assert "\n" not in tool.description
        assert (hints := tool.annotations)
        assert hints.read_only_hint is not None
        assert hints.read_only_hint or hints.destructive_hint is False, "left out, it means true"


async def test_what_costs_money_is_not_called_harmless_and_says_so(tools: list[Tool]) -> None:
    for tool in tools:
        assert tool.annotations
        costs = tool.name in COSTING
        assert ("Costs credits" in (tool.description or "")) == costs, tool.name
        assert (tool.description or "").endswith("Free.") != costs, tool.name
        if costs:
            assert tool.annotations.read_only_hint is False
            assert not tool.annotations.idempotent_hint
            assert tool.annotations.open_world_hint is True


async def test_making_is_found_by_the_words_that_people_use(tools: list[Tool]) -> None:
    told = {tool.name: (tool.description or "").lower() for tool in tools}
    for word in [
        "picture",
        "photo",
        "illustration",
        "logo",
        "draw",
        "icon",
        "sticker",
        "poster",
        "background",
    ]:
        assert word in told["generate_image"], word
    for word in ("photo", "background", "upscale", "combine", "cut out"):
        assert word in told["edit_image"], word
    assert "video clip" in told["generate_video"]


async def test_input_schemas_stay_within_what_every_host_accepts(tools: list[Tool]) -> None:
    for tool in tools:
        assert set(tool.input_schema) <= {"type", "properties", "required"}, tool.name
        assert tool.input_schema["type"] == "object"
        for name, schema in properties(tool).items():
            assert set(schema) <= PROPERTY_KEYWORDS, f"{tool.name}.{name}"
            assert schema["type"] in TYPES, f"{tool.name}.{name}"
            if schema["type"] == "array":
                assert set(schema["items"]) <= {"type", "enum"}, f"{tool.name}.{name}"
                assert schema["items"]["type"] == "string", f"{tool.name}.{name}"
            if "enum" in schema:
                assert all(isinstance(value, str) for value in schema["enum"])


def defaults(tool: Tool) -> dict[str, object]:
    """What each parameter is when it is left out; a schema does not say it, for hosts remove it."""
    (function,) = [each.fn for each in all_tools() if each.name == tool.name]
    parameters = signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not Parameter.empty}


async def test_what_is_not_required_has_a_default_of_its_own_type(tools: list[Tool]) -> None:
    python = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}
    for tool in tools:
        required = tool.input_schema.get("required", [])
        assert set(required) | set(defaults(tool)) == set(properties(tool))
        assert not set(required) & set(defaults(tool))
        for name, default in defaults(tool).items():
            schema = properties(tool)[name]
            if default is None:  # left out; the schema has no null
                continue
            assert isinstance(default, python[schema["type"]]), f"{tool.name}.{name}"
            assert default in schema.get("enum", [default])


async def test_every_parameter_is_described_with_a_default_that_would_surprise(tools: list[Tool]) -> None:
    """Hosts leave out the schema's own `default`. Nobody wonders about "", false, auto, any or nothing."""
    for tool in tools:
        for name, schema in properties(tool).items():
            place, told = f"{tool.name}.{name}", schema.get("description", "")
            assert told.endswith(".") != (name in SELF_EXPLAINING), place
            if name in SELF_EXPLAINING:
                continue
            default = defaults(tool).get(name)
            if default not in (None, "", False, "auto", "any", "relevance", []):
                assert re.search(rf"\bDefault .?{re.escape(str(default))}\b", told), place


def test_people_read_a_description_of_every_parameter() -> None:
    for tool in all_tools(remote=True):
        described = {name: schema["description"] for name, schema in explained(tool).items()}
        assert [name for name, text in described.items() if not text.endswith(".")] == [], tool.name
        for name, text in described.items():
            if said := re.search(r'\bDefault "?(\w+)', text):
                assert said[1] == str(signature(tool.fn).parameters[name].default), f"{tool.name}.{name}"


async def test_every_tool_refuses_arguments_that_it_does_not_know(offline: Settings, era: str) -> None:
    async with open_app(offline) as app, Client(build_server(app), mode=era) as client:
        for tool in (await client.list_tools()).tools:
            result = await client.call_tool(tool.name, {"colour": "red"})
            assert result.is_error
            assert "does not know 'colour'" in result.model_dump_json()


async def test_output_schemas_promise_little_enough_to_hold_for_every_answer(tools: list[Tool]) -> None:
    for tool in tools:
        assert tool.output_schema, tool.name
        assert tool.output_schema["type"] == "object"
        assert not re.search(
            r'"(required|\$defs|\$ref|additionalProperties|anyOf)"', json.dumps(tool.output_schema)
        )


async def test_a_generations_output_schema_names_what_it_tells(tools: list[Tool]) -> None:
    named = {"images", "generation", "state", "model", "cost_usd", "notes", "next_step"}
    for tool in tools:
        if tool.name in ("generate_image", "edit_image", "show_image"):
            assert tool.output_schema
            assert set(tool.output_schema["properties"]) >= named
            assert tool.output_schema["properties"]["images"] == {
                "type": "array",
                "items": {"type": "object"},
            }


async def test_the_whole_list_is_short(tools: list[Tool]) -> None:
    told = [tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in tools]
    assert characters(told) < MAX_LIST_CHARACTERS
    for tool in told:
        del tool["outputSchema"]
    assert characters(told) < MAX_WITHOUT_OUTPUT


def characters(told: list[dict[str, Any]]) -> int:
    return len(json.dumps(told, ensure_ascii=False, separators=(",", ":")))


@contextmanager
def no_connections(monkeypatch: pytest.MonkeyPatch) -> Generator[list[object]]:
    """Nothing connects to anything within the block; collects who was asked for."""
    asked: list[object] = []

    def refuse(_: socket.socket, address: object) -> None:
        asked.append(address)
        raise OSError("there is no network")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        yield asked


async def test_listing_touches_neither_the_network_nor_the_disk(
    offline: Settings, era: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(tmp_path)
    with no_connections(monkeypatch) as asked:
        tools = await listed(offline, era)
    assert len(tools) >= 6
    assert asked == []
    assert files(tmp_path) == before


async def test_the_list_is_the_same_for_everybody_and_may_be_kept(
    offline: Settings, tools: list[Tool]
) -> None:
    other = offline.model_copy(
        update={"api_key": SecretStr("x" * 64), "model": "test/test", "media_lines": True}
    )
    app = App(other)
    async with Client(build_server(app)) as client:
        answer = await client.list_tools()
    await app.close()
    assert as_snapshot(answer.tools) == as_snapshot(tools)
    assert answer.ttl_ms == 86_400_000
    assert answer.cache_scope == "public"


async def test_the_server_introduces_itself(offline: Settings, era: str) -> None:
    async with open_app(offline) as app, Client(build_server(app), mode=era) as client:
        assert client.server_info
        assert (client.server_info.name, client.server_info.title) == ("imagerouter", "ImageRouter")
        assert client.instructions
        assert "costs the person's credits" in client.instructions
        named = re.findall(r"\b[a-z]+_[a-z]+\b", client.instructions)
        assert set(named) <= {tool.name for tool in (await client.list_tools()).tools}
