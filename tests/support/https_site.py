"""A web site over https on loopback, which a guarded fetcher takes for one of the internet."""

import asyncio
import datetime as dt
import ipaddress
import ssl
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import anyio
import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from imagerouter_mcp.addresses import Network
from imagerouter_mcp.fetch import tls_context

PUBLIC = "93.184.215.14"
SITE = "app.example"


@dataclass
class HttpsSite(httpcore.AsyncNetworkBackend):
    """Answers for every public name; `pages` says what, by path."""

    port: int = 0
    pages: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Whole answers, as they go over the wire."""
    names: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """What names resolve to, but for those of the site."""
    dialled: list[str] = field(default_factory=list[str])
    now: float = field(default_factory=time.time)
    """The time, for whoever wants to know it from here."""
    asked: list[str] = field(default_factory=list[str])
    """Paths that were requested."""

    @property
    def network(self) -> Network:
        """The network in which this site is."""
        return Network(self.resolve, self)

    def answer(self, path: str, content: str | bytes, *, status: str = "200 OK", head: str = "") -> None:
        """Have a path answered."""
        body = content.encode() if isinstance(content, str) else content
        lines = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{head}\r\n"
        self.pages[path] = lines.encode() + body

    async def resolve(self, host: str, _: int) -> Sequence[str]:
        """Resolve a name."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return self.names.get(host, (PUBLIC,))
        return (host,)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own
        local_address: str | None = None,
        socket_options: Any = None,  # noqa: ANN401 - httpcore's own
    ) -> httpcore.AsyncNetworkStream:
        """Note what is dialled, and connect to the site."""
        del port, local_address, socket_options
        self.dialled.append(host)
        # httpcore defines this class twice; the type checker sees the definition for missing anyio.
        system = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        return await system.connect_tcp("127.0.0.1", self.port, timeout)

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await anyio.sleep(seconds)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            self.asked.append(path)
            writer.write(self.pages.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def https_site(folder: Path) -> AsyncGenerator[HttpsSite]:
    """Run a site whose certificate this process trusts until the block ends."""
    _certify(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    site = HttpsSite()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=context)
    site.port = server.sockets[0].getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "certificate.pem"))
        tls_context.cache_clear()
        try:
            yield site
        finally:
            tls_context.cache_clear()
            server.close()
            await server.wait_closed()


def _certify(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SITE)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SITE)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
