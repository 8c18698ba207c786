"""What a text of others must be wherever it is repeated."""

from imagerouter_mcp.lines import one_line


def is_visible(text: str) -> bool:
    """Return whether a text is on one line and has no character that is not seen."""
    return one_line(text) == text
