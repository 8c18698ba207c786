"""From a function to a tool, and from a failure to an answer that a model can act on: the one boundary.

The SDK hides every exception but its own `ToolError` behind "Error executing tool X", words bad arguments
as a validator's report, and ignores unknown arguments. Here each becomes one complete sentence.
"""

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import (
    ResourceError,
    ResourceNotFoundError,
    ToolError,
    UnexpectedResourceError,
    UnexpectedToolError,
)
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import ValidationError

from imagerouter_mcp.errors import ImageRouterError, NotFoundError
from imagerouter_mcp.lines import one_line

logger = logging.getLogger(__name__)

_MAX_FAULTS = 3


class SpeakingTool(Tool):
    """A tool whose every failure is a sentence."""

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,  # noqa: FBT001, FBT002 - the SDK's signature
    ) -> Any:  # noqa: ANN401 - the SDK's signature
        """Run the tool; a failure becomes an answer with `is_error` set."""
        unknown = [name for name in arguments if name not in self.parameters["properties"]]
        if unknown:
            return _bad_arguments(self, unknown, self._invalid(arguments))
        try:
            return await super().run(arguments, context, convert_result)
        except UnexpectedToolError as error:
            return _failure(self.name, error.__cause__)
        except ToolError as error:
            return _bad_arguments(self, [], error.__cause__)

    def _invalid(self, arguments: dict[str, Any]) -> ValidationError | None:
        """What else is wrong with arguments of which some are unknown."""
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            return error
        return None


def make_tool(
    function: Callable[..., Any],
    *,
    title: str,
    annotations: ToolAnnotations,
    output: Mapping[str, Any],
) -> Tool:
    """Make a tool of a function.

    Args:
        function: An async function; its docstring is the description, its annotated parameters the schema.
        title: What a person sees.
        annotations: All four hints, for hosts decide by them.
        output: The JSON schema of the structured content.
    """
    tool = SpeakingTool.from_function(function, title=title, annotations=annotations)
    tool.description = " ".join(tool.description.split())
    # A title repeats each name at the cost of a model's attention.
    for schema in (tool.parameters, *tool.parameters["properties"].values()):
        schema.pop("title", None)
    tool.parameters["additionalProperties"] = False
    tool.fn_metadata.output_schema = dict(output)
    return tool


def _failure(name: str, cause: BaseException | None) -> CallToolResult:
    if isinstance(cause, ImageRouterError):
        return failed(str(cause), kind=cause.kind, charged=cause.charged)
    logger.error("%s failed unexpectedly", name, exc_info=cause)
    return failed(
        f"{name} failed for a reason that imagerouter-mcp did not foresee ({type(cause).__name__}). If a "
        "request was under way, it may have been carried out and charged. Look at https://imagerouter.io "
        "before asking again, and report the log of this server.",
        kind="internal",
        charged="unknown",
    )


def _bad_arguments(tool: Tool, unknown: Sequence[str], cause: BaseException | None) -> CallToolResult:
    faults = [f"it does not know {name[:40]!r}" for name in unknown]
    if isinstance(cause, ValidationError):
        faults += [_fault(error) for error in cause.errors(include_url=False)]
    faults = faults[:_MAX_FAULTS] or [str(cause)]
    known = ", ".join(tool.parameters["properties"])
    return failed(
        f"{tool.name} cannot be called like this: {'; '.join(faults)}. Nothing was charged. Call it again "
        f"with these arguments only: {known}.",
        kind="arguments",
        charged="no",
    )


def _fault(error: Mapping[str, Any]) -> str:
    """One fault in words; the value that was given is the caller's own, so only its place is told."""
    place = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "missing":
            return f"{place!r} is missing"
        case _:
            message = str(error["msg"])
            return f"{place!r}: {message[:1].lower()}{message[1:]}"


@contextmanager
def speaking_resources() -> Generator[None]:
    """Turn the failure of a resource within the block into the SDK's own error, with its whole sentence.

    Raises:
        ResourceError: In place of an `ImageRouterError`.
    """
    try:
        yield
    except UnexpectedResourceError as error:
        cause = error.__cause__
        if isinstance(cause, UnexpectedResourceError):
            cause = cause.__cause__
        if isinstance(cause, NotFoundError):
            raise ResourceNotFoundError(str(cause)) from cause
        if isinstance(cause, ImageRouterError):
            raise ResourceError(str(cause)) from cause
        raise


def failed(sentence: str, *, kind: str, charged: str) -> CallToolResult:
    """An answer that says what went wrong, as text and as structured content alike."""
    sentence = one_line(sentence)
    return CallToolResult(
        content=[TextContent(type="text", text=sentence)],
        structured_content={"error": {"kind": kind, "message": sentence, "charged": charged}},
        is_error=True,
    )
