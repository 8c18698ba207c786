"""Declare an async function as a tool, with schemas that every host accepts.

All that this package uses of the MCP SDK beyond its documentation, as seen in mcp 2.3.0:

| in the SDK | what for |
|---|---|
| `Tool.from_function`, `.description`, `.parameters`, `.fn_metadata` | declare a tool apart from a server |
| `FuncMetadata.arg_model` | name all wrong arguments at once |
| `FuncMetadata.output_schema` | publish a flat schema |
| `ToolError.__cause__`, a `ValidationError` or None | boundary.py: what is wrong with a call |
| `Prompt(fn=…, context_kwarg=None)` | prompts.py: one function takes any arguments |
| `MCPServer._lowlevel_server.run`, errors among what `stdio_server` reads | cli/: answer every line |

`tests/contract/test_sdk.py` fails when one of them changes.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations

from imagerouter_mcp.tools.parameters import SELF_EXPLAINING

MAKES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)
"""For tools that make something new; all but one cost money."""
READS = ToolAnnotations(read_only_hint=True)
"""For tools that read from the service or from addresses."""
READS_HERE = ToolAnnotations(read_only_hint=True, open_world_hint=False)
"""For tools that read from this machine only."""
RESTORES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True)
"""For tools that download a missing file again."""
OPENS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
"""For tools that create a new link with each call."""

_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", Decimal: "number"}

ToolFunction = Callable[..., Awaitable[CallToolResult]]


def tool(title: str, hints: ToolAnnotations) -> Callable[[ToolFunction], Tool]:
    """Return a decorator that turns an async function into a tool.

    The function's docstring becomes the description, its parameters the input schema. It returns
    `Annotated[CallToolResult, Content]`; the content, a TypedDict, becomes the output schema.

    Args:
        title: The name that people see.
        hints: Hosts decide by them what needs a confirmation.
    """

    def declare(function: ToolFunction) -> Tool:
        declared = Tool.from_function(function, title=title, annotations=hints, structured_output=False)
        declared.description = " ".join(declared.description.split())
        declared.parameters = input_schema(declared.parameters)
        (content,) = get_type_hints(function, include_extras=True)["return"].__metadata__
        declared.fn_metadata.output_schema = output_schema(content)
        return declared

    return declare


def input_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON schema of arguments as it is published.

    Titles only repeat the names, and descriptions state the defaults because hosts remove them: both are
    left out, because a model reads the schema at every turn, and so are the descriptions of
    `SELF_EXPLAINING` parameters. Nothing says that other arguments are refused,
    because a client that checks would not send the other spellings that `arguments.py` reads.
    """
    for part in (schema, *schema["properties"].values()):
        part.pop("title", None)
        part.pop("default", None)
    for name in schema["properties"].keys() & SELF_EXPLAINING:
        del schema["properties"][name]["description"]
    return schema


def explained(tool: Tool) -> dict[str, dict[str, Any]]:
    """Return the schema of each parameter with its description, for people."""
    fields = tool.fn_metadata.arg_model.model_fields
    return {
        name: {**schema, "description": fields[name].description}
        for name, schema in tool.parameters["properties"].items()
    }


def output_schema(content: type) -> dict[str, Any]:
    """Return the JSON schema of structured content: names and types only, one level deep, no nulls."""
    fields = get_type_hints(content)
    return {"type": "object", "properties": {name: _flat(hint) for name, hint in fields.items()}}


def _flat(hint: Any) -> dict[str, Any]:  # noqa: ANN401 - a type hint is of no type
    known = get_args(hint)[0] if isinstance(hint, UnionType) else hint
    if get_origin(known) is list:
        return {"type": "array", "items": _flat(get_args(known)[0])}
    return {"type": _JSON_TYPES.get(known, "object")}
