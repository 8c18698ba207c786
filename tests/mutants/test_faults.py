"""The mutation run: which faults it can put into a module, and which parts of a module it leaves alone."""

import shutil
from pathlib import Path

import pytest

from mutants.accepted import Accepted, read_accepted
from mutants.draw import PLACES, draw
from mutants.faults import Fault, faults_in

PACKAGE = Path(__file__).parents[2] / "server" / "imagerouter_mcp"


def changes(folder: Path, source: str) -> set[str]:
    """What a line becomes, fault by fault."""
    module = folder / "module.py"
    module.write_text(source)
    return {fault.put_into(source.encode()).decode() for fault in faults_in(folder, module)}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("if ready: go()", "if (not (ready)): go()"),
        ("go = not ready", "go = (ready)"),
        ("low = a < b", "low = (a <= b)"),
        ("near = a <= 8", "near = a <= 80"),
        ('price = Decimal("0.04")', "price = Decimal('0.40')"),
        ("both = a and b", "both = (a or b)"),
        ("left = a - b", "left = (a + b)"),
        ("some = any(found)", "some = all(found)"),
        ("while True:\n    if late: break", "while True:\n    pass"),
        ("move(here, there)", "move(there, here)"),
        ("area = box(width=w, height=h)", "area = box(width=h, height=w)"),
        ("store.flush()", "pass"),
        ("name = 'ä' * 2", "name = 'ä' * 3"),
    ],
)
def test_code_is_changed(tmp_path: Path, right: str, wrong: str) -> None:
    assert wrong in changes(tmp_path, right)


@pytest.mark.parametrize(
    "source",
    [
        '"""One 1."""',
        'raise ValueError(f"{a + 1} is not {b}")',
        'text = f"{a + 1} of {b}"',
        "logger.info(a + 1, b)",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import this",
        "Kind = Literal[1, 2]",
        "with suppress(OSError, ValueError): ...",
        "count: Annotated[int, 5]",
        "@cached(5)\ndef answer() -> int | None: ...",
    ],
)
def test_texts_types_and_log_lines_stay_as_they_are(tmp_path: Path, source: str) -> None:
    assert not changes(tmp_path, source)


def test_a_bound_is_not_moved_by_less_than_anybody_notices(tmp_path: Path) -> None:
    assert changes(tmp_path, "near = a <= 1000") == {"near = (a < 1000)", "near = a <= 10000"}


def test_a_power_is_one_number(tmp_path: Path) -> None:
    assert changes(tmp_path, "size = 2**20") == {"size = 2**200"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A part of the package: a module of each place."""
    modules = ("generation/planning/sizes", "gallery/names", "api/redaction", "images/inspect/tiff")
    later = ("people/register", "sign_in/grants", "database/sqlite", "setting_values")
    for name in (*modules, "tools/arguments", *later, "settings", "fetch"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / f"{name}.py", tmp_path / f"{name}.py")
    return tmp_path


def test_a_seed_draws_the_same_faults_from_every_place_and_kind(package: Path) -> None:
    drawn = draw(package, 70, 1, ())
    assert drawn == draw(package, 70, 1, ())
    assert len(drawn) == pytest.approx(70, abs=len(PLACES))
    assert {fault.module.partition("/")[0] for fault in drawn} == set(PLACES)
    assert len({fault.kind for fault in drawn}) == 7
    assert set(drawn) != set(draw(package, 70, 2, ()))


def test_a_fault_that_changes_nothing_is_not_drawn(package: Path) -> None:
    first, *_ = draw(package, 70, 1, ())
    left_out = Accepted(first.module, first.function, first.kind, "It does the same.", first.after, True)  # noqa: FBT003 - a row
    assert first not in draw(package, 70, 1, [left_out])


def test_every_accepted_fault_can_still_be_made() -> None:
    """A reason for code that is gone misleads."""
    for accepted in read_accepted():
        faults: list[Fault] = faults_in(PACKAGE, PACKAGE / accepted.module)
        assert any(accepted.matches(fault) for fault in faults), accepted
