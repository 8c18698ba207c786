"""Turn failures into answers that a model can act on: the one boundary between errors and MCP.

The SDK hides every exception but its own `ToolError` behind "Error executing tool X", and reports bad
arguments in pydantic's words. Here each failure becomes one complete sentence.
"""

import logging
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

from mcp.server import MCPServer
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import (
    ResourceError,
    ResourceNotFoundError,
    ToolError,
    UnexpectedResourceError,
    UnexpectedToolError,
)
from mcp.types import CallToolResult, InputRequiredResult
from pydantic import AnyUrl, ValidationError

from imagerouter_mcp.errors import Charged, ImageRouterError, NotFoundError
from imagerouter_mcp.lines import one_line
from imagerouter_mcp.tools.structured import Content, Usd, tool_result
from imagerouter_mcp.wiring import App

logger = logging.getLogger(__name__)

_MAX_FAULTS = 20
"""Faults that are named; a call with more has arguments that no tool takes."""
_NAME_SHOWN = 40


class Fault(Content):
    """What went wrong and what it cost; `up_to_usd` is the most that ImageRouter may have kept."""

    kind: str
    message: str
    charged: Charged
    cost_usd: Usd | None = None
    up_to_usd: Usd | None = None


class ErrorContent(Content):
    """The structured content of a call that failed."""

    error: Fault


class SpeakingServer(MCPServer[App]):
    """A server that answers every failure with a sentence."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[App, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; a failure becomes a result with `is_error` set."""
        try:
            return await super().call_tool(name, without_nulls(arguments), context)
        except UnexpectedToolError as error:
            return _failure(name, error.__cause__)
        except ToolError as error:
            schemas = {tool.name: tool.input_schema["properties"] for tool in await self.list_tools()}
            if isinstance(error.__cause__, ValidationError):
                return _wrong_arguments(name, schemas[name], error.__cause__)
            return _unknown_tool(name, schemas)

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[App, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource.

        Raises:
            ResourceError: It cannot be read; the sentence says why and what to do.
        """
        try:
            return await super().read_resource(uri, context)
        except UnexpectedResourceError as error:
            cause = error.__cause__
            if isinstance(cause, NotFoundError):
                raise ResourceNotFoundError(str(cause)) from cause
            if isinstance(cause, ImageRouterError):
                raise ResourceError(str(cause)) from cause
            raise


def without_nulls(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without those that are null: null means "left out"."""
    return {name: _without_nulls(value) for name, value in arguments.items() if value is not None}


def _without_nulls(value: object) -> object:
    if not isinstance(value, list):
        return value
    return [item for item in cast("list[object]", value) if item is not None]


def error_result(
    sentence: str,
    *,
    kind: str,
    charged: Charged,
    cost_usd: Decimal | None = None,
    up_to_usd: Decimal | None = None,
) -> CallToolResult:
    """Return a result that says what went wrong, in the text and in the structured content.

    Args:
        sentence: What happened, whether money was spent, and what to do next.
        kind: The kind of error.
        charged: Whether money was spent.
        cost_usd: What was charged, where known.
        up_to_usd: The most that ImageRouter may have kept, where known.
    """
    fault = Fault(
        kind=kind, message=one_line(sentence), charged=charged, cost_usd=cost_usd, up_to_usd=up_to_usd
    )
    result = tool_result([sentence], ErrorContent(error=fault))
    result.is_error = True
    return result


def _failure(name: str, cause: BaseException | None) -> CallToolResult:
    if isinstance(cause, ImageRouterError):
        return error_result(
            str(cause),
            kind=cause.kind,
            charged=cause.charged,
            cost_usd=cause.charged_usd,
            up_to_usd=cause.up_to_usd,
        )
    logger.error("%s failed unexpectedly", name, exc_info=cause)
    return error_result(
        f"{name} failed for a reason that imagerouter-mcp did not foresee ({type(cause).__name__}). If a "
        "request was under way, it may have been carried out and charged. Look at https://imagerouter.io "
        "before you ask again, and report the log of this server.",
        kind="internal",
        charged="unknown",
    )


def _unknown_tool(name: str, tools: Iterable[str]) -> CallToolResult:
    return error_result(
        f"There is no tool {name[:_NAME_SHOWN]!r}. Nothing was charged. Use one of {', '.join(tools)}.",
        kind="arguments",
        charged="no",
    )


def _wrong_arguments(
    name: str, properties: Mapping[str, Mapping[str, Any]], error: ValidationError
) -> CallToolResult:
    faults = {str(fault["loc"][0]): fault["type"] for fault in error.errors(include_url=False)}
    named = [_fault(argument, kind, properties.get(argument)) for argument, kind in faults.items()]
    more = len(named) - _MAX_FAULTS
    listed = "; ".join(named[:_MAX_FAULTS]) + (f"; and {more} more" if more > 0 else "")
    takes = f"with these arguments only: {', '.join(properties)}" if properties else "without arguments"
    return error_result(
        f"{name} cannot be called like this: {listed}. Nothing was charged. Call it again {takes}.",
        kind="arguments",
        charged="no",
    )


def _fault(name: str, kind: str, schema: Mapping[str, Any] | None) -> str:
    """Return one fault in words, without the value: it may be long or secret."""
    if schema is None:
        return f"it does not know {name[:_NAME_SHOWN]!r}"
    if kind == "missing":
        return f"{name!r} is missing"
    return f"{name!r} must be {_form(schema)}"


def _form(schema: Mapping[str, Any]) -> str:
    """Return what a value must look like: "a whole number from 1 to 8"."""
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    match schema["type"]:
        case "array":
            allowed = schema["items"].get("enum")
            return f"a list of any of {', '.join(allowed)}" if allowed else 'a list of strings: ["…", "…"]'
        case "integer" | "number" as kind:
            return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
        case "boolean":
            return "true or false"
        case _:
            return "a string"


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is None:
        return "" if low is None else f" from {low:g}"
    return f" from {low:g} to {high:g}"
