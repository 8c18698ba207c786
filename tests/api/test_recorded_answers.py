"""Answers recorded from ImageRouter's own backend: what the client says about money is what the account lost.

The file is not part of this project; `IMAGEROUTER_TEST_ANSWERS` names it.
"""

import json
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.http import ServiceHTTP
from imagerouter_mcp.errors import DailyLimitError, ImageRouterError, OutcomeUnknownError, RateLimitError
from imagerouter_mcp.fetch import http_client
from imagerouter_mcp.settings import Settings

FILE = os.environ.get("IMAGEROUTER_TEST_ANSWERS")
CUT = "\N{HORIZONTAL ELLIPSIS}"
"""How the body of an answer with pictures in it ends in the file."""


def rows() -> list[Any]:
    if not FILE:
        skipped = pytest.mark.skip(reason="IMAGEROUTER_TEST_ANSWERS names no file of recorded answers")
        return [pytest.param({}, marks=skipped)]
    recorded = json.loads(Path(FILE).read_text("utf-8"))["answers"]
    return [pytest.param(row, id=row["name"]) for row in recorded if not row["body"].endswith(CUT)]


def response(row: dict[str, Any]) -> bytes:
    body = row["body"].encode()
    head = [f"HTTP/1.1 {row['status']} Recorded", f"Content-Length: {len(body)}", "Connection: close"]
    if row["content_type"]:
        head.append(f"Content-Type: {row['content_type']}")
    return "\r\n".join([*head, "", ""]).encode() + body


@pytest.mark.parametrize("row", rows())
async def test_the_client_says_about_money_what_the_account_lost(
    row: dict[str, Any], answering: Callable[..., Awaitable[str]], settings: Settings
) -> None:
    asked = row["request"]["path"].partition("?")[0]
    heard: list[bytes] = []
    base = await answering(response(row), heard=heard)
    there = settings.model_copy(update={"base_url": base})
    lost = Decimal(str(row.get("charged_usd", 0)))
    async with http_client() as http:
        client = ImageRouterClient(ServiceHTTP(http, there.key, there.stall_seconds), there)
        if not asked.startswith("/v1/openai/"):
            await look_up(client, asked)
            return
        make = client.generate_video if "/videos/" in asked else client.generate
        try:
            answer = await make({"model": "a/b", "prompt": "x"})
        except ImageRouterError as error:
            check_money(error, lost)
        else:
            assert "charged_usd" not in row or answer.cost == lost
    assert len(heard) == 1


async def look_up(client: ImageRouterClient, path: str) -> None:
    """Ask for what costs nothing."""
    ask = {"/v1/credits": client.credits, "/v1/auth/test": client.check_key}.get(path, client.models)
    try:
        await ask()
    except ImageRouterError as error:
        check_money(error, Decimal())


def check_money(error: ImageRouterError, lost: Decimal) -> None:
    """Check that an exact amount is the loss, "nothing" is nothing, and "up to" means that money was kept."""
    if error.kept:
        assert lost > 0
        assert error.cost_usd is None
    elif error.charged == "yes":
        assert error.cost_usd == lost
    else:
        assert (error.charged, lost) == ("no", 0)
    assert not isinstance(error, OutcomeUnknownError | RateLimitError | DailyLimitError)
