"""Decide which addresses may be connected to on behalf of others.

A name is resolved here, every resulting address is checked, and the connection goes to one of exactly these
addresses. So it does not help if the name resolves to something else a moment later. Decimal, octal and short
forms, redirects and private names need no special treatment, because all of them end as an address here.
"""

import ipaddress
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from socket import gaierror
from typing import Any, Literal, cast, get_args

import anyio
import httpcore
import httpx

from imagerouter_mcp.name_lookup import NameLookup
from imagerouter_mcp.proxies import MAX_CONNECTIONS, MAX_KEPT_ALIVE, Proxies

Purpose = Literal["source", "result"]
"""Why an address is fetched: a caller named it as a source image, or ImageRouter as a result."""
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A function that resolves a host and port to addresses."""
Origin = tuple[str, str, int]
"""Scheme, host, port."""

PURPOSE = "imagerouter_purpose"
"""The request extension that holds a `Purpose`."""
_ATTEMPT_SECONDS = 3.0
"""Time limit for connecting to one of several addresses, before the next is tried."""
_PORTS = {"http": 80, "https": 443}
_PRIVATE_NAME = re.compile(
    r"[^.]*\.?|.*\.(?:localhost|local|internal|home\.arpa|localdomain)\.?", re.IGNORECASE
)
"""Names without a dot, and those reserved for private networks (RFC 6761, RFC 6762, RFC 8375, ICANN)."""

_REFUSED_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # Azure's service for its virtual machines, although in a public range
        ),
    )
)
"""IANA's special-purpose ranges that are not globally reachable, and multicast."""
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
"""The range of public IPv6 addresses; mapped, compatible, translated (64:ff9b::/96), unique local,
link-local and multicast addresses lie outside."""
_REFUSED_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""Exceptions within it: protocol assignments (such as Teredo, 2001::/32), documentation, 6to4."""
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The third 32 bits of an IPv6 address that embeds an IPv4 one (RFC 5214, section 6.1)."""


@dataclass(frozen=True, slots=True)
class Network:
    """How names are resolved, and how connections are made."""

    resolve: Resolve
    backend: httpcore.AsyncNetworkBackend


class AddressRefusedError(Exception):
    """The address is not allowed; `str()` says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which addresses are allowed beside the public internet.

    Attributes:
        own: The service's origin; results may come from it even if it is private.
        allow_private: Whether the person allowed all addresses.
    """

    own: Origin | None = None
    allow_private: bool = False

    def trusts(self, origin: Origin, purpose: Purpose) -> bool:
        """Return whether an origin is allowed whatever its address."""
        return self.allow_private or (purpose == "result" and origin == self.own)


def origin_of(url: httpx.URL | str) -> Origin:
    """Return the scheme, host and port of an address; the port defaults to the scheme's.

    Raises:
        httpx.InvalidURL: It is not a web address.
    """
    url = httpx.URL(url)
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme, 0)


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public internet.

    Args:
        address: As a resolver writes it, possibly with a zone behind `%`.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _REFUSED_V4)
    return (
        parsed in _GLOBAL_V6
        and not any(parsed in network for network in _REFUSED_V6)
        and (int(parsed) >> 32) & 0xFFFFFFFF not in _ISATAP
    )


def system_network() -> Network:
    """Return a network that uses the system's resolver and sockets, with a limit of lookups of its own."""
    # httpcore defines this class twice; the type checker sees the definition for missing anyio.
    return Network(NameLookup(), cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend()))


async def _resolved(resolve: Resolve, host: str, port: int, *, private: bool) -> list[str]:
    """Resolve a name; refuse it unless all of its addresses are public, or private ones are allowed."""
    addresses = list(dict.fromkeys(await resolve(host, port)))
    if not private and not all(map(is_public, addresses)):
        raise AddressRefusedError(
            "its address is private, and only public ones are fetched (IMAGEROUTER_ALLOW_PRIVATE_URLS=1 "
            "in this server's configuration allows others)"
        )
    return addresses


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that were checked, unless private ones are allowed."""

    def __init__(self, network: Network, *, private: bool) -> None:
        self._private = private
        self._resolve = network.resolve
        self._plain = network.backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            with anyio.fail_after(timeout):
                addresses = await _resolved(self._resolve, host, port, private=self._private)
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return await self._plain.connect_tcp(
                    address, port, _shorter(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        if not addresses:
            raise httpcore.ConnectError("the name has no address")
        return await self._plain.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)


def _shorter(seconds: float | None) -> float:
    return _ATTEMPT_SECONDS if seconds is None else min(seconds, _ATTEMPT_SECONDS)


class _Direct(httpx.AsyncBaseTransport):
    """httpx over a pool of connections without a proxy."""

    def __init__(self, network: Network, tls: ssl.SSLContext, *, private: bool) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_KEPT_ALIVE,
            keepalive_expiry=5.0,  # httpx's own
            network_backend=_GuardedBackend(network, private=private),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=cast("httpx.AsyncByteStream", request.stream),
                extensions=request.extensions,
            )
        )
        extensions = cast("dict[str, Any]", answer.extensions)  # pyright: ignore[reportUnknownMemberType] - a bare dict there
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._answer.aiter_stream()

    async def aclose(self) -> None:
        await self._answer.aclose()


class DownloadTransport(httpx.AsyncBaseTransport):
    """Sends each request directly with a checked address, directly without a check, or through a proxy.

    Unchecked requests have their own connection pool, so a checked request never reuses their connections.
    Results have their own lookups of names, so that they never wait for the names of sources.

    Args:
        policy: Which private addresses are allowed.
        tls: The TLS settings.
        network: How names that are checked are resolved and connected to; by default the system's way.
    """

    def __init__(self, policy: Policy, tls: ssl.SSLContext, network: Network | None = None) -> None:
        self._policy = policy
        purposes: tuple[Purpose, ...] = get_args(Purpose)
        self._networks = {purpose: network or system_network() for purpose in purposes}
        self._direct = {
            **{
                (purpose, False): _Direct(self._networks[purpose], tls, private=False) for purpose in purposes
            },
            **{(purpose, True): _Direct(system_network(), tls, private=True) for purpose in purposes},
        }
        self._proxies = Proxies(tls)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its extension `PURPOSE` says what it is for.

        Raises:
            AddressRefusedError: The address is not allowed.
            ConfigurationError: It needs a proxy that cannot be used.
        """
        origin = origin_of(request.url)
        purpose: Purpose = request.extensions[PURPOSE]
        private = self._policy.trusts(origin, purpose)
        proxy = self._proxies.transport(request.url)
        if proxy:
            if not private:
                await self._check_name(origin, self._networks[purpose].resolve)
            return await proxy.handle_async_request(request)
        return await self._direct[purpose, private].handle_async_request(request)

    async def _check_name(self, origin: Origin, resolve: Resolve) -> None:
        """Check a name as far as possible before a proxy resolves it."""
        _, host, port = origin
        try:
            await _resolved(resolve, host, port, private=False)
        except (gaierror, UnicodeError):  # only the proxy can resolve names here
            if _PRIVATE_NAME.fullmatch(host):
                raise AddressRefusedError("its name is one of a private network") from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._proxies.aclose()
        for transport in self._direct.values():
            await transport.aclose()
