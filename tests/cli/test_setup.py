"""`imagerouter-mcp setup HOST`: by the host's own command, or in words; never by editing a file."""

import json
import os
import pty
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from imagerouter_mcp import server
from imagerouter_mcp.cli.hosts import cursor_link, hosts, vscode_link
from imagerouter_mcp.cli.launch import COMMAND, SERVER, Launch
from imagerouter_mcp.sandbox.service.accounts import KEY

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Program = Callable[[str, str], Path]
LAUNCH = [sys.executable, "-m", "imagerouter_mcp"]
WORDS = [
    "claude-desktop",
    "claude-code",
    "cursor",
    "vscode",
    "gemini",
    "codex",
    "opencode",
    "openclaw",
    "windsurf",
]
README = Path(__file__).parents[2] / "README.md"


def test_every_host_is_known_and_those_that_are_here_are_marked(command: Command, program: Program) -> None:
    program("codex", "")
    listed = command("setup")
    assert listed.returncode == 0
    marked = dict(re.findall(r"^  ([* ]) ([\w-]+)", listed.stdout, re.MULTILINE)[::-1])
    named = re.findall(r"^  [* ] ([\w-]+)", listed.stdout, re.MULTILINE)
    assert named == [*WORDS, "zed"]
    assert marked["*"] == "codex"


def test_a_host_without_a_command_gets_a_block_for_its_file_that_starts_the_server(
    command: Command, tmp_path: Path
) -> None:
    told = command("setup", "cursor", "--sandbox")
    assert told.returncode == 0
    assert f"Put this into {tmp_path / '.cursor' / 'mcp.json'}" in told.stdout
    block = json.loads(told.stdout[told.stdout.index("{") : told.stdout.rindex("}") + 1])
    entry = block["mcpServers"]["imagerouter"]
    assert set(entry) == {"command", "args"}, "no key, no environment"
    assert Path(entry["command"]).is_absolute()
    assert entry["args"][-1] == "--sandbox"
    started = subprocess.run([entry["command"], *entry["args"], "--help"], check=False, capture_output=True)  # noqa: S603
    assert started.returncode == 0


def test_no_file_is_made_or_changed(command: Command, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    for word in hosts():
        assert command("setup", word, "--yes").returncode == 0
    assert set(tmp_path.rglob("*")) == before


def test_a_hosts_own_command_is_shown_and_run(command: Command, program: Program) -> None:
    notes = program("codex", "")
    ended = command("setup", "codex", "--yes", "--sandbox")
    assert ended.returncode == 0
    assert notes.read_text().splitlines() == ["mcp", "add", SERVER, "--", *LAUNCH, "--sandbox"]
    assert "codex mcp add imagerouter --" in ended.stdout
    assert "The server is registered with Codex." in ended.stdout


def test_an_earlier_registration_is_replaced_where_the_host_would_refuse_a_second(
    command: Command, program: Program
) -> None:
    """As Claude Code does; and where there is no earlier one, removing it fails."""
    notes = program("claude", 'case "$2" in remove) exit 1;; esac')
    ended = command("setup", "claude-code", "--yes")
    assert ended.returncode == 0
    assert "with these commands (the first removes an earlier entry):\n" in ended.stdout
    told = " ".join(notes.read_text().split())
    assert told.startswith("mcp remove --scope user imagerouter mcp add --scope user imagerouter -- ")


def test_a_hosts_command_gets_where_its_files_are_and_no_secrets(
    command: Command, program: Program, at_home: dict[str, str], tmp_path: Path
) -> None:
    program("codex", f'env > "{tmp_path}/environment"')
    wanted = {"CODEX_HOME": "/x", "XDG_CONFIG_HOME": "/y", "LANG": "de_DE.UTF-8"}
    secrets = {
        "IMAGEROUTER_API_KEY": KEY,
        "IMAGEROUTER_DATA_DIR": "/z",
        "GITHUB_TOKEN": "t",
        "OPENAI_API_KEY": "k",
    }
    ended = command("setup", "codex", "--yes", environment={**at_home, **wanted, **secrets})
    assert ended.returncode == 0
    got = dict(line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines())
    assert wanted.items() <= got.items()
    assert not secrets.keys() & got.keys()


def test_nothing_is_run_without_a_yes(command: Command, program: Program) -> None:
    notes = program("codex", "")
    ended = command("setup", "codex")
    assert ended.returncode == 0
    assert not notes.exists()
    assert "--yes runs it" in ended.stdout
    assert "[mcp_servers.imagerouter]" in ended.stdout, "the other way is told"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("setup codex", "--yes runs it"),
        ("key", "No key was given"),
        ("generate - --sandbox", "'prompt' is missing"),
    ],
)
def test_a_closed_stdin_is_nobody_who_answers(
    at_home: Mapping[str, str], program: Program, words: str, said: str
) -> None:
    notes = program("codex", "")
    ended = subprocess.run(  # noqa: S603 - our own command
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *LAUNCH, *words.split()],
        env=at_home,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert said in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert not notes.exists()


@pytest.mark.parametrize(("answer", "runs"), [("y", True), ("n", False), ("", False), ("\x04", False)])
def test_a_person_at_a_terminal_is_asked(
    at_home: Mapping[str, str],
    program: Program,
    answer: str,
    runs: bool,  # noqa: FBT001 - a table
) -> None:
    notes = program("codex", "")
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    ended = subprocess.run(  # noqa: S603 - our own command
        [*LAUNCH, "setup", "codex"],
        env=at_home,
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(ours)
    os.close(theirs)
    assert ended.returncode == 0
    assert "Run this? [y/N]" in ended.stdout
    assert notes.exists() is runs
    assert ("Nothing was run." in ended.stdout) is not runs


def test_a_host_that_refuses_is_quoted_and_the_block_for_its_file_can_be_copied(
    command: Command, program: Program, tmp_path: Path
) -> None:
    program("codex", "echo its configuration is broken >&2; exit 3")
    ended = command("setup", "codex", "--yes")
    assert ended.returncode == 1
    assert "Codex did not register the server. It said: its configuration is broken" in ended.stderr
    assert f"Add the printed block to {tmp_path / '.codex' / 'config.toml'} yourself." in ended.stderr
    block = tomllib.loads(ended.stdout[ended.stdout.index("[mcp_servers") :])
    assert block["mcp_servers"][SERVER]["tool_timeout_sec"] == 300
    assert "Traceback" not in ended.stderr


def test_a_server_elsewhere_is_registered_by_its_address_and_the_token_stays_in_the_environment(
    command: Command, program: Program
) -> None:
    address = "https://pictures.example/mcp"
    notes = program("codex", "")
    ended = command("setup", "codex", "--url", address, "--token", "--yes")
    assert ended.returncode == 0
    told = notes.read_text().split()
    assert told == ["mcp", "add", SERVER, "--url", address, "--bearer-token-env-var", "IMAGEROUTER_MCP_TOKEN"]
    assert "add tool_timeout_sec = 300 to the entry" in ended.stdout
    for word in (*WORDS[1:], "zed"):
        printed = command("setup", word, "--url", address, "--token").stdout
        assert address in printed, word
        put = "in place of PUT-THE-TOKEN-HERE" if word == "zed" else "variable IMAGEROUTER_MCP_TOKEN; set it"
        assert put in printed, word
        assert f"doctor --remote {address}\n" in printed, word
        assert "key" not in printed, word
    refused = command("setup", "claude-desktop", "--url", address)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"Add {address} in its settings, under Connectors" in refused.stderr
    assert "charged" not in refused.stderr, "nobody who registers a server thinks of that"


def test_where_people_sign_in_the_address_alone_is_registered(command: Command, program: Program) -> None:
    address = "https://pictures.example/mcp"
    told = [program(name, "") for name in ("claude", "gemini", "opencode", "openclaw", "code")]
    for word in (*WORDS[1:], "zed"):
        printed = command("setup", word, "--url", address, "--yes").stdout
        assert address in printed, word
        assert "Bearer" not in printed, word
        assert "IMAGEROUTER_MCP_TOKEN" not in printed, word
        assert "run this again with --token" in printed, word
    for notes in told:
        registered = notes.read_text()
        assert address in registered
        assert not {"--header", "headers", "--bearer-token-env-var"} & set(re.findall(r"[\w-]+", registered))
    assert (
        "you to sign in, run: claude mcp login imagerouter."
        in command("setup", "claude-code", "--url", address).stdout
    )
    refused = command("setup", "codex", "--token")
    assert (refused.returncode, "Add --url" in refused.stderr) == (1, True)


def test_codex_is_not_made_to_sign_in_by_its_own_command_where_nobody_sees_the_login_page(
    command: Command, program: Program
) -> None:
    """`codex mcp add --url` without a token begins to sign in, and fails if nobody does."""
    notes = program("codex", "")
    ended = command("setup", "codex", "--url", "https://pictures.example/mcp", "--yes")
    assert (ended.returncode, notes.exists()) == (0, False)
    block = ended.stdout[ended.stdout.index("[mcp_servers") :].partition("\n\n")[0]
    entry = tomllib.loads(block)["mcp_servers"][SERVER]
    assert entry == {"tool_timeout_sec": 300, "url": "https://pictures.example/mcp"}
    assert "sign in, run: codex mcp login imagerouter." in ended.stdout


def test_the_key_is_in_no_hosts_configuration(
    command: Command, program: Program, with_sandbox: dict[str, str]
) -> None:
    told = [program(name, "") for name in ("claude", "codex", "gemini", "opencode", "openclaw", "code")]
    for word in hosts():
        ended = command("setup", word, "--yes", environment=with_sandbox)
        assert ended.returncode == 0
        assert KEY not in ended.stdout + ended.stderr
    for notes in told:
        assert KEY not in notes.read_text()


def test_whoever_has_no_key_yet_is_told_how_to_store_one(command: Command) -> None:
    own = f"{sys.executable} -m imagerouter_mcp"  # PATH lacks the command here
    assert f"To store one: {own} key\n" in command("setup", "zed").stdout
    assert "To store one" not in command("setup", "zed", "--sandbox").stdout


def test_setting_up_ends_with_the_check_of_what_was_set_up(
    command: Command, program: Callable[[str, str], Path]
) -> None:
    program("imagerouter-mcp", "exit 0")
    assert command("setup", "zed").stdout.endswith(": imagerouter-mcp doctor\n")
    assert command("setup", "zed", "--sandbox").stdout.endswith(": imagerouter-mcp doctor --sandbox\n")


def test_a_command_that_runs_from_a_cache_is_not_registered(
    at_home: Mapping[str, str], tmp_path: Path
) -> None:
    """As with `uvx imagerouter-mcp setup …`: what lies there is gone some day."""
    passing = tmp_path / "uv" / "archive-v0" / "x1" / "imagerouter-mcp"
    passing.parent.mkdir(parents=True)
    passing.write_text(
        f"#!{sys.executable}\nimport sys\nfrom imagerouter_mcp.cli import main\nsys.exit(main())\n"
    )
    passing.chmod(0o755)
    ended = subprocess.run(  # noqa: S603 - our own command
        [passing, "setup", "cursor"], env=at_home, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 1
    assert "uv tool install imagerouter-mcp" in ended.stderr


def test_a_host_that_is_not_known_is_refused_with_those_that_are(command: Command) -> None:
    ended = command("setup", "emacs")
    assert ended.returncode == 2
    assert "claude-code" in ended.stderr


@pytest.mark.parametrize("word", [*WORDS, "zed"])
def test_each_hosts_block_says_what_its_host_will_start(word: str) -> None:
    host = hosts()[word]
    launch = Launch("/somewhere else/imagerouter-mcp", ("--sandbox", 'a "quoted" word'))
    block = host.block(host.entry(launch))
    entry: Any = tomllib.loads(block) if host.file.suffix == ".toml" else json.loads(block)
    for key in (*host.section, SERVER):
        entry = entry[key]
    command = entry["command"]
    assert (command if "args" not in entry else [command, *entry["args"]]) == launch.words


def test_the_server_is_called_the_same_everywhere() -> None:
    assert server.NAME == SERVER


def test_the_readmes_install_links_are_the_generated_ones() -> None:
    section = README.read_text("utf-8").partition("### Install links\n")[2].partition("\n#")[0]
    on_path = Launch(COMMAND)
    assert re.findall(r"\]\((\S+)\)", section) == [cursor_link(on_path), vscode_link(on_path)]


@pytest.mark.parametrize(
    "url",
    [
        "pictures.example/mcp",
        "ftp://pictures.example",
        "https://",
        "https://a b/mcp",
        "https://a/\nmcp",
        "https://a/\x1b[m",
    ],
)
def test_what_is_no_address_is_not_registered(command: Command, url: str) -> None:
    refused = command("setup", "zed", "--url", url)
    assert refused.returncode == 2
    assert f"{url!r} is not an http or https address" in refused.stderr


@pytest.mark.parametrize("url", ["https://me:s3cret@a/mcp", "me:s3cret@a/mcp", "HTTPS://me:/s3cret@a:1/mcp"])
def test_an_address_with_a_password_is_not_registered_and_the_password_not_repeated(
    command: Command, url: str
) -> None:
    refused = command("setup", "zed", "--url", url, "--yes")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "leave the user name and the password out of the address" in refused.stderr
    assert "s3cret" not in refused.stderr


def test_an_address_may_have_an_at_sign_in_its_path(command: Command) -> None:
    assert "https://a:8300/@me/mcp" in command("setup", "zed", "--url", "https://a:8300/@me/mcp").stdout
