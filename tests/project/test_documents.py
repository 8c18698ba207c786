"""The documents agree with each other, with the settings, with the tools and with the commands."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from documents.tools_page import PAGE, tools_page
from imagerouter_mcp.cli.by_hand import COMMANDS
from imagerouter_mcp.cli.hosts import hosts
from imagerouter_mcp.cli.main import parser
from imagerouter_mcp.settings import SET_IN_CODE, ObjectStoreSettings, Settings, load_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "skill").rglob("*.md"))
)
TESTS_OWN = {"IMAGEROUTER_TEST_ANSWERS", "IMAGEROUTER_TEST_CATALOGUE"}
"""Variables of the tests, not of the server."""
README_LINES = 250
"""What a newcomer scrolls through."""
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text(name), re.MULTILINE | re.DOTALL)


def anchors(markdown: str) -> set[str]:
    """What a link into a page may name after `#`, as GitHub makes it of the headings."""
    titles = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_within_the_project_leads_somewhere(document: str) -> None:
    for target in _LINK.findall(text(document)):
        if re.match(r"[a-z]+:", target) or target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), target
        assert file.resolve().is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(file.read_text("utf-8")), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_json_block_is_json(document: str) -> None:
    for block in blocks(document, "json"):
        json.loads(block)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_document_names_exists(document: str) -> None:
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text(document), re.DOTALL))
    for line in re.findall(r"(?<![\w/.-])imagerouter-mcp((?: [^\n`#|&)]*)?)", code):
        words = line.replace("'", "").split()
        if not words or words[0].startswith(("-", "$", "…", "(", ".", "'", '"', "command")):
            continue
        known = known_words()
        assert words[0] in known, line
        if words[0] == "setup" and len(words) > 1 and words[1] != "HOST":
            assert words[1] in hosts(), line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_of_make_that_a_document_names_exists(document: str) -> None:
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text(document), re.DOTALL))
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`|&& )make ([a-z]+)\b", code, re.MULTILINE)) <= targets


def known_words() -> set[str]:
    """The commands, as the grammar has them."""
    (commands,) = [action for action in parser()._actions if action.dest == "command"]  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - argparse has no other way
    choices: Any = commands.choices
    return set(choices) | COMMANDS.keys()


def test_every_setting_is_explained_with_an_example_and_no_other() -> None:
    environment = Settings.model_fields.keys() - SET_IN_CODE
    assert examples().keys() == {f"IMAGEROUTER_{field.upper()}" for field in environment}
    of_clouds = re.findall(r"`((?:AWS|GOOGLE|AZURE)_[A-Z_]+)`", text("docs/configuration.md"))
    assert set(of_clouds) == {field.upper() for field in ObjectStoreSettings.model_fields}


def test_every_example_of_a_setting_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, example in examples().items():
        with monkeypatch.context() as patch:
            patch.setenv(variable, example)
            settings = load_settings()
            field = variable.removeprefix("IMAGEROUTER_").lower()
            assert getattr(settings, field) != Settings.model_fields[field].get_default(
                call_default_factory=True
            ), variable


def examples() -> dict[str, str]:
    """The example of each setting."""
    rows = re.findall(
        r"^\| `(IMAGEROUTER_\w+)` \| (.+) \| `([^`]+)` \|$", text("docs/configuration.md"), re.MULTILINE
    )
    assert len({variable for variable, _, _ in rows}) == len(rows)
    return {variable: example for variable, _, example in rows}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_names_a_setting_that_does_not_exist(document: str) -> None:
    known = {f"IMAGEROUTER_{field.upper()}" for field in Settings.model_fields} | TESTS_OWN
    assert set(re.findall(r"\bIMAGEROUTER_[A-Z_]+[A-Z]\b", text(document))) <= known


async def test_the_page_of_tools_is_what_the_tools_say() -> None:
    assert PAGE.read_text("utf-8") == await tools_page(), "run `make docs`"


def test_the_troubleshooting_names_lines_that_the_doctor_has() -> None:
    sources = "\n".join(
        path.read_text("utf-8") for path in (ROOT / "server" / "imagerouter_mcp" / "cli").glob("*.py")
    )
    rows = re.findall(r"^\|.+\| ([^|]*) \|$", text("docs/troubleshooting.md"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert {"server", "key", "api", "proxy", "pictures folder"} <= named
    for name in named:
        assert f'"{name}"' in sources, name


def test_the_readme_is_short_and_shows_what_was_made() -> None:
    readme = text("README.md")
    assert len(readme.splitlines()) < README_LINES
    first_screen = "\n".join(readme.splitlines()[:45])
    assert "make demo" in first_screen
    assert "make test" in first_screen
    shown = re.findall(r"!\[([^\]]+)\]\((docs/images/[^)]+)\)", readme)
    assert len(shown) == 5
    for alt, target in shown:
        assert "sandbox" in alt, "whose pictures these are"
        assert (ROOT / target).stat().st_size < 60_000, target
    with Image.open(ROOT / "docs" / "images" / "made.jpg") as picture:
        assert picture.width == 480


def test_the_recording_shows_no_folder_of_the_machine_it_was_made_on() -> None:
    shown = text("docs/images/terminal.svg").replace("&#160;", " ")
    assert "~/Pictures/imagerouter/" in shown
    assert not re.search(r"/(tmp|home|root|Users)/", shown)
    assert "@font-face" not in shown


def test_the_readme_leads_to_every_page() -> None:
    linked = {target.partition("#")[0] for target in _LINK.findall(text("README.md"))}
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    assert pages <= linked
    assert {"CONTRIBUTING.md", "CHANGELOG.md", "skill/SKILL.md"} <= linked


def test_the_readme_tells_how_each_host_is_set_up() -> None:
    readme = text("README.md")
    for host in hosts().values():
        assert host.name in readme, host.name
        assert f"setup {host.word}`" in readme, host.word
