"""Each function of the studio by keyboard alone: nothing here moves or clicks a pointer."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from support.running_studio import Studio
from views.studio.conftest import SMALL, generations
from views.studio.test_looks import STATES
from views.tab_key import tab_to, unreached

Journal = Callable[[], list[dict[str, Any]]]
FOX, OWL, CAT = "A red fox", "An owl at night", "A cat"


def tile(page: Page, prompt: str) -> Locator:
    return page.get_by_role("gridcell").get_by_role("button", name=prompt)


def named(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("button", name=name)


async def _press(page: Page, name: str | re.Pattern[str]) -> None:
    await tab_to(page, named(page, name))
    await page.keyboard.press("Enter")


async def _open(page: Page, prompt: str = OWL) -> Locator:
    await tab_to(page, tile(page, CAT))
    while not await tile(page, prompt).evaluate("tile => tile === document.activeElement"):
        await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")
    view = page.get_by_role("dialog", name="Picture", exact=True)
    await expect(view.locator("[data-sharp]")).to_be_visible()
    return view


async def search_and_clear(page: Page) -> None:
    await page.keyboard.press("/")
    await page.keyboard.type("owl")
    await expect(tile(page, FOX)).to_be_hidden()
    await _press(page, "Clear filters")
    await expect(tile(page, FOX)).to_be_visible()


async def filter_by_kind(page: Page) -> None:
    await tab_to(page, page.get_by_label("Kind"))
    await page.keyboard.type("Videos")
    await expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    await _press(page, "Clear filters")
    await expect(tile(page, FOX)).to_be_visible()


async def walk_the_gallery(page: Page) -> None:
    await page.keyboard.press("ArrowDown")
    for key, seen in (
        ("End", FOX),
        ("Home", CAT),
        ("ArrowRight", OWL),
        ("Control+End", FOX),
        ("PageUp", CAT),
    ):
        await page.keyboard.press(key)
        await expect(tile(page, seen)).to_be_focused()


async def look_at_the_next_picture(page: Page) -> None:
    view = await _open(page)
    await page.keyboard.press("ArrowRight")
    await expect(view.get_by_role("img", name=FOX)).to_be_visible()
    await page.keyboard.press("ArrowLeft")
    await expect(view.get_by_role("img", name=OWL)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(view).to_be_hidden()


async def save_a_picture(page: Page) -> None:
    await _open(page)
    async with page.expect_download() as download:
        await _press(page, "Save")
    assert (await download.value).suggested_filename


async def read_the_details(page: Page) -> None:
    view = await _open(page)
    await tab_to(page, view.locator("summary"))
    await page.keyboard.press("Enter")
    await expect(view.get_by_role("definition").first).to_be_visible()


async def change_a_picture(page: Page) -> None:
    view = await _open(page)
    await tab_to(page, view.get_by_label("What to change"))
    await page.keyboard.type("a red hat")
    await expect(view.locator(".pay.priced")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(view.get_by_role("img", name="a red hat").first).to_be_visible()


async def make_more_like_it(page: Page) -> None:
    view = await _open(page)
    await _press(page, "4 more like this")
    await expect(named(page, re.compile("^Make 4 more"))).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(view.locator(".tile img")).to_have_count(4)


async def paint_a_part(page: Page) -> None:
    view = await _open(page)
    await _press(page, "Paint the part")
    await tab_to(page, view.get_by_role("application"))
    for key in ("Enter", "Shift+ArrowRight", "Enter"):
        await page.keyboard.press(key)
    await tab_to(page, view.get_by_label("What to change"))
    await page.keyboard.type("a red hat")
    await expect(named(page, re.compile("^Change the part for"))).to_be_visible()


async def use_a_picture_and_take_it_out(page: Page) -> None:
    await _open(page)
    await _press(page, "Use in a new picture")
    taken = page.locator(".source img[src^='blob:']")
    await expect(taken).to_be_visible()
    await _press(page, f"Remove {OWL}")
    await expect(taken).to_have_count(0)


async def add_pictures_from_the_disk(page: Page) -> None:
    async with page.expect_file_chooser():
        await _press(page, "Add pictures")


async def choose_a_model(page: Page) -> None:
    await _press(page, re.compile("^Model:"))
    models = page.get_by_role("listbox").get_by_role("option")
    await expect(models.first).to_be_visible()
    await page.keyboard.type("enhance")
    await expect(models).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(named(page, re.compile("^Model:.*enhance"))).to_be_focused()


async def look_at_the_spending(page: Page) -> None:
    await tab_to(page, page.locator(".money"))
    await page.keyboard.press("Enter")
    spending = page.get_by_role("dialog", name="Spending")
    await expect(spending).to_contain_text("spent")
    await tab_to(page, spending.get_by_role("group", name="Period").get_by_role("button").last)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    await expect(spending).to_be_hidden()


async def delete_a_picture(page: Page) -> None:
    view = await _open(page)
    await tab_to(page, view.get_by_role("button", name="Delete"))
    await page.keyboard.press("Enter")
    await tab_to(page, named(page, "Delete picture"))
    await page.keyboard.press("Enter")
    await expect(tile(page, OWL)).to_be_hidden()


async def delete_old_pictures(page: Page) -> None:
    await _press(page, "Delete old pictures")
    await tab_to(page, page.get_by_label("Older than"))
    await page.keyboard.type("01012999")
    await tab_to(page, named(page, "Delete 3 pictures"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Make your first picture")).to_be_visible()


FUNCTIONS: tuple[Callable[[Page], Awaitable[None]], ...] = (
    search_and_clear,
    filter_by_kind,
    walk_the_gallery,
    look_at_the_next_picture,
    save_a_picture,
    read_the_details,
    change_a_picture,
    make_more_like_it,
    paint_a_part,
    use_a_picture_and_take_it_out,
    add_pictures_from_the_disk,
    choose_a_model,
    look_at_the_spending,
    delete_a_picture,
    delete_old_pictures,
)
"""What `test_studio.py` does not do by keyboard already."""


@pytest.mark.long
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
async def test_it_is_done_without_a_pointer(
    function: Callable[[Page], Awaitable[None]], page: Page, studio: Studio, journal: Journal
) -> None:
    async with studio.agent() as agent:
        for prompt in (FOX, OWL, CAT):
            await agent.call_tool("generate_image", {"prompt": prompt, **SMALL})
    await expect(tile(page, CAT)).to_be_visible()
    await page.get_by_label("Prompt").blur()
    await function(page)
    assert len(generations(journal())) in (3, 4, 7), "nothing is paid for twice"


@pytest.mark.long
async def test_the_tab_key_reaches_all_that_can_be_pressed_in_every_state(page: Page, studio: Studio) -> None:
    assert ("empty", await unreached(page)) == ("empty", [])
    async with studio.agent() as agent:
        await agent.call_tool("generate_image", {"prompt": FOX, **SMALL})
    for name, show in STATES.items():
        await show(page)
        assert (name, await unreached(page)) == (name, [])
        await page.keyboard.press("Escape")
