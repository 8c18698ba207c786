"""Successes: heartbeats, formats, prices, and pictures at the asked size."""

import time
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops

from imagerouter_mcp.sandbox.pictures import media
from imagerouter_mcp.sandbox.service import accounts, drawn_results
from imagerouter_mcp.sandbox.service.offered import Model, listed
from patience import wait_until

Generate = Callable[..., httpx.Response]
OpenResult = Callable[..., Image.Image]


def test_an_answer_has_the_documented_shape(generate: Generate) -> None:
    before = time.time() * 1000
    answer = generate(model="qwen/qwen-image")

    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["server"] == "imagerouter-sandbox"
    assert set(body) == {"created", "data", "latency", "cost"}
    assert before - 1 <= body["created"] <= time.time() * 1000
    assert body["cost"] == 0.007
    assert [set(item) for item in body["data"]] == [{"url", "revised_prompt"}]


def test_some_models_give_created_in_seconds(generate: Generate) -> None:
    assert generate(model="google/imagen-4").json()["created"] < 10**11


def test_a_quick_answer_has_no_heartbeat(client: httpx.Client, generate: Generate) -> None:
    client.put("/sandbox/settings", json={"heartbeat_seconds": 5})

    assert generate(size="8x8").content.startswith(b"{")


def test_a_slow_answer_begins_at_once_and_beats(client: httpx.Client) -> None:
    body = {"model": "sandbox/slow-0.3", "size": "8x8"}
    with client.stream("POST", "/v1/openai/images/generations", json=body) as answer:
        pieces = answer.iter_raw()
        first, rest = next(pieces), b"".join(pieces)

    assert answer.status_code == 200
    assert first == b" "
    assert rest.startswith(b" ")
    assert rest.lstrip().startswith(b"{")


def test_a_late_error_comes_after_two_heartbeats(generate: Generate) -> None:
    answer = generate(model="sandbox/late-error")

    assert answer.status_code == 200
    assert answer.content.startswith(b"  ")
    assert answer.content.lstrip(b" ").startswith(b"{")
    assert "error" in answer.json()


@pytest.mark.parametrize("separator", ["x", "X", "×", "*"])
def test_a_picture_has_the_asked_size(generate: Generate, open_result: OpenResult, separator: str) -> None:
    answer = generate(model="qwen/qwen-image", size=f"640{separator}384")

    assert open_result(answer).size == (640, 384)


def test_auto_is_1024_pixels_square(
    generate: Generate, open_result: OpenResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        drawn_results, "DEFAULT_SIZE", media.DEFAULT_SIZE
    )  # which the other tests make smaller
    drawn = generate(model="qwen/qwen-image", prompt="drawn in no other size before")
    assert open_result(drawn).size == (1024, 1024)


@pytest.mark.parametrize(
    ("fields", "kind", "media_type"),
    [
        ({}, "WEBP", "image/webp"),
        ({"output_format": "png"}, "PNG", "image/png"),
        ({"output_format": "jpeg"}, "JPEG", "image/jpeg"),
        ({"output_format": "jpg"}, "JPEG", "image/jpeg"),
        ({"output_format": "png", "model": "test/test"}, "JPEG", "image/jpeg"),
    ],
)
def test_a_picture_has_the_asked_format_unless_the_model_ignores_it(
    client: httpx.Client, generate: Generate, fields: dict[str, Any], kind: str, media_type: str
) -> None:
    answer = generate(**{"model": "qwen/qwen-image", "size": "128x128", **fields})

    found = client.get(answer.json()["data"][0]["url"])
    assert found.headers["content-type"] == media_type
    assert Image.open(BytesIO(found.content)).format == kind


@pytest.mark.parametrize("model", ["recraft-ai/recraft-v3-svg", "bria/bria-3.2-vector"])
def test_vector_models_answer_svg(client: httpx.Client, generate: Generate, model: str) -> None:
    answer = generate(model=model, output_format="png", prompt="<b> & c")

    found = client.get(answer.json()["data"][0]["url"])
    assert found.headers["content-type"] == "image/svg+xml"
    assert "&lt;b&gt; &amp; c" in found.text


@pytest.mark.parametrize("response_format", ["b64_json", "b64_ephemeral"])
def test_base64_answers_hold_the_picture(generate: Generate, response_format: str) -> None:
    item = generate(size="64x64", response_format=response_format).json()["data"][0]

    assert set(item) == {"b64_json", "revised_prompt"}
    assert Image.open(BytesIO(b64decode(item["b64_json"], validate=True))).size == (64, 64)


def test_a_prompt_gives_another_picture_each_time_and_the_same_ones_after_a_reset(
    client: httpx.Client, generate: Generate, open_result: OpenResult
) -> None:
    asked = {"model": "qwen/qwen-image", "size": "128x128", "output_format": "png", "prompt": "a fox"}
    one, other = (open_result(generate(**asked)) for _ in range(2))
    client.delete("/sandbox/journal")
    again = open_result(generate(**asked))

    assert ImageChops.difference(one, other).getbbox() is not None
    assert ImageChops.difference(one, again).getbbox() is None


def test_a_higher_quality_shows_more_and_costs_more(generate: Generate) -> None:
    asked = {"model": "qwen/qwen-image", "output_format": "png", "response_format": "b64_json"}
    low, high = (generate(**asked, quality=quality).json() for quality in ("low", "high"))

    assert low["cost"] < high["cost"]
    assert len(low["data"][0]["b64_json"]) < len(high["data"][0]["b64_json"])


def test_an_alias_is_resolved(client: httpx.Client, generate: Generate) -> None:
    assert generate(model="google/gemini-2.5-flash-image").json()["cost"] == 0.0351
    assert client.get("/v1/models/google/gemini-2.5-flash-image").status_code == 404


def test_a_generation_takes_its_cost_from_the_credits(client: httpx.Client, generate: Generate) -> None:
    client.headers["Authorization"] = "Bearer " + "spender-".ljust(64, "0")
    generate(model="ideogram-ai/ideogram-v3", size="1024x1024")

    assert client.get("/v1/credits").json() == {
        "remaining_credits": "25.4400",
        "credit_usage": "4.5600",
        "total_deposits": "30.0000",
    }
    assert client.post("/v1/auth/test").json() == {"success": True, "credits": 254_400}


def test_credits_by_key_show_a_spend_limit(client: httpx.Client) -> None:
    client.headers["Authorization"] = f"Bearer {accounts.LIMITED_KEY}"

    usage = client.get("/v1/credits", params={"by_api_key": "true"}).json()["usage_by_api_key"]

    assert [(one["spend_limit"], one["spend_limit_period"]) for one in usage] == [("10.0000", "month")]


@pytest.mark.parametrize("model", [model for model in listed().values() if model.is_video])
def test_a_video_model_answers_a_playable_clip(client: httpx.Client, model: Model) -> None:
    client.put("/sandbox/settings", json={"rate_limit": 100})
    fields = {"model": model.id, "prompt": "waves", "seconds": model.default_seconds}
    if model.sizes:
        fields["size"] = model.sizes[0]
    answer = client.post("/v1/openai/videos/generations", json=fields)

    found = client.get(answer.json()["data"][0]["url"])
    assert found.headers["content-type"] == "video/mp4"
    assert found.content[4:12] == b"ftypisom"


def test_an_image_that_is_no_file_is_ignored(
    client: httpx.Client, generate: Generate, open_result: OpenResult
) -> None:
    asked = {"model": "qwen/qwen-image", "size": "128x128", "output_format": "png"}
    plain = open_result(generate(**asked))
    client.delete("/sandbox/journal")
    with_url = open_result(generate(**asked, image="http://127.0.0.1:9/cat.png"))

    assert ImageChops.difference(plain, with_url).getbbox() is None


def test_a_generation_goes_on_when_the_client_leaves(client: httpx.Client) -> None:
    body = {"model": "sandbox/slow-0.2", "size": "8x8"}
    with client.stream("POST", "/v1/openai/images/generations", json=body) as answer:
        next(answer.iter_raw())
    wait_until(lambda: client.get("/sandbox/journal").json()[0]["outcome"] == "made")
