"""Look into the errors of the journal's entries, within statements."""


def error_field(name: str) -> str:
    """Return the expression for a field of an entry's error; NULL where that is damaged."""
    return f"CASE WHEN json_valid(error) THEN json_extract(error, '$.{name}') END"
