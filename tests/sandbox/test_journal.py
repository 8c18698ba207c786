"""What arrived can be looked at, and holds no key."""

from collections.abc import Callable
from hashlib import sha256

import httpx
from PIL import Image

from imagerouter_mcp.sandbox.service.accounts import KEY


def test_the_journal_lists_requests_in_order(client: httpx.Client) -> None:
    client.get("/v1/models", params={"free": "true"}, headers={"User-Agent": "a test"})
    client.post("/operations/get-popular-models")
    client.get("/nowhere")

    entries = client.get("/sandbox/journal").json()

    assert [(entry["method"], entry["path"], entry["status"]) for entry in entries] == [
        ("GET", "/v1/models", 200),
        ("POST", "/operations/get-popular-models", 200),
        ("GET", "/nowhere", 404),
    ]
    assert entries[0]["query"] == {"free": "true"}
    assert entries[0]["user_agent"] == "a test"


def test_the_journal_tells_what_was_uploaded_and_keeps_the_bytes(
    client: httpx.Client, photo: Image.Image, png: Callable[[Image.Image], bytes]
) -> None:
    data = png(photo)
    client.post(
        "/v1/openai/images/edits",
        data={"model": "test/test", "prompt": "blue"},
        files=[("image[]", ("cat.png", data, "image/png")), ("mask", ("m.png", b"none", "image/png"))],
    )

    answer = client.get("/sandbox/journal")
    entry = answer.json()[0]

    assert KEY not in answer.text
    assert entry["authorized"] is True
    assert entry["content_type"].startswith("multipart/form-data")
    assert entry["fields"] == {"model": "test/test", "prompt": "blue"}
    assert entry["files"][0] == {
        "field": "image[]",
        "filename": "cat.png",
        "content_type": "image/png",
        "bytes": len(data),
        "sha256": sha256(data).hexdigest(),
        "format": "PNG",
        "width": 256,
        "height": 256,
    }
    assert entry["files"][1]["format"] is None
    assert entry["outcome"].startswith("Invalid image")
    found = client.get(f"/sandbox/uploads/{sha256(data).hexdigest()}")
    assert found.content == data


def test_the_journal_tells_whether_a_key_was_sent(client: httpx.Client) -> None:
    del client.headers["Authorization"]
    client.get("/v1/models")

    assert client.get("/sandbox/journal").json()[0]["authorized"] is False


def test_deleting_the_journal_forgets_uploads_too(client: httpx.Client) -> None:
    client.post("/v1/openai/images/edits", files={"image": ("x.png", b"x", "image/png")})
    client.delete("/sandbox/journal")

    assert client.get("/sandbox/journal").json() == []
    assert client.get(f"/sandbox/uploads/{sha256(b'x').hexdigest()}").status_code == 404


def test_wrong_settings_change_nothing(client: httpx.Client) -> None:
    for wrong in ({"models": "best"}, {"heartbeat_seconds": -1}, {"colour": "red"}, [1]):
        answer = client.put(
            "/sandbox/settings", json={"latency_seconds": 9, **wrong} if isinstance(wrong, dict) else wrong
        )
        assert answer.status_code == 400

    assert client.put("/sandbox/settings", content=b"{").status_code == 400
    assert client.put("/sandbox/settings", json={}).json()["latency_seconds"] == 0
