"""What counts as noticed: a fault is put into a small project that has the settings of this one."""

import shutil
from pathlib import Path

import pytest

from mutants.faults import faults_in
from mutants.trial import Tree, TrialError

SLOW = 1.0
"""Seconds after which a test's failure is looked at a second time, without the fault."""
TESTS = """\
from imagerouter_mcp.part import double


def test_it_is_right():
    assert double(2) == 4


def test_it_fails_anyway():
    assert double(2) == 5
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return the small project."""
    tree = Tree(tmp_path)
    tree.package.mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    shutil.copy(Path(__file__).parents[2] / "pyproject.toml", tmp_path)
    (tree.package / "__init__.py").touch()
    (tree.package / "part.py").write_text("def double(number):\n    return number * 2\n")
    (tmp_path / "tests" / "test_part.py").write_text(TESTS)
    return tree


@pytest.mark.long
def test_a_fault_is_killed_by_a_test_that_fails_because_of_it(tree: Tree) -> None:
    right, wrong = "tests/test_part.py::test_it_is_right", "tests/test_part.py::test_it_fails_anyway"
    fault = faults_in(tree.package, tree.package / "part.py")[0]
    outcome = tree.try_fault(fault, dict.fromkeys((wrong, right), SLOW))
    assert (outcome.noticed_by, outcome.set_aside) == (right, [wrong])
    with pytest.raises(TrialError, match=r"fails_anyway fails without any fault(.|\n)*1 failed, 1 passed"):
        tree.check(dict.fromkeys((right, wrong), SLOW))
