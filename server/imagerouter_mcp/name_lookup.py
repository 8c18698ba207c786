"""Look up names that others chose, apart from everything else that looks up names.

The system's resolver cannot be stopped: a name whose servers stay silent takes it half a minute. So each
lookup has a thread of its own, which is waited for no longer than a few seconds, and there are only so many.
The threads that asyncio shares, and with them ImageRouter's own name, are never held up. A DNS library could
be stopped, but it would not know what the system knows besides DNS: the hosts file, a VPN's names.
"""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from socket import SOCK_STREAM, gaierror, getaddrinfo

AT_ONCE = 32
"""Threads at work, also those that nobody waits for any more."""
SECONDS = 5.0
"""Most names are found within a tenth of a second."""


class NameLookup:
    """Resolves names with the system's resolver, which also reads unusual spellings of an address.

    Args:
        at_once: How many names may be looked up at the same time; more are refused.
        seconds: How long a lookup is waited for.
    """

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS) -> None:
        self._free = threading.BoundedSemaphore(at_once)
        self._seconds = seconds

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host.

        Raises:
            OSError: It has none, it is not found in time, or too many others are being looked up.
        """
        if not self._free.acquire(blocking=False):
            raise gaierror("too many names are being looked up at the moment")
        answer = asyncio.get_running_loop().create_future()
        try:
            # Daemons: a lookup that hangs does not keep the process from ending.
            threading.Thread(target=self._look_up, args=(host, port, answer), daemon=True).start()
        except RuntimeError:  # the system has no thread left
            self._free.release()
            raise gaierror("no more names can be looked up at the moment") from None
        try:
            async with asyncio.timeout(self._seconds):
                return await answer
        except TimeoutError:
            raise gaierror(f"its name was not found within {self._seconds:g} seconds") from None

    def _look_up(self, host: str, port: int, answer: "asyncio.Future[Sequence[str]]") -> None:
        found: Sequence[str] = ()
        error: OSError | None = None
        try:
            found = [address for *_, (address, *_) in getaddrinfo(host, port, type=SOCK_STREAM)]  # pyright: ignore[reportAssignmentType] - a string first, in every family of addresses
        except OSError as failure:
            error = failure
        except UnicodeError:
            error = gaierror("it is not a host name")
        self._free.release()
        with suppress(RuntimeError):  # the loop has ended meanwhile
            answer.get_loop().call_soon_threadsafe(_settle, answer, found, error)


def _settle(answer: "asyncio.Future[Sequence[str]]", found: Sequence[str], error: OSError | None) -> None:
    if answer.done():  # nobody waits any more
        return
    if error:
        answer.set_exception(error)
    else:
        answer.set_result(found)
