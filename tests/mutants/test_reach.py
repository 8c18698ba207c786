"""Which tests are run for a fault."""

import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

import imagerouter_mcp
from imagerouter_mcp.images.confined import in_child
from imagerouter_mcp.images.finish.exact_size import made_exact
from mutants.faults import faults_in
from mutants.reach import Reach, Record
from mutants.recorder import Place, Recorded, RecordError, read_recorded
from support.hostile_pictures import saved

SOURCE = """\
LIMIT = 5


def first(count=7):
    return count + 1


def second():
    return LIMIT * 2


def at_import():
    return 9


def third(count):
    if count == 8:
        raise ValueError


def fourth_renamed(count):
    return count - 3
"""
TESTS = {
    "tests/tools/test_all.py::test_first": ("first", "return count + 1", 0.2),
    "tests/tools/test_all.py::test_second": ("second", "return LIMIT * 2", 0.1),
    "tests/api/test_other.py::test_first": ("first", "return count + 1", 0.3),
    "tests/api/test_part.py::test_nothing": ("", "", 0.4),
    "tests/api/test_third.py::test_taken": ("third", "if count == 8:", 0.1),
    "tests/api/test_fourth.py::test_before": ("fourth", "return count - 3", 0.1),
    "tests/api/test_second.py::test_before": ("second", "return 2 * LIMIT", 0.1),
    "tests/contract/test_contract.py::test_tools": ("", "", 0.5),
}
REACH = Reach(
    {
        name: Recorded(cpu, cpu, frozenset({Place("api/part.py", function, text)} if text else ()))
        for name, (function, text, cpu) in TESTS.items()
    }
    | {
        "tests/cli/test_third.py::test_refused": Recorded(
            5,
            5,
            frozenset(Place("api/part.py", "third", text) for text in ("if count == 8:", "raise ValueError")),
        ),
        "tests/cli/test_long.py::test_all": Recorded(100, 100, frozenset()),
    }
)


@pytest.mark.parametrize(
    ("before", "chosen"),
    [
        ("count + 1", ["api/test_part", "api/test_other", "tools/test_all"]),
        ("7", ["api/test_part", "contract/test_contract", "api/test_other", "tools/test_all"]),
        ("5", ["api/test_part", "contract/test_contract", "tools/test_all"]),
        ("LIMIT * 2", ["api/test_part", "api/test_second", "tools/test_all"]),
        (
            "9",
            [
                *("api/test_part", "contract/test_contract", "cli/test_third", "api/test_third"),
                *("api/test_other", "tools/test_all", "tools/test_all"),
            ],
        ),
        ("if count == 8:\n        raise ValueError", ["api/test_part", "cli/test_third", "api/test_third"]),
        ("count - 3", ["api/test_part", "contract/test_contract", "api/test_fourth"]),
    ],
    ids=[
        *(
            "a line",
            "a default",
            "a constant",
            "a line that has changed",
            "a line that no test runs",
            "a guard",
        ),
        "a line that has moved",
    ],
)
def test_the_nearest_tests_that_can_notice_a_fault_come_first(
    tmp_path: Path, before: str, chosen: list[str]
) -> None:
    module = tmp_path / "api" / "part.py"
    module.parent.mkdir()
    module.write_text(f"# Newer than the record.\n{SOURCE}")
    fault = next(fault for fault in faults_in(tmp_path, module) if fault.before == before)
    names = [name.removeprefix("tests/").partition(".py")[0] for name in REACH.choose(fault, tmp_path)]
    assert names == chosen


def test_a_record_holds_until_the_test_file_changes(tmp_path: Path) -> None:
    record = Record(tmp_path / "reach.json")
    states = dict.fromkeys(REACH.tests, "as it is")
    assert record.read(states) == {}
    record.write(REACH.tests, states)
    assert record.read(states) == REACH.tests
    changed = "tests/api/test_other.py::test_first"
    assert REACH.tests.keys() - record.read({**states, changed: "otherwise"}) == {changed}


def test_lines_that_run_in_a_child_process_are_recorded_for_its_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = "tests/api/test_other.py::test_first"
    shutil.copy(Path(__file__).with_name("in_children.py"), tmp_path / "sitecustomize.py")
    (tmp_path / f"{os.getpid()}.test").write_text(test)
    (tmp_path / f"{os.getpid()}.json").write_text(json.dumps({test: (1, 1)}))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), *sys.path)))
    picture = io.BytesIO(saved(Image.new("L", (8, 8)), "PNG"))
    in_child(made_exact, picture, size=(4, 4), fit="stretch", output_format="auto")[0].close()
    places = read_recorded(tmp_path, Path(imagerouter_mcp.__file__).parent)[test].places
    assert {"images/confined.py", "images/finish/exact_size.py"} <= {place.module for place in places}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ((), "No test ran"),
        (("1.test", "1.json", "2.test"), "1 of 2 test processes ended before"),
    ],
    ids=["nothing", "one process of two"],
)
def test_a_run_that_recorded_nothing_or_a_part_is_told(
    tmp_path: Path, written: tuple[str, ...], said: str
) -> None:
    for name in written:
        (tmp_path / name).write_text("{}")
    with pytest.raises(RecordError, match=said):
        read_recorded(tmp_path, tmp_path)
