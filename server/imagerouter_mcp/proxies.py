"""Choose the proxy of each request from the environment.

A proxy is looked at when a request needs it, so that one for other programs, such as a SOCKS proxy in
ALL_PROXY, stops nothing.
"""

import logging
import re
import ssl
import urllib.request
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import httpx

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.lines import one_line

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 100
MAX_KEPT_ALIVE = 20
FRESH = "fresh"
"""The request extension that asks for a new connection, which serves no other request."""
_LOOPBACK = re.compile(r"localhost\.?|127(?:\.\d+){3}|::1", re.IGNORECASE)
"""Hosts on this machine are never reached through a proxy."""
_SHOWN = 60


class Proxies:
    """The environment's proxies and their connections.

    Args:
        tls: The TLS settings of the connections.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._urls = {scheme: url for scheme, url in urllib.request.getproxies().items() if url}
        self._excepted = _networks(self._urls.get("no", ""))
        self._built: dict[tuple[str, bool], httpx.AsyncHTTPTransport] = {}

    def transport(self, url: httpx.URL, *, fresh: bool = False) -> httpx.AsyncHTTPTransport | None:
        """Return the connections of the proxy that leads to an address; None if none does.

        Args:
            url: The address.
            fresh: Whether the connection must be a new one.

        Raises:
            ConfigurationError: The proxy cannot be used.
        """
        proxy = self._urls.get(url.scheme, self._urls.get("all"))
        if not proxy or self._is_excepted(url.host, url.port):
            return None
        if (proxy, fresh) not in self._built:
            self._built[proxy, fresh] = self._build(proxy, fresh=fresh)
        return self._built[proxy, fresh]

    def _is_excepted(self, host: str, port: int | None) -> bool:
        if _LOOPBACK.fullmatch(host) or urllib.request.proxy_bypass(f"{host}:{port}" if port else host):
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._excepted)

    def _build(self, proxy: str, *, fresh: bool) -> httpx.AsyncHTTPTransport:
        try:
            address = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")
            return _connections(self._tls, address, fresh=fresh)
        except ImportError:
            remedy = "Install imagerouter-mcp with the extra `socks`, or set HTTPS_PROXY to an http:// proxy."
            raise _unusable("is a SOCKS proxy, which needs a package that is not installed", remedy) from None
        except (ValueError, httpx.InvalidURL):  # the message may repeat a password
            remedy = "Correct or remove it in the configuration of this MCP server, and restart the server."
            raise _unusable("is not an http://, https:// or socks5:// address", remedy) from None

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self._built.values():
            await transport.aclose()


class ProxiedTransport(httpx.AsyncBaseTransport):
    """Sends each request through the environment's proxy for it, or directly.

    Requests with the extension `FRESH` have connections of their own.

    Args:
        tls: The TLS settings.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._direct = {fresh: _connections(tls, fresh=fresh) for fresh in (False, True)}
        self._proxies = Proxies(tls)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            ConfigurationError: It needs a proxy that cannot be used.
        """
        fresh = bool(request.extensions.get(FRESH))
        transport = self._proxies.transport(request.url, fresh=fresh) or self._direct[fresh]
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._proxies.aclose()
        for connections in self._direct.values():
            await connections.aclose()


def _connections(
    tls: ssl.SSLContext, proxy: httpx.Proxy | None = None, *, fresh: bool
) -> httpx.AsyncHTTPTransport:
    """Return a pool of connections, all of them through a proxy if there is one; `fresh` ones serve once."""
    kept_alive = 0 if fresh else MAX_KEPT_ALIVE
    limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=kept_alive)
    return httpx.AsyncHTTPTransport(verify=tls, limits=limits, proxy=proxy)


def _unusable(why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"The proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY {why}.", remedy)


def _networks(no_proxy: str) -> list[IPv4Network | IPv6Network]:
    """Return the addresses and networks in a NO_PROXY; names are left to `proxy_bypass`."""
    networks: list[IPv4Network | IPv6Network] = []
    for entry in filter(None, map(str.strip, no_proxy.split(","))):
        try:
            networks.append(ip_network(re.sub(r"^\[(.*)\]", r"\1", entry), strict=False))
        except ValueError:
            if set("/[]") & set(entry):
                logger.warning("NO_PROXY: %r is skipped, because it cannot be read", one_line(entry, _SHOWN))
    return networks
