"""The calls of `tools/test_real_calls.py` as a person types them, where a call has a command."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from cli.conftest import Run
from imagerouter_mcp.cli.by_hand import COMMANDS
from imagerouter_mcp.tools import all_tools
from tools.test_real_calls import KINDS, Row

NAMES = {command.tool: name for name, command in COMMANDS.items()}
TYPES = {
    name: schema["type"] for tool in all_tools() for name, schema in tool.parameters["properties"].items()
}
IN_PROGRAMS_ONLY = {"preview", "wait"}
"""Arguments that no command has."""


def typed(row: Row) -> list[str] | None:
    """Return what a person types for a call; None where only a program could send it."""
    words = COMMANDS[NAMES[row.tool]].words
    if len({name.lower() for name in row.arguments}) < len(row.arguments):
        return None
    placed: dict[str, list[str]] = {}
    options: list[str] = []
    for name, value in row.arguments.items():
        values = cast("list[Any]", value if isinstance(value, list) else [value])
        texts = [str(each) for each in values if each is not None]
        only_a_program = any(isinstance(each, dict) or str(each)[:1] in ("[", "") for each in values)
        kind = TYPES.get(name.replace("-", "_"))
        is_flag = isinstance(value, bool | None)
        if (
            name in IN_PROGRAMS_ONLY
            or only_a_program
            or (kind and is_flag != (kind == "boolean" or value is None))
        ):
            return None
        if name.lower() in words:
            placed[name.lower()] = texts
        elif isinstance(value, bool):
            options += [f"--{name}"] if value else []
        else:
            options += [f"--{name}={text}" for text in texts[:1]] + texts[1:]
    return [NAMES[row.tool], *options, "--json", *(text for name in words for text in placed.get(name, ()))]


def problems(run: Run, row: Row) -> Iterator[str]:
    command = typed(row)
    if command is None:
        return
    ended = run(*command)
    place = f"{' '.join(command)}: {ended.out}{ended.err}"
    if (ended.status != 0) != row.fails:
        yield f"{ended.status}: {place}"
    elif row.fails and ended.out:
        told = ended.json["error"]["message"]
        yield from (f"{words!r} is not in {told!r}" for words in row.words if words not in told)
    elif not row.fails:
        fields = {name: ended.json.get(name) for name in row.fields}
        if fields != row.fields:
            yield f"{fields}: {place}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_command_comes_to_what_it_means(run: Run, kind: str) -> None:
    assert [problem for row in KINDS[kind] for problem in problems(run, row)] == []


def test_most_calls_have_a_command() -> None:
    rows = [row for rows in KINDS.values() for row in rows]
    assert len([row for row in rows if typed(row)]) >= 120
