"""The document that lists every attempt tells what the tests did; this runs after all of them."""

import re
from pathlib import Path

import pytest

FILES = {path.name for path in Path(__file__).parent.glob("test_*.py")}
SHORTENED = "Pictures that are expensive to decode"
"""The section of which `make test` leaves attempts to `make security`."""


def rows(document: str) -> dict[str, set[str]]:
    """Return what each section says, without the numbers of its rows."""
    _, *sections = re.split(r"^## ", document, flags=re.MULTILINE)
    return {
        section.partition("\n")[0]: set(re.findall(r"^\| \d+ \| (.+)$", section, re.MULTILINE))
        for section in sections
    }


def test_the_document_tells_what_was_tried(
    request: pytest.FixtureRequest, document: tuple[Path, str]
) -> None:
    path, expected = document
    ran = {item.path.name for item in request.session.items if item.path.parent == Path(__file__).parent}
    if ran != FILES or request.config.getoption("keyword") or request.session.testsfailed:
        pytest.skip("not all of the attempts were made")
    if request.config.getoption("--accept-security"):
        path.write_text(expected, "utf-8")
    written = path.read_text("utf-8")
    if any(item.get_closest_marker("long") for item in request.session.items):
        assert written == expected, "`make security` writes it anew"
    else:
        tried, listed = rows(expected), rows(written)
        assert tried.pop(SHORTENED) < listed.pop(SHORTENED), "`make security` writes it anew"
        assert tried == listed, "`make security` writes it anew"
