"""What the generation tools share: carry out the order, report progress, answer in time."""

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from mcp.types import CallToolResult, ListRootsResult
from mcp_types.version import is_version_at_least

from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.generation.planning.request import Order
from imagerouter_mcp.tools.consent import Answered, agreed, can_ask
from imagerouter_mcp.tools.inline_preview import PreviewChoice
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.roots import within_roots
from imagerouter_mcp.tools.structured import short_prompt
from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.generation.calls.calls import Progress
    from imagerouter_mcp.generation.calls.outcome import Finished, Pending
    from imagerouter_mcp.tools.generation_result import Answer

_KNOWS_RESOURCE_LINKS = "2025-06-18"
"""The protocol version that brought resource links."""
_OPENCLAW = "openclaw-bundle-mcp"
"""OpenClaw's name for itself as a client. It cuts results at 20,000 characters and shows no picture in the
chat but those that a `MEDIA:` line in the agent's own reply names."""


async def generate(
    ctx: AppContext,
    order: Order,
    consent: Answered,
    roots: ListRootsResult,
    *,
    confirm_cost: bool,
    preview: PreviewChoice = "none",
    dry_run: bool = False,
) -> CallToolResult:
    """Carry out an order; if it takes longer than the host waits, answer how to collect it.

    Args:
        ctx: The call's context.
        order: What is asked for.
        consent: What the person answered about the price.
        roots: The folders that the host works in.
        confirm_cost: Whether the agent says that the person agreed; counts only where they cannot be asked.
        preview: As the caller chose it.
        dry_run: Only answer what the order would send and cost.

    Raises:
        BudgetError: The person did not agree to the price.
    """
    app = ctx.request_context.lifespan_context.present()
    agreed_usd = agreed(consent)
    order = replace(await within_roots(order, roots), session=session_of(ctx))
    if dry_run:
        from imagerouter_mcp.generation.sources import with_last
        from imagerouter_mcp.tools.unmade_result import plan_result

        if made := await app.sources.last_of(order):
            order = with_last(order, made)
        return plan_result(await app.planner.dry_run(order), len(order.requests))
    order = replace(order, agreed_usd=agreed_usd, confirmed=confirm_cost and not can_ask(ctx))
    outcome = await app.calls.ask(order, app.settings.wait_seconds, progress_of(ctx))
    return await outcome_result(ctx, outcome, preview)


async def outcome_result(
    ctx: AppContext, outcome: "Finished | Pending", preview: PreviewChoice, *, newest: bool = True
) -> CallToolResult:
    """Answer with what a call made, or that it is still running.

    Args:
        ctx: The call's context.
        outcome: What the call made so far.
        preview: As the caller chose it.
        newest: Whether `last` means it from now on.
    """
    from imagerouter_mcp.generation.calls.outcome import Pending
    from imagerouter_mcp.tools.generation_result import done_result
    from imagerouter_mcp.tools.unmade_result import pending_result

    if isinstance(outcome, Pending):
        return pending_result(outcome)
    app = ctx.request_context.lifespan_context.present()
    result = await done_result(outcome, await _answer(ctx, outcome, preview, newest=newest))
    if newest:
        app.sources.note_told(session_of(ctx), outcome.call)
    # The last await: a call that is cancelled before it has not been answered and is answered again later.
    await app.calls.note_delivered(outcome.call)
    return result


def session_of(ctx: AppContext) -> str | None:
    """Return what identifies the session: over stdio the process, over HTTP what the protocol says."""
    request = ctx.request_context.request
    return "" if request is None else request.headers.get("mcp-session-id")


def progress_of(ctx: AppContext) -> "Progress":
    """Return a function that reports progress to the host, in seconds since now: the number has to grow."""
    began = time.monotonic()

    async def progress(what: str) -> None:
        await ctx.report_progress(time.monotonic() - began, message=what)

    return progress


async def _answer(ctx: AppContext, finished: "Finished", preview: PreviewChoice, *, newest: bool) -> "Answer":
    """Return how to present a result to the host that asked."""
    from imagerouter_mcp.tools.generation_result import Answer
    from imagerouter_mcp.tools.media_lines import media_lines

    app = ctx.request_context.lifespan_context.present()
    settings, links = app.settings, app.links
    client = ctx.session.client_params
    openclaw = client is not None and client.client_info.name == _OPENCLAW
    if preview == "auto":
        preview = "none" if openclaw else settings.preview
    media: list[str] = []
    if openclaw or settings.media_lines:
        images = [image for made in finished.results for image in made.record.images]
        media = media_lines(images, links, openclaw=openclaw)
    return Answer(
        preview=preview,
        media=media,
        links=links,
        resource_links=settings.resource_links
        and is_version_at_least(ctx.session.protocol_version, _KNOWS_RESOURCE_LINKS),
        sources=[await _source(app, origin) for origin in finished.results[0].records[0].sources],
        last=newest and session_of(ctx) is not None,
    )


async def _source(app: App, origin: str) -> str:
    """Return what an edit was made from; a gallery's picture with its file and first words of its prompt."""
    from imagerouter_mcp.generation.handles import find_image

    with suppress(ImageRouterError):  # most are no handles; and once the result is paid for, nothing may fail
        image, record = await find_image(app.gallery, origin)
        parts = [image.handle, image.path.name if image.path else "", f'"{short_prompt(record.prompt)}"']
        return " · ".join(part for part in parts if part)
    return origin
