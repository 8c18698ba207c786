"""Declare an async function as a tool, with schemas that every host accepts.

All that this package uses of the MCP SDK beyond its documentation, as seen in mcp 2.3.0:

| in the SDK | what for |
|---|---|
| `Tool.from_function`, `.description`, `.parameters`, `.fn_metadata` | declare a tool apart from a server |
| `FuncMetadata.arg_model` | name all wrong arguments at once, unknown ones included |
| `FuncMetadata.output_schema`, `.output_model` | publish a flat schema, check results against the model |
| `ToolError.__cause__`, a `ValidationError` or None | boundary.py: what is wrong with a call |
| `Prompt(fn=…, context_kwarg=None)` | prompts.py: one function takes any arguments |
| `MCPServer._lowlevel_server.run`, errors among what `stdio_server` reads | cli/: answer every line |

`tests/contract/test_sdk.py` fails when one of them changes.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import BaseModel, create_model

MAKES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
)
"""For tools that make something and cost money."""
READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
"""For tools that read from the service or from addresses."""
READS_HERE = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""For tools that read from this machine only."""
RESTORES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
"""For tools that download a missing file again."""
OPENS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
"""For tools that create a new link with each call."""

ToolFunction = Callable[..., Awaitable[CallToolResult]]


def tool(title: str, hints: ToolAnnotations) -> Callable[[ToolFunction], Tool]:
    """Return a decorator that turns an async function into a tool.

    The function's docstring becomes the description, its parameters the input schema. It returns
    `Annotated[CallToolResult, Model]`; the model becomes the output schema.

    Args:
        title: The name that people see.
        hints: All four hints; hosts decide by them what needs a confirmation.
    """

    def declare(function: ToolFunction) -> Tool:
        declared = Tool.from_function(function, title=title, annotations=hints)
        declared.description = " ".join(declared.description.split())
        metadata = declared.fn_metadata
        metadata.arg_model = create_model(
            metadata.arg_model.__name__, __base__=metadata.arg_model, __cls_kwargs__={"extra": "forbid"}
        )
        declared.parameters = input_schema(metadata.arg_model)
        metadata.output_schema = output_schema(metadata.output_model)
        return declared

    return declare


def input_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of arguments.

    Titles only repeat the names, and descriptions state the defaults because hosts remove them: both are
    left out, because a model reads the schema at every turn.
    """
    schema = model.model_json_schema()
    for part in (schema, *schema["properties"].values()):
        part.pop("title", None)
        part.pop("default", None)
    return schema


def output_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of structured content: names and types only, one level deep, no nulls."""
    properties = model.model_json_schema(mode="serialization")["properties"]
    return {"type": "object", "properties": {name: _flat(schema) for name, schema in properties.items()}}


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    options = cast("list[dict[str, Any]]", schema.get("anyOf", [schema]))
    known = next(option for option in options if option.get("type") != "null")
    if "items" in known:
        return {"type": "array", "items": _flat(known["items"])}
    return {"type": known.get("type", "object")}
