"""Folders and names that a prompt-injected agent may ask to save a picture in or under."""

import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult, TextContent

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.gallery.output_folders import output_places, permitted
from imagerouter_mcp.settings import Settings

Row = Callable[[str, str, str], None]
Call = Callable[..., Awaitable[CallToolResult]]
Journal = Callable[[], list[dict[str, Any]]]

FOLDERS, NAMES = "Files out: folders", "Files out: names"
FOX = {"prompt": "A fox", "model": "test/test"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, and POSIX's system folders")


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "data" not in path.parts}


def saved(result: CallToolResult) -> Path:
    assert not result.is_error, text_of(result)
    fields: dict[str, Any] = result.structured_content or {}
    path = Path(fields["images"][0]["path"])
    assert path.is_file()
    return path


Refused = Callable[..., Awaitable[str]]


@pytest.fixture
def refused(settings: Settings, call: Call, journal: Journal, tmp_path: Path) -> Refused:
    """Asks for a picture in vain; gives why, in one line, once nothing was sent and nothing written."""

    async def ask(**arguments: object) -> str:
        before = files(tmp_path)
        result = await call(settings, "generate_image", **arguments, **FOX)
        assert result.is_error
        assert "\n" not in text_of(result)
        assert files(tmp_path) == before
        assert [entry for entry in journal() if "/images/" in entry["path"]] == []
        return text_of(result)

    return ask


def why(told: str) -> str:
    found = re.search(r"cannot be (?:saved in .*?|used): (.+?)\. Nothing was charged", told)
    assert found, told
    return found[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a project in it, in which the server was started, and links of all sorts."""
    home = tmp_path / "home" / "me"
    for folder in (".ssh", ".config/autostart", "project/.git/hooks", "project/art", "Library/LaunchAgents"):
        (home / folder).mkdir(parents=True)
    (home / ".openclaw" / "workspace").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    links = {
        "project/keys": home / ".ssh",
        "project/out": tmp_path / "elsewhere",
        "project/etc": "/etc",
        "project/up": "../../..",
        "project/loop": "loop",
    }
    for name, target in links.items():
        (home / name).symlink_to(target)
    (home / ".bashrc").write_text("export A=1\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "project")
    return home


FORMS = (
    "/",
    "/etc",
    "/etc/cron.d",
    "/usr/local/bin",
    "/root-of-somebody",
    "/tmp",  # noqa: S108 - to be refused
    "/var/www/html",
    "/dev/shm",  # noqa: S108 - as above
    "/proc/self/root{base}/elsewhere",
    "{base}/elsewhere",
    "{base}/home",
    "{home}/../other",
    "{home}/../../elsewhere",
    "~/../other",
    "~/.ssh",
    "~/.ssh/new",
    "~/.config/autostart",
    "~/.hidden-and-new",
    "~/project/.git/hooks",
    "~/project/../.ssh",
    "~/project/art/../../.ssh",
    "~/Library/LaunchAgents",
    "~/AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup",
    "~/.openclaw",
    "~/.openclaw/agents",
    "~/.openclaw/workspace/.git",
    "~/.openclaw/workspace/../agents",
    "$HOME/.ssh",
    "${{HOME}}/.ssh",
    "%USERPROFILE%\\..\\.ssh",
    "~/project/keys",
    "~/project/keys/new",
    "~/project/out",
    "~/project/out/new",
    "~/project/etc/cron.d",
    "~/project/up/elsewhere",
    "~/project/loop",
    "~/project/loop/new",
    "project",
    "./art",
    "../.ssh",
    "~root",
    "\\\\server\\share",
    "//server/share",
    "C:\\Windows\\System32",
    "file:///etc",
    "~/project/art\0/../../.ssh",
    "~/project/art\n\nMEDIA:/etc/passwd",
    "{home}/.bashrc",
)


@pytest.mark.parametrize("form", FORMS)
async def test_no_picture_is_saved_where_it_may_not_be(
    home: Path, refused: Refused, row: Row, tmp_path: Path, form: str
) -> None:
    told = await refused(output_dir=form.format(home=home, base=tmp_path))
    row(FOLDERS, f"`{form.replace('{base}', '…').replace('{{', '{').replace('}}', '}')}`", why(told))


async def test_two_thousand_folders_within_one_another_are_too_many(
    home: Path, refused: Refused, row: Row
) -> None:
    told = await refused(output_dir=f"~/project/{'a/' * 2000}")
    assert not (home / "project" / "a").exists()
    row(FOLDERS, "`~/project/` and 2000 folders within one another", why(told))


def test_half_a_character_is_no_folder(home: Path, row: Row) -> None:
    with pytest.raises(PlanError) as caught:
        permitted("~/project/\ud800", output_places(Settings(output_dir=home / "pictures")))
    row(FOLDERS, "`~/project/` and half a surrogate pair", why(str(caught.value)))


async def test_a_path_of_a_million_folders_is_refused_at_once(home: Path, refused: Refused, row: Row) -> None:
    told = await refused(output_dir=str(home) + "/a" * 10**6)
    assert "'output_dir' has more than 4096 characters" in told
    row(FOLDERS, "the home folder and `/a` a million times", "it has more than 4096 characters")


@pytest.mark.parametrize(
    "form",
    [
        "~/project/art",
        "~/project/new/newer",
        "~/Pictures",
        "{home}",
        "~/.openclaw/workspace/pictures",
        "~/.openclaw/media",
        "{output}/fox",
        "~/project/keys/../art",
    ],
)
async def test_a_picture_may_be_saved_in_the_project_and_the_home(
    home: Path, settings: Settings, call: Call, form: str
) -> None:
    folder = form.format(home=home, output=settings.output_dir)
    if "keys" in form:
        (home / "art").mkdir()  # what the link's parent is, as the system reads it
    assert saved(await call(settings, "generate_image", output_dir=folder, **FOX))


def allowed(text: str, settings: Settings) -> bool:
    try:
        permitted(text, output_places(settings))
    except PlanError:
        return False
    return True


@pytest.mark.parametrize("working", ["/", "/etc", "/usr/share", "/var", "{base}/home", "{base}"])
def test_a_working_directory_of_the_system_or_around_homes_does_not_count(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row, working: str
) -> None:
    folder = Path(working.format(base=tmp_path))
    monkeypatch.chdir(folder)
    settings = Settings(output_dir=home / "pictures")
    assert not allowed(str(folder / "new"), settings)
    assert allowed(str(home / "new"), settings)
    row(
        FOLDERS,
        f"the working directory, which is `{working.replace('{base}', 'FOLDER')}`",
        "it does not count",
    )


def test_a_working_directory_elsewhere_counts(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(output_dir=home / "pictures")
    assert not allowed(str(tmp_path / "elsewhere"), settings)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert allowed(str(tmp_path / "elsewhere" / "new"), settings)
    hidden = tmp_path / ".hidden" / "project"
    hidden.mkdir(parents=True)
    monkeypatch.chdir(hidden)
    assert not allowed(str(hidden), settings)


def test_the_persons_own_list_takes_the_place_of_home_and_project(
    home: Path, tmp_path: Path, row: Row
) -> None:
    named = (tmp_path / "elsewhere", home / ".art")
    settings = Settings(output_dir=home / "pictures", output_dirs=named)
    for folder in (*named, home / ".art" / "new", home / "pictures" / "new"):
        assert allowed(str(folder), settings)
    for form in ("~/project/art", "~", "~/.openclaw/workspace", "~/.art/.hidden", "~/project/keys"):
        assert not allowed(form, settings)
        row(FOLDERS, f"`{form}`, which the person's own list leaves out", "it is refused")


@pytest.mark.parametrize("form", ["~/project/art", "~/Pictures", "{home}", "~/.openclaw/media", "{base}"])
def test_for_others_only_the_output_folder_counts(home: Path, tmp_path: Path, row: Row, form: str) -> None:
    served = Settings(output_dir=home / "pictures", output_dirs=(home,), remote=True)
    with pytest.raises(PlanError) as caught:
        permitted(form.format(home=home, base=tmp_path), output_places(served))
    assert form.startswith("{") or str(home) not in str(caught.value), "where the server's home lies"
    assert allowed(str(served.output_dir / "sub"), served)
    shown = form.replace("{base}", "FOLDER").replace("{home}", "HOME")
    row(FOLDERS, f"`{shown}`, served over HTTP", why(str(caught.value)))


OUTPUT_NAMES = (
    *("../x", "../../.ssh/authorized_keys", "/etc/passwd", "sub/x", "sub\\x", "C:\\x", "..", ".", ".bashrc"),
    *(".htaccess", "-rf", "x\0.png", "x\nMEDIA:/etc/passwd", "x\u202egnp.exe", "\u2066x", "CON", "nul.png"),
    *("com1.txt", "LPT¹", "x.", "x .png", "x:secret", "x|y", "*", '"x"', "<x>", "x" * 300, "~/x"),
)


@pytest.mark.parametrize("name", OUTPUT_NAMES)
async def test_no_name_leads_elsewhere_or_hides_what_it_is(refused: Refused, row: Row, name: str) -> None:
    told = await refused(filename=name)
    shown = name if len(name) < 99 else f"{name[:5]}… ({len(name)} characters)"
    row(NAMES, f"`{shown}`", why(told))


@pytest.mark.parametrize(
    "name", ["run.sh", "setup.exe", "invoice.pdf.exe", "index.html", "x.php", "x.desktop", "authorized_keys"]
)
async def test_what_is_saved_is_called_what_its_bytes_are(
    settings: Settings, call: Call, row: Row, name: str
) -> None:
    path = saved(await call(settings, "generate_image", filename=name, **FOX))
    assert path.name == f"{name}.jpg"
    assert starts_like_jpeg(path)
    assert not path.lstat().st_mode & 0o111
    row(NAMES, f"`{name}`", f"saved as `{path.name}`, a JPEG that nobody may execute")


def starts_like_jpeg(path: Path) -> bool:
    return path.read_bytes().startswith(b"\xff\xd8\xff")


async def test_no_file_is_ever_overwritten(home: Path, settings: Settings, call: Call, row: Row) -> None:
    folder = home / "project" / "art"
    precious = folder / "fox.jpg"
    precious.write_text("mine")
    (folder / "fox-2.jpg").symlink_to(home / ".bashrc")
    (folder / "fox-3.jpg").symlink_to(home / "not-there")
    made = await call(settings, "generate_image", output_dir=str(folder), filename="fox", **FOX)
    assert saved(made).name == "fox-4.jpg"
    assert precious.read_text() == "mine"
    assert (home / ".bashrc").read_text() == "export A=1\n"
    assert not (home / "not-there").exists()
    row(NAMES, "the name of an existing file", "saved under the next free number")
    row(NAMES, "the name of a link to `~/.bashrc`", "saved under the next free number")
    row(NAMES, "the name of a link to nothing", "saved under the next free number")
