"""Credits, and the key that they are asked for with."""

import io
import json
from contextlib import aclosing
from decimal import Decimal

import pytest
from pydantic import SecretStr

from imagerouter_mcp import errors
from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.http import ServiceHTTP
from imagerouter_mcp.fetch import Fetcher, http_client
from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.settings import Settings
from support.service_endpoints import Answering, Journal, answer, client


async def test_credits_are_amounts_in_dollars(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        told = await api.credits()
    assert (told.remaining_credits, told.credit_usage, told.total_deposits) == (
        Decimal("25.5000"),
        Decimal("4.5000"),
        Decimal("30.0000"),
    )
    assert told.usage_by_api_key is None
    (entry,) = journal()
    assert (entry["method"], entry["path"], entry["query"]) == ("GET", "/v1/credits", {})
    assert entry["authorized"]


async def test_credits_can_be_told_key_by_key_with_their_limits(settings: Settings, journal: Journal) -> None:
    async with client(settings, api_key=SecretStr(accounts.LIMITED_KEY)) as api:
        told = await api.credits(by_key=True)
    assert told.usage_by_api_key
    (key,) = told.usage_by_api_key
    assert (key.api_key_name, key.is_active, key.total_requests) == ("limited", True, 0)
    assert (key.spend_limit, key.spend_limit_period, key.period_spend) == (
        Decimal(10),
        "month",
        Decimal("4.5"),
    )
    assert key.expires_at == "2027-01-31T00:00:00.000Z"
    assert journal()[0]["query"] == {"by_api_key": "true"}


async def test_credits_with_odd_fields_keep_the_others(answering: Answering, settings: Settings) -> None:
    body = '{"remaining_credits": 1.5, "credit_usage": "much", "usage_by_api_key": {"a": 1}}'
    async with client(settings, base_url=await answering(answer(body))) as api:
        told = await api.credits()
    assert (told.remaining_credits, told.credit_usage, told.usage_by_api_key) == (Decimal("1.5"), None, None)


async def test_a_long_name_of_a_key_is_cut(answering: Answering, settings: Settings) -> None:
    body = json.dumps({"usage_by_api_key": [{"api_key_name": "long " * 100}]})
    async with client(settings, base_url=await answering(answer(body))) as api:
        (key,) = (await api.credits(by_key=True)).usage_by_api_key or []
    assert key.api_key_name
    assert len(key.api_key_name) <= 100


@pytest.mark.parametrize("body", ["[]", "null", '"rich"', "5"])
async def test_an_account_of_another_shape_is_unexpected(
    answering: Answering, settings: Settings, body: str
) -> None:
    async with client(settings, base_url=await answering(answer(body))) as api:
        with pytest.raises(errors.UnexpectedResponseError, match="documented shape"):
            await api.credits()
        with pytest.raises(errors.UnexpectedResponseError, match="documented shape"):
            await api.check_key()


async def test_a_good_key_is_called_good(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        assert (await api.check_key()).success
    (entry,) = journal()
    assert (entry["method"], entry["path"], entry["authorized"]) == ("POST", "/v1/auth/test", True)


async def test_a_bad_key_is_refused_by_every_endpoint_that_wants_one(settings: Settings) -> None:
    async with client(settings, api_key=SecretStr(accounts.MANAGEMENT_KEY)) as api:
        fields = {"model": "test/test", "prompt": "a fox"}
        for ask in (
            api.credits,
            api.check_key,
            lambda: api.generate(fields),
            lambda: api.edit(fields, []),
            lambda: api.generate_video(fields),
        ):
            with pytest.raises(errors.AuthenticationError, match="Management API keys cannot be used"):
                await ask()


async def test_a_missing_key_is_found_out_before_any_work(settings: Settings, journal: Journal) -> None:
    async with client(settings, api_key=None) as api:
        with pytest.raises(errors.ConfigurationError, match="IMAGEROUTER_API_KEY"):
            api.require_key()
    async with client(settings) as api:
        api.require_key()
    assert journal() == []


async def test_the_key_does_not_go_to_the_addresses_of_results(settings: Settings, journal: Journal) -> None:
    async with http_client() as http:
        api = ImageRouterClient(ServiceHTTP(http, settings.key, settings.stall_seconds), settings)
        made = await api.generate({"model": "test/test", "prompt": "a fox"})
    target = io.BytesIO()
    async with aclosing(Fetcher(Policy(allow_private=True), 2)) as fetcher:
        await fetcher.download(made.items[0].url or "", target, max_bytes=2**24, seconds=5)
    assert target.getvalue()
    assert [entry["authorized"] for entry in journal()] == [True, False]
