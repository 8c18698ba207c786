"""What the account loses: the highest price at the start, and in the end what the answer says, or more."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import pytest

from imagerouter_mcp.sandbox.service.accounts import Account
from imagerouter_mcp.sandbox.service.charges import units_of
from imagerouter_mcp.sandbox.service.offered import listed
from imagerouter_mcp.sandbox.service.providers import (
    ProviderAnswer,
    ProviderError,
    ask_providers,
    status_error,
)
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.sandbox.service.special_models import SPECIAL_MODELS
from imagerouter_mcp.sandbox.service.validation import ValidRequest

Generate = Callable[..., httpx.Response]


@pytest.fixture
def spent(client: httpx.Client, request: pytest.FixtureRequest) -> Callable[[], Decimal]:
    """What an account of the test's own has lost, in USD."""
    client.headers["Authorization"] = "Bearer " + f"{hash(request.node.name):x}".ljust(64, "m")

    def read() -> Decimal:
        return Decimal(client.get("/v1/credits").json()["credit_usage"]) - Decimal("4.5")

    return read


def test_every_special_model_does_to_the_account_what_its_help_says(
    generate: Generate, spent: Callable[[], Decimal]
) -> None:
    lost: dict[str, tuple[str, bool, Decimal]] = {}
    for model_id in SPECIAL_MODELS.keys() - {"sandbox/slow"}:
        before = spent()
        answer = generate(model=model_id, size="64x64").json()
        kind = answer.get("error", {}).get("type", "made")
        lost[model_id.removeprefix("sandbox/")] = (kind, "cost" in answer, spent() - before)

    assert lost == {
        "charged-failure": ("failed", True, Decimal("0.04")),
        "free-failure": ("Service Unavailable", False, Decimal(0)),
        "refusal": ("request_moderated", False, Decimal(0)),
        "kept-charge": ("internal_error", False, Decimal("0.12")),
    }


def test_the_slow_model_beats_and_goes_on(client: httpx.Client) -> None:
    body = {"model": "sandbox/slow", "prompt": "a fox"}
    with client.stream("POST", "/v1/openai/images/generations", json=body) as answer:
        pieces = answer.iter_raw()
        assert [next(pieces), next(pieces)] == [b" ", b" "]


def test_a_failed_bookkeeping_names_the_model_and_keeps_the_highest_price(
    generate: Generate, spent: Callable[[], Decimal]
) -> None:
    message = generate(model="sandbox/postlog").json()["error"]["message"]

    assert message.startswith("Failed to postlog usage for sandbox/postlog ")
    assert spent() == Decimal("0.05")


@pytest.mark.parametrize(
    ("model", "cost"),
    [("charged-error", 0.01), ("charged-429", 0.01), ("dear", 0.03), ("provider-429", None)],
)
def test_the_answer_says_what_was_charged(
    generate: Generate, spent: Callable[[], Decimal], model: str, cost: float | None
) -> None:
    answer = generate(model=f"sandbox/{model}", size="64x64")

    assert answer.status_code == 200
    assert answer.json().get("cost") == cost
    assert spent() == Decimal(str(cost or 0))


def test_the_highest_price_is_gone_while_the_picture_is_made(
    client: httpx.Client, spent: Callable[[], Decimal]
) -> None:
    client.put("/sandbox/settings", json={"latency_seconds": 60}).raise_for_status()
    body = {"model": "openai/gpt-image-1.5", "prompt": "a fox", "quality": "low"}
    with client.stream("POST", "/v1/openai/images/generations", json=body) as answer:
        next(answer.iter_raw())
        assert spent() == Decimal("0.2")
        assert client.get("/sandbox/journal").json()[-2]["cost_usd"] == 0.2


def test_an_account_must_hold_the_highest_price_of_every_picture_in_flight(
    client: httpx.Client, generate: Generate, shared_sandbox: Sandbox, spent: Callable[[], Decimal]
) -> None:
    key = client.headers["Authorization"]
    account: Account = shared_sandbox.app.state.sandbox.accounts.authorize(key)
    account.deposits = account.used + units_of(0.3)
    client.put("/sandbox/settings", json={"latency_seconds": 0.5}).raise_for_status()
    fields = {"model": "openai/gpt-image-1.5", "quality": "low", "size": "1024x1024"}

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(generate, **fields) for _ in range(2)]
        told = [answer.result().json() for answer in answers]

    assert sorted("error" in each for each in told) == [False, True]
    refused = next(each["error"]["message"] for each in told if "error" in each)
    assert refused.startswith("Insufficient credits (this model needs minimum $0.2 credits)")
    assert spent() == Decimal("0.009"), "the low quality's price, and nothing for the refused one"


@pytest.mark.parametrize(
    ("dollars", "units"), [(0.04, 400), (0.0013, 13), (0.4 * 6, 24_001), (0.00001, 1), (0.0, 0)]
)
def test_charges_are_rounded_up_floats_included(dollars: float, units: int) -> None:
    assert units_of(dollars) == units


def test_a_model_priced_by_its_size_exceeds_its_listed_price(generate: Generate) -> None:
    answer = generate(model="fal/flux-2-dev-turbo", size="2048x2048").json()

    assert answer["cost"] == 0.0336, "the list says 0.024 at most"


@pytest.fixture
def two_providers() -> ValidRequest:
    return ValidRequest(
        listed()["google/gemini-3-pro"], "a fox", None, "auto", "url", None, "image/png", (), None
    )


@pytest.mark.parametrize(
    ("failure", "asked"),
    [
        (lambda: status_error(429, "rateLimitExceeded", "Too many requests"), ["gemini", "runware"]),
        (lambda: status_error(503, "Service Unavailable", "overloaded"), ["gemini"]),
    ],
)
async def test_the_next_provider_is_asked_when_one_has_too_many_requests(
    two_providers: ValidRequest, failure: Callable[[], ProviderError], asked: list[str]
) -> None:
    heard: list[str] = []

    async def provide(_: ValidRequest, provider_id: str) -> ProviderAnswer:
        heard.append(provider_id)
        raise failure()

    with pytest.raises(ProviderError):
        await ask_providers(two_providers, provide)
    assert heard == asked
