"""Turn failures into answers that a model can act on: the one boundary between errors and MCP.

The SDK hides every exception but its own `ToolError` behind "Error executing tool X", and reports bad
arguments in pydantic's words. Here each failure becomes one complete sentence.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Required, TypedDict

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
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CallToolResult, InputRequiredResult
from pydantic import AnyUrl, ValidationError

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import BudgetError, Charged, ImageRouterError, NotFoundError, PlanError
from imagerouter_mcp.events import ToolCalled, tell
from imagerouter_mcp.lines import one_line
from imagerouter_mcp.tools.arguments import MAX_FAULTS, read_arguments
from imagerouter_mcp.tools.structured import tool_result

logger = logging.getLogger(__name__)

_LONGEST_ADDRESS = 4_096
"""Longest resource address to look up, in characters."""

_NAME_SHOWN = 40


class Fault(TypedDict):
    """What went wrong and what it cost; `up_to_usd` is the most that ImageRouter may have kept."""

    kind: str
    message: str
    charged: Charged
    cost_usd: Decimal | None
    up_to_usd: Decimal | None


class ErrorContent(TypedDict):
    """The structured content of a call that failed."""

    error: Fault


class SpeakingServer(MCPServer[Apps]):
    """A server that answers every failure with a sentence.

    Args:
        name: Its name.
        tools: What it offers.
        for_callers: Returns a sentence as callers may read it.
        settings: The SDK's own.
    """

    def __init__(
        self,
        name: str,
        *,
        tools: Sequence[Tool],
        for_callers: Callable[[str], str],
        **settings: Any,  # noqa: ANN401 - the SDK's
    ) -> None:
        super().__init__(name, tools=list(tools), **settings)
        self._for_callers = for_callers
        self._declared = {tool.name: tool for tool in tools}

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Apps, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; a failure becomes a result with `is_error` set."""
        began = time.perf_counter()
        facts: _Facts = {"outcome": "cancelled"}
        try:
            result = await self._answer(name, arguments, context)
            facts = _facts(result)
            return result
        finally:
            known = name if name in self._declared else "unknown"
            tell(ToolCalled(tool=known, seconds=time.perf_counter() - began, **facts))

    async def _answer(
        self, name: str, arguments: dict[str, Any], context: Context[Apps, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        tool = self._declared.get(name)
        if tool is None:
            return _unknown_tool(name, self._declared)
        read, faults = read_arguments(tool.parameters, arguments)
        wrong = _wrong_values(tool, read)
        if faults or wrong:
            all_faults = [*faults, *wrong, *_wrong_shapes(read)]
            return _wrong_arguments(tool, all_faults, misnamed=bool(faults))
        try:
            return await super().call_tool(name, read, context)
        except UnexpectedToolError as error:
            return self._failure(name, error.__cause__)
        except ToolError:  # of the SDK, about what a host answered to a question
            return _unreadable_consent()

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Apps, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource.

        Raises:
            ResourceError: It cannot be read; the sentence says why and what to do.
            MCPError: Its address is too long to be one.
        """
        if len(str(uri)) > _LONGEST_ADDRESS:
            raise MCPError(  # not ResourceNotFoundError: the SDK repeats the whole address with that
                INVALID_PARAMS,
                f"Unknown resource: the address has over {_LONGEST_ADDRESS:,} characters. list_images "
                "names the pictures, and search_models the models.",
            )
        try:
            return await super().read_resource(uri, context)
        except UnexpectedResourceError as error:
            cause = error.__cause__
            if isinstance(cause, NotFoundError):
                raise ResourceNotFoundError(self._for_caller(cause)) from cause
            if isinstance(cause, ImageRouterError):
                raise ResourceError(self._for_caller(cause)) from cause
            raise

    def _for_caller(self, error: ImageRouterError) -> str:
        """Return the sentence of an error as callers may read it; log it if they may not read all of it."""
        sentence = self._for_callers(str(error))
        if sentence != str(error):
            logger.warning("%s", error)
        return sentence

    def _failure(self, name: str, cause: BaseException | None) -> CallToolResult:
        if isinstance(cause, ImageRouterError):
            return error_result(
                self._for_caller(cause),
                kind=cause.kind,
                charged=cause.charged,
                cost_usd=cause.charged_usd,
                up_to_usd=cause.up_to_usd,
            )
        logger.error("%s failed unexpectedly", name, exc_info=cause)
        return error_result(
            f"{name} failed because of a bug in imagerouter-mcp ({type(cause).__name__}). If a request was "
            "under way, it may have been carried out and charged. Look at https://imagerouter.io before you "
            "ask again, and report the log of this server.",
            kind="internal",
            charged="unknown",
        )


class _Facts(TypedDict, total=False):
    """What an event says about a result."""

    outcome: Required[str]
    generation: str | None


def _facts(result: CallToolResult | InputRequiredResult) -> _Facts:
    if isinstance(result, InputRequiredResult):
        return {"outcome": "question"}
    content: dict[str, Any] = result.structured_content or {}
    if result.is_error:
        return {"outcome": content["error"]["kind"]}
    outcome = "unfinished" if "ask_again_seconds" in content else "ok"
    return {"outcome": outcome, "generation": content.get("generation")}


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
    content: ErrorContent = {
        "error": {
            "kind": kind,
            "message": one_line(sentence),
            "charged": charged,
            "cost_usd": cost_usd,
            "up_to_usd": up_to_usd,
        }
    }
    result = tool_result([sentence], content)
    result.is_error = True
    return result


def _unknown_tool(name: str, tools: Iterable[str]) -> CallToolResult:
    return error_result(
        f"There is no tool {name[:_NAME_SHOWN]!r}. Nothing was charged. Use one of {', '.join(tools)}.",
        kind="arguments",
        charged="no",
    )


def _unreadable_consent() -> CallToolResult:
    return error_result(
        "This host's answer to a question from the server could not be read. Nothing was charged. Ask the "
        "person, then call it again.",
        kind=BudgetError.kind,
        charged="no",
    )


def _wrong_values(tool: Tool, arguments: Mapping[str, object]) -> list[str]:
    """Return what is wrong with arguments, a fault each, without the values: they may be long or secret."""
    properties = tool.parameters["properties"]
    try:
        tool.fn_metadata.arg_model.model_validate(arguments)
    except ValidationError as error:
        kinds = {str(fault["loc"][0]): fault["type"] for fault in error.errors(include_url=False)}
        return [
            f"{name!r} is missing" if kind == "missing" else f"{name!r} must be {_form(properties[name])}"
            for name, kind in kinds.items()
        ]
    return []


def _wrong_shapes(arguments: Mapping[str, object]) -> list[str]:
    """Return what planning would refuse afterwards, so that a caller corrects everything at once."""
    from imagerouter_mcp.generation.planning.sizes import read_ratio, read_wish

    size, ratio = (str(arguments.get(name, "")) for name in ("size", "aspect_ratio"))
    faults: list[str] = []
    for read in (lambda: read_wish(size, ""), lambda: read_ratio(ratio, (1, 1))):
        try:
            read()
        except PlanError as error:
            faults.append(
                f"{error.what.rstrip('.')} ({error.remedy[0].lower()}{error.remedy[1:].rstrip('.')})"
            )
    return faults


def _wrong_arguments(tool: Tool, faults: Sequence[str], *, misnamed: bool) -> CallToolResult:
    properties = tool.parameters["properties"]
    more = len(faults) - MAX_FAULTS
    listed = "; ".join(faults[:MAX_FAULTS]) + (f"; and {more} more" if more > 0 else "")
    takes = f"with these arguments only: {', '.join(properties)}" if properties else "without arguments"
    remedy = f"Call it again {takes}." if misnamed else "Correct this and call it again."
    return error_result(
        f"{tool.name} cannot be called like this: {listed}. Nothing was charged. {remedy}",
        kind="arguments",
        charged="no",
    )


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
