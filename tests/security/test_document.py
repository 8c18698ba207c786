"""The document that lists every attempt tells what the tests did; this runs after all of them."""

from pathlib import Path

import pytest

FILES = {path.name for path in Path(__file__).parent.glob("test_*.py")}


def test_the_document_tells_what_was_tried(
    request: pytest.FixtureRequest, document: tuple[Path, str]
) -> None:
    path, expected = document
    ran = {item.path.name for item in request.session.items if item.path.parent == Path(__file__).parent}
    if ran != FILES or request.config.getoption("keyword") or request.session.testsfailed:
        pytest.skip("not all of the attempts were made")
    if request.config.getoption("--accept-security"):
        path.write_text(expected, "utf-8")
    assert path.read_text("utf-8") == expected, "`make security` writes it anew"
