"""Where the live service and that of February lose different things, and say nothing."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops

Encode = Callable[[Image.Image], bytes]
COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))


@pytest.fixture
def pictures(png: Encode) -> list[bytes]:
    return [png(Image.new("RGB", (320, 320), colour)) for colour in COLOURS]


@pytest.fixture
def service(client: httpx.Client) -> Callable[[str], None]:
    """Chooses the generation of the service."""

    def choose(name: str) -> None:
        client.put("/sandbox/settings", json={"service": name}).raise_for_status()

    return choose


def _by_form(client: httpx.Client, *files: tuple[str, bytes], **fields: str) -> httpx.Response:
    asked = {"model": "test/test", "prompt": "blend them", **fields}
    parts = [(name, ("source.png", data, "image/png")) for name, data in files]
    client.delete("/sandbox/journal")  # a prompt gives another picture each time
    return client.post("/v1/openai/images/edits", data=asked, files=parts)


def _by_json(client: httpx.Client, image: object, **fields: str) -> httpx.Response:
    asked = {"model": "test/test", "prompt": "blend them", "image": image, **fields}
    client.delete("/sandbox/journal")
    return client.post("/v1/openai/images/edits", json=asked)


def _data_uri(data: bytes) -> str:
    return f"data:image/png;base64,{b64encode(data).decode()}"


def _same(client: httpx.Client, one: httpx.Response, other: httpx.Response) -> bool:
    pictures = [
        Image.open(BytesIO(client.get(answer.json()["data"][0]["url"]).content)).convert("RGB")
        for answer in (one, other)
    ]
    return pictures[0].size == pictures[1].size and ImageChops.difference(*pictures).getbbox() is None


@pytest.mark.parametrize(("name", "all_count"), [("live", False), ("february", True)])
def test_further_files_of_a_form_count_in_february_only(
    client: httpx.Client, service: Callable[[str], None], pictures: list[bytes], name: str, *, all_count: bool
) -> None:
    service(name)
    one = _by_form(client, ("image[]", pictures[0]))
    three = _by_form(client, *(("image[]", picture) for picture in pictures))

    assert _same(client, one, three) is not all_count


@pytest.mark.parametrize(("name", "counts"), [("live", "image[]"), ("february", "image")])
def test_of_both_field_names_one_is_dropped(
    client: httpx.Client, service: Callable[[str], None], pictures: list[bytes], name: str, counts: str
) -> None:
    service(name)
    both = {"image[]": pictures[0], "image": pictures[1]}

    assert _same(client, _by_form(client, *both.items()), _by_form(client, (counts, both[counts])))


def test_the_live_service_takes_data_uris_in_json(
    client: httpx.Client, service: Callable[[str], None], pictures: list[bytes]
) -> None:
    service("live")
    one = _by_json(client, _data_uri(pictures[0]))
    three = _by_json(client, [_data_uri(picture) for picture in pictures])
    entry: dict[str, Any] = client.get("/sandbox/journal").json()[-1]

    assert _same(client, one, _by_form(client, ("image", pictures[0])))
    assert not _same(client, one, three)
    assert [file["sha256"] for file in entry["files"]] == [
        sha256(picture).hexdigest() for picture in pictures
    ]


def test_february_ignores_an_image_in_json_and_charges_for_text_to_image(
    client: httpx.Client, service: Callable[[str], None], pictures: list[bytes]
) -> None:
    service("february")
    asked = {"model": "qwen/qwen-image-2512", "size": "128x128"}
    ignored = _by_json(client, [_data_uri(pictures[0])], **asked)

    assert ignored.json()["cost"] == 0.0064
    assert _same(client, ignored, _text(client, asked))


def _text(client: httpx.Client, asked: dict[str, str]) -> httpx.Response:
    client.delete("/sandbox/journal")
    return client.post("/v1/openai/images/generations", json={"prompt": "blend them", **asked})


@pytest.mark.parametrize(("name", "status"), [("live", 200), ("february", 500)])
def test_a_long_json_body_breaks_the_service_of_february(
    client: httpx.Client, service: Callable[[str], None], name: str, status: int
) -> None:
    service(name)

    assert _by_json(client, None, padding="x" * 102_400).status_code == status


def test_an_address_in_json_is_not_followed(client: httpx.Client, service: Callable[[str], None]) -> None:
    service("live")

    assert "error" in _by_json(client, "http://127.0.0.1:9/cat.png").json()


@pytest.mark.parametrize(
    ("name", "model", "taken"),
    [
        ("live", "qwen/qwen-image-2512", False),
        ("february", "qwen/qwen-image-2512", True),
        ("february", "openai/gpt-image-1.5", False),
    ],
)
def test_masks_are_taken_in_february_by_models_that_runware_serves(
    client: httpx.Client,
    service: Callable[[str], None],
    pictures: list[bytes],
    name: str,
    model: str,
    *,
    taken: bool,
) -> None:
    service(name)
    answer = _by_form(client, ("image[]", pictures[0]), ("mask[]", pictures[1]), model=model)

    assert answer.status_code == 200
    told = answer.json().get("error", {}).get("message", "")
    assert told.startswith("Mask editing is not supported") is not taken


def test_one_image_is_the_limit_of_some_models(
    client: httpx.Client, service: Callable[[str], None], pictures: list[bytes]
) -> None:
    service("live")
    sources = [_data_uri(picture) for picture in pictures[:2]]

    refused = _by_json(client, sources, model="qwen/qwen-image-2512")

    assert refused.json()["error"]["message"] == "This model supports only one image input"


def test_a_prompt_of_exactly_auto_is_dropped(client: httpx.Client) -> None:
    asked = {"model": "test/test", "size": "128x128"}
    dropped, none, kept = (
        _text(client, {**asked, "prompt": prompt}) for prompt in ("auto", "", "automobile")
    )

    assert _same(client, dropped, none)
    assert not _same(client, dropped, kept)


def test_unlisted_seconds_become_the_default(client: httpx.Client) -> None:
    client.put("/sandbox/settings", json={"rate_limit": 100}).raise_for_status()
    costs = [
        client.post(
            "/v1/openai/videos/generations",
            json={"model": "openai/sora-2", "prompt": "waves", "seconds": seconds},
        ).json()["cost"]
        for seconds in (4, 7, 2.5, 12)
    ]

    assert costs == [0.4, 0.4, 0.4, 1.2]


@pytest.mark.parametrize(
    "files", [[("image[]", b"x")] * 7, [("image[]", b"x"), ("mask[]", b"x")]], ids=["seven", "mask"]
)
def test_a_video_takes_six_files_and_no_mask(client: httpx.Client, files: list[tuple[str, bytes]]) -> None:
    parts = [(name, ("x.png", data, "image/png")) for name, data in files]

    answer = client.post("/v1/openai/videos/generations", data={"model": "ir/test-video"}, files=parts)

    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "File upload error: Unexpected field",
    )


def test_a_video_whose_price_cannot_be_calculated_fails_without_charge(client: httpx.Client) -> None:
    client.put("/sandbox/settings", json={"rate_limit": 100}).raise_for_status()
    before = client.get("/v1/credits").json()
    for fields in (
        {"model": "tencent/hunyuan-video-1.5"},
        {"model": "tencent/hunyuan-video-1.5", "size": "832x480"},
        {"model": "xAI/grok-imagine-video", "size": "720x480"},
    ):
        answer = client.post("/v1/openai/videos/generations", json={"prompt": "waves", **fields})
        assert (answer.status_code, answer.json()["error"]["type"]) == (200, "internal_error")

    assert client.get("/v1/credits").json() == before
