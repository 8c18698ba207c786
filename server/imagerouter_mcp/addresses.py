"""Which addresses may be dialled for others, judged on the very address that is dialled.

A name is resolved here, every address that it resolves to is judged, and one of exactly these is connected
to: a name that resolves to something else a moment later gains nothing. Decimal, octal and short forms,
redirects and names of one's own are no special cases, for all of them end as an address here.
"""

import ipaddress
import re
import ssl
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from socket import SOCK_STREAM, gaierror
from typing import Any, Literal, cast

import anyio
import httpcore
import httpx

Purpose = Literal["source", "result"]
"""Why something is fetched: a caller named it as a source image, or ImageRouter as a result."""
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From host and port to the addresses that they stand for."""
Origin = tuple[str, str, int]
"""Scheme, host, port."""

PURPOSE = "imagerouter_purpose"
"""The request extension that holds a `Purpose`."""
MAX_CONNECTIONS = 100
MAX_KEPT_ALIVE = 20
_ATTEMPT_SECONDS = 3.0
"""How long one of several addresses may take to connect before the next is tried."""
_PORTS = {"http": 80, "https": 443}
_LOOPBACK = re.compile(r"localhost\.?|127(?:\.\d+){3}|::1", re.IGNORECASE)
"""What lies on this machine is never asked for through a proxy."""
_PRIVATE_NAME = re.compile(
    r"[^.]*\.?|.*\.(?:localhost|local|internal|home\.arpa|localdomain)\.?", re.IGNORECASE
)
"""Names without a dot, and those set aside for private networks (RFC 6761, RFC 6762, RFC 8375, ICANN)."""

_REFUSED_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # where Azure answers its virtual machines, among public addresses
        ),
    )
)
"""IANA's special-purpose registry for IPv4, where it is not plainly reachable, and multicast."""
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is given out to be reached; mapped, compatible, translated (64:ff9b::/96), unique local,
link-local and multicast addresses lie outside."""
_REFUSED_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""Within it: protocols' own (Teredo 2001::/32 among them), documentation, 6to4."""
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The third quarter of an IPv6 address that carries an IPv4 one (RFC 5214, section 6.1)."""


@dataclass(frozen=True, slots=True)
class Network:
    """What lies below: how names are looked up, and how an address is connected to."""

    resolve: Resolve
    backend: httpcore.AsyncNetworkBackend


class AddressRefusedError(Exception):
    """An address that may not be dialled; `str()` is why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may be dialled beside the public internet.

    Attributes:
        own: The service's origin, wherever it lies, for results alone.
        allow_private: Whether the person allowed everything.
    """

    own: Origin | None = None
    allow_private: bool = False

    def trusts(self, origin: Origin, purpose: Purpose) -> bool:
        """Whether an origin may be asked without a look at its address."""
        return self.allow_private or (purpose == "result" and origin == self.own)


def origin_of(url: httpx.URL | str) -> Origin:
    """Scheme, host and port, the port that the scheme implies included.

    Raises:
        httpx.InvalidURL: It is no address.
    """
    url = httpx.URL(url)
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme, 0)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, by what it is and not by what it is called.

    Args:
        address: As a resolver writes it, a zone behind `%` included.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _REFUSED_V4)
    return (
        parsed in _GLOBAL_V6
        and not any(parsed in network for network in _REFUSED_V6)
        and (int(parsed) >> 32) & 0xFFFFFFFF not in _ISATAP
    )


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver, which reads every way of writing an address too.

    Raises:
        OSError: It knows no address.
    """
    found = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
    return [address[0] for *_, address in found]


def system_network() -> Network:
    """The machine's own resolver and sockets."""
    # Defined in two ways, of which the type checker knows the one without anyio.
    return Network(resolve, cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend()))


async def _checked(resolver: Resolve, host: str, port: int) -> list[str]:
    """The addresses of a name, when all of them are public."""
    addresses = list(dict.fromkeys(await resolver(host, port)))
    if not all(map(is_public, addresses)):
        raise AddressRefusedError(
            "its address is private, and only public ones are fetched (IMAGEROUTER_ALLOW_PRIVATE_URLS=1 "
            "in this server's configuration allows others)"
        )
    return addresses


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to nothing but the addresses that were judged."""

    def __init__(self, network: Network) -> None:
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
                addresses = await _checked(self._resolve, host, port)
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


class _GuardedTransport(httpx.AsyncBaseTransport):
    """httpx over a pool of guarded connections."""

    def __init__(self, network: Network, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_KEPT_ALIVE,
            keepalive_expiry=5.0,  # httpx's own
            network_backend=_GuardedBackend(network),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
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
    """Decides for each request how it goes out: guarded, freely, or through the environment's proxy.

    What is let out freely has a pool of its own, so that no guarded request finds a connection of it.

    Args:
        policy: Who may be dialled beside the public internet.
        tls: For https.
        network: What guarded connections are made with.

    Raises:
        ImportError, ValueError, httpx.InvalidURL: The environment names a proxy that cannot be used.
    """

    def __init__(self, policy: Policy, tls: ssl.SSLContext, network: Network) -> None:
        self._policy = policy
        self._tls = tls
        self._resolve = network.resolve
        self._guarded = _GuardedTransport(network, tls)
        proxies = {scheme: url for scheme, url in urllib.request.getproxies().items() if url}
        self._proxies = {
            scheme: self._plain(httpx.Proxy(url if "://" in url else f"http://{url}"))
            for scheme in _PORTS
            if (url := proxies.get(scheme, proxies.get("all")))
        }

    @cached_property
    def _free(self) -> httpx.AsyncHTTPTransport:
        return self._plain(None)

    def _plain(self, proxy: httpx.Proxy | None) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_KEPT_ALIVE)
        return httpx.AsyncHTTPTransport(verify=self._tls, limits=limits, proxy=proxy)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request whose extension `PURPOSE` says what it is for.

        Raises:
            AddressRefusedError: The address may not be asked.
        """
        origin = origin_of(request.url)
        free = self._policy.trusts(origin, request.extensions[PURPOSE])
        proxy = self._proxy(origin)
        if proxy:
            if not free:
                await self._check_name(origin)
            return await proxy.handle_async_request(request)
        transport = self._free if free else self._guarded
        return await transport.handle_async_request(request)

    def _proxy(self, origin: Origin) -> httpx.AsyncHTTPTransport | None:
        scheme, host, port = origin
        proxy = self._proxies.get(scheme)
        if proxy and (_LOOPBACK.fullmatch(host) or urllib.request.proxy_bypass(f"{host}:{port}")):
            return None
        return proxy

    async def _check_name(self, origin: Origin) -> None:
        """As much as can be known of an address that a proxy will look up itself."""
        _, host, port = origin
        try:
            await _checked(self._resolve, host, port)
        except (gaierror, UnicodeError):  # a network whose names only the proxy knows
            if _PRIVATE_NAME.fullmatch(host):
                raise AddressRefusedError("its name is one of a private network") from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._guarded.aclose()
        for transport in (*self._proxies.values(), *([self._free] if "_free" in self.__dict__ else [])):
            await transport.aclose()
