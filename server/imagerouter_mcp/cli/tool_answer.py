"""Read the answer of a tool that a command called."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from mcp.types import CallToolResult, TextContent

TEST_MODEL = "test/test"
"""ImageRouter's own free dummy model. It answers at once with a fixed picture."""


def answer_text(result: CallToolResult) -> str:
    """Return the text of an answer."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def first_image(content: Mapping[str, Any]) -> tuple[Path, tuple[int | None, int | None]]:
    """Return the path, width and height of the first picture in an answer's structured content.

    The path is empty if there is none.
    """
    first = cast("list[dict[str, Any]]", content.get("images") or [{}])[0]
    return Path(str(first.get("path", ""))), (first.get("width"), first.get("height"))


def innermost(error: BaseException) -> BaseException:
    """Return the first error inside nested exception groups, which task groups raise."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
