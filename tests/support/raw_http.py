"""HTTP as bytes, for requests that no client library would send."""

import re
import socket
from urllib.parse import urlsplit

MIB = 2**20
INITIALIZE = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
    b'"capabilities":{},"clientInfo":{"name":"pytest","version":"1"}}}'
)
HEAD = (
    b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Accept: application/json, text/event-stream\r\n"
)


def send(url: str, *pieces: bytes, seconds: float = 10) -> bytes:
    """What comes back on a connection of its own, until the server closes it or has answered."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=seconds) as connection:
        heard = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            while chunk := connection.recv(65_536):
                heard += chunk
                if b"\r\n\r\n" in heard and _is_whole(heard):
                    break
        except (ConnectionError, TimeoutError):
            pass
        return heard


def _is_whole(heard: bytes) -> bool:
    head, _, body = heard.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return bool(length) and len(body) >= int(length[1])


def status(heard: bytes) -> str:
    """The status of an answer, or that the connection was closed without one."""
    found = re.match(rb"HTTP/1\.1 (\d{3})", heard)
    return found[1].decode() if found else "closed"


def post(body: bytes, *, headers: bytes = b"", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return HEAD + headers + f"Content-Length: {size}\r\n\r\n".encode() + body


def chunked(*chunks: bytes) -> bytes:
    parts = [f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks]
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts) + b"0\r\n\r\n"


def get(*headers: bytes, target: bytes = b"/mcp", host: bytes = b"Host: localhost\r\n") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + host + b"".join(headers) + b"\r\n"
