"""The parts of a tool's result: text lines, structured content, further blocks.

Some hosts give the model the text alone, others the structured content alone, so each says all that
matters.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any

from mcp.types import CallToolResult, ContentBlock, TextContent
from pydantic import BaseModel, PlainSerializer

from imagerouter_mcp.lines import one_line

PROMPT_IN_FIELDS = 200
"""Characters of a prompt in a list's structured content; the record's resource has all of it."""
_PROMPT_IN_LINE = 60
_USD_DIGITS = 6


def _rounded(usd: Decimal) -> float:
    return round(float(usd), _USD_DIGITS)


Usd = Annotated[Decimal, PlainSerializer(_rounded, return_type=float)]
"""An amount in USD, a JSON number of at most six decimals."""


class Content(BaseModel):
    """Structured content, or a part of it."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON; unknown values are left out."""
        return self.model_dump(mode="json", exclude_none=True)


def tool_result(lines: Iterable[str], content: Content, *blocks: ContentBlock) -> CallToolResult:
    """Return a tool's result.

    Args:
        lines: The text; line breaks within a line are removed, so that quoted text cannot forge a line.
        content: The structured content.
        blocks: What follows the text.
    """
    text = TextContent(type="text", text="\n".join(map(one_line, lines)))
    return CallToolResult(content=[text, *blocks], structured_content=content.as_json())


def short_prompt(prompt: str) -> str:
    """Return the beginning of a prompt for one line of a list."""
    return one_line(" ".join(prompt.split()), _PROMPT_IN_LINE)
