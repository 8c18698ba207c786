"""Every row of the service's error table."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from imagerouter_mcp.sandbox.service import accounts

Generate = Callable[..., httpx.Response]
TOO_LONG = (
    "'prompt' must be 10,000 characters or less. Please contact ImageRouter support if you need a higher "
    "limit."
)


def _error(answer: httpx.Response) -> dict[str, Any]:
    return answer.json()["error"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": None}, "'model' is a required parameter"),
        ({"model": ""}, "'model' is a required parameter"),
        ({"model": 7}, "'model' must be a string"),
        ({"prompt": 7}, "'prompt' must be a string"),
        ({"model": "x"}, "model 'x' is not available"),
        ({"model": "sandbox/unheard-of"}, "model 'sandbox/unheard-of' is not available"),
        (
            {"model": "google/veo-3.1-fast"},
            "'google/veo-3.1-fast' is a video model. Please use the video generation endpoint.",
        ),
        (
            {"size": "big"},
            "'size' must be 'auto' or in the format 'WIDTHxHEIGHT' (e.g. '1024x768')",
        ),
        (
            {"quality": "best"},
            "Invalid enum value. Expected 'auto' | 'low' | 'medium' | 'high', received 'best'",
        ),
        (
            {"response_format": "gif"},
            "Invalid enum value. Expected 'url' | 'b64_json' | 'b64_ephemeral', received 'gif'",
        ),
        (
            {"output_format": "gif"},
            "'output_format' must be one of: 'png', 'jpeg' (or 'jpg'), 'webp'",
        ),
        ({"prompt": "x" * 10_001}, TOO_LONG),
        ({"prompt": "🦊" * 5_001}, TOO_LONG),
        (
            {"model": "black-forest-labs/FLUX-2-klein-4b:free", "size": "1025x512"},
            "Free models support maximum size of 1024x1024. Please use the paid models for higher quality.",
        ),
        (
            {"model": "stabilityai/sd3.5-medium"},
            "SD3.5 medium is no longer available. Available alternative: 'stabilityai/sd3.5'",
        ),
    ],
)
def test_a_wrong_parameter_is_refused_with_400_and_no_content_type(
    generate: Generate, fields: dict[str, Any], message: str
) -> None:
    answer = generate(**fields)

    assert answer.status_code == 400
    assert "content-type" not in answer.headers
    assert _error(answer) == {"message": message, "type": "invalid_request_error"}


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Authorization header must be provided as Bearer token"),
        ("Basic abc", "Authorization header must be provided as Bearer token"),
        ("Bearer short", "Invalid authorization token length: 5"),
        (f"Bearer {accounts.UNKNOWN_KEY}", "Invalid API key"),
        (f"Bearer {accounts.EXPIRED_JWT}", "Invalid or expired JWT token"),
        (f"Bearer {accounts.MANAGEMENT_KEY}", "Management API keys cannot be used for this endpoint"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/openai/images/edits"), ("GET", "/v1/credits"), ("POST", "/v1/auth/test")],
)
def test_a_bad_key_is_refused_with_401_everywhere(
    client: httpx.Client, method: str, path: str, authorization: str | None, message: str
) -> None:
    del client.headers["Authorization"]
    headers = {"Authorization": authorization} if authorization else {}

    answer = client.request(method, path, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert _error(answer) == {"message": message, "type": "unauthorized"}


@pytest.mark.parametrize(
    ("key", "status", "kind"),
    [
        (accounts.NEVER_DEPOSITED_KEY, 403, "access_denied"),
        (accounts.POOR_KEY, 403, "access_denied"),
        (accounts.FREE_LIMIT_KEY, 429, "rate_limit_error"),
        (accounts.RATE_LIMITED_KEY, 429, "rate_limit_error"),
    ],
)
def test_an_account_may_not_use_a_free_model(
    client: httpx.Client, generate: Generate, key: str, status: int, kind: str
) -> None:
    client.headers["Authorization"] = f"Bearer {key}"

    answer = generate(model="qwen/qwen-image:free")

    assert answer.status_code == status
    assert _error(answer)["type"] == kind


@pytest.mark.parametrize(("service", "daily"), [("february", 50), ("live", 3)])
def test_free_pictures_end_for_the_day(
    client: httpx.Client, generate: Generate, service: str, daily: int
) -> None:
    client.headers["Authorization"] = f"Bearer {f'free-{service}-'.ljust(64, '0')}"
    client.put("/sandbox/settings", json={"service": service}).raise_for_status()

    answers = [generate(model="stabilityai/sdxl-turbo:free", size="8x8") for _ in range(daily + 1)]

    assert [answer.status_code for answer in answers] == [200] * daily + [429]
    assert "retry-after" not in answers[-1].headers
    assert 'Remove ":free"' in _error(answers[-1])["message"]


def test_a_rate_limit_says_how_long_to_wait(generate: Generate) -> None:
    answer = generate(model="sandbox/rate-limited")

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy"} <= set(
        answer.headers
    )


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"{", "application/json"),
        (b'"text"', "application/json"),
        (b"nonsense", "multipart/form-data; boundary=x"),
    ],
)
def test_a_malformed_body_is_an_internal_error(client: httpx.Client, content: bytes, media_type: str) -> None:
    answer = client.post(
        "/v1/openai/images/generations", content=content, headers={"Content-Type": media_type}
    )

    assert answer.status_code == 500
    assert _error(answer)["type"] == "internal_error"


def test_an_unknown_route_is_an_html_page(client: httpx.Client) -> None:
    answer = client.get("/v1/pictures")

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "Cannot GET /v1/pictures" in answer.text


def test_a_seventeenth_image_is_an_unexpected_field(client: httpx.Client) -> None:
    answer = _upload(client, [("image[]", b"x")] * 17)

    assert answer.status_code == 400
    assert _error(answer)["message"] == "File upload error: Unexpected field"


def test_a_second_mask_is_an_unexpected_field(client: httpx.Client) -> None:
    answer = _upload(client, [("mask[]", b"x"), ("mask[]", b"x")])

    assert _error(answer)["message"] == "File upload error: Unexpected field"


def test_a_file_over_25_mib_is_too_large(client: httpx.Client) -> None:
    answer = _upload(client, [("image", bytes(25 * 2**20 + 1))])

    assert answer.status_code == 400
    assert _error(answer)["message"] == "File upload error: File too large"


def _upload(client: httpx.Client, files: list[tuple[str, bytes]]) -> httpx.Response:
    parts = [(name, ("x.png", data, "image/png")) for name, data in files]
    return client.post("/v1/openai/images/edits", data={"model": "test/test"}, files=parts)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"model": "sandbox/no-credits"},
            (
                "Insufficient credits (this model needs minimum $0.01 credits), please topup your "
                "ImageRouter account: https://imagerouter.io/pricing"
            ),
        ),
        (
            {"model": "openai/gpt-image-1.5:free", "quality": "high"},
            (
                "High and medium quality are available in the paid model. For this free model, please use "
                "'low' quality."
            ),
        ),
    ],
)
def test_what_is_noticed_late_arrives_with_status_200(
    generate: Generate, fields: dict[str, Any], message: str
) -> None:
    answer = generate(**fields)

    assert answer.status_code == 200
    assert "content-type" not in answer.headers
    assert _error(answer)["message"] == message


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({"size": "9999x9999"}, 400, "Bad Request"),
        ({"model": "openai/gpt-image-1-mini", "size": "512x512"}, 400, "Bad Request"),
        ({"model": "qwen/qwen-image", "size": "1000x1024"}, 422, "invalidWidth"),
        ({"model": "qwen/qwen-image", "size": "64x128"}, 422, "invalidWidth"),
        ({"model": "qwen/qwen-image", "size": "1024x2112"}, 422, "invalidHeight"),
        ({"model": "qwen/qwen-image", "prompt": "x"}, 400, "invalidPositivePrompt"),
        ({"model": "qwen/qwen-image", "prompt": "x" * 3001}, 400, "invalidPositivePrompt"),
        ({"model": "qwen/qwen-image", "prompt": None}, 400, "missingPositivePrompt"),
    ],
)
def test_what_a_provider_refuses_costs_nothing(
    client: httpx.Client, generate: Generate, fields: dict[str, Any], status: int, kind: str
) -> None:
    before = client.get("/v1/credits").json()

    answer = generate(**fields)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert (answer.json()["status"], _error(answer)["type"]) == (status, kind)
    assert client.get("/v1/credits").json() == before


def test_an_output_format_is_refused_by_a_provider_that_knows_none(generate: Generate) -> None:
    assert _error(generate(model="openai/dall-e-3", output_format="png"))["code"] == "unknown_parameter"
    assert "data" in generate(model="openai/dall-e-3").json()


def test_an_empty_account_hears_what_the_model_costs(client: httpx.Client, generate: Generate) -> None:
    client.headers["Authorization"] = f"Bearer {accounts.POOR_KEY}"

    answer = generate(model="ideogram-ai/ideogram-v3")

    assert answer.status_code == 200
    assert "this model needs minimum $0.09 credits" in _error(answer)["message"]


def test_a_model_that_takes_no_image_says_so_with_status_200(client: httpx.Client) -> None:
    files = {"image[]": ("x.png", b"x", "image/png")}

    answer = client.post("/v1/openai/images/edits", data={"model": "google/imagen-4"}, files=files)

    assert answer.status_code == 200
    assert _error(answer) == {
        "message": "This model does not support image inputs",
        "type": "internal_error",
    }


def test_a_provider_error_carries_its_status_beside_the_error(generate: Generate) -> None:
    answer = generate(model="sandbox/provider-error")

    assert answer.status_code == 200
    assert answer.json()["status"] == 503
    assert answer.json()["statusText"] == "Service Unavailable"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "google/veo-3.1-fast", "seconds": "61"}, "'seconds' must be 60 or less"),
        ({"model": "google/veo-3.1-fast", "seconds": 0}, "'seconds' must be at least 1"),
        ({"model": "google/veo-3.1-fast", "seconds": "five"}, "Invalid input"),
        ({"model": None}, "Required"),
        ({"model": "test/test"}, "'test/test' is an image model."),
    ],
)
def test_the_video_endpoint_checks_too(client: httpx.Client, fields: dict[str, Any], message: str) -> None:
    client.put("/sandbox/settings", json={"rate_limit": 100}).raise_for_status()

    answer = client.post("/v1/openai/videos/generations", json=fields)

    assert answer.status_code == 400
    assert _error(answer)["message"].startswith(message)


def test_a_failed_generation_is_refunded(client: httpx.Client, generate: Generate) -> None:
    client.headers["Authorization"] = "Bearer " + "refunded-".ljust(64, "0")
    before = client.get("/v1/credits").json()

    for name in ("provider-error", "late-error", "status-500", "html-502"):
        generate(model=f"sandbox/{name}")

    assert client.get("/v1/credits").json() == before
