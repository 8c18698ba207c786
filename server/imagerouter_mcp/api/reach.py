"""Measure whether a host answers, and how fast."""

import time

import anyio
import httpx

from imagerouter_mcp.api.quoting import quoted
from imagerouter_mcp.errors import ConfigurationError, ServiceUnreachableError


async def reach(http: httpx.AsyncClient, url: str, seconds: float) -> float:
    """Request an address without the API key; any answer counts.

    Args:
        http: The client, with its proxy if it has one.
        url: The address.
        seconds: How long it may take.

    Returns:
        The milliseconds from connecting to the head of the answer.

    Raises:
        ServiceUnreachableError: There was no answer.
        ConfigurationError: It is not an address.
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
            "The configured address is not a web address.",
            "Correct or remove IMAGEROUTER_BASE_URL.",
        ) from None
    raise ServiceUnreachableError(
        f"{httpx.URL(url).netloc.decode()} could not be reached: {reason}.",
        "Check the internet connection, the proxy settings and any firewall, then try again.",
    )
