"""Send a paid request in its turn, and send it again only if the service certainly did not begin."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace

import anyio
from anyio import to_thread

from imagerouter_mcp.api.catalogue import Catalogue
from imagerouter_mcp.api.rate_limit import LONGEST_PAUSE
from imagerouter_mcp.api.wire import GenerationAnswer, Upload
from imagerouter_mcp.errors import (
    AuthenticationError,
    ConfigurationError,
    ImageRouterError,
    InvalidRequestError,
    NotSentError,
    RateLimitError,
    ServiceUnreachableError,
)
from imagerouter_mcp.events import stage
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation.calls.running import RunningCall
from imagerouter_mcp.generation.descriptors import Descriptors
from imagerouter_mcp.generation.planning.limits import highest_total, too_short
from imagerouter_mcp.generation.planning.model_choice import Need, instead
from imagerouter_mcp.generation.planning.plan import Plan
from imagerouter_mcp.generation.sources import OpenSources
from imagerouter_mcp.images.workers import decode

RETRY_SECONDS = (0.5, 2.0)
"""Seconds before the second and the third try; after a 429, the pause that it asks for comes first."""
BALANCE_SECONDS = 5.0
"""Upper bound on asking for the balance, in seconds; without an answer, pictures are sent concurrently."""

_UNKNOWN_MODEL = re.compile(r"model '.*' is not available")
"""The service's message for an unknown id."""


class Sender:
    """Sends requests for pictures and videos.

    Args:
        person: The id of the person whose calls these are.
        journal: Notes what has been sent.
        answers: Keeps answers as they arrive.
        gallery: Knows how long models usually take.
        catalogue: Suggests other models.
        descriptors: Keeps free what storing the answers needs.
    """

    def __init__(
        self,
        *,
        person: str,
        journal: Journal,
        answers: Answers,
        gallery: Gallery,
        catalogue: Catalogue,
        descriptors: Descriptors,
    ) -> None:
        self._person = person
        self._journal = journal
        self._answers = answers
        self._gallery = gallery
        self._catalogue = catalogue
        self._descriptors = descriptors

    async def short_of_credits(self, plans: Sequence[Plan], call: RunningCall) -> str | None:
        """Return why pictures cannot be sent concurrently; None if they can, or if the balance is not known.

        ImageRouter takes the highest price of each picture before it is made.
        """
        if len(plans) == 1 or not highest_total(plans):
            return None
        with anyio.move_on_after(BALANCE_SECONDS), suppress(ImageRouterError):
            credits_left = (await call.payer.key.client.credits()).remaining_credits
            return None if credits_left is None else too_short(plans, credits_left)
        return None

    def kept_answer(self, handle: str, call: RunningCall) -> GenerationAnswer:
        """Read the answer that a process kept before it ended; raises as `send` does."""
        return call.payer.key.client.kept_answer(self._answers.arrived(handle))

    async def clean_kept(self, handle: str, call: RunningCall) -> None:
        """Remove the API key from an answer that is still on disk; most are deleted by then."""
        if kept := self._answers.left(handle):
            await to_thread.run_sync(call.payer.key.client.clean_kept, kept)

    async def send(
        self, handle: str, plan: Plan, sources: OpenSources, call: RunningCall
    ) -> GenerationAnswer:
        """Send a request when its turn has come.

        If the service refuses the mask at no cost, the request is sent once more without it: where the answer
        is laid into its source, the mask only helps the model.

        Args:
            handle: The generation's.
            plan: What to send.
            sources: The open source images.
            call: Its status is kept up to date.

        Raises:
            ImageRouterError: Any error of the client.
        """
        try:
            return await self._send_patiently(handle, plan, sources, call)
        except ImageRouterError as error:
            if not (plan.cut and plan.sends_mask and _is_about_mask(error)):
                raise
        await to_thread.run_sync(self._journal.returned, handle)
        note = f"{plan.model} took no mask; it was told in words which part to change."
        call.notes += [] if note in call.notes else [note]
        return await self._send_patiently(handle, replace(plan, sends_mask=False), sources, call)

    async def _send_patiently(
        self, handle: str, plan: Plan, sources: OpenSources, call: RunningCall
    ) -> GenerationAnswer:
        """Send a request, and again if the service certainly did not begin.

        That is so after a refused connection, an unknown host name, a failed TLS handshake and a 429. A 429
        must also say how long to wait: without `Retry-After` it means the daily limit. Arguments and errors
        are those of `send`.
        """
        for wait in (*RETRY_SECONDS, None):
            try:
                return await self._send_in_turn(handle, plan, sources, call)
            except (ServiceUnreachableError, RateLimitError) as error:
                if wait is None or not _worth_waiting(error):
                    raise
                call.status = f"{error.what.rstrip('.')}; trying again"
                await anyio.sleep(wait)
        raise AssertionError  # the last wait is None

    async def _send_in_turn(
        self, handle: str, plan: Plan, sources: OpenSources, call: RunningCall
    ) -> GenerationAnswer:
        def on_wait(before: int) -> None:
            if not call.sent:  # otherwise the request under way matters more
                call.status = f"Waiting for its turn{f', {before} before it' if before else ''}"

        async with self._turn(call, on_wait):
            if call.withdrawn:
                raise NotSentError("The call was cancelled before this request left.", "Ask for it again.")
            with self._descriptors.reserve(), ExitStack() as opened:
                mask = None
                if sources.mask and plan.sends_mask:
                    mask = await decode("sources", None, _open_mask, plan, sources, opened)
                call.sent = True
                if not await to_thread.run_sync(self._journal.leaves, handle):
                    raise NotSentError(
                        "Another process took this call over, or its journal entry was removed.",
                        "Ask for it again.",
                    )
                call.status = f"Asking {plan.model}"
                try:
                    with stage("service"):
                        return await self._ask(handle, plan, sources, mask, call)
                except AuthenticationError as error:
                    raise await call.payer.refused(error) from None
                except (ServiceUnreachableError, RateLimitError):
                    await to_thread.run_sync(self._journal.returned, handle)
                    raise

    @asynccontextmanager
    async def _turn(self, call: RunningCall, on_wait: Callable[[int], None]) -> AsyncGenerator[None]:
        with ExitStack() as waiting:
            waiting.enter_context(stage("queue"))
            async with call.payer.key.queue.turn(self._person, call.handle, on_wait):
                waiting.close()
                yield

    async def _ask(
        self, handle: str, plan: Plan, sources: OpenSources, mask: Upload | None, call: RunningCall
    ) -> GenerationAnswer:
        kept = self._answers.file(handle)
        usual: str | None = None

        async def alive() -> None:
            nonlocal usual
            if usual is None:
                usual = await to_thread.run_sync(self._usual_words, plan.model)
            call.status = f"{plan.model} is working{usual}"

        client = call.payer.key.client
        try:
            uploads = sources.uploads(plan.cut)
            if plan.kind == "video":
                return await client.generate_video(plan.fields, uploads, alive, kept=kept)
            if not uploads:
                return await client.generate(plan.fields, alive, kept=kept)
            return await client.edit(plan.fields, uploads, mask, alive, kept=kept)
        except InvalidRequestError as error:
            listing = self._catalogue.peek()
            if listing and not listing.find(plan.model) and _UNKNOWN_MODEL.search(error.what):
                error.remedy = _named_by(plan) + instead(plan.model, _need(plan, sources), listing)
            raise

    def _usual_words(self, model: str) -> str:
        """Return how long a model usually takes, in words; "" if nothing is known."""
        try:
            seconds = self._gallery.usual_seconds(model)
        except ConfigurationError:  # no reason to abort a paid request
            return ""
        return "" if seconds is None else f" (it usually takes about {seconds:.0f} s)"


def _open_mask(plan: Plan, sources: OpenSources, opened: ExitStack) -> Upload | None:
    try:
        mask = sources.mask_upload(plan.convention, plan.cut)
    except OSError as error:
        raise NotSentError(
            f"The mask could not be written to a temporary file: {error.strerror or error}.",
            "Make room for temporary files, then ask for it again.",
        ) from None
    if mask:
        opened.enter_context(mask.file)
    return mask


def _is_about_mask(error: ImageRouterError) -> bool:
    """Return whether a request was refused for its mask, and certainly cost nothing."""
    return error.charged == "no" and "mask" in error.what.lower()


def _worth_waiting(error: ServiceUnreachableError | RateLimitError) -> bool:
    if isinstance(error, RateLimitError):
        return error.retry_after is not None and error.retry_after <= LONGEST_PAUSE
    return True


def _named_by(plan: Plan) -> str:
    """Return which setting names the model, as a sentence; "" if the call names it."""
    setting = re.search(r"IMAGEROUTER_\w+", plan.why)
    return f"The person's {setting[0]} names it: have that corrected. " if setting else ""


def _need(plan: Plan, sources: OpenSources) -> Need:
    return Need(
        images=len(sources.uploads(plan.cut)),
        mask=sources.mask is not None and plan.cut is None,
        size=plan.fields.get("size", "auto"),
        kind=plan.kind,
        seconds=float(plan.fields.get("seconds", 0)),
    )
