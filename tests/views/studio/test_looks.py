"""What holds in every state of the studio: axe finds nothing, and nothing is wider than a phone."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Page, Route, ViewportSize, expect

from support.large_gallery import fill_gallery
from support.running_studio import Studio
from views.studio.conftest import SMALL, WIDE

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
PHONE: ViewportSize = {"width": 320, "height": 640}
MANY = 3000


async def _empty(page: Page) -> None:
    await expect(page.get_by_role("heading", name="Make your first picture")).to_be_visible()


async def _gallery(page: Page) -> None:
    await expect(page.locator(".thumb img[src]").first).to_be_visible()


async def _one_picture(page: Page) -> None:
    await page.get_by_role("gridcell").get_by_role("button").first.click()
    await expect(page.locator(".viewer [data-sharp]")).to_be_visible()


async def _painting(page: Page) -> None:
    await _one_picture(page)
    await page.get_by_role("button", name="Paint the part").click()
    await expect(page.get_by_role("group", name="Painting tools")).to_be_visible()


async def _models(page: Page) -> None:
    await page.get_by_role("button", name="Model:").click()
    await expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()


async def _spending(page: Page) -> None:
    await page.get_by_role("button", name="Spending").click()
    await expect(page.get_by_role("dialog", name="Spending")).to_contain_text("spent")


async def _nothing_found(page: Page) -> None:
    await page.get_by_label("Search the gallery").fill("zebra")
    await expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


async def _asked(page: Page) -> None:
    await page.get_by_role("button", name="Delete old pictures").click()
    await page.get_by_label("Older than").fill("2999-01-01")
    await expect(page.get_by_role("button", name="Delete 1 picture")).to_be_enabled()


STATES: dict[str, Callable[[Page], Awaitable[None]]] = {
    "gallery": _gallery,
    "one picture": _one_picture,
    "models": _models,
    "spending": _spending,
    "deleting": _asked,
    "nothing found": _nothing_found,
}


@pytest.mark.long
async def test_every_state_is_accessible_and_fits_a_phone(page: Page, studio: Studio) -> None:
    await _empty(page)
    await _check(page, "empty")
    async with studio.agent() as agent:
        await agent.call_tool("generate_image", {"prompt": "A red fox", **SMALL})
    for name, show in STATES.items():
        await show(page)
        await _check(page, name)
        await page.keyboard.press("Escape")


@pytest.mark.long
async def test_a_call_under_way_its_failure_painting_and_the_closed_page_are_accessible(
    page: Page, studio: Studio
) -> None:
    async with studio.agent() as agent:
        await agent.call_tool("generate_image", {"prompt": "A red fox", **SMALL})
    await _painting(page)
    await _check(page, "painting")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.abort()

    await page.get_by_label("Prompt").fill("An owl")
    make = page.get_by_role("button", name="Make for free")
    await expect(make).to_be_enabled()
    await page.route("**/mcp", hold)
    await make.click()
    await expect(page.get_by_role("progressbar", name="In the making")).to_be_visible()
    await _check(page, "under way")
    held.set()
    await expect(page.get_by_role("alert").get_by_text("may have been made and charged")).to_be_visible()
    await _check(page, "failed")
    await page.evaluate("sessionStorage.clear()")
    await page.reload()
    await expect(page.get_by_role("heading", name="The studio is closed")).to_be_visible()
    await _check(page, "closed")


async def _check(page: Page, name: str) -> None:
    assert (name, await _violations(page, {"resultTypes": ["violations"]})) == (name, [])
    await page.emulate_media(color_scheme="dark")
    assert (name, "dark", await _violations(page, {"runOnly": ["color-contrast"]})) == (name, "dark", [])
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(PHONE)
    assert (name, await page.evaluate(_TOO_WIDE)) == (name, 0)
    await page.set_viewport_size(WIDE)


_TOO_WIDE = """new Promise((told) => requestAnimationFrame(() => requestAnimationFrame(() =>
    told(Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)))))"""
"""Pixels by which the page can be scrolled to the side, once filters and gallery are laid out anew."""


async def _violations(page: Page, options: dict[str, Any]) -> list[str]:
    await page.evaluate(AXE)
    found = await page.evaluate("options => axe.run(document, options)", options)
    return [f"{each['id']}: {[node['html'][:200] for node in each['nodes']]}" for each in found["violations"]]


@pytest.mark.long
async def test_a_large_gallery_is_drawn_only_where_it_is_looked_at(page: Page, studio: Studio) -> None:
    fill_gallery(studio.settings.data_dir, studio.settings.output_dir, MANY, files=4)
    await expect(page.get_by_text("3,000 pictures")).to_be_visible()
    await page.get_by_role("gridcell").get_by_role("button").first.focus()
    await page.keyboard.press("Control+End")
    last = page.get_by_role("button", name="study 1, ")
    await expect(last).to_be_focused()
    await expect(last.locator("img")).to_have_attribute("src", re.compile("^blob:"))
    assert await page.locator(".thumb").count() < MANY / 20
