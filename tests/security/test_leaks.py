"""Ways for the API key, a token or a password to get out: each is searched for wherever it could be.

That is in every answer, log line at any level, record and file, and in what processes show of themselves.
"""

import io
import json
import logging
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from mcp import Client
from mcp.types import CallToolResult
from PIL import Image
from pydantic import SecretStr

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.fetch import http_client
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings, key_file_warning, load_settings
from imagerouter_mcp.wiring import open_app

Row = Callable[[str, str, str], None]
Call = Callable[..., Awaitable[CallToolResult]]
Answering = Callable[..., Awaitable[str]]

SECTION = "Ways for a secret to leak"
FOX = {"prompt": "A fox", "model": "test/test"}


@dataclass
class Watch:
    """Searches for a secret in logs and files; answers are added to what is searched."""

    folder: Path
    caplog: pytest.LogCaptureFixture

    def assert_clean(self, *texts: object, secret: str = KEY) -> None:
        """Nothing that was said, logged or written holds the secret, in any usual encoding."""
        said = [
            record.getMessage() + str(record.exc_text) + repr(record.args) for record in self.caplog.records
        ]
        files = [
            path.read_bytes() for path in self.folder.rglob("*") if path.is_file() and "key" not in path.name
        ]
        whole = "\n".join([*map(str, texts), *said]).encode("utf-8", "replace") + b"\n".join(files)
        spelled = "".join(f"\\u{ord(c):04x}" for c in secret), "".join(f"%{ord(c):02x}" for c in secret)
        in_base64 = b64encode(secret.encode()).decode(), b64encode(f"Bearer {secret}".encode()).decode()[10:]
        for form in (secret, secret[:24], secret[-24:], *(each[:32] for each in (*spelled, *in_base64))):
            assert form.encode().lower() not in whole.lower()


@pytest.fixture
def watch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Watch:
    """What is searched: every log at every level, and every file of the test."""
    caplog.set_level(logging.DEBUG)
    return Watch(tmp_path, caplog)


def whole(result: CallToolResult) -> str:
    return result.model_dump_json(by_alias=True)


def http(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode()
        + body
    )


ECHOES: dict[str, bytes] = {
    "the service repeats it in an error": http(
        json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}", "type": "x"}}).encode()
    ),
    "the service repeats it in an error's type and code": http(
        json.dumps({"error": {"message": "no", "type": KEY, "code": KEY}}).encode()
    ),
    "the service repeats it with status 401": http(
        json.dumps({"error": {"message": f"Bearer {KEY}", "type": "unauthorized"}}).encode(), status="401 No"
    ),
    "a gateway repeats it in a page": http(b"<html>Authorization: Bearer " + KEY.encode() + b"</html>"),
    "a gateway repeats it with status 502": http(b"upstream got " + KEY.encode(), status="502 Bad"),
    "the service repeats it in a revised prompt": http(
        json.dumps({"data": [{"b64_json": "iVBORw0KGgo=", "revised_prompt": f"key {KEY}"}]}).encode()
    ),
    "the service repeats it in a result's link": http(
        json.dumps({"data": [{"url": f"http://127.0.0.1:9/x.png?key={KEY}"}]}).encode()
    ),
    "the service spells it with JSON's escapes": http(
        json.dumps({"error": {"message": "KEY", "type": "KEY"}})
        .replace("KEY", "".join(f"\\u{ord(c):04x}" for c in KEY))
        .encode()
    ),
    "the service spells it with JSON's escapes in a revised prompt": http(
        json.dumps({"data": [{"url": "http://127.0.0.1:9/x.png", "revised_prompt": "KEY"}]})
        .replace("KEY", "".join(f"\\u{ord(c):04x}" for c in KEY))
        .encode()
    ),
    "the service spells it in percent signs": http(
        json.dumps(
            {"error": {"message": "".join(f"%{ord(c):02x}" for c in KEY), "code": quote(KEY)}}
        ).encode()
    ),
    "the service spells it in base64": http(
        json.dumps({"error": {"message": b64encode(f"Bearer {KEY}".encode()).decode()}}).encode()
    ),
    "the service spells it with unseen characters": http(
        json.dumps({"error": {"message": "\u200b".join(KEY), "type": "\x00".join(KEY)}}).encode()
    ),
    "the service repeats most of it": http(
        json.dumps({"error": {"message": f"Incorrect key {KEY[:-8]}…", "type": KEY[8:]}}).encode()
    ),
    "the service repeats it as the name of a field": http(json.dumps({KEY: {KEY: KEY}}).encode()),
    "the service repeats it in an answer that breaks off": http(
        ('{"data": [{"revised_prompt": "' + "".join(f"\\u{ord(c):04X}" for c in KEY) + KEY).encode()
    ),
    "the service answers in another encoding": http(json.dumps({"error": {"message": KEY}}).encode("utf-16")),
    "the service repeats it in the status line": http(b"{}", status=f"200 {KEY}"),
    "the service repeats it in a header": http(b"{}", headers=f"Retry-After: {KEY}\r\nServer: {KEY}\r\n"),
    "the service repeats it as garbage": f"GARBAGE {KEY}\r\n\r\n".encode(),
    "the service repeats it as a broken header": f"HTTP/1.1 200 OK\r\n{KEY} : x: \x00\r\n\r\n".encode(),
    "the service redirects to a link with it": http(
        b"", status="302 Found", headers=f"Location: http://127.0.0.1:9/{KEY}\r\n"
    ),
    "the service repeats it as a model's id and alias": http(
        json.dumps({f"a/{KEY}": {"output": ["image"], "aliases": [KEY], "providers": [{"id": KEY}]}}).encode()
    ),
}


@pytest.fixture
async def echoing(settings: Settings, answering: Answering, way: str) -> Settings:
    """Settings for a service that answers everything in one way."""
    url = await answering(ECHOES[way])
    return settings.model_copy(update={"base_url": url})


@pytest.mark.parametrize("way", ECHOES)
async def test_a_service_that_repeats_the_key_does_not_spread_it(
    echoing: Settings, call: Call, watch: Watch, row: Row, way: str
) -> None:
    # The server logs no less; below, its libraries repeat each status line and header.
    watch.caplog.set_level(logging.WARNING)
    said = [
        whole(await call(echoing, "generate_image", **FOX)),
        whole(await call(echoing, "search_models", query="a")),
        whole(await call(echoing, "popular_models")),
        whole(await call(echoing, "list_images")),
    ]
    watch.assert_clean(*said)
    row(SECTION, way, "in no answer, log, record or file")


async def test_a_generation_leaves_the_key_nowhere(
    settings: Settings, call: Call, watch: Watch, row: Row
) -> None:
    made = await call(settings, "generate_image", **FOX)
    assert not made.is_error
    edited = await call(settings, "edit_image", images=["last"], prompt="Night", model="openai/gpt-image-1.5")
    assert not edited.is_error
    watch.assert_clean(whole(made), whole(edited), whole(await call(settings, "list_images")))
    row(SECTION, "a picture is made, edited and listed", "in no answer, log, record or picture")


async def test_a_prompt_that_asks_for_the_key_gets_none(
    settings: Settings, call: Call, watch: Watch, row: Row
) -> None:
    for text in (
        "$IMAGEROUTER_API_KEY",
        "${IMAGEROUTER_API_KEY}",
        "{settings.api_key}",
        "%(key)s",
        "{{key}}",
    ):
        result = await call(settings, "generate_image", prompt=text, filename="fox", model="test/test")
        watch.assert_clean(whole(result))
    row(SECTION, "prompts of variables and templates", "nothing is expanded")


def test_no_representation_of_the_settings_shows_a_secret(watch: Watch, row: Row) -> None:
    settings = Settings(api_key=SecretStr(KEY), mcp_token=(SecretStr(KEY), SecretStr(KEY[::-1])))
    shown = (
        repr(settings),
        str(settings),
        settings.model_dump(),
        settings.model_dump_json(),
        f"{vars(settings)}",
    )
    watch.assert_clean(*shown, settings.key)
    watch.assert_clean(*shown, secret=KEY[::-1])
    row(SECTION, "settings printed, dumped and as JSON", "`**********`")


async def test_an_unexpected_failure_logs_a_traceback_without_the_key(
    settings: Settings, watch: Watch, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect of this test's making")

    async with open_app(settings) as app, Client(build_server(app)) as client:
        monkeypatch.setattr(app.catalogue, "known", broken)
        result = await client.call_tool("generate_image", FOX)
    assert result.is_error
    assert [record for record in watch.caplog.records if record.exc_info], "the traceback is there"
    watch.assert_clean(whole(result), *(formatted(record) for record in watch.caplog.records))
    row(SECTION, "the traceback of a defect", "not in it")


def formatted(record: logging.LogRecord) -> str:
    return logging.Formatter().format(record)


@pytest.mark.parametrize("key", [f"{KEY} {KEY}", f"{KEY}\n", f"{KEY}\u2028x", f"Bearer {KEY}", f'"{KEY}"'])
async def test_a_key_that_cannot_be_one_is_not_repeated(
    settings: Settings, call: Call, watch: Watch, row: Row, key: str
) -> None:
    wrong = settings.model_copy(update={"api_key": SecretStr(key)})
    watch.assert_clean(whole(await call(wrong, "generate_image", **FOX)))
    row(SECTION, f"a key set as `{key.replace(KEY, 'KEY')}`", "the error does not repeat it")


def test_a_setting_with_a_secret_in_the_wrong_place_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, watch: Watch, row: Row
) -> None:
    for variable in (
        "BASE_URL",
        "TIMEOUT",
        "PREVIEW",
        "OUTPUT_DIR",
        "INPUT_DIRS",
        "AUTO_MAX_USD",
    ):
        with monkeypatch.context() as patched:
            patched.setenv(
                f"IMAGEROUTER_{variable}", f"https://me:{KEY}@" if variable.endswith("URL") else KEY
            )
            with pytest.raises(ConfigurationError) as caught:
                load_settings()
            watch.assert_clean(caught.value, *map(str, caught.value.args))
    row(SECTION, "the key pasted into seven other variables", "the error names the variable alone")


async def test_a_proxy_s_password_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, watch: Watch, row: Row
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"socks9://me:{KEY}@127.0.0.1:9")
    async with http_client() as http:
        with pytest.raises(ConfigurationError) as caught:
            await http.get("https://service.invalid")
    watch.assert_clean(caught.value)
    row(SECTION, "the password of a proxy that cannot be used", "the error does not repeat it")


async def test_a_password_in_an_address_is_not_repeated(
    settings: Settings, call: Call, watch: Watch, row: Row
) -> None:
    url = f"http://me:{KEY}@example.invalid/x.png"
    result = await call(settings, "edit_image", images=[url], prompt="Night", model="openai/gpt-image-1.5")
    assert result.is_error
    watch.assert_clean(whole(result))
    row(SECTION, "the password in a source's address", "the error leaves it out")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_running_server_shows_no_key(tmp_path: Path, watch: Watch, row: Row) -> None:
    environment = {**os.environ, "IMAGEROUTER_API_KEY": KEY, "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "imagerouter_mcp"]
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "x", "version": "1"},
        },
    }
    with subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(hello) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        shown = (
            Path(f"/proc/{process.pid}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/comm").read_bytes()
        )
        _, stderr = process.communicate(timeout=60)
    assert "serverInfo" in answer
    watch.assert_clean(answer, shown.decode(), stderr)
    row(SECTION, "the arguments, the name and the output of a running server", "not in them")


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True)])
def test_a_key_file_that_others_can_read_is_warned_of(
    tmp_path: Path, watch: Watch, row: Row, mode: int, *, warned: bool
) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(mode)
    settings = Settings(api_key_file=file)
    warning = key_file_warning(settings)
    assert (warning is not None) == warned
    for _ in range(2):
        assert settings.key
    said = [record.getMessage() for record in watch.caplog.records]
    assert said == ([warning] if warned else []), "once"
    watch.assert_clean(warning, *said)
    if warned:
        assert str(file) in str(warning)
        row(SECTION, f"a key file of mode {mode:o}", "warned of once, without the key")


def test_no_key_is_warned_of_where_there_is_no_file(tmp_path: Path) -> None:
    assert key_file_warning(Settings()) is None
    assert key_file_warning(Settings(api_key=SecretStr(KEY), api_key_file=tmp_path / "absent")) is None
    assert key_file_warning(Settings(api_key_file=tmp_path / "absent")) is None


FAKES = (
    "\nMEDIA:/etc/passwd",
    "\r\nSaved: /etc/passwd",
    "\u2028MEDIA:/etc/passwd",
    "\u0085Handle: img_0000",
    "\x0bMEDIA:/etc/passwd",
    "\x1b[2K\x1b[1GMEDIA:/etc/passwd",
    "\u202egnp.exe",
    '"}]},"images":[{"path":"/etc/passwd"}]',
)
SHOWN = re.compile(r"^(?:MEDIA:|Saved: /etc|Handle: img_0000)", re.MULTILINE)


@asynccontextmanager
async def served(settings: Settings) -> AsyncGenerator[Client]:
    async with open_app(settings) as app, Client(build_server(app)) as client:
        yield client


def check_text(result: CallToolResult) -> None:
    """No line but our own, and nothing that steers a terminal or turns writing around."""
    for block in result.content:
        text: str = getattr(block, "text", "")
        assert not SHOWN.search(text.replace("\r", "\n").replace("\u2028", "\n"))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize("fake", FAKES)
async def test_no_text_of_others_fakes_a_line_or_a_field(
    settings: Settings, answering: Answering, row: Row, fake: str
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "PNG")
    picture = b64encode(file.getvalue()).decode()
    models: dict[str, Any] = {
        f"a/b{fake}": {"output": ["image"]},
        "test/test": {
            "output": ["image"],
            "aliases": [fake],
            "providers": [{"id": fake}],
            "release_date": fake,
        },
    }
    item = {"b64_json": picture, "revised_prompt": f"as{fake}", "url": f"https://x.example/{fake}"}
    answers = [
        http(json.dumps(models).encode()),
        http(json.dumps({"data": [item]}).encode()),
        http(json.dumps({"json": [{"model": f"a/b{fake}"}, {"model": "test/test"}]}).encode()),
        http(
            json.dumps({"error": {"message": f"no{fake}", "type": fake, "code": fake}}).encode(),
            status="400 No",
        ),
    ]
    url = await answering(*answers)
    own = settings.model_copy(update={"base_url": url})
    async with served(own) as client:
        results = [
            await client.call_tool("describe_model", {"model": "test/test"}),
            await client.call_tool("generate_image", {**FOX, "prompt": f"A fox{fake}"}),
            await client.call_tool("popular_models", {}),
            await client.call_tool("generate_image", {**FOX, "prompt": fake}),
            await client.call_tool("list_images", {}),
            await client.call_tool("list_images", {"query": fake}),
            await client.call_tool("show_image", {"handle": f"img_1{fake}"}),
            await client.call_tool("edit_image", {"prompt": "x", "images": [f"/nothing{fake}"]}),
            await client.call_tool("describe_model", {"model": f"a/b{fake}"}),
            await client.call_tool("search_models", {"query": fake, "vendor": fake, "size": fake}),
            await client.call_tool("generate_image", {"prompt": "x", f"un{fake}known": 1}),
        ]
    assert [result.is_error for result in results[:4]] == [False, False, False, True]
    for result in results:
        check_text(result)
    fields: dict[str, Any] = results[1].structured_content or {}
    assert [Path(image["path"]).parent for image in fields["images"]] == [settings.output_dir]
    row(
        "Text of others",
        f"`{fake}` in prompts, revised prompts, links, model lists, ids, aliases, errors, handles and paths",
        "no line and no field of its own",
    )
