"""Every call and every command line that the skill shows, made for real in front of the sandbox."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from PIL import Image

from imagerouter_mcp.cli.main import main
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app

REFERENCES = Path(__file__).parents[2] / "skill" / "references"
PICTURE, GENERATION = "img_7f3a", "gen_7f3a"
"""The handles that stand for any in the skill."""
COMMAND = "imagerouter-mcp"


def blocks(page: Path, language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return "".join(found)


CALLS = [
    pytest.param(tool, arguments, id=f"{page.stem}-{number}-{tool}")
    for page in sorted(REFERENCES.glob("*.md"))
    for number, (tool, arguments) in enumerate(
        re.findall(r"^(\w+) (\{.*\})$", blocks(page, "text"), re.MULTILINE)
    )
]


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_every_call_of_the_skill_does_what_it_should(
    settings: Settings, tmp_path: Path, tool: str, arguments: str
) -> None:
    for name in ("room.jpg", "sofa.png"):
        Image.new("RGB", (320, 240), "teal").save(tmp_path / name)
    async with open_app(settings) as app, Client(build_server(app)) as client:
        first = {"prompt": "A fox", "model": "test/test"}
        made: dict[str, Any] = (await client.call_tool("generate_image", first)).structured_content or {}
        here = arguments.replace(PICTURE, made["images"][0]["handle"]).replace(GENERATION, made["generation"])
        # The test's home is its own; other machines are not asked.
        here = here.replace("https://example.com/sofa.png", "~/sofa.png")
        result = await client.call_tool(tool, json.loads(here))
    assert not result.is_error, result.content


def test_every_command_line_of_the_skill_does_what_it_should(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (640, 480), "teal").save(tmp_path / "fox.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGEROUTER_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("IMAGEROUTER_API_KEY", KEY)
    generation = ""
    lines = blocks(REFERENCES / "command.md", "sh").splitlines()
    assert len(lines) >= 12
    for line in lines:
        program, *words = shlex.split(line.replace(GENERATION, generation))
        assert program == COMMAND
        status = main([*words, "--json"])
        printed = capsys.readouterr()
        assert status == 0, f"{line}\n{printed.out}{printed.err}"
        generation = json.loads(printed.out).get("generation", generation)
