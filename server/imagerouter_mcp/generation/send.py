"""The one request that costs money: sent in its turn, and again only where it certainly did not begin."""

from contextlib import ExitStack
from dataclasses import dataclass

import anyio
from anyio import to_thread

from imagerouter_mcp.api.wire import GenerationAnswer
from imagerouter_mcp.errors import (
    ConfigurationError,
    InvalidRequestError,
    NotSentError,
    RateLimitError,
    ServiceUnreachableError,
)
from imagerouter_mcp.generation.choose import examples
from imagerouter_mcp.generation.job import Job
from imagerouter_mcp.generation.plan import need_of
from imagerouter_mcp.generation.request import GenerationRequest
from imagerouter_mcp.generation.sources import Sources
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.generation.work import Work
from imagerouter_mcp.images.masks import Convention

RETRY_SECONDS = (0.5, 2.0)
"""Waits before the second and the third try; after a 429, those that the service names come first."""
LONGEST_RETRY_AFTER = 60.0
"""Seconds; a longer wait is the caller's to decide about."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One request that is ready to leave.

    Attributes:
        job: What is sent, and where its result goes.
        request: What was asked for.
        sources: Open source images.
        convention: How a mask says what to edit.
    """

    job: Job
    request: GenerationRequest
    sources: Sources
    convention: Convention


async def send(studio: Studio, sending: Sending, work: Work) -> GenerationAnswer:
    """Send a request when its turn has come.

    A refused connection, an unknown name, a failed TLS handshake and a 429 mean that nothing has begun:
    only after these it is tried again.

    Args:
        studio: The process's parts.
        sending: The request.
        work: Told how it goes.

    Raises:
        ImageRouterError: As the client raises.
    """
    for wait in (*RETRY_SECONDS, None):
        try:
            return await _in_turn(studio, sending, work)
        except (ServiceUnreachableError, RateLimitError) as error:
            if wait is None or not _worth_waiting(error):
                raise
            work.say(f"{error.what.rstrip('.')}; trying again")
            await anyio.sleep(wait)
    raise AssertionError  # the last wait is None


def _worth_waiting(error: ServiceUnreachableError | RateLimitError) -> bool:
    return not isinstance(error, RateLimitError) or (error.retry_after or 0) <= LONGEST_RETRY_AFTER


async def _in_turn(studio: Studio, sending: Sending, work: Work) -> GenerationAnswer:
    job = sending.job

    def on_wait(before: int) -> None:
        if not work.sent:  # of a call that has something under way, that is more to tell
            work.say(f"Waiting for its turn{f', {before} before it' if before else ''}")

    async with studio.pace.turn(job.call, on_wait):
        if work.withdrawn:
            raise NotSentError("The call was cancelled before this request left.", "Ask for it again.")
        work.sent = True
        await to_thread.run_sync(studio.journal.mark, job.handle, "working")
        work.say(f"Asking {job.model}")
        try:
            return await _ask(studio, sending, work)
        except (ServiceUnreachableError, RateLimitError):
            await to_thread.run_sync(studio.journal.mark, job.handle, "queued")
            raise


async def _ask(studio: Studio, sending: Sending, work: Work) -> GenerationAnswer:
    job, sources = sending.job, sending.sources
    kept = studio.journal.answer_file(job.handle)
    usual: str | None = None

    async def alive() -> None:
        nonlocal usual
        if usual is None:
            usual = await to_thread.run_sync(_usual_words, studio, job.model)
        work.say(f"{job.model} is working{usual}")

    client = studio.client
    try:
        if job.kind == "video":
            return await client.generate_video(job.fields, sources.uploads(), alive, kept=kept)
        if not sources.images:
            return await client.generate(job.fields, alive, kept=kept)
        with ExitStack() as opened:
            mask = await to_thread.run_sync(sources.mask_upload, sending.convention)
            if mask:
                opened.enter_context(mask.file)
            return await client.edit(job.fields, sources.uploads(), mask, alive, kept=kept)
    except InvalidRequestError as error:
        listing = studio.catalogue.peek()
        if listing and not listing.find(job.model):
            error.remedy = f"Use a model of the list{examples(need_of(sending.request), listing)}."
        raise


def _usual_words(studio: Studio, model: str) -> str:
    """What a model's earlier results say of the time it takes; nothing where there are none."""
    try:
        seconds = studio.gallery.usual_seconds(model)
    except ConfigurationError:  # no reason to break off what is paid for
        return ""
    return "" if seconds is None else f" (it usually takes about {seconds:.0f} s)"
