"""Twenty clients that attack a server over HTTP, each in one way, until their process is ended.

Run as `python -m bench.attackers ADDRESS TOKEN`. Each has a loopback address of its own, as Linux has many.
"""

import json
import os
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from urllib.parse import urlsplit

MIB = 2**20
_SECONDS = 10
_IDLE = 100
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


def request(method: str, path: str, headers: Mapping[str, str], body: bytes | None = b"") -> bytes:
    """A request as bytes; without a body, one of which only the head is sent."""
    length = {} if body is None else {"Content-Length": str(len(body))}
    lines = [f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers, **length}.items()]
    return f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + (body or b"")


def message(token: str, method: str, **parameters: object) -> bytes:
    """A message of MCP as a request: `initialize` of the older protocol, all others of the newer."""
    newer = {
        "Mcp-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
        "Mcp-Name": str(parameters.get("name")),
    }
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **({} if method == "initialize" else newer),
    }
    sent = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**parameters, "_meta": _META}}
    return request("POST", "/mcp", headers, json.dumps(sent).encode())


class Attacker:
    """One of them.

    Args:
        address: Where the server is.
        token: The server's token.
        source: The attacker's own address.
    """

    def __init__(self, address: str, token: str, source: str) -> None:
        parts = urlsplit(address)
        self._server = (parts.hostname or "", parts.port or 0)
        self._token, self._source = token, source

    def one_byte_chunks(self) -> None:
        """Send a body without end, which is refused."""
        with self._connected() as connection:
            connection.sendall(request("POST", "/mcp", {"Transfer-Encoding": "chunked"}, None))
            while True:
                connection.sendall(b"1\r\n \r\n" * 10_000)

    def idle_connections(self) -> None:
        """Hold many connections until the first is closed."""
        held = [self._connected() for _ in range(_IDLE)]
        with suppress(OSError):
            held[0].recv(1)
        for each in held:
            each.close()

    def flood_of_connections(self) -> None:
        """Ask without the token, on a new connection."""
        self._ask(message("", "initialize", **_INITIALIZE))

    def flood_of_calls(self) -> None:
        """Call as fast as answers come, on one connection."""
        with self._connected() as connection:
            heard = True
            while heard:
                connection.sendall(message(self._token, "tools/call", name="list_images", arguments={}))
                heard = bool(connection.recv(MIB))

    def sessions(self) -> None:
        """Open a session and leave it."""
        self._ask(message(self._token, "initialize", **_INITIALIZE))

    def large_json(self) -> None:
        """Send JSON that is costly to parse: as much as is allowed, and ten times as much."""
        for size in (4 * MIB - 1000, 40 * MIB):
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            self._ask(request("POST", "/mcp", headers, b"[" + b"[]," * (size // 3) + b"[]]"))

    def packed_pictures(self) -> None:
        """Upload a small file with very many pixels."""
        answer = self._ask(message(self._token, "tools/call", name="upload_link", arguments={}))
        target = answer.partition(b'"upload_url":"')[2].partition(b'"')[0].decode()
        self._ask(request("PUT", target[target.index("/uploads/") :], {}, _packed()))

    def _connected(self) -> socket.socket:
        return socket.create_connection(self._server, _SECONDS, (self._source, 0))

    def _ask(self, sent: bytes) -> bytes:
        with self._connected() as connection:
            connection.sendall(sent)
            return connection.recv(MIB)


WAYS: list[tuple[Callable[[Attacker], None], int]] = [
    (Attacker.one_byte_chunks, 3),
    (Attacker.idle_connections, 3),
    (Attacker.flood_of_connections, 3),
    (Attacker.flood_of_calls, 3),
    (Attacker.sessions, 3),
    (Attacker.large_json, 3),
    (Attacker.packed_pictures, 2),
]
"""Each way to attack, and how many choose it."""


@cache
def _packed() -> bytes:
    """A PNG file of some 200 kB with 64 million pixels."""

    def part(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    side = 8000
    head = side.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    pixels = zlib.compress(bytes((3 * side + 1) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", pixels) + part(b"IEND", b"")


def _attack(way: Callable[[Attacker], None], attacker: Attacker) -> None:
    while True:
        with suppress(OSError, ValueError):  # refused, or no link
            way(attacker)


def main(address: str, token: str) -> None:
    """Start them all."""
    os.nice(10)  # they stand for other machines, which take none of the server's time
    ways = [way for way, count in WAYS for _ in range(count)]
    for number, way in enumerate(ways, 1):
        attacker = Attacker(address, token, f"127.0.2.{number}")
        threading.Thread(target=_attack, args=(way, attacker)).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
