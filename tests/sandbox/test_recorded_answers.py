"""The sandbox, as the service of February 2026, answers as that service was recorded to answer.

The recording is no part of this repository: `IMAGEROUTER_TEST_ANSWERS` names the file, and `models-v1.json`
beside it is the model list of that day. Each row is a request and its answer. Where a provider was the cause,
the test lets every provider of the sandbox answer, or fail, as that one did.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.sandbox.service.asgi import build_app
from imagerouter_mcp.sandbox.service.editions import FEBRUARY
from imagerouter_mcp.sandbox.service.imitation import imitate
from imagerouter_mcp.sandbox.service.offered import by_id, listed
from imagerouter_mcp.sandbox.service.providers import Provider, ProviderAnswer, ProviderError
from imagerouter_mcp.sandbox.service.serve import running_sandbox
from imagerouter_mcp.sandbox.service.state import SandboxState
from imagerouter_mcp.sandbox.service.validation import ValidRequest

VARIABLE = "IMAGEROUTER_TEST_ANSWERS"
ANSWERS = os.environ.get(VARIABLE)
"""Read while this file is imported: every test begins with an environment of its own."""
KEYS = {
    "poor": accounts.POOR_KEY,
    "never": accounts.NEVER_DEPOSITED_KEY,
    "key of 64 characters that is no key": accounts.UNKNOWN_KEY,
}
RICH = 1_000_000
CUT = "…"
Row = Mapping[str, Any]


def rows() -> list[Any]:
    if ANSWERS is None:
        why = pytest.mark.skip(reason=f"{VARIABLE} does not name a file of recorded answers")
        return [pytest.param({}, id="none", marks=why)]
    recorded = json.loads(Path(ANSWERS).read_text("utf-8"))["answers"]
    return [pytest.param(row, id=row["name"]) for row in recorded]


@pytest.fixture(scope="module")
def february() -> Iterator[tuple[SandboxState, httpx.Client]]:
    beside = Path(ANSWERS or "").with_name("models-v1.json")
    models = by_id(json.loads(beside.read_text("utf-8"))) if beside.is_file() else listed()
    with (
        running_sandbox(build_app(edition=FEBRUARY, models=models)) as sandbox,
        httpx.Client(base_url=sandbox.base_url, timeout=30, trust_env=False) as client,
    ):
        yield sandbox.app.state.sandbox, client


@pytest.mark.parametrize("row", rows())
def test_a_recorded_request_gets_its_recorded_answer_and_charge(
    february: tuple[SandboxState, httpx.Client], row: Row
) -> None:
    state, client = february
    state.accounts = accounts.Accounts()
    state.provider = provider_of(row)
    state.settings.rate_limit = RICH

    answer = send(client, row)

    assert (answer.status_code, error_type(answer.text)) == (row["status"], error_type(row["body"]))
    assert answer.headers.get("content-type") == row["content_type"]
    charged = state.accounts.authorize(f"Bearer {accounts.KEY}").used - accounts.Account("new").used
    if "charged_usd" in row:
        assert charged == round(row["charged_usd"] * accounts.UNITS_A_DOLLAR)


def provider_of(row: Row) -> Provider:
    """What the providers did that led to a row; the sandbox's imitation where they were not the cause."""
    if row["group"] != "provider" or row["content_type"] is None:
        return imitate
    body: str = row["body"]
    if body.endswith(CUT):
        return answering(ProviderAnswer(({"url": None},), row["charged_usd"]))
    answer = json.loads(body)
    if "cost" in answer:
        return answering(ProviderAnswer(answer.get("data", ()), answer["cost"], answer.get("error")))
    return failing(answer)


def failing(answer: Row) -> Provider:
    """A provider that led to an error without a cost."""
    message = str(answer["error"]["message"])
    if message.startswith("Failed to postlog usage"):
        return answering(ProviderAnswer(cost=None))
    beside = {name: value for name, value in answer.items() if name != "error"}
    refund_fails = message.startswith("Failed to refund usage")
    return throwing(ProviderError(answer["error"], beside, refund_fails=refund_fails))


def answering(answer: ProviderAnswer) -> Provider:
    async def provide(_request: ValidRequest, _provider_id: str) -> ProviderAnswer:
        return answer

    return provide


def throwing(error: ProviderError) -> Provider:
    async def provide(_request: ValidRequest, _provider_id: str) -> ProviderAnswer:
        raise error

    return provide


def send(client: httpx.Client, row: Row) -> httpx.Response:
    """Send a row's request, with its placeholders filled in.

    Without plain fields, what the recording calls files are the parts of a multipart form.
    """
    asked: dict[str, Any] = dict(row["request"])
    headers: dict[str, str] = {}
    if asked["account"] != "none":
        headers["Authorization"] = f"Bearer {key_of(asked['account'])}"
    if "content" in asked:
        headers["Content-Type"] = "application/json"
    part = ("source.png", _png(), "image/png") if "fields" in asked else (None, "x")
    files = [(field, part) for field, count in asked.get("files", {}).items() for _ in range(count)]
    return client.request(
        asked["method"],
        asked["path"],
        headers=headers,
        json=filled(asked["json"], row) if "json" in asked else None,
        content=asked.get("content"),
        data=filled(asked.get("fields", {}), row),
        files=files or None,
    )


def key_of(account: str) -> str:
    """A key of the sandbox's for an account of the recording."""
    if account in KEYS:
        return KEYS[account]
    length = re.search(r"\d+", account)
    if length:
        return "x" * int(length[0]) if int(length[0]) < accounts.JWT_LENGTH else accounts.EXPIRED_JWT
    return accounts.KEY


def filled(fields: Mapping[str, Any], row: Row) -> dict[str, Any]:
    """Replace placeholders such as `<5001 characters>`.

    Which characters is not recorded. A prompt that was too long with fewer than 10,000 of them had characters
    of two UTF-16 units.
    """
    wide = "10,000 characters" in row["body"]

    def fill(value: object) -> object:
        found = re.fullmatch(r"<(\d+) characters>", str(value))
        return ("🦊" if wide else "x") * int(found[1]) if found else value

    return {name: fill(value) for name, value in fields.items()}


def error_type(body: str) -> object:
    """The `type` of an answer's error; None for a success."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return None  # a page, or a success that the recording cut short
    return answer.get("error", {}).get("type")


def _png() -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 64), (40, 90, 160)).save(out, "PNG")
    return out.getvalue()
