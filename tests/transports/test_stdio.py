"""The server as hosts run it: a process of its own, spoken to over stdin and stdout."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import TextContent
from PIL import Image

from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.settings import KEYS_PAGE

COMMAND = [sys.executable, "-m", "imagerouter_mcp"]
ENDS_WITHIN = 15
"""Seconds; less than the grace that it gives to what was sent, for which an idle server does not wait."""
posix = pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")


def server(environment: Mapping[str, str], *options: str, era: str = "auto") -> Client:
    """A client whose server is a process; opened and closed by `async with`."""
    parameters = StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], *options], env=dict(environment), cwd="/"
    )
    return Client(stdio_client(parameters), mode=era)


def pictures_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_pictures_are_made_and_edited(environment: dict[str, str], era: str, tmp_path: Path) -> None:
    async with server(environment, era=era) as client:
        assert client.protocol_version.startswith("2026" if era == "auto" else "2025")
        tools = {tool.name for tool in (await client.list_tools()).tools}
        told: list[str | None] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            del progress, total
            told.append(message)

        made = await client.call_tool(
            "generate_image",
            {"prompt": "A fox", "model": "test/test"},
            progress_callback=note,
        )
        edited = await client.call_tool(
            "edit_image", {"images": ["last"], "prompt": "Invert", "model": "test/test"}
        )
    assert {
        "generate_image",
        "edit_image",
        "list_images",
        "show_image",
        "search_models",
        "popular_models",
    } <= tools
    assert told
    paths = [Path(result.structured_content["images"][0]["path"]) for result in (made, edited)]  # pyright: ignore[reportOptionalSubscript] - its absence is a failure too
    assert [path.parent for path in paths] == [tmp_path / "pictures"] * 2
    with Image.open(paths[0]) as picture, Image.open(paths[1]) as other:
        assert picture.size == other.size == (512, 512)
        assert picture.tobytes() != other.tobytes()


async def test_the_server_starts_without_a_key_and_says_what_to_set(environment: dict[str, str]) -> None:
    del environment["IMAGEROUTER_API_KEY"]
    async with server(environment) as client:
        assert (await client.list_tools()).tools
        found = await client.call_tool("search_models", {"query": "flux"})
        refused = await client.call_tool("generate_image", {"prompt": "A fox", "model": "test/test"})
    assert not found.is_error
    assert refused.is_error
    text = refused.content[0]
    assert isinstance(text, TextContent)
    assert "IMAGEROUTER_API_KEY" in text.text
    assert KEYS_PAGE in text.text


async def test_the_sandbox_inside_needs_no_key(
    bare: Callable[[Path], dict[str, str]], tmp_path: Path
) -> None:
    environment = {**bare(tmp_path), "IMAGEROUTER_OUTPUT_DIR": str(tmp_path), "IMAGEROUTER_API_KEY": "${KEY}"}
    async with server(environment, "--sandbox") as client:
        made = await client.call_tool(
            "generate_image", {"prompt": "A fox", "model": "test/test", "preview": "none"}
        )
    assert made.structured_content
    assert made.structured_content["images"][0]["path"] in map(str, pictures_in(tmp_path))
    assert any("Made by the sandbox" in note for note in made.structured_content["notes"])


class Raw:
    """A server process, and JSON-RPC to it line by line."""

    def __init__(self, process: "subprocess.Popen[bytes]", era: str) -> None:
        self.process = process
        self._legacy = era == "legacy"
        self._count = 0
        self.lines: list[bytes] = []
        if self._legacy:
            self.ask(
                "initialize",
                protocolVersion="2025-11-25",
                capabilities={},
                clientInfo={"name": "pytest", "version": "1"},
            )
            self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a request, and return its result."""
        return self.answer(method, **parameters)["result"]

    def answer(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a request, and read until its answer has come."""
        self._count += 1
        meta: dict[str, object] = {"progressToken": self._count} if method == "tools/call" else {}
        if not self._legacy:
            meta |= {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "pytest", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        sent = {**parameters, "_meta": meta} if meta else parameters
        self._send({"jsonrpc": "2.0", "id": self._count, "method": method, "params": sent})
        for line in _pipe(self.process.stdout):
            self.lines.append(line)
            message = json.loads(line)
            if message.get("id") == self._count:
                return message
        raise AssertionError(_pipe(self.process.stderr).read().decode())

    def end(self, how: str) -> tuple[int, str]:
        """End the process by a signal or by closing its stdin; its exit status, and all of its stderr."""
        if how == "EOF":
            _pipe(self.process.stdin).close()
        else:
            self.process.send_signal(signal.Signals[how])
        status = self.process.wait(ENDS_WITHIN)
        self.lines.extend(_pipe(self.process.stdout))
        return status, _pipe(self.process.stderr).read().decode()

    def say(self, line: bytes) -> None:
        """Send a line, whatever it is."""
        pipe = _pipe(self.process.stdin)
        pipe.write(line)
        pipe.flush()

    def _send(self, message: Mapping[str, object]) -> None:
        self.say(json.dumps(message).encode() + b"\n")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


@contextmanager
def raw(environment: Mapping[str, str], era: str, *options: str) -> Generator[Raw]:
    """A running server; killed at the end of the block if it still runs."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, *options],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
    ) as process:
        try:
            yield Raw(process, era)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("options", "era", "how"),
    [pytest.param((), "auto", "SIGTERM", marks=posix), (("--sandbox",), "legacy", "EOF")],
)
def test_with_a_setting_that_cannot_be_read_the_server_starts_and_each_call_says_which(
    environment: dict[str, str], options: tuple[str, ...], era: str, how: str
) -> None:
    wrong = {
        "IMAGEROUTER_OUTPUT_DIR": "${workspaceFolder}/pics",
        "IMAGEROUTER_TIMEOUT": "5m",
        "IMAGEROUTER_BUDGET_USD": "$5",
        "IMAGEROUTER_PREVIEW": "false",
    }
    with raw({**environment, **wrong}, era, *options) as talk:
        called = {
            tool["name"]: talk.ask("tools/call", name=tool["name"], arguments=_least(tool["inputSchema"]))
            for tool in talk.ask("tools/list")["tools"]
        }
        refused = talk.answer("resources/read", uri="imagerouter://models")
        status, stderr = talk.end(how)
    assert called
    for name, result in called.items():
        assert result["isError"], name
        said = result["content"][0]["text"]
        assert set(wrong) == set(re.findall(r"(\w+) cannot be used", said)), name
        assert (
            "it contains ${workspaceFolder}, which the host has not replaced; it must be an absolute" in said
        )
        assert "it must be an amount in US dollars such as 0.50" in said
        assert "it must be a plain number such as 45, without a unit" in said
        assert "it must be 'auto', 'none' or 'large'" in said
    assert "IMAGEROUTER_TIMEOUT cannot be used" in refused["error"]["message"]
    assert status == 0
    assert "IMAGEROUTER_TIMEOUT cannot be used" in stderr
    assert "Traceback" not in stderr


def _least(schema: dict[str, Any]) -> dict[str, object]:
    """The arguments that a tool cannot do without."""
    kinds = {name: schema["properties"][name]["type"] for name in schema.get("required", [])}
    return {name: ["last"] if kind == "array" else "last" for name, kind in kinds.items()}


@posix
@pytest.mark.parametrize(("era", "how"), [("auto", "SIGTERM"), ("legacy", "SIGINT")])
def test_stdout_carries_the_protocol_alone_and_an_idle_server_ends_at_once_and_in_silence(
    environment: dict[str, str], era: str, how: str
) -> None:
    with raw(environment, era) as talk:
        talk.say(b"This is no JSON.\n")
        talk.ask("tools/list")
        made = talk.ask(
            "tools/call",
            name="generate_image",
            arguments={"prompt": "A fox", "model": "sandbox/slow-0.2", "size": "256x256"},
        )
        refused = talk.ask("tools/call", name="generate_image", arguments={"model": 7})
        status, stderr = talk.end(how)
    assert made["structuredContent"]["images"]
    assert refused["isError"]
    messages = [json.loads(line) for line in talk.lines]
    assert [message["id"] for message in messages if "error" in message] == [None], (
        "of the line that is no JSON"
    )
    assert all(message["jsonrpc"] == "2.0" for message in messages)
    assert any(message.get("method") == "notifications/progress" for message in messages)
    assert (status, stderr) == (0, "")
    assert KEY.encode() not in b"".join(talk.lines)


UNREADABLE = (
    (b"This is no JSON.", None, "expected value"),
    (rb'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"\ud83d"}}', 7, "surrogate pair"),
    (rb'{"jsonrpc":"2.0","id":"a","method":"ping","params":{"x":"\udc00\ud83d"}}', "a", "surrogate pair"),
    (rb'{"jsonrpc":"2.0","id":"\ud83d","method":"ping"}', None, "surrogate pair"),
    (b'{"jsonrpc":"2.0","id":8,"method":"ping"', None, "EOF"),
    (b'{"jsonrpc":"2.0","id":9}', 9, "JSON-RPC 2.0"),
    (b'{"id":"b","method":"ping"}', "b", "JSON-RPC 2.0"),
    (b'{"jsonrpc":"2.0","id":10,"method":7}', 10, "JSON-RPC 2.0"),
    (b'{"jsonrpc":"2.0","id":true,"method":7}', None, "JSON-RPC 2.0"),
    (b'[{"jsonrpc":"2.0","id":11,"method":"ping"}]', None, "JSON-RPC 2.0"),
    (b"[" * 5000, None, "recursion"),
    (
        b'{"jsonrpc":"2.0","id":12,"method":"ping","params":{"x":' + b"[" * 900 + b"]" * 900 + b"}}",
        12,
        "recursion",
    ),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', None, "a text or a whole number"),
    (b'{"jsonrpc":"2.0","id":{"a":1},"method":"tools/call"}', None, "a text or a whole number"),
)
"""A line that is no message, the id it is answered by, and a part of the answer."""


def test_a_line_that_is_no_message_is_answered_by_its_id_where_it_has_one(
    environment: dict[str, str],
) -> None:
    with raw(environment, "auto") as talk:
        talk.say(b"\n  \n" + b"".join(line + b"\n" for line, _, _ in UNREADABLE))
        talk.ask("tools/list")
        status, stderr = talk.end("EOF")
    refusals = [message for message in map(json.loads, talk.lines) if "error" in message]
    for refusal, (line, named, reason) in zip(refusals, UNREADABLE, strict=True):
        assert refusal["id"] == named, line[:80]
        assert refusal["error"]["code"] in (-32700, -32600)
        assert reason in refusal["error"]["message"], line[:80]
    assert (status, stderr) == (0, "")
