"""Who is in the register, under which name, and what is counted of whom."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from imagerouter_mcp.people.person import LOCAL, person_id
from imagerouter_mcp.people.personal_limits import NO_LIMITS, Limits
from imagerouter_mcp.people.register import (
    BY_OPERATOR,
    NameNotUsableError,
    People,
    is_same_name,
    open_register,
)
from imagerouter_mcp.settings import Settings

TODAY, YESTERDAY = date(2026, 11, 27), date(2026, 11, 26)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Return an empty register in a file."""
    with closing(open_register(Settings(data_dir=tmp_path))) as opened:
        yield opened


def test_a_person_is_found_by_id_name_and_token(people: People) -> None:
    ann, bo = (people.add(BY_OPERATOR, name, name) for name in ("Ann", "Bo"))
    assert people.add(BY_OPERATOR, "Ann", "Anna") == ann, "known by the issuer's name for her"
    assert (ann.issuer, ann.subject, ann.name) == (BY_OPERATOR, "Ann", "Ann")
    assert people.let_in(ann.id) == people.named(" ANN ") == ann
    assert people.let_in("p_nobody") is people.find_named("Eve") is None
    old, kept, new = people.new_token(ann), people.new_token(bo), people.new_token(ann)
    assert [people.by_token(token) for token in (old, kept, new)] == [None, bo, ann]
    people.sign_out(ann)
    assert [people.by_token(token) for token in (kept, new)] == [bo, None]


def test_an_id_is_the_same_in_every_version_and_for_nobody_else() -> None:
    assert person_id("operator", "Ann") == "p_b7a4075370585fb88897"
    assert person_id("operatorA", "nn") != person_id("operator", "Ann")


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "-ann", "a\tb\x07", "The Operator", "ＴＨＥ operator"])
def test_a_name_that_cannot_be_one_is_refused(people: People, name: str) -> None:
    with pytest.raises(NameNotUsableError, match="other than “The operator”"):
        people.add(BY_OPERATOR, "subject", name)


def test_a_name_is_one_persons_however_it_is_written(people: People) -> None:
    people.add(BY_OPERATOR, "Ann", "  Ann   Lee ")
    assert people.named("ann lee").name == "Ann Lee"
    assert is_same_name("Ann  Lee", "ＡＮＮ lee")
    assert not is_same_name("Ann Lee", "Annlee")
    for name in ("ANN LEE", "Ａnn Lee"):
        with pytest.raises(NameNotUsableError, match="somebody called Ann Lee already"):
            people.add(BY_OPERATOR, name, name)
    people.add(BY_OPERATOR, "long", "x" * 60)
    assert [person.name for person, _ in people.everybody()] == ["Ann Lee", "x" * 60]


def test_somebody_of_a_provider_gets_a_name_of_their_own(people: People) -> None:
    first = [people.vouched_for("corp", f"ann-{number}", "Ann\x07 Lee") for number in range(11)]
    names = [person.name for person in first if person]
    assert names[:9] == ["Ann Lee", *(f"Ann Lee {number}" for number in range(2, 10))]
    assert names[9:] == [f"Ann Lee {person.id[2:12]}" for person in first[9:] if person]
    assert people.vouched_for("corp", "ann-0", "Another") == first[0]
    names = "x" * 100, "\x07", "the operator"
    long, odd, operator = (people.vouched_for("corp", name, name) for name in names)
    assert long
    assert long.name == "x" * 45
    assert odd
    assert odd.name == "Somebody"
    assert operator
    assert operator.name == "the operator 2"
    unnamed = people.vouched_for("corp", "subject", "")
    assert unnamed
    assert unnamed.name == "subject"
    begun_oddly = people.vouched_for("corp", "dash", "-dash")
    assert begun_oddly
    assert begun_oddly.name == f"Somebody {begun_oddly.id[2:12]}"


def test_a_blocked_person_stays_out_by_every_way_until_allowed(people: People) -> None:
    ann, bo = people.add("corp", "ann", "Ann"), people.add("corp", "bo", "Bo")
    token = people.new_token(ann)
    for _ in range(2):
        people.block(ann)
    assert people.let_in(ann.id) is people.by_token(token) is people.vouched_for("corp", "ann", "Ann") is None
    assert people.named("Ann") == ann
    assert people.let_in(bo.id) == bo
    people.remove(ann)
    assert people.blocked() == {ann.id: "Ann"}
    assert people.vouched_for("corp", "ann", "Ann") is None
    people.allow(ann.id)
    assert people.vouched_for("corp", "ann", "Ann") == ann
    assert people.by_token(token) is None


def test_each_person_has_limits_of_their_own(people: People) -> None:
    ann, bo = people.add("corp", "ann", "Ann"), people.add("corp", "bo", "Bo")
    limits = Limits(day_usd=Decimal("0.50"), calls=2, models=("openai/*", "Google/Imagen-4"))
    people.limit(ann, limits)
    assert (people.limits(ann.id), people.limits(bo.id)) == (limits, NO_LIMITS)
    assert people.limits(LOCAL.id) == NO_LIMITS
    assert people.everybody() == [(ann, limits), (bo, NO_LIMITS)]
    for model, permitted in (("OpenAI/gpt", True), ("google/imagen-4", True), ("google/imagen-4x", False)):
        assert limits.permits(model) is permitted
        assert NO_LIMITS.permits(model)


@pytest.mark.parametrize("field", ["day_usd", "month_usd", "call_usd"])
def test_a_limit_is_an_amount_within_bounds(field: str) -> None:
    assert getattr(Limits.checked({field: "0"}), field) == 0
    assert getattr(Limits.checked({field: "1000000000"}), field) == 10**9
    for wrong in ("-0.01", "1000000000.01", "much"):
        with pytest.raises(ValueError, match=r"."):
            Limits.checked({field: wrong})
    with pytest.raises(ValueError, match="calls"):
        Limits.checked({"calls": 0})


def test_a_day_s_budget_counts_what_others_spent_that_day_and_reserved_on_any(people: People) -> None:
    ann, bo, cy = (people.add("corp", name, name) for name in ("Ann", "Bo", "Cy"))
    for person, day, spent, under_way in (
        (ann, TODAY, "1", "0.1"),
        (bo, TODAY, "2", "0.2"),
        (cy, YESTERDAY, "4", "0.4"),
        (LOCAL, TODAY, "8", "0.8"),
    ):
        with people.committing(person.id, day) as committed:
            committed.note(Decimal(9), Decimal(9))
            committed.note(Decimal(spent), Decimal(under_way))
    for person, others in ((ann, "11.4"), (bo, "10.3"), (LOCAL, "3.7")):
        with people.committing(person.id, TODAY) as committed:
            assert committed.by_others() == Decimal(others)
    assert (people.removed(), people.committed_by_removed(TODAY)) == ([], 0)
    for person in (bo, cy):
        people.remove(person)
    assert set(people.removed()) == {bo.id, cy.id}
    assert people.committed_by_removed(TODAY) == Decimal("2.6")
    assert people.committed_by_removed(YESTERDAY) == Decimal("4.6")
    again = people.add("corp", "Bo", "Bo")
    assert people.removed() == [cy.id], "who is there again keeps what is theirs"
    with people.committing(again.id, TODAY) as committed:
        assert committed.by_others() == Decimal("12.5"), "what was spent under the name before counts on"
