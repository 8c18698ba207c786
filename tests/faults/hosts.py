"""Hosts: what starts a server and speaks MCP with it, as people's hosts do, or exactly as a test says."""

import itertools
import json
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from faults.door import Loss

Era = Literal["auto", "legacy"]
ANSWER_SECONDS = 60.0
"""The longest that a test waits for an answer."""
_LEGACY, _MODERN = "2025-11-25", "2026-07-28"
_WHO = {"name": "faults", "version": "1"}
_HELLO = {"protocolVersion": _LEGACY, "capabilities": {}, "clientInfo": _WHO}
_ONE_CALL_EACH = httpx.Limits(max_keepalive_connections=0)
"""An idle connection may be among those that are lost, and then the next call is lost with it."""
_INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as it reached the host.

    Attributes:
        result: The JSON of a `tools/call` result.
    """

    result: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        """Whether it is an error."""
        return bool(self.result.get("isError"))

    @property
    def fields(self) -> Mapping[str, Any]:
        """The structured content."""
        return self.result.get("structuredContent") or {}

    @property
    def text(self) -> str:
        """What a host shows."""
        return "\n".join(block.get("text", "") for block in self.result.get("content", ()))

    @property
    def images(self) -> Sequence[Mapping[str, Any]]:
        """The pictures, or videos, that it tells of."""
        return self.fields.get("images", ())

    @property
    def charged(self) -> str | None:
        """What an error says of money."""
        return self.fields.get("error", {}).get("charged")

    @property
    def generation(self) -> str | None:
        """The handle of the work, done or under way."""
        return self.fields.get("generation")

    @property
    def state(self) -> str | None:
        """What an answer says that came before the work was done."""
        return self.fields.get("state")


class Host(Protocol):
    """Something that calls tools."""

    def begin(self, tool: str, **arguments: object) -> "Future[Told]":
        """Call a tool; the answer comes later."""
        ...

    def call(self, tool: str, **arguments: object) -> Told:
        """Call a tool and wait for its answer."""
        ...

    def close(self) -> None:
        """Part from the server as a host does."""
        ...


class SdkHost:
    """The SDK's own client, with a server over stdio or at an address.

    Args:
        server: A command with its environment, or the address of a server that runs.
        era: Which protocol to speak.
    """

    def __init__(self, server: StdioServerParameters | str, era: Era = "auto") -> None:
        self._stack = ExitStack()
        self._portal: BlockingPortal = self._stack.enter_context(start_blocking_portal())
        transport = server if isinstance(server, str) else stdio_client(server)
        self._client: Client = self._stack.enter_context(
            self._portal.wrap_async_context_manager(Client(transport, mode=era))
        )

    def begin(self, tool: str, **arguments: object) -> "Future[Told]":
        """Call a tool; the answer comes later."""
        return self._portal.start_task_soon(self._call, tool, arguments, None)

    def call(self, tool: str, **arguments: object) -> Told:
        """Call a tool and wait for its answer."""
        return self.begin(tool, **arguments).result(ANSWER_SECONDS)

    def call_for(self, seconds: float, tool: str, **arguments: object) -> Told:
        """Call a tool and give up after so many seconds, as hosts do.

        Raises:
            Exception: The SDK's, when no answer came in time.
        """
        return self._portal.call(self._call, tool, arguments, seconds)

    def close(self) -> None:
        """Part from the server as a host does."""
        self._stack.close()

    async def _call(self, tool: str, arguments: dict[str, Any], seconds: float | None) -> Told:
        result = await self._client.call_tool(tool, arguments, read_timeout_seconds=seconds)
        return Told(result.model_dump(mode="json", by_alias=True, exclude_none=True))


def message(era: Era, number: int, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A request as JSON-RPC, in the words of an era."""
    meta: dict[str, object] = {"progressToken": number} if method == "tools/call" else {}
    if era == "auto":
        meta |= {
            "io.modelcontextprotocol/protocolVersion": _MODERN,
            "io.modelcontextprotocol/clientInfo": _WHO,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {**parameters, "_meta": meta}}


class HTTPHost:
    """JSON-RPC over HTTP, whose connections a test may lose.

    Args:
        address: The server's, or that of a door in front of it.
        era: Which protocol to speak.
    """

    def __init__(self, address: str, era: Era = "auto") -> None:
        self._http = httpx.Client(trust_env=False, timeout=ANSWER_SECONDS, limits=_ONE_CALL_EACH)
        self._address = address
        self._era: Era = era
        self._numbers = itertools.count(1)
        self._asking: list[threading.Thread] = []
        self._headers = {"Accept": "application/json, text/event-stream"}
        if era == "legacy":
            with self._post("initialize", _HELLO) as answer:
                answer.read()
                self._headers |= {
                    "Mcp-Session-Id": answer.headers["mcp-session-id"],
                    "Mcp-Protocol-Version": _LEGACY,
                }
            self._http.post(self._address, json=_INITIALIZED, headers=self._headers).raise_for_status()
        else:
            self._headers["Mcp-Protocol-Version"] = _MODERN

    def begin(self, tool: str, **arguments: object) -> "Future[Told]":
        """Call a tool; the answer comes later, or never where the connection is lost."""
        answer: Future[Told] = Future()
        asking = threading.Thread(target=self._ask, args=(answer, tool, arguments), daemon=True)
        asking.start()
        self._asking.append(asking)
        return answer

    def call(self, tool: str, **arguments: object) -> Told:
        """Call a tool and wait for its answer."""
        return self.begin(tool, **arguments).result(ANSWER_SECONDS)

    def close(self) -> None:
        """Close the connections, once every call has its answer or is lost."""
        for asking in self._asking:
            asking.join()
        self._http.close()

    def _ask(self, answer: "Future[Told]", tool: str, arguments: Mapping[str, object]) -> None:
        try:
            with self._post("tools/call", {"name": tool, "arguments": arguments}) as response:
                answer.set_result(_told(response))
        except (httpx.HTTPError, RuntimeError) as error:
            answer.set_exception(error)

    def _post(self, method: str, parameters: Mapping[str, Any]) -> AbstractContextManager[httpx.Response]:
        headers = {**self._headers, "Mcp-Method": method}
        if "name" in parameters:
            headers["Mcp-Name"] = parameters["name"]
        body = message(self._era, next(self._numbers), method, parameters)
        return self._http.stream("POST", self._address, json=body, headers=headers)


def _told(response: httpx.Response) -> Told:
    """The answer to a call, as JSON or at the end of a stream of events."""
    if response.headers["content-type"].startswith("application/json"):
        return Told(json.loads(response.read())["result"])
    for line in response.iter_lines():
        kind, _, data = line.partition(":")
        event: dict[str, Any] = json.loads(data) if kind == "data" and data.strip() else {}
        if "result" in event:
            return Told(event["result"])
    raise httpx.RemoteProtocolError("the stream ended without an answer")


@dataclass(slots=True)
class RawHost:
    """JSON-RPC line by line, so that a test decides what is sent when, and how the server ends.

    Attributes:
        command: What starts the server.
        environment: All of its environment.
        said: Where its stderr goes.
        era: Which protocol to speak.
        process: The server.
        lost: Why answers that are still awaited will not come.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    said: Path
    era: Era = "auto"
    process: "subprocess.Popen[bytes]" = field(init=False)
    _waiting: "dict[int, Future[Told]]" = field(init=False, default_factory=dict[int, "Future[Told]"])
    _count: int = field(init=False, default=0)
    _writing: threading.Lock = field(init=False, default_factory=threading.Lock)
    _reader: threading.Thread = field(init=False)
    _stdout: socket.socket = field(init=False)
    """No pipe, because this end of it can be closed while a thread reads."""

    def __post_init__(self) -> None:
        self._stdout, stdout = socket.socketpair()
        with self.said.open("ab") as said, stdout:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                self.command,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=stdout.fileno(),
                stderr=said,
                cwd="/",
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if self.era == "legacy":
            self._request("initialize", _HELLO)[1].result(ANSWER_SECONDS)
            self._send(_INITIALIZED)

    def begin(self, tool: str, **arguments: object) -> "Future[Told]":
        """Call a tool; the answer comes later."""
        return self.ask(tool, **arguments)[1]

    def ask(self, tool: str, **arguments: object) -> "tuple[int, Future[Told]]":
        """Call a tool; the request's number, by which it can be cancelled, and the answer to come."""
        return self._request("tools/call", {"name": tool, "arguments": arguments})

    def call(self, tool: str, **arguments: object) -> Told:
        """Call a tool and wait for its answer."""
        return self.begin(tool, **arguments).result(ANSWER_SECONDS)

    def cancel(self, number: int) -> None:
        """Say that an answer is no longer wanted."""
        self._send(
            {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": number, "reason": "the person pressed Stop"},
            }
        )

    def lose(self, how: Loss) -> None:
        """Part from the server: close its stdin, be gone at both ends, or never listen again."""
        if how == "reset":
            self._stdout.shutdown(socket.SHUT_RDWR)
        if how != "silent":
            with suppress(OSError):
                self._stdin.close()

    def signal(self, how: int) -> None:
        """Send the server a signal."""
        self.process.send_signal(how)

    def wait(self, seconds: float = ANSWER_SECONDS) -> int:
        """Wait until the server has ended; its exit status."""
        status = self.process.wait(seconds)
        self._reader.join()
        return status

    def close(self) -> None:
        """Close the server's stdin, and see it end; a server that does not is killed."""
        with suppress(OSError):
            self._stdin.close()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            raise

    @property
    def _stdin(self) -> Any:  # noqa: ANN401 - a pipe, which its type leaves open
        return self.process.stdin

    def _request(self, method: str, parameters: Mapping[str, Any]) -> "tuple[int, Future[Told]]":
        with self._writing:
            self._count += 1
            number = self._count
        answer = self._waiting[number] = Future()
        self._send(message(self.era, number, method, parameters))
        return number, answer

    def _send(self, message: Mapping[str, object]) -> None:
        with self._writing, suppress(OSError):  # of a server that is gone, `_read` tells
            self._stdin.write(json.dumps(message).encode() + b"\n")
            self._stdin.flush()

    def _read(self) -> None:
        with self._stdout, self._stdout.makefile("rb") as stdout:
            for line in stdout:
                if not line.endswith(b"\n"):  # the server was killed in the middle of it
                    break
                message = json.loads(line)
                answer = self._waiting.pop(message.get("id"), None)
                if answer:
                    answer.set_result(Told(message.get("result") or {"isError": True, **message}))
        while self._waiting:
            _, answer = self._waiting.popitem()
            answer.set_exception(ConnectionResetError("the server ended before it answered"))
