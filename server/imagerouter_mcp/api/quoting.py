"""Quote text of others: what the service, a model or a fetched file says is repeated as data."""


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
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 8 * limit]).split()).rstrip(".")
    if len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    return f"{marks[:1]}{line}{marks[1:]}"
