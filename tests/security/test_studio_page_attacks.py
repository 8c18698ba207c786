"""Attacks on the studio's page in a browser: texts in the gallery, frames, other pages, its address."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from imagerouter_mcp.gallery.entries import Metadata, StoredImage
from imagerouter_mcp.http_app.studio.opening_links import studio_codes
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import App
from support.hostile_host import BIDI, MARKUP, TAKEN_EFFECT
from support.http_in_process import served

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECTION = "The studio's page in a browser"
OTHER = "http://other.invalid/"
OWN = ('<link rel="icon"', '<form class="')
"""What the page itself has."""
_VIOLATIONS = """
  self.violations = [];
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile }) => {
    violations.push(`${violatedDirective} ${blockedURI} ${sourceFile}`);
  });
  addEventListener("message", ({ data }) => violations.push(`message ${data}`));
"""


@dataclass
class Tab:
    """A studio that serves, and a browser with a tab in it.

    Attributes:
        app: What is served.
        base: The server's address.
        context: The browser's.
        page: The tab.
        left: What was asked for elsewhere, what was shown as a dialog, and errors.
    """

    app: App
    base: str
    context: BrowserContext
    page: Page
    left: list[str] = field(default_factory=list[str])

    def link(self) -> str:
        """Return a link that opens the studio."""
        return f"{self.base}/studio#{studio_codes(self.app.settings).new()}"

    async def enter(self) -> None:
        """Open the studio."""
        await self.page.goto(self.link())
        await expect(self.page.get_by_role("heading", name="Studio", exact=True)).to_be_visible()

    async def breaches(self) -> list[str]:
        """Return everything that should not have happened."""
        odd = await self.page.evaluate(TAKEN_EFFECT)
        return [
            *self.left,
            *await self.page.evaluate("violations"),
            *(each for each in odd if not each.startswith(OWN)),
        ]


@pytest_asyncio.fixture(loop_scope="session")
async def tab(browser: Browser, settings: Settings) -> AsyncGenerator[Tab]:
    """Serve a studio to a browser that stops what goes elsewhere."""
    async with AsyncExitStack() as running:
        links, app = await running.enter_async_context(served(settings, studio_only=True))
        context = await browser.new_context()
        running.push_async_callback(context.close)
        tab = Tab(app, links.base_url, context, await context.new_page())
        await context.add_init_script(_VIOLATIONS)
        tab.page.on("pageerror", lambda error: tab.left.append(str(error)))
        context.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((links.base_url, "blob:", "data:", OTHER))
                else tab.left.append(request.url[:100])
            ),
        )
        yield tab


def record(app: App, text: str) -> None:
    """Record a picture all of whose texts were chosen by others."""
    metadata = Metadata(prompt=text, revised_prompt=text, model=text, sources=(text,))
    app.gallery.add(metadata, [StoredImage(url=f"javascript:alert('{text}')", media_type="image/png")])


async def test_texts_in_the_gallery_stay_texts(tab: Tab, row: Row) -> None:
    for text in (MARKUP, BIDI, "W" * 5000):
        record(tab.app, text)
    await tab.enter()
    tiles = tab.page.get_by_role("gridcell").get_by_role("button")
    await expect(tiles).to_have_count(3)
    for number in range(3):
        await tiles.nth(number).press("Enter")
        await expect(tab.page.get_by_role("dialog").first).to_be_visible()
        await tab.page.keyboard.press("Escape")
        await expect(tab.page.get_by_role("dialog")).to_have_count(0)
    assert await tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not await tab.breaches()
    row(SECTION, "markup, turned and endless text as prompt, model, source and link", "shown as text")


ADDRESSES = (
    "#<img src=x onerror=alert(1)>",
    "#__proto__",
    "#../../mcp",
    f"#{'A' * 48}",
    "?query=<script>alert(1)</script>&kind=__proto__&model=constructor",
    f"?query={quote(MARKUP)}",
)


async def test_no_address_of_the_page_does_harm(tab: Tab, row: Row) -> None:
    await tab.enter()
    for address in ADDRESSES:
        await tab.page.goto("about:blank")
        await tab.page.goto(f"{tab.base}/studio{address}")
        await expect(tab.page.get_by_role("heading").first).to_be_visible()
        assert not await tab.breaches(), address
    row(SECTION, f"{len(ADDRESSES)} addresses with markup, paths and names of prototypes", "no effect")


async def test_the_code_stays_neither_in_the_address_nor_in_the_history(tab: Tab, row: Row) -> None:
    await tab.page.goto("about:blank")
    link = tab.link()
    code = link.partition("#")[2]
    await tab.page.goto(link)
    await expect(tab.page.get_by_role("heading", name="Studio", exact=True)).to_be_visible()
    assert code not in tab.page.url
    await tab.page.go_back()
    await tab.page.go_forward()
    await expect(tab.page.get_by_role("heading", name="Studio", exact=True)).to_be_visible()
    assert code not in tab.page.url
    stored = await tab.page.evaluate("JSON.stringify([{...localStorage}, document.cookie, name])")
    assert stored == '[{},"",""]'
    row(SECTION, "a code in the address bar, the history or lasting storage", "taken out at once")


INLINE = """async () => {
  const add = (markup) => document.body.insertAdjacentHTML("beforeend", markup);
  const pause = () => new Promise((done) => setTimeout(done, 10));
  const tries = {
    "an inline script": () => document.body.append(Object.assign(document.createElement("script"),
      { textContent: "self.hit = 1" })),
    "a script of another site": () => document.body.append(Object.assign(document.createElement("script"),
      { src: "https://evil.invalid/x.js" })),
    "a handler in markup": () => add('<img src="x" onerror="self.hit = 1">'),
    "an inline style": () => add('<p style="color: red">'),
    "eval": () => { try { eval("self.hit = 1") } catch {} },
    "a picture of another site": () => Object.assign(new Image(), { src: "https://evil.invalid/x.png" }),
    "a request to another site": () => fetch("https://evil.invalid/x").catch(() => {}),
    "a form that is sent elsewhere": () => {
      add('<form action="https://evil.invalid/"></form>');
      document.forms[document.forms.length - 1].submit();
    },
    "a frame": () => add('<iframe src="https://evil.invalid/">'),
    "a worker": () => { try { new Worker("data:text/javascript,1") } catch {} },
    "a base address": () => document.head.insertAdjacentHTML("beforeend", '<base href="https://evil.invalid/">'),
  };
  const through = [];
  for (const [what, act] of Object.entries(tries)) {
    const before = violations.length;
    act();
    for (let n = 0; n < 50 && violations.length === before; n++) await pause();
    if (violations.length === before || self.hit) through.push(what);
  }
  return [Object.keys(tries), through];
}"""


async def test_the_policy_stops_what_markup_would_do(tab: Tab, row: Row) -> None:
    await tab.enter()
    tries, through = await tab.page.evaluate(INLINE)
    assert through == []
    for what in tries:
        row(SECTION, f"put into the page: {what}", "stopped by its policy")


async def test_another_site_can_neither_frame_nor_reach_the_page(tab: Tab, row: Row) -> None:
    page = await tab.context.new_page()
    await page.route(OTHER, lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    await page.goto(OTHER)
    framed = await page.evaluate(
        """(address) => new Promise((done) => {
          const frame = document.createElement("iframe");
          frame.onload = () => done(frame.contentDocument?.URL ?? "closed");
          frame.src = address;
          document.body.append(frame);
        })""",
        f"{tab.base}/studio",
    )
    assert framed == "closed"
    assert page.frames[-1].url.startswith("chrome-error:")
    row(SECTION, "clickjacking: another site frames the page", "the frame stays empty")
    answers = await page.evaluate(
        """async (base) => {
          const read = async (path, options) => {
            try { return (await fetch(base + path, options)).type } catch { return "failed" }
          };
          return [
            await read("/studio/gallery"),
            await read("/studio/session", { method: "POST", body: "{}" }),
            await read("/studio/pictures/img_1", { method: "DELETE" }),
            await read("/mcp", { method: "POST", body: "{}" }),
          ];
        }""",
        tab.base,
    )
    assert answers == ["failed"] * 4
    row(
        SECTION,
        "a script of another site reads, redeems, deletes and calls tools",
        "the browser gets nothing",
    )
    async with tab.context.expect_page() as opening:
        await page.evaluate("(address) => { self.opened = open(address) }", tab.link())
    opened = await opening.value
    await expect(opened.get_by_role("heading", name="Studio", exact=True)).to_be_visible()
    assert await opened.evaluate("opener === null")
    assert await page.evaluate("opened.closed || opened.length === 0")
    row(SECTION, "another site opens the page and keeps hold of its window", "they are kept apart")
