"""The browser of the tests: Chromium as the system has it, driven by Playwright."""

import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

_contexts: WeakKeyDictionary[Browser, dict[str, BrowserContext]] = WeakKeyDictionary()
"""The contexts of each browser, by their options."""
_blank_tabs: WeakKeyDictionary[BrowserContext, list[Page]] = WeakKeyDictionary()
"""Tabs of each context that nobody uses at present."""


def find_chromium() -> str | None:
    """Return the path of the browser, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@asynccontextmanager
async def running_browser(chromium: str) -> AsyncGenerator[Browser]:
    """Run a browser without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        await browser.close()


@asynccontextmanager
async def open_tab(browser: Browser, **options: Any) -> AsyncGenerator[Page]:  # noqa: ANN401 - Playwright's own
    """Open a tab in the one context that has these options: making one takes time.

    Its `sessionStorage` is its own; cookies are not.
    """
    tab = await (await _context(browser, options)).new_page()
    try:
        yield tab
    finally:
        await tab.close()


@asynccontextmanager
async def blank_tab(browser: Browser, **options: Any) -> AsyncGenerator[Page]:  # noqa: ANN401 - Playwright's own
    """Lend a tab at `about:blank`, where no page keeps anything: opening one takes half as long as a test.

    What is exposed to its pages stays.
    """
    context = await _context(browser, options)
    blank = _blank_tabs.setdefault(context, [])
    tab = blank.pop() if blank else await context.new_page()
    try:
        yield tab
    finally:
        await tab.goto("about:blank")
        blank.append(tab)


async def _context(browser: Browser, options: Mapping[str, Any]) -> BrowserContext:
    contexts = _contexts.setdefault(browser, {})
    wanted = repr(sorted(options.items()))
    if wanted not in contexts:
        contexts[wanted] = await browser.new_context(**options)
    return contexts[wanted]
