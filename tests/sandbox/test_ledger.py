"""The journal tells what was asked for and what stayed paid, and the rate limit holds."""

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx
import pytest

from imagerouter_mcp.images.inspect.inspection import inspect
from imagerouter_mcp.sandbox.service.throttle import usual_limit

Generate = Callable[..., httpx.Response]


def _last(client: httpx.Client) -> dict[str, Any]:
    return client.get("/sandbox/journal").json()[-1]


def _used(client: httpx.Client) -> Decimal:
    return Decimal(client.get("/v1/credits").json()["credit_usage"])


@pytest.mark.parametrize(
    ("name", "paid"),
    [
        ("slow-0.1", True),
        ("status-500", False),
        ("html-502", False),
        ("html-504", True),
        ("json-504", True),
        ("rate-limited", False),
        ("access-denied", False),
        ("moderated", False),
        ("late-error", False),
        ("vanished", True),
        ("cut", True),
        ("garbage", True),
        ("empty-data", True),
        ("url-404", True),
    ],
)
def test_an_entry_tells_whether_the_money_stayed_spent(
    client: httpx.Client, generate: Generate, name: str, *, paid: bool
) -> None:
    client.headers["Authorization"] = "Bearer " + f"ledger-{name}-".ljust(64, "0")
    try:
        generate(model=f"sandbox/{name}", size="8x8")
    except httpx.RemoteProtocolError:
        assert name in ("vanished", "cut")
    entry = _last(client)

    assert (entry["paid"], entry["cost_usd"]) == (paid, 0.01 if paid else 0)
    assert _used(client) == Decimal("4.5") + (Decimal("0.01") if paid else 0)


def test_a_free_picture_is_paid_for_with_nothing(client: httpx.Client, generate: Generate) -> None:
    generate(size="8x8")

    assert (_last(client)["paid"], _last(client)["cost_usd"]) == (True, 0)


def test_a_vanished_connection_gives_no_answer_at_all(generate: Generate) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        generate(model="sandbox/vanished")


@pytest.mark.parametrize(
    ("credits_left", "video", "limit"),
    [("25.5", False, 100), ("2.5", False, 10), ("0", False, 6), ("25.5", True, 4), ("0", True, 1)],
)
def test_the_rate_follows_what_is_left(credits_left: str, limit: int, *, video: bool) -> None:
    assert usual_limit(float(credits_left), video=video) == limit


def test_every_answer_tells_where_the_key_stands(client: httpx.Client, generate: Generate) -> None:
    client.headers["Authorization"] = "Bearer " + "pacer-".ljust(64, "0")

    for answer in (generate(size="8x8"), generate(model="no/such")):
        assert answer.headers["ratelimit-policy"] == "100;w=1"
        assert answer.headers["ratelimit-limit"] == "100"
        assert int(answer.headers["ratelimit-remaining"]) in (98, 99)
        assert answer.headers["ratelimit-reset"] == "1"
    assert "ratelimit-limit" not in client.get("/v1/credits").headers


def test_a_key_that_asks_too_fast_waits_and_goes_on(client: httpx.Client, generate: Generate) -> None:
    client.headers["Authorization"] = "Bearer " + "hasty-".ljust(64, "0")
    client.put("/sandbox/settings", json={"rate_limit": 2, "rate_window_seconds": 60})

    answers = [generate(size="8x8") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].json()["error"]["type"] == "rate_limit_error"
    assert _last(client)["paid"] is False
    client.headers["Authorization"] = "Bearer " + "patient-".ljust(64, "0")
    assert generate(size="8x8").status_code == 200, "another key has a rate of its own"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model": "ir/test-video"}, (320, 180, 5)),
        ({"model": "ir/test-video", "size": "640x640", "seconds": 5}, (640, 640, 5)),
        ({"model": "openai/sora-2", "seconds": "8"}, (1280, 720, 8)),
        ({"model": "sandbox/video-slow-0.1", "seconds": 3}, (320, 180, 3)),
        ({"model": "sandbox/video-url-503-once"}, (320, 180, 4)),
    ],
)
def test_a_video_is_as_long_and_as_large_as_asked(
    client: httpx.Client, fields: dict[str, Any], expected: tuple[int, int, float]
) -> None:
    client.put("/sandbox/settings", json={"rate_limit": 100})
    answer = client.post("/v1/openai/videos/generations", json={"prompt": "waves", **fields})

    url = answer.json()["data"][0]["url"]
    found = next(got for got in (client.get(url), client.get(url)) if got.is_success)
    seen = inspect(BytesIO(found.content))
    assert (seen.width, seen.height, seen.seconds) == expected


def test_a_longer_video_costs_more(client: httpx.Client) -> None:
    client.put("/sandbox/settings", json={"rate_limit": 100})
    costs = [
        client.post(
            "/v1/openai/videos/generations",
            json={"model": "openai/sora-2", "prompt": "x", "seconds": seconds},
        ).json()["cost"]
        for seconds in (4, 12)
    ]

    assert costs == [0.4, 1.2]


def test_a_fault_happens_to_videos_too(client: httpx.Client) -> None:
    client.put("/sandbox/settings", json={"rate_limit": 100})
    ask = {"model": "sandbox/video-moderated", "prompt": "x"}

    assert "error" in client.post("/v1/openai/videos/generations", json=ask).json()
    assert _last(client)["paid"] is False
    assert client.post("/v1/openai/images/generations", json=ask).status_code == 400
