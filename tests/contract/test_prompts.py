"""What a host's menu offers: a promise like that of the tools, and only things that exist.

`make snapshots` takes the present state as the promise.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client, MCPError
from mcp.types import GetPromptResult, PromptReference, TextContent, Tool

from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app

SNAPSHOT = Path(__file__).with_name("prompts.json")
MOST_OFFERS = 6
"""A menu is read at a glance."""
INVALID_PARAMS = -32602


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    """The SDK client's word for a protocol era."""
    return request.param


@asynccontextmanager
async def host(settings: Settings, era: str) -> AsyncGenerator[Client]:
    async with open_app(settings) as app, Client(build_server(app), mode=era) as client:
        yield client


@pytest.fixture
def offline(tmp_path: Path) -> Settings:
    """A server that can reach nothing and has no key."""
    return Settings(
        base_url="http://127.0.0.1:9", output_dir=tmp_path / "pictures", data_dir=tmp_path / "data"
    )


def words(result: GetPromptResult) -> str:
    (message,) = result.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


async def offered(client: Client) -> dict[str, list[str]]:
    """The arguments' names of each prompt."""
    prompts = (await client.list_prompts()).prompts
    return {prompt.name: [each.name for each in prompt.arguments or []] for prompt in prompts}


async def test_the_menu_is_as_promised(offline: Settings, era: str, pytestconfig: pytest.Config) -> None:
    async with host(offline, era) as client:
        prompts = (await client.list_prompts()).prompts
    told = [prompt.model_dump(by_alias=True, exclude_none=True, mode="json") for prompt in prompts]
    present = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if pytestconfig.getoption("--accept-contract"):
        SNAPSHOT.write_text(present, "utf-8")
    assert present == SNAPSHOT.read_text("utf-8"), "If that is meant, run `make snapshots`."


async def test_the_menu_is_short_and_every_entry_explains_itself(offline: Settings, era: str) -> None:
    async with host(offline, era) as client:
        prompts = (await client.list_prompts()).prompts
    assert 0 < len(prompts) <= MOST_OFFERS
    for prompt in prompts:
        assert prompt.title
        assert prompt.description
        assert prompt.description.endswith(".")
        assert prompt.arguments
        for argument in prompt.arguments:
            assert not argument.required, "a host may ask for nothing; the SDK hides what it says of that"
            assert re.search(r"\. Default: .+\.$", argument.description or ""), (
                f"{prompt.name}.{argument.name}"
            )


async def test_every_entry_works_with_nothing_filled_in(offline: Settings, era: str) -> None:
    async with host(offline, era) as client:
        for name, arguments in (await offered(client)).items():
            alone = words(await client.get_prompt(name))
            empty = words(await client.get_prompt(name, dict.fromkeys(arguments, "  ")))
            assert alone == empty, name
            assert not re.search(r"[{}]", alone), name


async def test_what_is_filled_in_stands_in_the_request_as_it_was_typed(offline: Settings, era: str) -> None:
    typed = "Ein {Fuchs} — 狐 %s 'in' \"Anführung\""
    async with host(offline, era) as client:
        for name, arguments in (await offered(client)).items():
            for argument in arguments:
                assert typed in words(await client.get_prompt(name, {argument: typed})), f"{name}.{argument}"


async def test_a_blank_that_does_not_exist_is_told_with_those_that_do(offline: Settings, era: str) -> None:
    async with host(offline, era) as client:
        with pytest.raises(MCPError) as caught:
            await client.get_prompt("logo", {"colour": "red"})
        afterwards = words(await client.get_prompt("logo", {"name": "Acme"}))
    assert caught.value.error.code == INVALID_PARAMS
    assert "does not know 'colour'" in str(caught.value)
    assert "name, idea, style" in str(caught.value)
    assert "Acme" in afterwards


async def test_the_requests_name_only_tools_and_arguments_that_exist(offline: Settings, era: str) -> None:
    async with host(offline, era) as client:
        tools = (await client.list_tools()).tools
        for name, arguments in (await offered(client)).items():
            told = words(await client.get_prompt(name, dict.fromkeys(arguments, "X")))
            assert unknown_names(told, tools) == set(), name
            assert any(tool.name in told for tool in tools), name


def unknown_names(told: str, tools: list[Tool]) -> set[str]:
    """What looks like the name of a tool or of an argument and is none."""
    names = {tool.name for tool in tools}
    arguments = {name for tool in tools for name in tool.input_schema["properties"]}
    snake = set(re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", told))
    assigned = set(re.findall(r"\b(\w+)=", told))
    return (snake - names - arguments) | (assigned - arguments)


async def test_every_value_that_a_request_gives_is_one_that_the_tool_takes(
    offline: Settings, era: str
) -> None:
    async with host(offline, era) as client:
        tools = (await client.list_tools()).tools
        told = [words(await client.get_prompt(name)) for name in await offered(client)]
    enums = {
        name: schema.get("enum") or schema.get("items", {}).get("enum")
        for tool in tools
        for name, schema in tool.input_schema["properties"].items()
        if "enum" in schema or "enum" in schema.get("items", {})
    }
    given = {pair for text in told for pair in re.findall(r"\b(\w+)=(\w+)", text)}
    assert {("sort", "popularity"), ("model", "cheapest")} <= given
    assert {(name, value) for name, value in given if name in enums and value not in enums[name]} == set()


async def completions(client: Client, prompt: str, argument: str, value: str) -> list[str]:
    ref = PromptReference(name=prompt)
    return (await client.complete(ref, {"name": argument, "value": value})).completion.values


async def test_styles_and_shapes_are_completed_without_the_network(offline: Settings, era: str) -> None:
    async with host(offline, era) as client:
        shapes = await completions(client, "product_photo", "aspect_ratio", "")
        begun = await completions(client, "product_photo", "aspect_ratio", "PO")
        styles = await completions(client, "logo", "style", "l")
        nothing = await completions(client, "logo", "name", "A")
    assert {"square", "16:9", "9:16"} <= set(shapes)
    assert begun == ["portrait"]
    assert "line art" in styles
    assert nothing == []


async def test_models_are_completed_one_after_another(
    settings: Settings, era: str, journal: Callable[[], list[dict[str, object]]]
) -> None:
    async with host(settings, era) as client:
        first = await completions(client, "compare_models", "models", "gemini 3")
        second = await completions(client, "compare_models", "models", "test/test, gemini 3")
    assert first[0] == "google/gemini-3-pro"
    assert second[0] == "test/test, google/gemini-3-pro"
    assert journal(), "they are the service's own"
