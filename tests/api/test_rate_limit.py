"""How long a call waits for the service is read off the service's answers."""

import pytest

from imagerouter_mcp.api.rate_limit import RateLimit


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (200, {}, 0),
        (200, {"ratelimit-remaining": "1", "ratelimit-reset": "30"}, 0),
        (200, {"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30),
        (200, {"ratelimit-remaining": "0"}, 0),
        (200, {"retry-after": "30"}, 0),
        (429, {"retry-after": "30"}, 30),
        (429, {"retry-after": "2.5"}, 2.5),
        (429, {"retry-after": "60"}, 60),
        (429, {"retry-after": "61"}, 0),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 0),
        (429, {}, 0),
        (429, {"retry-after": "soon"}, 0),
        (429, {"retry-after": "-5"}, 0),
        (429, {"retry-after": "12345678"}, 0),
    ],
)
def test_the_pause_is_what_the_answer_says(
    monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], pause: float
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    limit = RateLimit()
    limit.learn(status, headers)
    assert limit.pause() == pause


def test_a_shorter_pause_does_not_replace_a_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    limit = RateLimit()
    limit.learn(429, {"retry-after": "30"})
    limit.learn(429, {"retry-after": "3"})
    limit.learn(200, {"ratelimit-remaining": "0", "ratelimit-reset": "1"})
    assert limit.pause() == 30
    now += 31
    assert limit.pause() == 0
