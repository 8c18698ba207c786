"""Quote text of others: what the service, a model or a fetched file says is repeated as data."""

from imagerouter_mcp.lines import collapse


def quoted(text: str, secrets: tuple[str, ...] = (), *, limit: int = 300, marks: str = "“”") -> str:
    """Quote a text on one line: shortened, without control characters and secrets.

    Args:
        text: The text.
        secrets: What must not be repeated, such as the API key.
        limit: The longest result, in characters.
        marks: The opening and the closing mark, or nothing.
    """
    for secret in secrets:
        text = text.replace(secret, "[API key]")
    line = collapse(collapse(text[: 8 * limit]).rstrip("."), limit)
    return f"{marks[:1]}{line}{marks[1:]}"
