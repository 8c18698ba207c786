"""A port in front of the sandbox: open, shut, deaf, or speaking TLS with a certificate that nobody knows."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from anyio.from_thread import BlockingPortal, start_blocking_portal
from cryptography import x509  # it comes with the SDK
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support.held_port import held_port

Loss = Literal["closed", "reset", "silent"]
"""How a connection is lost: ended in good order, broken off, or without a word to either side."""
_HOST = "127.0.0.1"
_PIECE = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing sends a reset."""


class Door:
    """One port for as long as it is wanted, whatever happens behind it; shut at first.

    Args:
        portal: Where it runs.
        behind: The address that it leads to.
        port: Its port.

    Attributes:
        certificate: A PEM file with key and certificate, for TLS; None for plain HTTP.
        deaf: Whether connections are accepted and then left alone.
        one_request_each: Whether a connection is closed when a second request arrives on it.
        port: Its own while it is shut too.
        callers: How many have come.
    """

    def __init__(self, portal: BlockingPortal, behind: str, port: int) -> None:
        parts = urlsplit(behind)
        self._behind = (parts.hostname, parts.port)
        self._portal = portal
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._loss: Loss = "closed"
        self.certificate: Path | None = None
        self.deaf = False
        self.one_request_each = False
        self.callers = 0
        self.port = port

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{_HOST}:{self.port}"

    def open(self) -> None:
        """Begin to let connections through, in the way that the attributes say now."""
        self._portal.call(self._open)

    def shut(self) -> None:
        """Refuse connections, and cut those that are open."""
        self._portal.call(self._shut)

    def lose(self, how: Loss) -> None:
        """Lose the connections that are open now; new ones come through."""
        self._portal.call(self._lose, how)

    async def _lose(self, how: Loss) -> None:
        self._loss = how
        for task in self._connections:
            task.cancel()

    async def _open(self) -> None:
        context = None
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
        self._server = await asyncio.start_server(self._accept, _HOST, self.port, ssl=context)

    async def _shut(self) -> None:
        if self._server:
            # A process that another thread starts may hold a copy, which would go on listening.
            for listening in self._server.sockets:
                listening.shutdown(socket.SHUT_RDWR)
            self._server.close()
        self._server = None
        await self._lose("closed")
        await asyncio.gather(*self._connections, return_exceptions=True)  # some may not have begun

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError, OSError), closing(writer):
            if self.deaf:
                await asyncio.Event().wait()
            from_behind, to_behind = await asyncio.open_connection(*self._behind)
            answered = asyncio.Event()
            with closing(to_behind):
                try:
                    await asyncio.gather(
                        _pump(reader, to_behind, lambda: not (self.one_request_each and answered.is_set())),
                        _pump(from_behind, writer, lambda: not answered.set()),
                    )
                except asyncio.CancelledError:
                    await self._lost(to_behind)
                    raise
        writer.transport.abort()

    async def _lost(self, to_behind: asyncio.StreamWriter) -> None:
        """Leave the server's side of a connection as it was lost; a silent one stays until the next loss."""
        if self._loss == "silent":
            await asyncio.Event().wait()
        if self._loss == "reset":
            behind: socket.socket = to_behind.get_extra_info("socket")
            behind.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            to_behind.transport.abort()


async def _pump(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, is_wanted: Callable[[], bool]
) -> None:
    with suppress(OSError):
        while (piece := await source.read(_PIECE)) and is_wanted():
            target.write(piece)
            await target.drain()
    target.close()


@contextmanager
def door(behind: str) -> Generator[Door]:
    """A door, for as long as the block lasts."""
    with start_blocking_portal() as portal, held_port() as port:
        made = Door(portal, behind, port)
        try:
            yield made
        finally:
            made.shut()


def make_certificate(path: Path) -> Path:
    """Write a key and a certificate for loopback, signed by itself, into one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(_HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
