"""The tally of all faults, and its table at the end of the long run."""

import re
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from faults.cases import Run, play
from faults.ledger import Tally

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


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Run], None]:
    """Plays every run that was selected, and then tells how one went."""
    items = (getattr(item, "callspec", None) for item in request.session.items)
    runs = [item.params["run"] for item in items if item and isinstance(item.params.get("run"), Run)]
    outcomes = play(runs, tmp_path_factory.mktemp("faults"), request.config.stash[_TALLY])

    def tell(run: Run) -> None:
        outcomes[run.id].result()

    return tell


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None]:
    """Print the table after a long run, and put that of a whole one into the documentation."""
    yield
    table = config.stash[_TALLY].table()
    if config.option.markexpr != "long" or not config.stash[_TALLY].rows:
        return
    terminalreporter.write_line(table)
    if config.option.keyword or [Path(arg).resolve() for arg in config.args] != [Path(__file__).parent]:
        return
    text = _DOCUMENT.read_text("utf-8")
    between = re.compile(f"(?<={_BEGIN}\n).*?(?={_END})", re.DOTALL)
    _DOCUMENT.write_text(between.sub(lambda _: table + "\n", text), "utf-8")
