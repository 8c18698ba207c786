"""A host page that attacks the view it draws, and notes what comes of it.

The view's frame has no policy of its own here, so that nothing but the view keeps markup from taking effect.
Every request that leaves the page is noted and stopped.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Dialog, Frame, Page, Route

HOST = "http://host.invalid/"
MARKUP = """"'></title></style></script></textarea></p>
<script>parent.postMessage('script','*')</script>
<img src=x onerror="parent.postMessage('img','*')">
<svg onload="parent.postMessage('svg','*')"><script>parent.postMessage('svg','*')</script></svg>
<iframe srcdoc="<script>top.postMessage('iframe','*')</script>"></iframe>
<math><mtext><table><mglyph><style><!--</style><img title='--><img src=x onerror=alert(1)>'>
<a href="javascript:parent.postMessage('link','*')" autofocus onfocus="alert(1)">click</a>
<style>@import 'https://evil.invalid/x.css';*{background:url(https://evil.invalid/y)}</style>
<meta http-equiv=refresh content='0;url=https://evil.invalid/'><base href='https://evil.invalid/'>
<form action='https://evil.invalid/'><button>x</button></form>${alert(1)}{{alert(1)}}"""
"""Markup of every kind; each would tell of itself, or ask for something elsewhere."""
BIDI = "\u202egnp.exe\u202c \u2066\u200b\u200d\u00ad\ufeff\u0000\u0008 a" + "\u0301" * 500
"""Turned text, unseen characters, controls, and a letter with five hundred accents."""
_PAGE = """<!doctype html><meta charset="utf-8"><title>Host</title>
<style>iframe { width: 600px; height: 600px; }</style>
<iframe id="view" sandbox="allow-scripts allow-popups allow-top-navigation"></iframe>
<iframe id="sibling" sandbox="allow-scripts" srcdoc="<script>addEventListener('message', (e) => {
  for (const message of e.data) parent.frames[0].postMessage(message, '*');
  parent.postMessage({ relayed: true }, '*');
})</script>"></iframe>
<script>
  const asked = [], strange = [], answers = {}, waiting = {};
  let context = {}, last = 0, relayed = () => {};
  const view = document.getElementById("view"), sibling = document.getElementById("sibling");
  const post = (message) => view.contentWindow.postMessage(message, "*");
  addEventListener("message", ({ data, source }) => {
    if (source === sibling.contentWindow) return relayed();
    if (data?.jsonrpc !== "2.0") return void strange.push(data);
    if (!data.method) return void waiting[data.id]?.(data.result);
    asked.push({ method: data.method, params: data.params });
    if (data.id === undefined) return;
    const known = {
      "ui/initialize": { protocolVersion: "2026-01-26", hostInfo: { name: "x", version: "1" },
        hostCapabilities: { serverTools: {}, openLinks: {} }, hostContext: context },
      "ui/open-link": {}, "ui/message": {}, "ui/update-model-context": {}, "ui/request-display-mode": {},
    };
    const tool = data.method === "tools/call" ? answers[data.params.name] : undefined;
    const result = tool ?? known[data.method];
    const error = { code: -32601, message: "<img src=x onerror=\\"parent.postMessage('error','*')\\">" };
    post({ jsonrpc: "2.0", id: data.id, ...(result ? { result } : { error }) });
  });
  const tell = (method, params) => post({ jsonrpc: "2.0", method, params });
  const ping = () => new Promise((done) => {
    waiting[++last] = done;
    post({ jsonrpc: "2.0", id: last, method: "ping" });
  });
  const relay = (messages) => new Promise((done) => {
    relayed = done;
    sibling.contentWindow.postMessage(messages, "*");
  });
  const ready = () => asked.some(({ method }) => method === "ui/notifications/initialized");
</script>"""
_ALIVE = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
TAKEN_EFFECT = """() => [...document.querySelectorAll("*")].flatMap((element) => {
  const name = element.localName;
  const odd = ["iframe", "object", "embed", "form", "base", "frame", "portal", "foreignobject"].includes(name)
    || (name === "script" && element.type !== "module") || (name === "meta" && element.httpEquiv);
  const handlers = [...element.attributes].filter((each) => each.name.startsWith("on"));
  const sources = ["img", "video"].includes(name) ? [] : ["src"];
  const links = ["href", "action", "xlink:href", ...sources].map((each) => element.getAttribute(each) ?? "")
    .filter((address) => /^\\s*(java|vb)\\s*script:|^\\s*data:(?!image\\/|video\\/)/i.test(address));
  return odd || handlers.length || links.length ? [element.outerHTML.slice(0, 200)] : [];
})"""
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
_SPENDING = ("generate_image", "edit_image", "compare_models", "generate_video", "finish_image")


class HostileHost:
    """The host page, with the view in it.

    Args:
        page: Where it is drawn.
        document: The view.
    """

    def __init__(self, page: Page, document: str) -> None:
        self._page = page
        self._document = document
        self._left: list[str] = []
        self._failed: list[str] = []

    async def open(self) -> None:
        """Watch the page."""
        self._page.on("pageerror", lambda error: self._failed.append(str(error)))
        self._page.on("dialog", self._refuse)
        self._page.context.on("page", lambda opened: self._left.append(f"opened {opened.url}"))
        await self._page.route("**/*", self._stop)

    async def _stop(self, route: Route) -> None:
        if route.request.url == HOST:
            await route.fulfill(body=_PAGE, content_type="text/html")
            return
        self._left.append(route.request.url[:200])
        await route.abort()

    async def _refuse(self, dialog: Dialog) -> None:
        self._left.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    async def draw(self, context: Mapping[str, object] | None = None) -> None:
        """Draw the view anew, in a host that says this about itself."""
        await self._page.goto(HOST)
        await self.forget()
        await self._page.evaluate(
            "([told, html]) => { context = told; view.srcdoc = html; }", [dict(context or {}), self._document]
        )
        await self._page.wait_for_function("ready()")

    async def forget(self) -> None:
        """Begin a new attack on the view that is drawn."""
        self._left.clear()
        self._failed.clear()
        await self._page.evaluate("asked.length = strange.length = 0")

    @property
    def frame(self) -> Frame:
        """The view's frame."""
        return self._page.frames[1]

    async def shows(self, prompt: str) -> bool:
        """Hand over a picture as it should be; return whether it is drawn."""
        block = {"type": "image", "mimeType": "image/png", "data": PNG}
        told = {"images": [{"handle": "img_7f3a", "media_type": "image/png"}], "prompt": prompt}
        await self.hand_over({"content": [block], "structuredContent": told})
        picture = self.frame.get_by_role("img", name=prompt).first
        await picture.wait_for()
        return await picture.is_visible()

    async def answer(self, tool: str, result: object) -> None:
        """Answer this to the view's calls of a tool."""
        await self._page.evaluate(
            "([tool, result]) => { answers[tool] = JSON.parse(result); }", [tool, json.dumps(result)]
        )

    async def hand_over(self, result: object, arguments: object = None) -> None:
        """Hand a tool's result to the view, and wait until it has dealt with it."""
        texts = [json.dumps(arguments or {}), json.dumps(result)]
        await self._page.evaluate(
            """([input, result]) => {
              tell("ui/notifications/tool-input", { arguments: JSON.parse(input) });
              tell("ui/notifications/tool-result", JSON.parse(result));
            }""",
            texts,
        )
        await self.settle()

    async def run(self, script: str) -> None:
        """Run a script in the host page, and wait until the view has dealt with what it sent."""
        await self._page.evaluate(script)
        await self.settle()

    async def settle(self) -> None:
        """Wait until the view has answered a ping and drawn twice."""
        await self._page.evaluate("ping()")
        await self.frame.evaluate(_ALIVE)

    async def asked(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of each request of this kind that the view made."""
        return await self._page.evaluate(
            "(method) => asked.filter((each) => each.method === method).map(({ params }) => params)", method
        )

    async def breaches(self) -> list[str]:
        """Return everything that the view should not have let happen."""
        spent = [each["name"] for each in await self.asked("tools/call") if each["name"] in _SPENDING]
        strange = [f"message {each!r}" for each in await self._page.evaluate("strange")]
        polluted = await self.frame.evaluate("({}).polluted !== undefined")
        return [
            *self._left,
            *self._failed,
            *strange,
            *await self.frame.evaluate(TAKEN_EFFECT),
            *(f"called {name}" for name in spent),
            *(["polluted"] if polluted else []),
        ]


@asynccontextmanager
async def hostile_host(browser: Browser, document: str) -> AsyncGenerator[HostileHost]:
    """Open a host page in a context of its own."""
    context = await browser.new_context()
    try:
        host = HostileHost(await context.new_page(), document)
        await host.open()
        yield host
    finally:
        await context.close()
