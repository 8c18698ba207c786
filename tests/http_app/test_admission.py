"""The rate of each client, and whose rate it is."""

import pytest

from imagerouter_mcp.http_app import admission
from imagerouter_mcp.http_app.admission import BURST_SECONDS, MAX_WAIT_SECONDS, Rate
from imagerouter_mcp.http_app.household import household
from imagerouter_mcp.http_app.shares import Shares


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds, as it stands."""
        return self.now


def test_a_burst_passes_then_the_rate_is_kept_by_waiting() -> None:
    clock = Clock()
    rate = Rate(2, clock)
    burst = 2 * BURST_SECONDS
    assert [rate.wait("a") for _ in range(burst)] == [0] * burst
    assert [rate.wait("a") for _ in range(2)] == pytest.approx([0.5, 1])
    assert rate.wait("a") > MAX_WAIT_SECONDS, "it is refused"
    clock.now += 1.5
    assert rate.wait("a") == 0


def test_a_large_request_counts_as_several_and_is_never_too_large() -> None:
    clock = Clock()
    rate = Rate(2, clock)
    assert rate.wait("a", 2 * BURST_SECONDS - 1) == 0
    assert [rate.wait("a") for _ in range(2)] == pytest.approx([0, 0.5])
    assert rate.wait("b", 1000) == 0
    assert rate.wait("b", 1000) > MAX_WAIT_SECONDS


def test_a_refused_request_does_not_make_the_wait_longer() -> None:
    rate = Rate(0.5, Clock())
    waits = [rate.wait("a") for _ in range(100)]
    assert waits[-1] == pytest.approx(2)


def test_one_client_does_not_use_up_what_another_may() -> None:
    rate = Rate(1, Clock())
    while not rate.wait("a"):
        pass
    assert rate.wait("b") == 0


def test_after_a_pause_there_is_no_more_than_one_burst() -> None:
    clock = Clock()
    rate = Rate(1, clock)
    rate.wait("a")
    clock.now += 1_000_000
    passed = [rate.wait("a") for _ in range(100)].count(0)
    assert passed == BURST_SECONDS


def test_less_than_one_request_a_second_can_be_allowed() -> None:
    clock = Clock()
    rate = Rate(0.01, clock)
    assert rate.wait("a") == 0
    assert rate.wait("a") == pytest.approx(100)
    clock.now += 100
    assert rate.wait("a") == 0


def test_clients_that_are_not_heard_of_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_CLIENTS", 10)
    rate = Rate(1, Clock())
    while not rate.wait("first"):
        pass
    for number in range(10):
        rate.wait(str(number))
    assert rate.wait("first") == 0, "it began anew"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_who_counts_as_one_client(one: str, other: str, *, same: bool) -> None:
    assert (household((one, 1)) == household((other, 2))) == same


def test_one_client_takes_half_and_leaves_a_place_for_each_other_one() -> None:
    shares = Shares(16)
    assert [shares.take("a") for _ in range(16)].count(True) == 8
    assert [shares.take("b") for _ in range(16)].count(True) == 4
    assert [shares.take("c") for _ in range(16)].count(True) == 2
    assert shares.take("d")
    shares.give_back("a", 8)
    assert shares.take("d", 4)
