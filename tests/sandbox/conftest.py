"""A running sandbox, a client for it, and pictures to send."""

from collections.abc import Callable, Iterator
from io import BytesIO

import httpx
import pytest
from PIL import Image

from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.faulty_sandbox import running_faulty_sandbox

HEARTBEAT_SECONDS = 0.05


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running_faulty_sandbox(heartbeat_seconds=HEARTBEAT_SECONDS) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def shared_client(shared_sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared_sandbox.base_url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def client(shared_client: httpx.Client) -> httpx.Client:
    """A client with the default key, of a sandbox whose journal and settings are fresh."""
    fresh = {
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "latency_seconds": 0,
        "popularity": "json-objects-model",
        "models": "normal",
        "service": "february",
        "rate_limit": 0,
        "rate_window_seconds": 1,
    }
    shared_client.headers["Authorization"] = f"Bearer {KEY}"
    shared_client.delete("/sandbox/journal").raise_for_status()
    shared_client.put("/sandbox/settings", json=fresh).raise_for_status()
    return shared_client


Generate = Callable[..., httpx.Response]


@pytest.fixture
def generate(client: httpx.Client) -> Generate:
    """Ask for a picture from text, in JSON."""

    def ask(**fields: object) -> httpx.Response:
        body = {"model": "test/test", "prompt": "a red fox", **fields}
        return client.post("/v1/openai/images/generations", json=body)

    return ask


@pytest.fixture
def open_result(client: httpx.Client) -> Callable[[httpx.Response, int], Image.Image]:
    """Fetch and decode one result of an answer."""

    def fetch(answer: httpx.Response, place: int = 0) -> Image.Image:
        found = client.get(answer.json()["data"][place]["url"])
        found.raise_for_status()
        return Image.open(BytesIO(found.content))

    return fetch


@pytest.fixture
def photo() -> Image.Image:
    """A picture without two equal neighbours, and without grey that an inversion would leave as it is."""
    ramp = Image.linear_gradient("L")
    return Image.merge("RGB", (ramp, ramp.rotate(90), Image.new("L", ramp.size, 30)))


@pytest.fixture
def png() -> Callable[[Image.Image], bytes]:
    def encode(picture: Image.Image) -> bytes:
        out = BytesIO()
        picture.save(out, "PNG")
        return out.getvalue()

    return encode
