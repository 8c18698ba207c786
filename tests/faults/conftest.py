"""The tally of all faults, and its table at the end of the long run."""

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from faults.ledger import Tally
from faults.scene import Scene, scene

_TALLY = pytest.StashKey[Tally]()
_DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
_BEGIN, _END = "<!-- make faults: begin -->", "<!-- make faults: end -->"


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[_TALLY] = Tally()


@pytest.fixture
def tally(pytestconfig: pytest.Config) -> Tally:
    """Where every try is counted."""
    return pytestconfig.stash[_TALLY]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """A scene of the test's own."""
    with scene(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Scene]]:
    """Scenes by name, each begun when it is first wanted."""
    with ExitStack() as stack:

        @cache
        def named(name: str) -> Scene:
            return stack.enter_context(scene(tmp_path_factory.mktemp(name)))

        yield named


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None]:
    """Print the table after a long run, and put it into the documentation."""
    yield
    table = config.stash[_TALLY].table()
    if config.option.markexpr != "long" or not config.stash[_TALLY].rows:
        return
    terminalreporter.write_line(table)
    text = _DOCUMENT.read_text("utf-8")
    between = re.compile(f"(?<={_BEGIN}\n).*?(?={_END})", re.DOTALL)
    _DOCUMENT.write_text(between.sub(lambda _: table + "\n", text), "utf-8")
