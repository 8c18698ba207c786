"""Quote untrusted text: what the service, a model or a fetched file says is repeated as data."""

from imagerouter_mcp.lines import collapse


def quoted(text: str, *, limit: int = 300, marks: str = "“”") -> str:
    """Quote a text on one line, shortened and without invisible characters.

    Args:
        text: The text.
        limit: The longest result, in characters.
        marks: The opening and the closing mark, or nothing.
    """
    line = collapse(collapse(text[: 8 * limit]).rstrip("."), limit)
    return f"{marks[:1]}{line}{marks[1:]}"
