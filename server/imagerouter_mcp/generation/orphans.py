"""What a process left that is gone: finished where its answer had arrived, else marked as unknown."""

from collections.abc import Sequence
from functools import partial

from anyio import to_thread

from imagerouter_mcp.api.wire import GenerationAnswer
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.entries import Entry
from imagerouter_mcp.generation.abreast import abreast
from imagerouter_mcp.generation.collect import collected, entries_of
from imagerouter_mcp.generation.deliver import deliver
from imagerouter_mcp.generation.job import Job
from imagerouter_mcp.generation.request import Batch, Generation
from imagerouter_mcp.generation.run import end, summed_up
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.generation.work import Work


async def finish(studio: Studio, entries: Sequence[Entry], work: Work) -> Batch:
    """Settle what was sent and never ended.

    Args:
        studio: The process's parts.
        entries: Of one call, taken over by this process.
        work: Told how it goes.

    Raises:
        ImageRouterError: Nothing was made, or nothing of it can be had.
    """
    work.sent = True
    work.say("Fetching what had arrived")
    outcomes = await abreast([partial(_finish, studio, entry, work) for entry in entries])
    if work.unrecorded:  # the journal does not know yet
        return summed_up(work.call, [entry.model for entry in entries], outcomes)
    return await collected(studio, await entries_of(studio, work.call))


async def _finish(studio: Studio, entry: Entry, work: Work) -> Generation:
    try:
        answer = work.unstored.pop(entry.handle, None) or await _kept(studio, entry)
    except ImageRouterError as error:
        await end(studio, entry.handle, error, work)
        raise
    finally:
        work.one_done()
    return await deliver(studio, Job.from_json(entry.job or {}), answer, work)


async def _kept(studio: Studio, entry: Entry) -> GenerationAnswer:
    return await to_thread.run_sync(studio.client.kept_answer, studio.journal.answer_file(entry.handle))
