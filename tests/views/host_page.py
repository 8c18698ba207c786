"""A host of our own: a page that draws the view in a sandboxed frame and plays what real hosts do wrong."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, TextResourceContents
from playwright.async_api import Browser, FrameLocator, Page

from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from patience import until
from support.browser import blank_tab

PAGE = Path(__file__).with_name("host_page.html").read_text("utf-8")
SPEC_CSP = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' {0}; style-src 'self' 'unsafe-inline' {0}; "
    "img-src 'self' data: {0}; media-src 'self' data: {0}; font-src 'self' {0}; connect-src 'none'; "
    "frame-src 'none'; object-src 'none'; base-uri 'self'"
)
"""What the specification has hosts make of `resourceDomains`."""
STRICT_CSP = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
"""The Inspector's for a view that declares nothing: no data URIs, no blobs."""
ABILITIES: dict[str, Any] = {
    "openLinks": {},
    "downloadFile": {},
    "serverTools": {},
    "serverResources": {},
    "message": {"text": {}},
    "updateModelContext": {"text": {}},
}
PAID = ("generate_image", "edit_image", "compare_models", "generate_video")
RESULT, INPUT, PARTIAL, CANCELLED = (
    f"ui/notifications/tool-{name}" for name in ("result", "input", "input-partial", "cancelled")
)


@dataclass(frozen=True, kw_only=True)
class Host:
    """What a host does and fails to do.

    Attributes:
        drops: Fields of a result that do not reach the view.
        refuses: Methods that it answers with -32601.
        ignores: Methods that it never answers.
        lacks: Abilities that it does not announce.
        csp: Its policy, with the view's domains at `{0}`.
        partial: Whether the arguments arrive piece by piece.
        empties: Whether an empty result follows the true one.
        loses: How many of the view's paid calls it makes and loses the answer of.
        fails: How many of the view's calls that cost nothing it refuses before it makes any.
        declines: What it answers the view's paid calls with, instead of making them.
        context: What it tells of itself: theme, width, locale.
    """

    drops: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    csp: str = SPEC_CSP
    partial: bool = False
    empties: bool = False
    loses: int = 0
    fails: int = 0
    declines: str = ""
    context: dict[str, Any] = field(default_factory=dict[str, Any])


GOOD = Host()
CLAUDE_DESKTOP = Host(drops=("structuredContent", "_meta"))
CURSOR = Host(drops=("_meta",), lacks=("downloadFile",))
SUNPEAK = Host(refuses=("resources/read",), partial=True)
INSPECTOR = Host(refuses=("ui/update-model-context",), csp=STRICT_CSP, partial=True)
DEAF = Host(ignores=("resources/read", "ui/update-model-context"), empties=True)
HOSTS = {
    "good": GOOD,
    "claude desktop": CLAUDE_DESKTOP,
    "cursor": CURSOR,
    "sunpeak": SUNPEAK,
    "inspector": INSPECTOR,
    "deaf": DEAF,
}


@dataclass
class Chat:
    """A chat in a browser, between a person, our server and a host.

    Attributes:
        page: The browser's page.
        client: The host's connection to our server.
        host: How the host behaves.
        asked: What the view asked for, in order: method and parameters.
    """

    page: Page
    client: Client
    host: Host
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    _lost: int = 0
    _failed: int = 0

    @property
    def view(self) -> FrameLocator:
        """The drawn view."""
        return self.page.frame_locator("iframe")

    async def call(self, tool: str, **arguments: object) -> CallToolResult:
        """Have the model call a tool, and draw its result."""
        result = await self.client.call_tool(tool, arguments)
        await self.draw(as_json(result), arguments)
        return result

    async def draw(self, result: dict[str, Any] | None, arguments: dict[str, Any] | None = None) -> None:
        """Draw the view of a result, in a new frame; without a result it waits for one."""
        notifications = self._notifications(result, arguments or {})
        await self.page.evaluate(
            "given => mount(given)",
            {
                "html": await self._document(),
                "about": self._about(),
                "refuses": self.host.refuses,
                "ignores": self.host.ignores,
                "notifications": notifications,
            },
        )

    async def notify(self, method: str, **parameters: object) -> None:
        """Send the view a notification."""
        await self.page.evaluate("([method, params]) => notify(method, params)", [method, parameters])

    async def request(self, method: str, **parameters: object) -> dict[str, Any]:
        """Ask the view something, and return its answer."""
        return await self.page.evaluate("([method, params]) => request(method, params)", [method, parameters])

    def asked_for(self, method: str, tool: str = "") -> list[dict[str, Any]]:
        """Return the parameters of each request of this kind so far, or of each call of one tool."""
        return [given for name, given in self.asked if name == method and tool in ("", given.get("name"))]

    async def until_asked(self, method: str, tool: str = "", times: int = 1) -> list[dict[str, Any]]:
        """Wait until the view has asked for this so often, and return the parameters of each request.

        The view does not wait for every answer, so what a person sees tells nothing about such requests.
        """
        await until(lambda: len(self.asked_for(method, tool)) >= times)
        return self.asked_for(method, tool)

    async def answer(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of the view, as the host behind the page."""
        self.asked.append((method, parameters))
        try:
            return {"result": await self._result_of(method, parameters)}
        except MCPError as error:
            return {"error": {"code": error.error.code, "message": error.error.message}}

    async def _result_of(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "tools/call":
                return await self._call(parameters["name"], parameters["arguments"])
            case "resources/read":
                return as_json(await self.client.read_resource(parameters["uri"]))
            case _:
                return {}

    async def _call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        is_paid = tool in PAID and not arguments.get("dry_run")
        if is_paid and self.host.declines:
            raise MCPError(-32603, self.host.declines)
        if not is_paid and self._failed < self.host.fails:
            self._failed += 1
            raise MCPError(-32603, "The server is busy")
        result = await self.client.call_tool(tool, arguments)
        if is_paid and self._lost < self.host.loses:
            self._lost += 1
            raise MCPError(-32001, "Request timed out")
        return as_json(result)

    async def _document(self) -> str:
        """Return the view as our server gives it, under the host's policy."""
        tools = (await self.client.list_tools()).tools
        (uri,) = {tool.meta["ui"]["resourceUri"] for tool in tools if tool.meta}
        (contents,) = (await self.client.read_resource(uri)).contents
        assert isinstance(contents, TextResourceContents)
        assert contents.meta
        domains = " ".join(contents.meta["ui"]["csp"]["resourceDomains"])
        policy = self.host.csp.format(domains)
        head = f'<head><meta http-equiv="Content-Security-Policy" content="{policy}">'
        return contents.text.replace("<head>", head, 1)

    def _about(self) -> dict[str, Any]:
        abilities = {name: what for name, what in ABILITIES.items() if name not in self.host.lacks}
        context = {
            "theme": "light",
            "displayMode": "inline",
            "availableDisplayModes": ["inline", "fullscreen"],
            "locale": "en-US",
            **self.host.context,
        }
        return {
            "protocolVersion": "2026-01-26",
            "hostInfo": {"name": "tests", "version": "1"},
            "hostCapabilities": abilities,
            "hostContext": context,
        }

    def _notifications(self, result: dict[str, Any] | None, arguments: dict[str, Any]) -> Sequence[Any]:
        told: list[tuple[str, dict[str, Any]]] = []
        if self.host.partial:
            told.extend((PARTIAL, {"arguments": dict(list(arguments.items())[:n])}) for n in range(2))
        told.append((INPUT, {"arguments": arguments}))
        if result is not None:
            told.append(
                (RESULT, {name: part for name, part in result.items() if name not in self.host.drops})
            )
            if self.host.empties:
                told.append((RESULT, {"content": []}))
        return told


def as_json(answer: Any) -> dict[str, Any]:  # noqa: ANN401 - any answer of the SDK
    """Return an answer of our server as a host passes it on."""
    return json.loads(answer.model_dump_json(by_alias=True, exclude_none=True))


def images_of(result: CallToolResult) -> list[dict[str, Any]]:
    """Return the images of a tool's result."""
    fields: dict[str, Any] = result.structured_content or {}
    return fields["images"]


_chats: WeakKeyDictionary[Page, Chat] = WeakKeyDictionary()
"""The chat that is shown in each tab."""


@asynccontextmanager
async def open_chat(
    browser: Browser, settings: Settings, host: Host = GOOD, page: Mapping[str, Any] | None = None
) -> AsyncGenerator[Chat]:
    """Open a chat with our server.

    Args:
        browser: Where it is drawn.
        settings: The server's.
        host: How the host behaves.
        page: Of the browser's page, such as `viewport` and `color_scheme`.
    """
    async with (
        open_app(settings) as app,
        Client(build_server(app)) as client,
        blank_tab(browser, **page or {}) as tab,
    ):
        chat = Chat(tab, client, host)
        if tab not in _chats:

            async def ask(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
                return await _chats[tab].answer(method, parameters)

            await tab.expose_function("ask", ask)  # pyright: ignore[reportUnknownMemberType] - its own
        _chats[tab] = chat
        await tab.set_content(PAGE)
        yield chat
