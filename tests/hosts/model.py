"""A stand-in for a language model, on loopback: it calls one tool, and notes what the host hands back.

By it a host goes its whole way without a login: it starts the server, offers its tools to the model, runs
the call that the model makes, and gives the model the result. The four protocols are those that the hosts
speak: Anthropic's messages, OpenAI's chat completions and responses, Google's generateContent.
"""

import json
import threading
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, cast

Json = dict[str, Any]
DONE = "The picture is ready."


@dataclass(slots=True)
class Script:
    """What the model does, and what has come of it.

    Attributes:
        tool: The end of the name of the tool to call.
        arguments: What to call it with.
        offered: The tools that the host offered, by their names there.
        results: What the host handed back, as it came.
        requests: The addresses that were asked for.
        asked: When the model called the tool, in seconds of the monotonic clock.
        handed: When the host handed it the result; 0 before that.
    """

    tool: str
    arguments: Json
    offered: list[str] = field(default_factory=list[str])
    results: list[object] = field(default_factory=list[object])
    requests: list[str] = field(default_factory=list[str])
    asked: float = 0
    handed: float = 0

    @property
    def call(self) -> tuple[str, Json]:
        """What to call, and with what: nothing once a result has come, or where no tool is offered.

        OpenClaw keeps most tools behind one by which they are called.
        """
        if self.results:
            self.handed = self.handed or time.monotonic()
            return "", {}
        name, arguments = self.called, self.arguments
        if not name and "tool_call" in self.offered:
            name, arguments = "tool_call", {"id": f"imagerouter__{self.tool}", "args": self.arguments}
        self.asked = time.monotonic()
        return name, arguments

    @property
    def called(self) -> str:
        """The tool's name as the host offers it; empty where it does not."""
        return next((name for name in self.offered if name.endswith(self.tool)), "")

    @property
    def received(self) -> str:
        """All that the model was handed back."""
        return json.dumps(self.results)


@dataclass(frozen=True, slots=True)
class Model:
    """A running stand-in."""

    url: str
    script: Script


@contextmanager
def running_model(tool: str, arguments: Mapping[str, object]) -> Generator[Model]:
    """Run the stand-in on a free loopback port."""
    script = Script(tool, dict(arguments))
    handler = type("Handler", (_Handler,), {"script": script})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Model(f"http://127.0.0.1:{server.server_address[1]}", script)
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    script: ClassVar[Script]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        self.script.requests.append(self.path)
        for end, answer in _PROTOCOLS.items():
            if end in self.path:
                self._send(
                    answer(self.script, body), streamed="stream" in self.path or bool(body.get("stream"))
                )
                return
        self.send_error(404)

    def do_GET(self) -> None:
        self.script.requests.append(self.path)
        self._send([], streamed=False)

    def _send(self, events: Iterable[tuple[str, Json]], *, streamed: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
        self.end_headers()
        for name, data in events:
            line = f"event: {name}\n" if name else ""
            self.wfile.write(f"{line}data: {json.dumps(data)}\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
        """Say nothing."""


def _messages(script: Script, body: Json) -> Iterable[tuple[str, Json]]:
    """Anthropic's."""
    script.offered[:] = [tool["name"] for tool in body.get("tools", [])] or script.offered
    blocks = [block for message in body["messages"] for block in _list(message["content"])]
    script.results[:] = [block["content"] for block in blocks if block.get("type") == "tool_result"]
    name, arguments = script.call if body.get("tools") else ("", {})
    usage = {"input_tokens": 1, "output_tokens": 1}
    yield "message_start", {
        "type": "message_start",
        "message": {
            "id": "m1", "type": "message", "role": "assistant", "model": body["model"], "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage,
        },
    }  # fmt: skip
    if name:
        block: Json = {"type": "tool_use", "id": "t1", "name": name, "input": {}}
        delta: Json = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": DONE}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}
    yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    stop = {"stop_reason": "tool_use" if name else "end_turn", "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": stop, "usage": usage}
    yield "message_stop", {"type": "message_stop"}


def _chat(script: Script, body: Json) -> Iterable[tuple[str, Json]]:
    """OpenAI's chat completions."""
    script.offered[:] = [tool["function"]["name"] for tool in body.get("tools", [])] or script.offered
    messages = body["messages"]
    first = next(
        (place for place, message in enumerate(messages) if message["role"] == "tool"), len(messages)
    )
    script.results[:] = messages[first:]  # some hosts put the picture into a message after the result
    name, arguments = script.call if body.get("tools") else ("", {})
    call = {"index": 0, "id": "t1", "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)}}  # fmt: skip
    delta: Json = {"role": "assistant", **({"tool_calls": [call]} if name else {"content": DONE})}
    for part, reason in ((delta, None), ({}, "tool_calls" if name else "stop")):
        choice = {"index": 0, "delta": part, "finish_reason": reason}
        yield "", {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": body["model"],
                   "choices": [choice]}  # fmt: skip


def _responses(script: Script, body: Json) -> Iterable[tuple[str, Json]]:
    """OpenAI's responses, in which tools may be grouped in namespaces."""
    tools = {tool.get("name", ""): "" for tool in body.get("tools", [])}
    for group in body.get("tools", []):
        tools |= {tool["name"]: group["name"] for tool in group.get("tools", [])}
    script.offered[:] = list(tools) or script.offered
    items = _list(body["input"])
    script.results[:] = [item["output"] for item in items if item.get("type") == "function_call_output"]
    name, arguments = script.call
    item: Json = {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
                  "content": [{"type": "output_text", "text": DONE, "annotations": []}]}  # fmt: skip
    if name:
        item = {"type": "function_call", "id": "f1", "call_id": "t1", "name": name, "status": "completed",
                "arguments": json.dumps(arguments)}  # fmt: skip
        item |= {"namespace": tools[name]} if tools.get(name) else {}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    yield "response.created", {"type": "response.created", "response": {"id": "r1"}}
    yield "response.output_item.done", {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield "response.completed", {"type": "response.completed",
                                 "response": {"id": "r1", "output": [item], "usage": usage}}  # fmt: skip


def _contents(script: Script, body: Json) -> Iterable[tuple[str, Json]]:
    """Google's."""
    declared = [
        each["name"] for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])
    ]
    script.offered[:] = declared or script.offered
    contents = body.get("contents", [])
    parts = [part for content in contents for part in content.get("parts", [])]
    first = next((place for place, part in enumerate(parts) if "functionResponse" in part), len(parts))
    script.results[:] = parts[first:]
    name, arguments = script.call if declared else ("", {})
    part: Json = {"functionCall": {"name": name, "args": arguments}} if name else {"text": DONE}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    yield "", {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 2}}


_PROTOCOLS = {
    "/messages": _messages,
    "/chat/completions": _chat,
    "/responses": _responses,
    "GenerateContent": _contents,
}


def _list(content: object) -> list[Json]:
    return cast("list[Json]", content) if isinstance(content, list) else []
