"""What `tools/declare.py` lists of the MCP SDK beyond its documentation: the SDK still has it.

When one of these fails after an upgrade, look at the table there and at its uses.
"""

from typing import Any

import pytest
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedResourceError, UnexpectedToolError
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from pydantic import ValidationError


async def echo(*, count: int) -> str:
    """Fail on 0."""
    if not count:
        raise LookupError("nothing")
    return str(count)


def server() -> MCPServer[Any]:
    built = MCPServer("probe", tools=[Tool.from_function(echo)])

    @built.resource("probe://plain")
    async def plain() -> str:  # pyright: ignore[reportUnusedFunction] - the server holds it
        raise LookupError("plain")

    @built.resource("probe://{name}")
    async def template(name: str) -> str:  # pyright: ignore[reportUnusedFunction] - the server holds it
        raise LookupError(name)

    return built


def test_a_tool_has_the_parts_that_are_changed_after_its_declaration() -> None:
    assert {"fn", "description", "parameters", "fn_metadata"} <= Tool.model_fields.keys()
    assert {"arg_model", "output_schema"} <= FuncMetadata.model_fields.keys()
    assert not Tool.model_config.get("frozen")
    assert not FuncMetadata.model_config.get("frozen")


async def test_a_changed_schema_is_the_one_that_is_listed() -> None:
    tool = Tool.from_function(echo)
    tool.parameters = {"type": "object", "properties": {}}
    tool.fn_metadata.output_schema = {"type": "object"}
    (listed,) = await MCPServer("probe", tools=[tool]).list_tools()
    assert listed.input_schema == {"type": "object", "properties": {}}
    assert listed.output_schema == {"type": "object"}


@pytest.mark.parametrize(
    ("arguments", "kind", "cause"),
    [({}, ToolError, ValidationError), ({"count": 0}, UnexpectedToolError, LookupError)],
)
async def test_a_failed_call_names_its_cause(
    arguments: dict[str, Any], kind: type[ToolError], cause: type[Exception]
) -> None:
    with pytest.raises(ToolError) as caught:
        await server().call_tool("echo", arguments)
    assert type(caught.value) is kind
    assert isinstance(caught.value.__cause__, cause)


async def test_an_unknown_tool_has_no_cause() -> None:
    with pytest.raises(ToolError) as caught:
        await server().call_tool("draw", {})
    assert type(caught.value) is ToolError
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("uri", ["probe://plain", "probe://other"])
async def test_a_failed_resource_names_its_cause(uri: str) -> None:
    with pytest.raises(UnexpectedResourceError) as caught:
        await server().read_resource(uri)
    assert isinstance(caught.value.__cause__, LookupError)


async def test_a_prompt_takes_one_function_for_all_its_arguments() -> None:
    async def write(**filled: str) -> str:
        return ",".join(filled)

    built = MCPServer("probe")
    built.add_prompt(
        Prompt(name="any", title=None, description="", arguments=None, fn=write, context_kwarg=None)
    )
    written = await built.get_prompt("any", {"one": "1", "two": "2"})
    assert "one,two" in written.model_dump_json()
