"""The endpoints that make pictures and videos: from a request to an answer with heartbeats.

An error that the validation finds has a proper status; one that comes later has status 200, for by then the
service has begun to answer.
"""

import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from imagerouter_mcp.sandbox.pictures.media import MadeFile
from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.sandbox.service.error_answers import (
    JSON_TYPE,
    RefusedError,
    access_denied,
    deposit_required,
    insufficient_credits,
    internal_error,
    provider_error,
    rate_limited,
)
from imagerouter_mcp.sandbox.service.faults import HUGE_BASE64_BYTES, Fault
from imagerouter_mcp.sandbox.service.purchases import Purchase
from imagerouter_mcp.sandbox.service.request_bodies import Received, receive
from imagerouter_mcp.sandbox.service.sandbox_journal import Entry, FileEntry
from imagerouter_mcp.sandbox.service.state import SandboxState
from imagerouter_mcp.sandbox.service.store import StoredFile
from imagerouter_mcp.sandbox.service.streams import (
    CuttableResponse,
    StalledResponse,
    VanishedResponse,
    beat,
    cut_after,
    stall,
)
from imagerouter_mcp.sandbox.service.validation import GenerationRequest, check_abilities, validate

_GATEWAY_PAGE: Final = (
    "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n"
    "<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
_MIB: Final = 2**20
_BEATS_BEFORE_TROUBLE: Final = 2
_UNCHARGED_GATEWAY: Final = "html-502"


async def generate_image(request: Request) -> Response:
    """`POST /v1/openai/images/generations` and `/edits`: one handler, as at the service."""
    return await _generate(request, video=False)


async def generate_video(request: Request) -> Response:
    """`POST /v1/openai/videos/generations`."""
    return await _generate(request, video=True)


async def _generate(request: Request, *, video: bool) -> Response:
    state: SandboxState = request.app.state.sandbox
    entry: Entry = request.state.entry
    received = await receive(request)
    await _note(state, entry, received)
    account = state.accounts.authorize(request.headers.get("authorization"))
    settings = state.settings
    request.state.rate = account.pace(settings.rate_limit, settings.rate_window_seconds, video=video)
    wish = validate(received, video=video)
    account.admit(free=wish.model.is_free)
    purchase = Purchase.begin(account, entry, wish.price)
    generation = _Generation(state, entry, purchase, wish, str(request.base_url))
    try:
        return generation.respond()
    except RefusedError:
        purchase.refund()
        raise


async def _note(state: SandboxState, entry: Entry, received: Received) -> None:
    entry.fields = received.fields
    entry.files = await run_in_threadpool(_describe, received)
    for file, described in zip(received.files, entry.files, strict=True):
        state.uploads.put(described.sha256, StoredFile(file.data, file.content_type))


@dataclass(frozen=True, slots=True)
class _Generation:
    """One generation, already paid for."""

    state: SandboxState
    entry: Entry
    purchase: Purchase
    wish: GenerationRequest
    base_url: str

    def respond(self) -> Response:
        """Begin to answer.

        Raises:
            RefusedError: It fails before the first byte; to be refunded.
        """
        fault = self.wish.fault
        if fault and fault.group == "refusal":
            return self._refuse(fault)
        check_abilities(self.wish)
        if fault and fault.group == "error" and fault.name != "late-error":
            raise _error(fault)
        if fault and fault.name == "stalled":
            self.entry.outcome = "stalled"
            return StalledResponse(self.state)
        if fault and fault.name == "vanished":
            self.entry.outcome = "vanished"
            return VanishedResponse(self.state)
        return CuttableResponse(self._body(), media_type=JSON_TYPE)

    def _refuse(self, fault: Fault) -> Response:
        if fault.name.startswith("html-"):
            self.entry.outcome = fault.name
            if fault.name == _UNCHARGED_GATEWAY:
                self.purchase.refund()
                return HTMLResponse(_GATEWAY_PAGE.format(status="502 Bad Gateway"), 502)
            return HTMLResponse(_GATEWAY_PAGE.format(status="504 Gateway Time-out"), 504)
        if fault.name == "rate-limited-once" and not self.state.first_time(fault.name):
            return CuttableResponse(self._body(), media_type=JSON_TYPE)
        raise _refusal(fault)

    def _body(self) -> AsyncIterator[bytes]:
        fault = self.wish.fault
        if fault and fault.group == "stream":
            return self._troubled(fault.name)
        return beat(self.state.start(self._work()), self.state)

    async def _troubled(self, name: str) -> AsyncIterator[bytes]:
        self.entry.outcome = name
        if name == "garbage":
            yield b"]]] The answer is on its way, but it is not JSON. {{{"
        elif name == "huge-b64":
            async for chunk in self._huge():
                yield chunk
        elif name == "cut":
            whole = await self._work()
            self.entry.outcome = name
            async for chunk in cut_after(whole[: len(whole) // 2]):
                yield chunk
        else:
            for _ in range(_BEATS_BEFORE_TROUBLE):
                await self.state.pause(self.state.settings.heartbeat_seconds)
                yield b" "
            await stall(self.state)

    async def _huge(self) -> AsyncIterator[bytes]:
        answer = json.dumps(self._answer([{"b64_json": "@", "revised_prompt": None}], time.monotonic()))
        before, after = answer.encode().split(b"@")
        yield before
        for _ in range(HUGE_BASE64_BYTES // _MIB):
            yield b"A" * _MIB
        yield after

    async def _work(self) -> bytes:
        """Make the result and word the answer, whichever it is."""
        began = time.monotonic()
        fault = self.wish.fault
        try:
            await self.state.pause(max(self.state.settings.latency_seconds, fault.seconds if fault else 0))
            if fault and fault.name == "late-error":
                await self.state.pause((_BEATS_BEFORE_TROUBLE + 0.5) * self.state.settings.heartbeat_seconds)
                raise _error(fault)
            made = await run_in_threadpool(_make, self.wish, self.state.take(self.wish.prompt))
        except RefusedError as error:
            self.purchase.refund()
            self.entry.outcome = error.message
            return json.dumps(error.body).encode()
        self.entry.outcome = "made"
        return json.dumps(self._answer(self._items(made), began)).encode()

    def _answer(self, items: list[dict[str, Any]], began: float) -> dict[str, Any]:
        now = time.time()
        return {
            "created": int(now) if self.wish.model.created_in_seconds else int(now * 1000),
            "data": items,
            "latency": int((time.monotonic() - began) * 1000),
            "cost": float(self.wish.price),
        }

    def _items(self, made: list[MadeFile]) -> list[dict[str, Any]]:
        wish, name = self.wish, self.wish.fault.name if self.wish.fault else None
        if name == "empty-data":
            return []
        revised = f"{wish.prompt} (revised)" if wish.model.id == offered.REVISING_MODEL else None
        if name == "no-url":
            return [{"revised_prompt": revised}]
        return [{**self._result(file), "revised_prompt": revised} for file in made]

    def _result(self, file: MadeFile) -> dict[str, str]:
        fault = self.wish.fault
        if fault and fault.name == "bad-base64":
            return {"b64_json": "%%% this is not base64 %%%"}
        if fault and fault.name == "data-prefix":
            return {"b64_json": f"data:{file.media_type};base64,{b64encode(file.data).decode()}"}
        delivery = fault.name if fault and fault.group == "delivery" else None
        if self.wish.response_format != "url" and not delivery:
            return {"b64_json": b64encode(file.data).decode()}
        name = f"{uuid4().hex}{file.suffix}"
        self.state.results.put(name, StoredFile(file.data, file.media_type))
        path = f"{delivery}/{name}" if delivery else name
        return {"url": f"{self.base_url}files/{path}"}


def _describe(received: Received) -> list[FileEntry]:
    from imagerouter_mcp.sandbox.service.inspection import describe  # noqa: PLC0415 - Pillow is slow to import

    return describe(received)


def _make(wish: GenerationRequest, take: int) -> list[MadeFile]:
    from imagerouter_mcp.sandbox.service.providers import make  # noqa: PLC0415 - Pillow is slow to import

    return make(wish, take)


def _refusal(fault: Fault) -> RefusedError:
    if fault.name.startswith("rate-limited"):
        return rate_limited()
    if fault.name == "access-denied":
        return access_denied()
    if fault.name == "deposit-required":
        return deposit_required(10)
    return internal_error()


def _error(fault: Fault) -> RefusedError:
    if fault.name == "moderated":
        return RefusedError(
            200,
            "Your request was rejected as a result of our safety system.",
            "image_generation_user_error",
            code="moderation_blocked",
        )
    if fault.name == "no-credits":
        return insufficient_credits("0.01")
    return provider_error(503, "Service Unavailable", "The model is overloaded. Please try again later.")
