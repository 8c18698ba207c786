"""Models that fail on purpose do what the table says."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from typing import Any

import httpx
import pytest
from PIL import Image

from support import fault_models
from support.fault_models import FAULT_IDS, fault_of
from support.faulty_sandbox import HUGE_BASE64_BYTES
from support.odd_pictures import ODD_PICTURES

Generate = Callable[..., httpx.Response]


def _url(answer: httpx.Response) -> str:
    return answer.json()["data"][0]["url"]


def test_every_fault_is_in_the_table_and_every_odd_picture_is_a_fault() -> None:
    assert fault_models.__doc__
    for model_id in FAULT_IDS:
        name = model_id.removeprefix("sandbox/")
        assert f"| `{'slow-N' if name.startswith('slow-') else name}` |" in fault_models.__doc__
    assert set(ODD_PICTURES) == {
        model_id.removeprefix("sandbox/")
        for model_id in FAULT_IDS
        if (fault := fault_of(model_id)) and fault.group == "picture"
    }


@pytest.mark.parametrize(
    ("name", "status", "media_type"),
    [
        ("status-500", 500, "application/json"),
        ("html-502", 502, "text/html"),
        ("html-504", 504, "text/html"),
        ("json-504", 504, "application/json"),
        ("rate-limited", 429, "application/json"),
        ("rate-limited-untimed", 429, "application/json"),
        ("access-denied", 403, "application/json"),
        ("deposit-required", 403, "application/json"),
    ],
)
def test_a_refusal_has_its_status(generate: Generate, name: str, status: int, media_type: str) -> None:
    answer = generate(model=f"sandbox/{name}")

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(media_type)


def test_rate_limited_once_works_the_second_time(generate: Generate) -> None:
    statuses = [generate(model="sandbox/rate-limited-once", size="8x8").status_code for _ in range(2)]

    assert statuses == [429, 200]


def test_stalled_never_answers(client: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/openai/images/generations", json={"model": "sandbox/stalled"}, timeout=0.5)


def test_stalled_after_heartbeats_beats_twice(client: httpx.Client) -> None:
    body, chunks = {"model": "sandbox/stalled-after-heartbeats"}, list[bytes]()

    with pytest.raises(httpx.ReadTimeout):
        _stream_into(chunks, client, body)

    assert b"".join(chunks) == b"  "


def _stream_into(chunks: list[bytes], client: httpx.Client, body: dict[str, str]) -> None:
    url = "/v1/openai/images/generations"
    with client.stream("POST", url, json=body, timeout=1) as answer:
        for chunk in answer.iter_raw():
            chunks.append(chunk)  # noqa: PERF402 - what came before the failure is kept


def test_cut_breaks_the_connection_in_the_middle_of_the_answer(generate: Generate) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        generate(model="sandbox/cut")


def test_garbage_is_not_json(generate: Generate) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        generate(model="sandbox/garbage").json()


def test_a_success_may_lack_its_picture(generate: Generate) -> None:
    assert generate(model="sandbox/empty-data").json()["data"] == []
    assert generate(model="sandbox/no-url").json()["data"] == [{"revised_prompt": None}]


def test_base64_may_have_a_prefix_or_be_none(generate: Generate) -> None:
    prefixed = generate(model="sandbox/data-prefix", size="8x8").json()["data"][0]["b64_json"]
    broken = generate(model="sandbox/bad-base64", size="8x8").json()["data"][0]["b64_json"]

    prefix, _, encoded = prefixed.partition(",")
    assert prefix == "data:image/webp;base64"
    assert Image.open(BytesIO(b64decode(encoded))).size == (8, 8)
    with pytest.raises(Base64Error):
        b64decode(broken, validate=True)


def test_huge_base64_is_huge(client: httpx.Client) -> None:
    body = {"model": "sandbox/huge-b64"}
    with client.stream("POST", "/v1/openai/images/generations", json=body) as answer:
        size = sum(len(chunk) for chunk in answer.iter_raw())

    assert HUGE_BASE64_BYTES < size < HUGE_BASE64_BYTES + 1000


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wrong-type", ("JPEG", "RGB", 1)),
        ("avif", ("AVIF", "RGB", 1)),
        ("gif", ("GIF", "P", 3)),
        ("animated-webp", ("WEBP", "RGB", 3)),
        ("png16", ("PNG", "I;16", 1)),
        ("png-palette", ("PNG", "P", 1)),
        ("jpeg-cmyk", ("JPEG", "CMYK", 1)),
        ("noise", ("PNG", "RGB", 1)),
    ],
)
def test_an_odd_picture_is_what_it_says(
    client: httpx.Client, generate: Generate, name: str, expected: tuple[str, str, int]
) -> None:
    answer = generate(model=f"sandbox/{name}", size="96x64", output_format="png")

    picture = Image.open(BytesIO(client.get(_url(answer)).content))
    picture.load()
    assert (picture.format, picture.mode, getattr(picture, "n_frames", 1)) == expected
    assert picture.size == (96, 64)


def test_a_rotated_jpeg_lies_on_its_side(client: httpx.Client, generate: Generate) -> None:
    picture = Image.open(
        BytesIO(client.get(_url(generate(model="sandbox/jpeg-rotated", size="96x64"))).content)
    )

    assert picture.size == (64, 96)
    assert picture.getexif()[0x0112] == 6


def test_a_truncated_image_has_a_whole_body(client: httpx.Client, generate: Generate) -> None:
    found = client.get(_url(generate(model="sandbox/truncated-image", size="96x64")))

    with pytest.raises(OSError, match="truncated"):
        Image.open(BytesIO(found.content)).load()


def test_a_bomb_claims_a_huge_size(
    client: httpx.Client, generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1 << 26)  # the package decides without Pillow's limit
    found = client.get(_url(generate(model="sandbox/bomb")))

    assert found.content[16:24] == (60_000).to_bytes(4) * 2
    with pytest.raises(Image.DecompressionBombError):
        Image.open(BytesIO(found.content))


@pytest.mark.parametrize(
    ("name", "media_type", "part"),
    [
        ("svg", "image/svg+xml", b"<title>"),
        ("svg-external", "image/svg+xml", b"<!ENTITY"),
        ("mp4", "video/mp4", b"ftyp"),
        ("url-html", "image/png", b"<!DOCTYPE html>"),
        ("url-empty", "image/webp", b""),
        ("url-redirect", "image/webp", b"RIFF"),
    ],
)
def test_a_result_can_be_no_picture_at_all_or_be_elsewhere(
    client: httpx.Client, generate: Generate, name: str, media_type: str, part: bytes
) -> None:
    found = client.get(_url(generate(model=f"sandbox/{name}", size="8x8")), follow_redirects=True)

    assert found.status_code == 200
    assert found.headers["content-type"] == media_type
    assert part in found.content


def test_a_missing_result_is_404(client: httpx.Client, generate: Generate) -> None:
    assert client.get(_url(generate(model="sandbox/url-404", size="8x8"))).status_code == 404


def test_a_result_can_be_unavailable_once(client: httpx.Client, generate: Generate) -> None:
    url = _url(generate(model="sandbox/url-503-once", size="8x8"))

    assert [client.get(url).status_code for _ in range(2)] == [503, 200]


def test_a_redirect_can_lead_to_itself(client: httpx.Client, generate: Generate) -> None:
    url = _url(generate(model="sandbox/url-redirect-loop", size="8x8"))

    assert client.get(url).headers["location"] == url


def test_a_truncated_download_breaks(client: httpx.Client, generate: Generate) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(_url(generate(model="sandbox/url-truncated", size="64x64")))


@pytest.mark.parametrize(("name", "most"), [("url-slow", 64), ("url-endless", 2**30)])
def test_a_download_can_go_on_and_on(client: httpx.Client, generate: Generate, name: str, most: int) -> None:
    with client.stream("GET", _url(generate(model=f"sandbox/{name}", size="64x64"))) as found:
        first, second = next(pairwise(found.iter_raw()))

    assert 0 < len(first) <= most
    assert second


@pytest.mark.parametrize("name", ["stalled", "garbage", "html-504"])
def test_a_lost_answer_stays_charged(client: httpx.Client, name: str) -> None:
    client.headers["Authorization"] = f"Bearer {f'lost-{name}-'.ljust(64, '0')}"
    body: dict[str, Any] = {"model": f"sandbox/{name}"}
    if name == "stalled":
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/openai/images/generations", json=body, timeout=0.5)
    else:
        client.post("/v1/openai/images/generations", json=body)

    assert client.get("/v1/credits").json()["remaining_credits"] == "25.4900"
