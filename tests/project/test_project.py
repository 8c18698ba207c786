"""What the documents and the packaging say agrees with what the code is."""

import ast
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
from mcp import Client

from imagerouter_mcp import __version__
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "server" / "imagerouter_mcp"
VAGUE = {"utils", "helpers", "common", "manager", "models", "util", "misc", "base"}
"""What no module is called: such a name says nothing."""
COSTING = {"generate_image", "edit_image", "compare_models", "generate_video"}


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def tables(markdown: str) -> list[list[list[str]]]:
    """The cells of each table's rows, its heading and ruler left out."""
    found = re.findall(r"^\|.*\|\n\|[-| ]+\|\n((?:\|.*\|\n)+)", markdown, re.MULTILINE)
    return [
        [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()] for rows in found
    ]


def table_of(markdown: str, first_cell: str) -> dict[str, list[str]]:
    """The table with such a first cell: its rows by their first cell, its code marks left out."""
    (rows,) = [rows for rows in tables(markdown) if rows[0][0] == first_cell]
    return {row[0].strip("`"): row[1:] for row in rows}


async def tool_names(settings: Settings) -> list[str]:
    async with open_app(settings) as app, Client(build_server(app)) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


@pytest.fixture
def offline(tmp_path: Path) -> Settings:
    return Settings(output_dir=tmp_path / "pictures", data_dir=tmp_path / "data")


@pytest.mark.parametrize("document", ["README.md", "skill/SKILL.md"])
async def test_the_documents_name_every_tool_and_what_it_costs(offline: Settings, document: str) -> None:
    rows = table_of(text(document), "`generate_image`")
    costs = {name: cells[-1] for names, cells in rows.items() for name in re.findall(r"\w+", names)}
    assert list(costs) == await tool_names(offline)
    assert {name for name, cost in costs.items() if cost == "credits"} == COSTING
    assert set(costs.values()) == {"credits", "nothing"}


def test_each_default_is_told_as_it_is_in_the_readme_or_with_the_examples() -> None:
    rows = table_of(text("README.md"), "`IMAGEROUTER_API_KEY`")
    examples = {row[0].strip("`"): row[1] for rows in tables(text("docs/configuration.md")) for row in rows}
    plain = {
        f"IMAGEROUTER_{field.upper()}": str(info.default)
        for field, info in Settings.model_fields.items()
        if isinstance(info.default, str | int | float) and not isinstance(info.default, bool)
    }
    assert {"IMAGEROUTER_WAIT_SECONDS", "IMAGEROUTER_STALL_SECONDS", "IMAGEROUTER_BASE_URL"} <= plain.keys()
    for setting, default in plain.items():
        if setting in rows:
            assert rows[setting][-1].strip("`") == default
        else:
            assert re.search(rf"default `?{re.escape(default)}`?$", examples[setting]), setting
    assert rows["IMAGEROUTER_MEDIA_LINES"][-1] == "off"


def test_no_placeholder_is_left_in_the_readme() -> None:
    assert re.findall(r"\b[A-Z]+_TABLE\b|\bTODO\b|\bFIXME\b", text("README.md")) == []


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "skill/SKILL.md"]
)
def test_the_documents_name_no_file_and_no_command_that_does_not_exist(document: str) -> None:
    named = re.findall(
        r"`((?:tools|generation|api|gallery|cli|images|sandbox|server|skill|tests)/[\w./]*)`", text(document)
    )
    missing = [name for name in named if not (ROOT / name).exists() and not (PACKAGE / name).exists()]
    assert missing == []
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    assert (
        set(re.findall(r"(?:^|`)make ([a-z]+)\b(?=[`\s]|$)", _code(text(document)), re.MULTILINE)) <= targets
    )


def _code(markdown: str) -> str:
    """What stands in code marks and blocks."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", markdown, re.DOTALL))


def test_the_skill_has_the_version_of_the_package() -> None:
    front, _ = _skill()
    assert re.search(r'^  version: "(.+)"$', front, re.MULTILINE)
    assert re.findall(r'^  version: "(.+)"$', front, re.MULTILINE) == [__version__]


def test_the_skill_fits_into_what_its_readers_take() -> None:
    front, body = _skill()
    (name,) = re.findall(r"^name: (.+)$", front, re.MULTILINE)
    (description,) = re.findall(r"^description: (.+)$", front, re.MULTILINE)
    assert name == "imagerouter"
    assert len(description) <= 1024
    assert len(body.splitlines()) < 500
    assert len(body) < 20_000, "some 5,000 tokens"
    assert set(re.findall(r"^([\w-]+):", front, re.MULTILINE)) == {"name", "description", "metadata"}
    assert not re.search(r":\s*[\[{]", front), "its parser refuses flow YAML"
    assert "credits" in description.lower()


def _skill() -> tuple[str, str]:
    _, front, body = text("skill/SKILL.md").split("---\n", 2)
    return front, body


def test_the_changelog_has_the_version() -> None:
    assert re.search(rf"^## \[?({re.escape(__version__)}|Unreleased)\b", text("CHANGELOG.md"), re.MULTILINE)


def test_the_layout_names_what_is_there_and_all_of_it() -> None:
    (block,) = re.findall(r"```\n(cli/.*?)```", text("CONTRIBUTING.md"), re.DOTALL)
    entries = re.findall(r"^(\S+)(.*(?:\n .*)*)", block, re.MULTILINE)
    top = {name.rstrip("/"): told for name, told in entries}
    modules = {
        path.name
        for path in PACKAGE.iterdir()
        if path.is_dir() or path.suffix == ".py"
        if not path.name.startswith("__")
    }
    assert top.keys() == modules
    for name, told in top.items():
        missing = [file for file in re.findall(r"\b\w+\.py\b", told) if not (PACKAGE / name / file).is_file()]
        assert missing == [], name


def test_pip_installs_what_uv_locks() -> None:
    lock = tomllib.loads(text("uv.lock"))
    locked = {
        (each["name"], each["version"]) for each in lock["package"] if each["name"] != "imagerouter-mcp"
    }
    pinned = re.findall(r"^([\w.-]+)==([^\s;]+)(?: ; .+)?$", text("constraints.txt"), re.MULTILINE)
    assert set(pinned) == locked
    assert len(pinned) == len(text("constraints.txt").splitlines())


def hashed(file: str) -> dict[tuple[str, str], set[str]]:
    """What a file of requirements installs: the hashes of each name and version."""
    lines = re.sub(r" \\\n\s+", " ", text(file)).splitlines()
    each = (
        re.fullmatch(r"([\w.-]+)==(\S+)(?: ; [^#]+?)?((?: --hash=sha256:[0-9a-f]{64})+)", line)
        for line in lines
    )
    found = [match for match in each if match]
    assert len(found) == len(lines), "each line has a version and hashes, and nothing else"
    return {(match[1], match[2]): set(re.findall("sha256:[0-9a-f]+", match[3])) for match in found}


@pytest.mark.parametrize(
    ("file", "group"),
    [("requirements.txt", None), ("requirements-team.txt", "team"), ("requirements-build.txt", "build")],
)
def test_what_is_installed_by_hash_is_what_uv_locks(file: str, group: str | None) -> None:
    packages = tomllib.loads(text("uv.lock"))["package"]
    locked: dict[tuple[str, str], set[str]] = {
        (each["name"], each["version"]): {
            archive["hash"] for archive in [*each.get("wheels", ()), *filter(None, [each.get("sdist")])]
        }
        for each in packages
        if each["name"] != "imagerouter-mcp"
    }
    installed = hashed(file)
    assert {each: locked[each] for each in installed} == installed

    (project,) = [each for each in packages if each["name"] == "imagerouter-mcp"]
    further = {**project["optional-dependencies"], **project["dev-dependencies"]}.get(group, [])
    wanted = further if group == "build" else [*project["dependencies"], *further]
    names = {name for name, _ in installed}
    needed = {each["name"] for each in wanted}
    while (
        more := {
            dependency["name"]
            for each in packages
            if each["name"] in needed and each["name"] in names
            for dependency in each.get("dependencies", ())
            if "marker" not in dependency
        }
        - needed
    ):
        needed |= more
    assert needed <= names


def test_the_build_tools_are_pinned() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    build = project["dependency-groups"]["build"]
    assert set(project["build-system"]["requires"]) <= set(build)
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", tool) for tool in build)


@pytest.mark.parametrize("file", ["Dockerfile", "docs/hosting.md"])
def test_dependencies_are_installed_by_hash_and_the_project_without_any(file: str) -> None:
    installs = re.findall(r"^.*\bpip\b.* (?:install|wheel) .*$", text(file), re.MULTILINE)
    assert len(installs) >= 3
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_every_dependency_that_the_code_imports_is_declared() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    declared = {_distribution(line) for line in project["dependencies"]}
    extra = {_distribution(line) for lines in project["optional-dependencies"].values() for line in lines}
    imported = {name for path in PACKAGE.rglob("*.py") for name in _imports(path)}
    named = {
        "PIL": "pillow",
        "prometheus_client": "prometheus-client",
        "pydantic_settings": "pydantic-settings",
        "multipart": "python-multipart",
        "python_multipart": "python-multipart",
        "textual_image": "textual-image",
        "resvg_py": "resvg-py",
        "rich": "textual-image",  # which brings it
        "pydantic_core": "pydantic",  # as above
        "h11": "uvicorn",  # as above, and its protocol is built on it
        "mcp_types": "mcp",
        "jwt": "mcp",  # which brings it
        "sse_starlette": "mcp",  # as above, and its streams are built on it
        "psycopg_pool": "psycopg-pool",
    }
    third_party = {named.get(name, name) for name in imported}
    assert third_party <= declared | extra


def _distribution(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"imagerouter_mcp"}


def test_only_the_command_writes_to_stdout() -> None:
    """Elsewhere stdout may be the protocol."""
    writers = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in ("cli", "sandbox")
        if path.name != "confined.py"  # a process of its own, whose stdout is a file of ours
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
        or (isinstance(node, ast.Attribute) and node.attr in ("stdout", "__stdout__"))
    ]
    assert writers == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "settings.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("os", "environ"), ("os", "getenv")}
    ]
    assert readers == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path.stem for path in PACKAGE.rglob("*") if path.stem in VAGUE] == []


def test_ci_runs_what_a_newcomer_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.search(r"^make test$", script.read_text("utf-8"), re.MULTILINE)
    assert re.search(r"^test:.*\n\t@\$\(MAKE\) .* check suite$", text("Makefile"), re.MULTILINE)
