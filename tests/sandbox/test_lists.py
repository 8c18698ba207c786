"""The model list in its shapes, popularity, and how they fail."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from imagerouter_mcp.sandbox.service.list_endpoints import POPULAR
from imagerouter_mcp.sandbox.service.offered import listed
from support.fault_models import FAULT_IDS


def test_v1_is_an_object_keyed_by_id(client: httpx.Client) -> None:
    models = client.get("/v1/models").json()

    assert set(models) == set(listed())
    assert models["test/test"]["providers"][0]["pricing"] == {"type": "fixed", "value": 0}
    assert models["openai/gpt-image-1.5"]["sizes"][0] == "auto"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"type": "video", "name": "VEO"}, ["google/veo-3.1-fast"]),
        (
            {"provider": "xAI"},
            ["xAI/grok-imagine-image", "xAI/grok-imagine-video"],
        ),
        (
            {"free": "true", "name": "openai"},
            ["openai/gpt-image-1.5:free"],
        ),
        ({"free": "false", "sort": "price", "type": "video", "limit": "1"}, ["bytedance/seedance-1-lite"]),
        (
            {"name": "google/", "sort": "name", "limit": "2"},
            ["google/gemini-2.5-flash", "google/gemini-3-pro"],
        ),
        ({"sort": "date", "limit": "1"}, ["xAI/grok-imagine-image"]),
        (
            {"sort": "provider", "limit": "2"},
            ["qwen/qwen-image:free", "black-forest-labs/FLUX-1-schnell:free"],
        ),
    ],
)
def test_v1_is_filtered_and_sorted(
    client: httpx.Client, query: Mapping[str, str], expected: list[str]
) -> None:
    assert list(client.get("/v1/models", params=query).json()) == expected


def test_v2_is_an_object_or_an_array(client: httpx.Client) -> None:
    by_id = client.get("/v2/models").json()
    array = client.get("/v2/models", params={"shape": "array"}).json()

    assert [entry["id"] for entry in array] == list(by_id)
    assert by_id["google/veo-3.1-fast"]["inputs"]["seconds"] == [4, 6, 8]
    assert by_id["openai/gpt-image-1.5"]["price"] == {"min": 0.009, "average": 0.133, "max": 0.2}
    assert "aliases" not in by_id["google/gemini-2.5-flash"]


def test_only_the_live_service_has_v3_aliases_and_says_which_models_take_no_prompt(
    client: httpx.Client,
) -> None:
    def seen() -> tuple[int, Any, Any]:
        aliases = client.get("/v2/models").json()["google/gemini-2.5-flash"].get("aliases")
        cutting_out = client.get("/v1/models").json()["bria/remove-background"]
        return client.get("/v3/models").status_code, aliases, cutting_out["supported_params"].get("text")

    assert seen() == (404, None, None)
    client.put("/sandbox/settings", json={"service": "live"}).raise_for_status()
    assert seen() == (200, ["gemini-2.5-flash-image", "google/gemini-2.5-flash-image"], False)


def test_v3_is_an_array_with_chat_models_in_it(client: httpx.Client) -> None:
    client.put("/sandbox/settings", json={"service": "live"}).raise_for_status()
    models = client.get("/v3/models").json()
    videos = client.get("/v3/models", params={"output_modalities": "video", "fields": "id"}).json()
    one = client.get("/v3/models/openai/sora-2").json()

    assert {"text", "image", "video"} == {
        modality for model in models for modality in model["architecture"]["output_modalities"]
    }
    assert {"id": "ir/test-video"} in videos
    assert all(listed()[model["id"]].is_video for model in videos)
    assert one["architecture"]["input_modalities"] == ["text", "image"]
    assert one["parameters"] == {"size": ["1280x720", "720x1280"], "quality": False, "seconds": [4, 8, 12]}


@pytest.mark.parametrize("path", ["openai/gpt-image-1.5", "openai%2Fgpt-image-1.5"])
def test_one_model_is_found_with_raw_and_escaped_slashes(client: httpx.Client, path: str) -> None:
    found = client.get(f"/v1/models/{path}").json()

    assert found["providers"] == client.get("/v1/models").json()["openai/gpt-image-1.5"]["providers"]
    assert found["inputs"] == client.get("/v2/models").json()["openai/gpt-image-1.5"]["inputs"]


def test_an_unknown_model_is_not_found(client: httpx.Client) -> None:
    answer = client.get("/v1/models/x/y")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


def test_lists_need_no_key(client: httpx.Client) -> None:
    del client.headers["Authorization"]

    for path in ("/v1/models", "/v2/models", "/v1/models/test/test"):
        assert client.get(path).status_code == 200
    assert client.post("/operations/get-popular-models").status_code == 200


@pytest.mark.parametrize(
    ("chosen", "kind", "status"),
    [("v2", dict, 200), ("v3", list, 200), ("status-500", dict, 500)],
)
def test_the_model_list_changes_its_shape(client: httpx.Client, chosen: str, kind: type, status: int) -> None:
    client.put("/sandbox/settings", json={"models": chosen}).raise_for_status()

    answer = client.get("/v1/models")

    assert answer.status_code == status
    assert isinstance(answer.json(), kind)


def test_the_model_list_can_be_a_page(client: httpx.Client) -> None:
    client.put("/sandbox/settings", json={"models": "html"}).raise_for_status()

    assert client.get("/v1/models").text.startswith("<!DOCTYPE html>")


def test_fault_models_have_an_entry_of_their_own(client: httpx.Client) -> None:
    assert client.get("/v1/models/sandbox/moderated").json()["providers"][0]["id"] == "sandbox"


def test_fault_models_are_listed_when_asked_for(client: httpx.Client) -> None:
    client.put("/sandbox/settings", json={"models": "with-faults"}).raise_for_status()

    assert set(FAULT_IDS) <= set(client.get("/v1/models").json())


@pytest.mark.parametrize(
    ("chosen", "first"),
    [
        ("json-ids", POPULAR[0]),
        ("json-objects-model", {"model": POPULAR[0], "count": 4200}),
        ("json-objects-id", {"id": POPULAR[0], "count": 4200}),
        ("json-objects-modelId", {"modelId": POPULAR[0], "count": 4200}),
        ("json-objects-name", {"name": POPULAR[0]}),
        ("with-meta", {"model": POPULAR[0], "count": 4200}),
    ],
)
def test_popularity_is_ten_models_in_the_chosen_shape(
    client: httpx.Client, chosen: str, first: object
) -> None:
    client.put("/sandbox/settings", json={"popularity": chosen}).raise_for_status()

    answer: dict[str, list[Any]] = client.post("/operations/get-popular-models").json()

    assert len(answer["json"]) == 10
    assert answer["json"][0] == first


@pytest.mark.parametrize("chosen", ["bare-ids", "bare-objects"])
def test_popularity_can_be_a_bare_array(client: httpx.Client, chosen: str) -> None:
    client.put("/sandbox/settings", json={"popularity": chosen}).raise_for_status()

    assert len(client.post("/operations/get-popular-models").json()) == 10


@pytest.mark.parametrize(
    ("chosen", "status", "begin"),
    [("nonsense", 200, "{"), ("status-500", 500, "{"), ("html", 200, "<!DOCTYPE")],
)
def test_popularity_can_fail(client: httpx.Client, chosen: str, status: int, begin: str) -> None:
    client.put("/sandbox/settings", json={"popularity": chosen}).raise_for_status()

    answer = client.post("/operations/get-popular-models")

    assert answer.status_code == status
    assert answer.text.startswith(begin)


def test_all_popular_models_are_listed() -> None:
    assert set(POPULAR) <= set(listed())
