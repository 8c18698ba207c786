"""The endpoints that make pictures and videos: from a request to an answer with heartbeats.

An error that the validation finds has a proper status. One that comes later has status 200, because the
service has begun to answer by then.
"""

import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.sandbox.pictures.media import MadeFile
from imagerouter_mcp.sandbox.service import traits
from imagerouter_mcp.sandbox.service.charges import Charge
from imagerouter_mcp.sandbox.service.error_answers import INTERNAL, RefusedError
from imagerouter_mcp.sandbox.service.heartbeats import CuttableResponse, beat
from imagerouter_mcp.sandbox.service.providers import ProviderAnswer, ProviderError, ask_providers
from imagerouter_mcp.sandbox.service.request_bodies import Received, read_body
from imagerouter_mcp.sandbox.service.sandbox_journal import Entry, FileEntry
from imagerouter_mcp.sandbox.service.state import SandboxState
from imagerouter_mcp.sandbox.service.store import StoredFile
from imagerouter_mcp.sandbox.service.validation import ValidRequest, check_abilities, validate

JSON_TYPE: Final = "application/json"
MADE: Final = "made"
"""The outcome of a generation that worked."""


async def generate_image(request: Request) -> Response:
    """`POST /v1/openai/images/generations` and `/edits`: one handler, as at the service."""
    return (await begin(request, video=False)).respond()


async def generate_video(request: Request) -> Response:
    """`POST /v1/openai/videos/generations`."""
    return (await begin(request, video=True)).respond()


async def begin(request: Request, *, video: bool) -> "Generation":
    """Take a request as far as the service does before it answers with status 200.

    Returns:
        The generation, whose highest price has been taken.

    Raises:
        RefusedError: It is refused; nothing is charged.
    """
    state: SandboxState = request.app.state.sandbox
    entry: Entry = request.state.entry
    received = await read_body(request, state.edition, video=video)
    await _note(state, entry, received.unpacked())
    account = state.accounts.authorize(request.headers.get("authorization"))
    settings = state.settings
    request.state.rate_limit = account.count_request(
        settings.rate_limit, settings.rate_window_seconds, video=video
    )
    wanted = validate(received, state.models, state.edition, video=video)
    if wanted.model.is_free:
        account.admit_free(state.edition.free_a_day)
    charge = Charge.begin(account, entry, wanted.model.highest_price)
    try:
        check_abilities(wanted, state.edition)
    except RefusedError:
        charge.refund()
        raise
    numbered = replace(wanted, take=state.take(wanted.prompt or ""))
    return Generation(state, entry, charge, numbered, str(request.base_url))


async def _note(state: SandboxState, entry: Entry, received: Received) -> None:
    entry.fields = received.fields
    if not received.files:
        return
    entry.files = await run_in_threadpool(_describe, received)
    for file, described in zip(received.files, entry.files, strict=True):
        state.uploads.put(described.sha256, StoredFile(file.data, file.content_type))


def _describe(received: Received) -> list[FileEntry]:
    from imagerouter_mcp.sandbox.service.uploaded_files import describe  # noqa: PLC0415 - Pillow is slow to import

    return describe(received)


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation under way, its highest price already taken."""

    state: SandboxState
    entry: Entry
    charge: Charge
    request: ValidRequest
    base_url: str

    def respond(self) -> Response:
        """Answer with heartbeats, and go on working when the client leaves."""
        return CuttableResponse(beat(self.state.start(self.work()), self.state), media_type=JSON_TYPE)

    async def work(self) -> bytes:
        """Have the result made, settle the charge, and return the answer's body."""
        began = time.monotonic()
        await self.state.pause(self.state.settings.latency_seconds)
        try:
            answer = await ask_providers(self.request, self.state.provider_of(self.request.model.id))
        except ProviderError as error:
            body = self._failed(error)
        else:
            body = self._settled(answer, began)
        self.entry.outcome = body["error"].get("message", "error") if "error" in body else MADE
        return json.dumps(body).encode()

    def _failed(self, error: ProviderError) -> dict[str, Any]:
        if error.refund_fails:
            return self._bookkeeping_failure("refund")
        self.charge.refund()
        return {**error.beside, "error": dict(error.error)}

    def _settled(self, answer: ProviderAnswer, began: float) -> dict[str, Any]:
        if answer.cost is None:
            return self._bookkeeping_failure("postlog")
        cost = self.charge.settle(answer.cost)
        latency = max(1, int((time.monotonic() - began) * 1000))  # no picture is there at once
        if answer.error is not None:
            return {"error": dict(answer.error), "latency": latency, "cost": cost}
        now = time.time()
        created = int(now) if self.request.model.created_in_seconds else int(now * 1000)
        data = [self.item(result) for result in answer.data]
        return {"created": created, "data": data, "latency": latency, "cost": cost}

    def _bookkeeping_failure(self, what: str) -> dict[str, Any]:
        message = f"Failed to {what} usage for {self.request.model.id} {uuid4()}"
        return {"error": {"message": message, "type": INTERNAL}}

    def item(self, result: MadeFile | Mapping[str, object]) -> dict[str, object]:
        """Return a result as the answer's `data` shows it; a video is always a URL."""
        if not isinstance(result, MadeFile):
            return dict(result)
        revises = self.request.model.id == traits.REVISING_MODEL
        revised = f"{self.request.prompt} (revised)" if revises else None
        if self.request.response_format == "url" or self.request.model.is_video:
            return {"url": self.publish(result), "revised_prompt": revised}
        return {"b64_json": b64encode(result.data).decode(), "revised_prompt": revised}

    def publish(self, result: MadeFile) -> str:
        """Store a result, and return the URL where anyone can fetch it."""
        name = f"{uuid4().hex}{result.suffix}"
        self.state.results.put(name, StoredFile(result.data, result.media_type))
        return f"{self.base_url}files/{name}"
