"""Sentences and figures that documents quote are those that the code has."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from imagerouter_mcp import name_lookup
from imagerouter_mcp.api.http import MAX_ANSWER_BYTES, MAX_LIST_BYTES
from imagerouter_mcp.api.rate_limit import LONGEST_PAUSE
from imagerouter_mcp.fetch import MAX_REDIRECTS
from imagerouter_mcp.generation.calls.send import RETRY_SECONDS
from imagerouter_mcp.generation.planning.limits import MOST_A_CALL
from imagerouter_mcp.generation.result_files import DOWNLOAD_SECONDS, MAX_RESULT_BYTES
from imagerouter_mcp.generation.undelivered import LINK_DAYS
from imagerouter_mcp.http_app.browser_sessions import IDLE_SECONDS
from imagerouter_mcp.http_app.exposure import MIN_TOKEN
from imagerouter_mcp.http_app.studio.one_time_codes import LASTS_SECONDS
from imagerouter_mcp.images import confined
from imagerouter_mcp.images.allowed_files import MAX_READ_BYTES
from imagerouter_mcp.images.source_images import FETCH_SECONDS
from imagerouter_mcp.money import dollars
from imagerouter_mcp.settings import AUTO_VIDEO_USD, Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "server" / "imagerouter_mcp"
OF_OTHERS = {
    "Connection closed",
    "Server disconnected",
    "failed to start",
    "spawn imagerouter-mcp ENOENT",
    "command not found",
    "Request timed out",
    "CERTIFICATE_VERIFY_FAILED",
    "Permission denied",
}
"""What hosts, shells, Python and operating systems say."""


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@cache
def spoken() -> str:
    """Every text in the code, what is filled in at run time as "…"."""
    return "\n".join(
        " ".join(words.split())
        for path in PACKAGE.rglob("*.py")
        for words in _texts(ast.parse(path.read_text("utf-8")))
    )


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_what_the_troubleshooting_quotes_is_what_is_said() -> None:
    rows = re.findall(r"^\| ([^|]+) \|[^|]+\|[^|]*\|$", text("docs/troubleshooting.md"), re.MULTILINE)
    quoted = {phrase for row in rows for phrase in re.findall(r'"([^"]+)"', row)} - OF_OTHERS
    assert len(quoted) >= 20
    said = spoken()
    for phrase in quoted:
        # A name or a number in the document stands for any.
        general = re.sub(r"\$[\d.]+|\b\d+x\d+\b|\b[A-Z]+_…|…", "…", phrase)
        parts = [part.strip(" …") for part in general.split("…")]
        assert any(parts), phrase
        assert all(part in said for part in parts), phrase


@pytest.mark.parametrize("document", ["docs/costs-and-privacy.md", "skill/references/costs.md"])
def test_the_limits_are_told_as_they_are(document: str) -> None:
    told = text(document)
    budget = Settings.model_fields["budget_usd"].default
    assert f"{dollars(MOST_A_CALL['image'])}, a video {dollars(MOST_A_CALL['video'])}" in told
    assert f"{dollars(budget)} |" in told


def test_the_page_of_costs_tells_each_figure_as_it_is() -> None:
    told = text("docs/costs-and-privacy.md")
    fields = Settings.model_fields
    assert f"up to {dollars(fields['auto_max_usd'].default)}, a video {dollars(AUTO_VIDEO_USD)}" in told
    waits = " and ".join(f"{wait:g}" for wait in RETRY_SECONDS)
    assert f"up to {len(RETRY_SECONDS)} more times, after {waits} s" in told
    assert f"a wait of over {LONGEST_PAUSE:g} s" in told
    assert f"for about {LINK_DAYS} days" in told
    assert f"it waits up to {fields['grace_seconds'].default:g} s" in told


@pytest.mark.parametrize("name", ["gallery.sqlite3", "arriving", "running", "rescued", "sandbox", "api-key"])
def test_what_is_said_to_lie_on_the_machine_does(name: str) -> None:
    assert re.search(rf"^\| `{name}/?`", text("docs/costs-and-privacy.md"), re.MULTILINE)
    assert name in spoken().splitlines()


def test_every_promise_has_its_tests() -> None:
    promised, _, how = text("SECURITY.md").partition("## What is not promised")
    promises = re.findall(r"^\*\*(.+?)\.?\*\*", promised, re.MULTILINE)
    rows = re.findall(r"^\| ([^`|]+) \| (`[^|]+) \|$", how, re.MULTILINE)
    assert len(rows) >= 20
    told = "; ".join(label for label, _ in rows)
    assert [each for each in promises if each.lower() not in told.lower()] == []
    named = {path for _, paths in rows for path in re.findall(r"`(.+?)`", paths)}
    assert [path for path in named if not (ROOT / path).exists()] == []
    attacks = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/security/test_*.py")}
    assert attacks - named == {"tests/security/test_document.py"}


def test_the_promises_tell_each_figure_as_it_is() -> None:
    told = " ".join(text("SECURITY.md").split())
    mebibytes = 2**20
    assert MAX_REDIRECTS == 5
    assert "at most five are followed" in told
    assert MAX_READ_BYTES == MAX_RESULT_BYTES
    assert f"Downloads end at {MAX_READ_BYTES // mebibytes} MiB" in told
    assert f"after {FETCH_SECONDS:g} seconds (sources) or {DOWNLOAD_SECONDS:g} (results)" in told
    assert f"at most {name_lookup.AT_ONCE} at once, {name_lookup.SECONDS:g} seconds each" in told
    assert f"up to {MAX_ANSWER_BYTES // mebibytes} MiB (lists: {MAX_LIST_BYTES // mebibytes} MiB)" in told
    assert (
        f"after {confined.CPU_SECONDS} seconds of computing ({confined.SECONDS:g} on a busy machine)" in told
    )
    assert f"ends at {confined.CHILD_BYTES // mebibytes} MiB" in told
    assert f"A bearer token shorter than {MIN_TOKEN} characters is refused" in told
    assert (LASTS_SECONDS, IDLE_SECONDS) == (10 * 60, 12 * 3600)
    assert "works once within ten minutes" in told
    assert "or after twelve idle hours" in told
