"""The parts of a tool's result: text lines, structured content, further blocks.

Some hosts give the model the text alone, others the structured content alone, so each says all that
matters.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

from mcp.types import CallToolResult, ContentBlock, TextContent

from imagerouter_mcp.lines import one_line

PROMPT_IN_FIELDS = 200
"""Characters of a prompt in a list's structured content; the record's resource has all of it."""
_PROMPT_IN_LINE = 60
_USD_DIGITS = 6


def as_json(content: Mapping[str, object]) -> dict[str, Any]:
    """Return structured content as JSON.

    Amounts become numbers of six decimals, invisible characters become spaces, and unknown values are left
    out. A prompt keeps its line breaks, which JSON escapes.
    """
    return {name: _json(value) for name, value in content.items() if value is not None}


def _json(value: object) -> object:
    match value:
        case Decimal():
            return round(float(value), _USD_DIGITS)
        case str():
            return "\n".join(map(one_line, value.split("\n")))
        case dict():
            return as_json(cast("dict[str, object]", value))
        case list():
            return [_json(item) for item in cast("list[object]", value)]
        case _:
            return value


def tool_result(lines: Iterable[str], content: Mapping[str, object], *blocks: ContentBlock) -> CallToolResult:
    """Return a tool's result.

    Args:
        lines: The text; line breaks within a line are removed, so that quoted text cannot forge a line.
        content: The structured content.
        blocks: What follows the text.
    """
    text = TextContent(type="text", text="\n".join(map(one_line, lines)))
    return CallToolResult(content=[text, *blocks], structured_content=as_json(content))


def short_prompt(prompt: str) -> str:
    """Return the beginning of a prompt for one line of a list."""
    return one_line(" ".join(prompt.split()), _PROMPT_IN_LINE)
