"""The ways in which the project is handed out agree with each other and with the code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from imagerouter_mcp import __version__
from imagerouter_mcp.cli.launch import COMMAND, SERVER
from imagerouter_mcp.settings import Settings

ROOT = Path(__file__).parents[2]
PLUGIN, MARKETPLACE = ".claude-plugin/plugin.json", ".claude-plugin/marketplace.json"
VARIABLES = {f"IMAGEROUTER_{field.upper()}" for field in Settings.model_fields}


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def read(name: str) -> Any:  # noqa: ANN401 - JSON of many shapes
    return json.loads(text(name))


@pytest.mark.parametrize(
    ("file", "times"), [(PLUGIN, 1), (MARKETPLACE, 1), ("server.json", 2), ("manifest.json", 1)]
)
def test_every_package_has_the_version_of_the_code(file: str, times: int) -> None:
    assert re.findall(r'"version": "([^"]+)"', text(file)) == [__version__] * times


def test_a_released_version_has_a_date() -> None:
    """The topmost heading is what is being worked on, or the version that is released."""
    (first, *_) = re.findall(r"^## (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert first == "Unreleased" or re.fullmatch(
        rf"\[?{re.escape(__version__)}\]? - \d{{4}}-\d\d-\d\d", first
    )


def test_the_plugin_brings_the_skill_and_starts_the_server_without_a_key_in_it() -> None:
    plugin = read(PLUGIN)
    assert [(ROOT / folder / "SKILL.md").is_file() for folder in plugin["skills"]] == [True]
    entry = plugin["mcpServers"][SERVER]
    assert entry["command"] == COMMAND
    assert entry["env"] == {"IMAGEROUTER_API_KEY": "${IMAGEROUTER_API_KEY:-}"}
    (listed,) = read(MARKETPLACE)["plugins"]
    assert (listed["name"], listed["description"]) == (plugin["name"], plugin["description"])


def test_the_registrys_entry_is_one_that_it_takes() -> None:
    """After the registry's schema of 2025-12-11 and its rules for packages from PyPI."""
    entry = read("server.json")
    assert len(entry["description"]) <= 100
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", entry["name"])
    assert f"<!-- mcp-name: {entry['name']} -->" in text("README.md")
    (package,) = entry["packages"]
    assert package["identifier"] == COMMAND
    assert {variable["name"] for variable in package["environmentVariables"]} <= VARIABLES
    assert [each["name"] for each in package["environmentVariables"] if each.get("isSecret")] == [
        "IMAGEROUTER_API_KEY"
    ]


def test_the_bundle_sets_what_the_server_knows_and_hides_the_key() -> None:
    manifest = read("manifest.json")
    started = manifest["server"]["mcp_config"]
    assert started["args"][-1] == COMMAND
    assert (ROOT / manifest["server"]["entry_point"]).is_file()
    assert (ROOT / manifest["icon"]).is_file()
    assert started["env"].keys() <= VARIABLES
    asked = {re.sub(r"\$\{user_config\.(\w+)\}", r"\1", value) for value in started["env"].values()}
    assert asked == manifest["user_config"].keys()
    assert manifest["user_config"]["api_key"]["sensitive"] is True


def test_the_bundle_is_packed_and_tried_with_the_same_tool() -> None:
    (used,) = set(re.findall(r"@anthropic-ai/mcpb@[\d.]+", text("Makefile")))
    assert used in text("tests/hosts/installing.py")


def test_the_container_runs_as_nobody_and_looks_after_itself() -> None:
    lines = text("Dockerfile").replace("\\\n", "")
    assert re.search(r"^USER [1-9]\d+$", lines, re.MULTILINE)
    (check,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", lines, re.MULTILINE)
    assert json.loads(check)[:2] == ["sh", "-c"], "else Docker takes it for a shell's words"


def test_the_table_of_hosts_names_every_client_and_all_passed() -> None:
    table = text("docs/hosts.md").partition("<!-- hosts end -->")[0]
    block = table.partition("<!-- hosts: written by `make hosts` -->")[2]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in block.splitlines()
        if line.startswith("|")
    ][2:]
    tried = re.findall(r'^    row = Row\("([^"]+)"', text("tests/hosts/trials.py"), re.MULTILINE)
    assert [row[0] for row in rows] == tried
    assert {row[-1] for row in rows} == {"yes"}
