"""What those who wait for a call of this process see of it."""

import asyncio

import pytest

from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.http import ServiceHTTP
from imagerouter_mcp.errors import NotSentError, OutcomeUnknownError
from imagerouter_mcp.fetch import http_client
from imagerouter_mcp.generation.calls.keys_in_use import KeyInUse
from imagerouter_mcp.generation.calls.outcome import Finished
from imagerouter_mcp.generation.calls.payer import Payer
from imagerouter_mcp.generation.calls.rate_limit_wait import RateLimitWait
from imagerouter_mcp.generation.calls.request_queue import RequestQueue
from imagerouter_mcp.generation.calls.running import RunningCall
from imagerouter_mcp.settings import Settings


def running(handle: str, count: int) -> RunningCall:
    client = ImageRouterClient(ServiceHTTP(http_client(), None, 30), Settings())
    return RunningCall(
        handle, count, Payer(KeyInUse(client, RequestQueue(1, RateLimitWait(client.rate_limit))))
    )


async def cancelled(call: RunningCall) -> RunningCall:
    """Give the call a task that the end of the server has cancelled."""

    async def never() -> Finished:
        return await asyncio.Future[Finished]()

    call.task = asyncio.create_task(never())
    call.task.cancel()
    await asyncio.wait([call.task])
    return call


async def test_what_the_end_of_the_server_broke_off_after_sending_is_unknown() -> None:
    call = running("gen_7f3a", 1)
    call.sent = True
    with pytest.raises(OutcomeUnknownError, match="gen_7f3a"):
        (await cancelled(call)).result()


async def test_what_the_servers_end_broke_off_before_sending_cost_nothing() -> None:
    call = await cancelled(running("gen_7f3a", 1))
    with pytest.raises(NotSentError):
        call.result()


async def test_the_end_of_the_server_stops_what_has_not_been_sent_though_somebody_waits() -> None:
    async def never() -> Finished:
        return await asyncio.Future[Finished]()

    call = running("gen_7f3a", 1)
    call.task = asyncio.create_task(never())
    call.waiting = 1
    call.stop()
    await asyncio.wait([call.task], timeout=60)
    assert call.task.cancelled()


def test_the_time_since_a_call_began_is_counted_from_zero() -> None:
    assert 0 <= running("gen_7f3a", 1).elapsed < 60


def test_only_a_call_for_several_counts_what_is_done() -> None:
    one, three = running("gen_7f3a", 1), running("gen_7f3b", 3)
    for call in (one, three):
        call.status = "Asking test/test"
        call.one_done()
    assert one.words == "Asking test/test"
    assert three.words == "1 of 3 done; asking test/test"
