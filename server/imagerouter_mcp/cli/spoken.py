"""Reword the tools' answers for a person at a terminal, with commands and options instead of tools."""

import re
from collections.abc import Collection, Mapping

_PHRASES = (
    (
        "Tell the person the price; on a yes, call again with confirm_cost=true",
        "To agree, add --confirm-cost",
    ),
    (", or set IMAGEROUTER_API_KEY for this server and restart it", ", or set IMAGEROUTER_API_KEY"),
    ("Call it again with these arguments only", "Type it again with these only"),
    ("Call it again without", "Type it again without"),
    ("Correct this and call it again.", "Correct this and type it again."),
    (
        "Make another; for 10 min a repeat returns the first.",
        "Make another one even if the same call is still under way.",
    ),
    ("start it with --sandbox", "add --sandbox"),
    ("change: the tinted part.", "change: the part that is tinted in the preview (-o FILE saves it)."),
    ("above the person's", "above your"),
    ("the person wants", "you want"),
    ("the person can", "you can"),
    ("The person can", "You can"),
    ("The person agreed", "You agree"),
    ("The person's", "Your"),
    ("the person's", "your"),
)
_DEAD_LINK = "Link: http://127.0.0.1:"
"""Start of a line about a file in a sandbox that ends with the command."""


def for_a_person(text: str, commands: Mapping[str, str], options: Collection[str]) -> str:
    """Reword a tool's answer for a person at a terminal.

    Args:
        text: What the tool says.
        commands: The command for each tool's name.
        options: The names of all tools' arguments.
    """
    for told, spoken in _PHRASES:
        text = text.replace(told, spoken)
    tools, names = "|".join(commands), "|".join(sorted(options, key=len, reverse=True))
    text = re.sub(
        rf"\b([Cc])all ({tools})(?: with (img_\w+|gen_\w+))?",
        lambda found: (
            f"{'T' if found[1] == 'C' else 't'}ype `imagerouter-mcp {commands[found[2]]}"
            f"{' ' + found[3] if found[3] else ''}`"
        ),
        text,
    )
    text = re.sub(rf"\b({tools})\b", lambda found: f"`imagerouter-mcp {commands[found[1]]}`", text)
    text = re.sub(rf"\b({names})=true\b", lambda found: _option(found[1]), text)
    text = re.sub(rf"\b({names})=(?=\w)", lambda found: f"{_option(found[1])} ", text)
    return re.sub(
        rf"(?<![\w-])({names})(?![\w-])",
        lambda found: _option(found[1]) if "_" in found[1] else found[1],
        text,
    )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def without_dead_links(text: str) -> str:
    """Return an answer without the lines about files that ended with the sandbox."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(_DEAD_LINK))
