"""What the skill tells an agent is true of the tools, of the command and of the errors."""

import importlib
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import Tool

from imagerouter_mcp import errors
from imagerouter_mcp.cli.by_hand import COMMANDS
from imagerouter_mcp.cli.hosts import hosts
from imagerouter_mcp.cli.launch import Launch
from imagerouter_mcp.cli.main import parser
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.tools import all_tools
from imagerouter_mcp.wiring import open_app

SKILL = Path(__file__).parents[2] / "skill"
REFERENCES = sorted((SKILL / "references").glob("*.md"))
PAGES = ["SKILL.md", *(f"references/{page.name}" for page in REFERENCES)]
MOST_CHARACTERS = 20_000
"""Of one page, some 5,000 tokens: an agent reads it whole."""
OWN_KINDS = {"arguments", "internal"}
"""What the boundary itself says, without an error of ours."""
_validate: Any = importlib.import_module("jsonschema").validate  # it comes with the SDK, and has no types


@pytest.fixture
async def tools(tmp_path: Path) -> dict[str, Tool]:
    """The tools by their names."""
    settings = Settings(output_dir=tmp_path / "pictures", data_dir=tmp_path / "data")
    async with open_app(settings) as app, Client(build_server(app)) as client:
        return {tool.name: tool for tool in (await client.list_tools()).tools}


def text(name: str) -> str:
    return (SKILL / name).read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def kinds() -> set[str]:
    """Every kind that an error of ours can have."""
    found, waiting = set[str](), [errors.ImageRouterError]
    while waiting:
        each = waiting.pop()
        found.add(each.kind)
        waiting += each.__subclasses__()
    return found


def test_every_reference_is_named_in_the_skill_and_none_lies_deeper() -> None:
    named = set(re.findall(r"\]\((references/[\w-]+\.md)\)", text("SKILL.md")))
    assert named == {f"references/{page.name}" for page in REFERENCES}
    assert [path for path in (SKILL / "references").iterdir() if path.is_dir()] == []


def test_every_page_is_short_enough_to_be_read_whole() -> None:
    for page in PAGES:
        assert len(text(page)) < MOST_CHARACTERS, page


def test_every_kind_of_error_is_explained_and_no_other() -> None:
    table = re.findall(r"^\| `(\w+)` \|(.+)\|$", text("references/errors.md"), re.MULTILINE)
    assert {kind for kind, _ in table} == kinds() | OWN_KINDS
    assert len(table) == len({kind for kind, _ in table})
    for kind, row in table:
        cells = [cell.strip() for cell in row.split("|")]
        assert len(cells) == 3, kind
        assert all(cells), kind


def test_what_the_table_of_errors_says_of_money_is_what_the_errors_say() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \|[^|]+\| ([\w ]+) \|", text("references/errors.md"), re.MULTILINE))
    assert (table["delivery"], table["outcome_unknown"], table["budget"], table["plan"]) == (
        errors.DeliveryError.charged,
        errors.OutcomeUnknownError.charged,
        errors.BudgetError.charged,
        errors.PlanError.charged,
    )
    for charged in ("no", "unknown", "yes"):
        sentence = str(errors.ImageRouterError("A.", "B.", charged=charged)).removeprefix("A. ")
        assert sentence.removesuffix(" B.") in " ".join(text("references/errors.md").split())


@pytest.mark.parametrize("page", PAGES)
async def test_every_call_in_the_skill_is_one_that_the_tool_takes(tools: dict[str, Tool], page: str) -> None:
    whole = text(page)
    calls = [
        (name, json.loads(arguments))
        for block in blocks(whole, "text")
        for name, arguments in re.findall(r"^(\w+) (\{.*\})$", block, re.MULTILINE)
    ]
    for call in re.findall(r"`tool_call (\{.*?\}\})`", whole):
        told = json.loads(call)
        calls.append((told["id"].removeprefix("imagerouter__"), told["args"]))
    lines = [line for block in blocks(whole, "text") for line in block.splitlines()]
    assert len(calls) >= len(lines), "a line that is no call"
    for name, arguments in calls:
        _validate(arguments, tools[name].input_schema)


async def test_the_skill_shows_a_call_of_each_tool_that_has_arguments_worth_showing(
    tools: dict[str, Tool],
) -> None:
    shown = {
        name
        for page in PAGES
        for block in blocks(text(page), "text")
        for name in re.findall(r"^(\w+) \{", block, re.MULTILINE)
    }
    assert shown == tools.keys() - {"show_image"}


async def test_whatever_looks_like_a_tool_or_an_argument_is_one(tools: dict[str, Tool]) -> None:
    arguments = {name for tool in tools.values() for name in tool.input_schema["properties"]}
    fields = {"cost_usd", "up_to_usd", "b64_json", "b64_ephemeral", "supported_params", "api_key_name"}
    others = {"tool_search", "tool_call", "tool_timeout_sec", "access_denied", "deposit_required"}
    others |= {"rate_limit_error", "context_servers", "img_7f3a", "gen_7f3a"}
    others |= {tool.name for tool in all_tools(remote=True)}
    known = tools.keys() | arguments | kinds() | OWN_KINDS | fields | others
    for page in PAGES:
        named = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", text(page)))
        assert named - known == set(), page


def test_every_command_in_the_skill_is_one_that_exists() -> None:
    lines = [
        line
        for page in PAGES
        for block in blocks(text(page), "sh")
        for line in block.splitlines()
        if line.startswith("imagerouter-mcp")
    ]
    assert len(lines) >= 15
    for line in lines:
        _, word, *rest = shlex.split(line)
        if word in COMMANDS:
            continue  # its options are the tool's arguments: see below
        parser().parse_args([word, *rest])


def test_every_option_of_a_command_by_hand_is_an_argument_of_its_tool() -> None:
    for line in "\n".join(blocks(text("references/command.md"), "sh")).splitlines():
        _, word, *rest = shlex.split(line)
        tool = next(tool for tool in all_tools() if tool.name == COMMANDS[word].tool)
        options = {each.removeprefix("--").replace("-", "_") for each in rest if each.startswith("--")}
        assert options <= tool.parameters["properties"].keys() | {"json", "open", "sandbox"}, line
    shown = set(re.findall(r"^imagerouter-mcp (\w+)", text("references/command.md"), re.MULTILINE))
    assert shown == COMMANDS.keys()


def test_registering_by_hand_is_what_the_setup_command_does() -> None:
    told = text("references/registering.md")
    launch = Launch("imagerouter-mcp")
    for host in hosts().values():
        assert host.name in told, host.name
        if host.register is None:
            continue
        words = host.register(launch)
        if any(word.startswith("{") for word in words):
            (line,) = re.findall(rf"`{host.program} [^`]*'(\{{.*?\}})'`", told)
            assert json.loads(line) == json.loads(words[-1]), host.name
        else:
            assert f"`{shlex.join([host.program or '', *words])}`" in told, host.name
    (block,) = blocks(told, "json")
    host = hosts()["claude-desktop"]
    assert json.loads(block) == json.loads(host.block(host.entry(launch)))


def test_nothing_in_the_skill_asks_for_the_key_on_a_command_line() -> None:
    for page in PAGES:
        whole = text(page)
        assert not re.search(r"IMAGEROUTER_API_KEY=[^\s\"'$]", whole), page
