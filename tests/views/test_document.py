"""The one document that hosts draw: joined from files, and the same on every way to a person."""

import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest
from mcp import Client
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.shared.exceptions import MCPError
from mcp.types import TextResourceContents

from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.tools.views import MEDIA_TYPE, SHOWN, ViewExtension, address
from imagerouter_mcp.views.document import FOLDER, document, joined, modules
from imagerouter_mcp.wiring import open_app
from support.eras import in_both_eras

ROOT = Path(__file__).parents[2]
LIMIT = 60_000
CHECK_SYNTAX = Path(__file__).with_name("check_syntax.mjs")
SINKS = (
    r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"on"
    r"|srcdoc|DOMParser|createContextualFragment|setTimeout\(\"|javascript:|(?<![{|])\bimport\("
)
"""What could turn text of others into markup or code."""


def scripts() -> list[Path]:
    return sorted(FOLDER.rglob("*.js"))


def test_the_document_is_small_and_needs_nothing_else() -> None:
    told = document()
    assert len(told.encode()) <= LIMIT
    assert told.count("<script") == told.count("</script>") == 1
    needed = r"<link|\bsrc=\"|^import\b|^export\b|@import|https?://(?!www\.w3\.org/2000/svg)"
    assert not re.search(needed, told + joined("viewer.js"), re.MULTILINE)


def test_the_address_changes_with_the_files_and_not_from_start_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagerouter_mcp.tools.views._FOLDER", tmp_path)
    seen: list[str] = []
    for text in ("let a;", "let a;\n"):
        (tmp_path / "viewer.js").write_text(text, "utf-8")
        for _ in range(2):
            address.cache_clear()
            seen.append(address())
    address.cache_clear()
    assert seen[0] == seen[1] != seen[2] == seen[3]


@pytest.mark.parametrize("entry", ["viewer.js", "studio/studio.js"])
def test_no_name_is_declared_twice_among_the_modules_that_are_joined(entry: str) -> None:
    declared: dict[str, str] = {}
    for module in modules(entry):
        text = (FOLDER / module).read_text("utf-8")
        for name in _declared(text):
            assert name not in declared, f"{name} is declared in {declared[name]} and in {module}"
            declared[name] = module
    assert "Server" in declared


def _declared(text: str) -> Iterator[str]:
    pattern = r"^(?:export )?(?:async )?(?:function\*?|class|const|let|var) (?:(\w+)|[\[{]([^=]*)[\]}] =)"
    for name, several in re.findall(pattern, text, re.MULTILINE):
        yield from [name] if name else re.findall(r"\w+", several)


def test_joining_leaves_out_comments_and_what_names_modules_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "/**",
        " * Say.",
        " */",
        "import {",
        "  b,",
        '} from "./b.js";',
        "",
        "export async function say(a) {",
        "  // aside",
        '  return a ?? "// {b} /* */";',
        "}",
    ]
    (tmp_path / "a.js").write_text("\n".join(lines) + "\n", "utf-8")
    (tmp_path / "b.js").write_text("export const b = 1;\n", "utf-8")
    monkeypatch.setattr("imagerouter_mcp.views.document.FOLDER", tmp_path)
    assert joined("a.js").splitlines() == [
        "const b = 1;",
        "async function say(a) {",
        'return a ?? "// {b} /* */";',
        "}",
    ]


def test_a_module_stands_after_all_that_it_imports() -> None:
    order = modules("viewer.js")
    assert order[-1] == "viewer.js"
    assert order.index("dom.js") < order.index("picture.js") < order.index("result_view.js")


@pytest.mark.parametrize("script", scripts(), ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_no_script_turns_text_into_markup_or_code(script: Path) -> None:
    text = script.read_text("utf-8")
    assert [line for line in text.splitlines() if re.search(SINKS, line)] == []


def test_every_script_is_valid(node: str, tmp_path: Path) -> None:
    whole = tmp_path / "joined.js"
    whole.write_text(joined("viewer.js"), "utf-8")
    command = [node, "--experimental-vm-modules", "--disable-warning=ExperimentalWarning", str(CHECK_SYNTAX)]
    checked = done([*command, str(whole), *map(str, scripts())])
    assert checked.returncode == 0, checked.stderr


def test_the_scripts_unit_tests_pass(node: str) -> None:
    tests = sorted(map(str, Path(__file__).parent.glob("*.test.js")))
    tested = done([node, "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test", *tests])
    assert tested.returncode == 0, tested.stdout


def done(command: list[str], text: str | None = None) -> CompletedProcess[str]:
    """Run a command to its end in the project's folder."""
    return run(command, input=text, text=True, encoding="utf-8", capture_output=True, check=False, cwd=ROOT)  # noqa: S603 - ours


@in_both_eras
async def test_the_tools_name_the_view_and_earlier_names_lead_to_it(settings: Settings, era: str) -> None:
    async with open_app(settings) as app, Client(build_server(app), mode=era) as client:
        tools = {tool.name: tool.meta for tool in (await client.list_tools()).tools if tool.meta}
        assert set(tools) == set(SHOWN)
        assert all(meta == {"ui": {"resourceUri": address()}} for meta in tools.values())
        (listed,) = [each for each in (await client.list_resources()).resources if each.uri == address()]
        for uri in (address(), "ui://imagerouter/viewer-00af12.html"):
            (read,) = (await client.read_resource(uri)).contents
            assert isinstance(read, TextResourceContents)
            assert (read.mime_type, read.meta, read.text) == (APP_MIME_TYPE, listed.meta, document())
        for uri in ("ui://imagerouter/other.html", "ui://imagerouter/viewer-00af12.html/x"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)


def test_our_words_for_the_extension_are_the_sdks() -> None:
    assert (ViewExtension.identifier, MEDIA_TYPE) == (EXTENSION_ID, APP_MIME_TYPE)


def test_the_wheel_and_the_bundle_contain_every_file_of_the_views(tmp_path: Path) -> None:
    """`make mcpb` packs what git knows."""
    kinds = {".js", ".css", ".html"}
    files = {file.relative_to(ROOT).as_posix() for file in FOLDER.rglob("*") if file.suffix in kinds}
    built = done([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)])
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert files <= {f"server/{name}" for name in archive.namelist()}
    assert files <= set(done(["git", "ls-files", "server"]).stdout.splitlines())
