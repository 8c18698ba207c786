"""A connected host in either protocol era, pictures to send, and what holds for every answer."""

import io
import json
import logging
import re
from base64 import b64decode
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.session import ElicitationFnT, ListRootsFnT
from mcp.types import CallToolResult, ImageContent, Implementation, TextContent
from PIL import Image

from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App, open_app

MAX_ANSWER_CHARACTERS = 900_000
"""Of JSON: hosts, and the SDK's own HTTP client, stop at 1 MiB."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]{200}")


@dataclass
class Told:
    """An answer of a tool as a host receives it."""

    result: CallToolResult
    progress: list[str] = field(default_factory=list[str])

    @property
    def failed(self) -> bool:
        """Whether it is an error."""
        return bool(self.result.is_error)

    @property
    def text(self) -> str:
        """What a host shows as text."""
        return "\n".join(block.text for block in self.result.content if isinstance(block, TextContent))

    @property
    def fields(self) -> dict[str, Any]:
        """The structured content."""
        return self.result.structured_content or {}

    @property
    def image(self) -> dict[str, Any]:
        """The only image."""
        (image,) = self.fields["images"]
        return image

    @property
    def path(self) -> Path:
        """The file of the only image."""
        return Path(self.image["path"])

    @property
    def previews(self) -> list[ImageContent]:
        """The inline pictures."""
        return [block for block in self.result.content if isinstance(block, ImageContent)]


class Host:
    """A client that looks at each answer as every host would."""

    def __init__(self, client: Client, app: App) -> None:
        self.app = app
        self.client = client

    async def __call__(self, tool: str, **arguments: object) -> Told:
        """Call a tool; the SDK's client raises where the structured content is not as its schema says."""
        told: list[str] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            del progress, total
            told.append(message or "")

        result = await self.client.call_tool(tool, arguments, progress_callback=note)
        check_answer(result)
        return Told(result, told)


def check_answer(result: CallToolResult) -> None:
    """What holds for every answer: no key, not too large, picture data in image blocks alone."""
    whole = result.model_dump_json(by_alias=True, exclude_none=True)
    assert KEY not in whole
    assert len(whole) < MAX_ANSWER_CHARACTERS
    assert isinstance(result.content[0], TextContent)
    assert result.content[0].text
    for block in result.content:
        if isinstance(block, ImageContent):
            with Image.open(io.BytesIO(b64decode(block.data, validate=True))) as picture:
                assert picture.get_format_mimetype() == block.mime_type
        else:
            assert not _BASE64.search(block.model_dump_json())
    assert not _BASE64.search(json.dumps(result.structured_content))


@pytest.fixture
def era() -> str:
    """The protocol era of the host; `support.eras.in_both_eras` tries a test in both."""
    return "auto"


Hosts = Callable[..., AbstractAsyncContextManager[Host]]


@pytest.fixture
def connect(settings: Settings, era: str) -> Hosts:
    """Opens a host in front of a server of its own; settings may be changed, and the host's name.

    `person` answers what the server asks; without one the host cannot ask. `roots` tells the host's roots.
    """

    @asynccontextmanager
    async def open_host(
        name: str = "pytest",
        person: ElicitationFnT | None = None,
        roots: ListRootsFnT | None = None,
        **changed: object,
    ) -> AsyncGenerator[Host]:
        own = settings.model_copy(update=changed)
        who = Implementation(name=name, version="1")
        async with (
            open_app(own) as app,
            Client(
                build_server(app),
                mode=era,
                client_info=who,
                elicitation_callback=person,
                list_roots_callback=roots,
            ) as client,
        ):
            yield Host(client, app)

    return open_host


class KeyInLogs(logging.Handler):
    """Keeps what is logged, by any library, at any level, with the key in it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record, with its exception."""
        if KEY in (line := self.format(record)):
            self.lines.append(line)


@pytest.fixture(autouse=True)
def key_stays_out_of_logs() -> Iterator[None]:
    """Whatever a test does, nothing that any library logs, at any level, holds the key."""
    root, found = logging.getLogger(), KeyInLogs()
    with pytest.MonkeyPatch.context() as patch:
        for handler in root.handlers:  # pytest's own: writing all of it into a report takes long
            patch.setattr(handler, "level", logging.WARNING)
        patch.setattr(root, "handlers", [*root.handlers, found])
        level = root.level
        root.setLevel(logging.DEBUG)
        yield
        root.setLevel(level)
    assert not found.lines


@pytest.fixture
def made(journal: Callable[[], list[dict[str, Any]]]) -> Callable[[], list[dict[str, Any]]]:
    """Tells which requests for pictures have arrived at the service."""
    return lambda: [entry for entry in journal() if entry["path"].startswith("/v1/openai/")]


@pytest.fixture
def let_go(change_sandbox: Callable[..., None]) -> Callable[[], None]:
    """Has `sandbox/held` give all its answers."""
    return lambda: change_sandbox(held=False)


@pytest.fixture
def photo() -> Image.Image:
    """A picture without two equal neighbours, and without grey that an inversion would leave as it is."""
    ramp = Image.linear_gradient("L")
    return Image.merge("RGB", (ramp, ramp.rotate(90), Image.new("L", ramp.size, 30)))


@pytest.fixture
def source(tmp_path: Path, photo: Image.Image) -> Path:
    """The photo as a PNG file."""
    path = tmp_path / "source photo.png"
    photo.save(path)
    return path
