"""Whether a host answers at all, and how fast."""

import time

import anyio
import httpx

from imagerouter_mcp.api.quoting import quoted
from imagerouter_mcp.errors import ConfigurationError, ServiceUnreachableError


async def reach(http: httpx.AsyncClient, url: str, seconds: float) -> float:
    """Ask for an address and take any answer for a sign of life; no API key goes along.

    Args:
        http: The client to ask with, through its proxy if it has one.
        url: The address.
        seconds: How long it may take.

    Returns:
        The milliseconds from the question, connecting included, to the head of the answer.

    Raises:
        ServiceUnreachableError: There was no answer.
        ConfigurationError: It is no address.
    """
    begun = time.perf_counter()
    try:
        with anyio.fail_after(seconds):
            async with http.stream("HEAD", url, timeout=seconds):
                return (time.perf_counter() - begun) * 1000
    except TimeoutError:
        reason = f"no answer within {seconds:g} seconds"
    except httpx.HTTPError as error:
        reason = quoted(str(error) or type(error).__name__, marks="")
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigurationError(
            "The address that is set is not a web address.",
            "Correct or remove IMAGEROUTER_BASE_URL.",
        ) from None
    raise ServiceUnreachableError(
        f"It could not be reached: {reason}.",
        "Check the internet connection, the proxy settings and any firewall, then try again.",
    )
