"""What a person does in the studio."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from support.running_studio import Studio
from views.studio.conftest import SMALL, generations, photo

Journal = Callable[[], list[dict[str, Any]]]
FOX, OWL = "A red fox in snow", "An owl at night"


def tile(page: Page, prompt: str) -> Locator:
    return page.get_by_role("gridcell").get_by_role("button", name=prompt)


def viewer(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Picture", exact=True)


async def made(studio: Studio, *prompts: str) -> None:
    async with studio.agent() as agent:
        for prompt in prompts:
            await agent.call_tool("generate_image", {"prompt": prompt, **SMALL})


async def test_a_first_picture_is_made_with_a_free_model_and_nothing_is_sent_before_the_click(
    page: Page, journal: Journal
) -> None:
    await expect(page.get_by_role("heading", name="Make your first picture")).to_be_visible()
    await expect(page.get_by_label("Prompt")).to_be_focused()
    await page.get_by_label("Prompt").fill(FOX)
    make = page.get_by_role("button", name="Make for free")
    await expect(make).to_be_enabled()
    assert generations(journal()) == []
    await make.click()
    await expect(tile(page, FOX)).to_be_visible()
    assert [request["fields"]["model"].endswith(":free") for request in generations(journal())] == [True]


async def test_a_picture_is_found_by_its_words_and_the_back_button_closes_it(
    page: Page, studio: Studio
) -> None:
    await made(studio, FOX, OWL)
    await expect(tile(page, OWL)).to_be_visible()
    await page.get_by_label("Search the gallery").fill("fox")
    await expect(tile(page, OWL)).to_be_hidden()
    await tile(page, FOX).click()
    await expect(viewer(page).get_by_role("img", name=FOX)).to_be_visible()
    await page.go_back()
    await expect(viewer(page)).to_be_hidden()
    await page.reload()
    await expect(page.get_by_label("Search the gallery")).to_have_value("fox")


async def test_what_an_agent_makes_appears_while_one_looks_and_what_is_deleted_goes(
    page: Page, studio: Studio
) -> None:
    await made(studio, FOX)
    await expect(tile(page, FOX)).to_be_visible()
    await tile(page, FOX).click()
    await viewer(page).get_by_role("button", name="Delete").click()
    asked = page.get_by_role("dialog", name="Delete this picture?")
    await expect(asked).to_contain_text("stays")
    await asked.get_by_role("button", name="Delete picture").click()
    await expect(page.get_by_role("heading", name="Make your first picture")).to_be_visible()


async def test_old_pictures_are_deleted_after_a_word_on_how_many(page: Page, studio: Studio) -> None:
    await made(studio, FOX, OWL)
    await page.get_by_role("button", name="Delete old pictures").click()
    asked = page.get_by_role("dialog", name="Delete old pictures")
    await asked.get_by_label("Older than").fill("2999-01-01")
    await expect(asked).to_contain_text("What was spent stays recorded.")
    await asked.get_by_role("button", name="Delete 2 pictures").click()
    await expect(page.get_by_role("heading", name="Make your first picture")).to_be_visible()


async def test_the_count_of_another_day_never_stands_for_the_chosen_one(page: Page, studio: Studio) -> None:
    await made(studio, FOX)
    late = asyncio.Event()

    async def hold(route: Route) -> None:
        if "2999" in (route.request.post_data or ""):
            await late.wait()
        await route.continue_()

    await page.route("**/studio/delete", hold)
    await page.get_by_role("button", name="Delete old pictures").click()
    asked = page.get_by_role("dialog", name="Delete old pictures")
    await asked.get_by_label("Older than").fill("2999-01-01")
    async with page.expect_response("**/studio/delete") as counted:
        await asked.get_by_label("Older than").fill("2000-01-01")
    await (await counted.value).finished()
    async with page.expect_response("**/studio/delete") as counted:
        late.set()
    await (await counted.value).finished()
    await expect(asked).to_contain_text("No picture is older than that.")
    await expect(asked.get_by_role("button", name="Delete", exact=True)).to_be_disabled()


@pytest.mark.long
async def test_a_file_that_is_kept_is_named(page: Page, studio: Studio) -> None:
    await made(studio, FOX)
    (path,) = (path for path in studio.settings.output_dir.rglob("*") if path.is_file())
    path.write_bytes(b"my own drawing")
    await tile(page, FOX).focus()
    await page.keyboard.press("Delete")
    await page.get_by_role("button", name="Delete picture").click()
    told = page.get_by_role("dialog", name="The picture was deleted.")
    await expect(told).to_contain_text(f"{path} was kept: it has changed since it was saved.")
    path.unlink()


async def test_while_a_change_is_paid_for_painting_rests_and_the_picture_can_be_closed(
    page: Page, studio: Studio
) -> None:
    await made(studio, FOX)
    await tile(page, FOX).click()
    view = viewer(page)
    await view.get_by_label("What to change").fill("a red hat")
    paint = view.get_by_role("button", name="Paint the part")
    await paint.click()
    await page.keyboard.press("Space")
    await page.keyboard.press("Space")
    pay = view.get_by_role("button", name=re.compile("^Change the part for"))
    await expect(pay).to_be_visible()
    late = asyncio.Event()

    async def hold(route: Route) -> None:
        await late.wait()
        await route.continue_()

    await page.route("**/mcp", hold)
    await pay.click()
    await expect(view.get_by_role("button", name="Changing")).to_be_visible()
    await expect(paint).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press("Escape")
    await expect(view).to_be_hidden()
    late.set()
    await expect(tile(page, "a red hat")).to_be_visible()
    await expect(view).to_be_hidden()


@pytest.mark.long
async def test_a_video_shows_a_still_frame_of_itself(page: Page, studio: Studio) -> None:
    async with studio.agent() as agent:
        await agent.call_tool("generate_video", {"prompt": "Waves at the beach"})
    still = page.locator(".thumb.video img[src^='blob:']")
    await expect(still).to_be_visible()
    assert await still.evaluate("still => still.decode().then(() => still.naturalWidth)") > 0


@pytest.mark.long
async def test_a_change_that_fails_after_its_picture_was_closed_is_told_in_the_page(
    page: Page, studio: Studio, journal: Journal
) -> None:
    await made(studio, FOX)
    await tile(page, FOX).click()
    view = viewer(page)
    await view.get_by_label("What to change").fill("a red hat")
    pay = view.get_by_role("button", name=re.compile("^Change for"))
    await expect(pay).to_be_visible()
    closed = asyncio.Event()

    async def fail(route: Route) -> None:
        await closed.wait()
        await route.abort()

    await page.route("**/mcp", fail)
    await pay.click()
    await expect(view.get_by_role("button", name="Changing")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(view).to_be_hidden()
    closed.set()
    card = page.locator(".running-card").filter(has_text="a red hat")
    await expect(card).to_contain_text("The picture may have been made and charged.")
    assert len(generations(journal())) == 1
    await card.get_by_role("button", name="Dismiss").click()
    await expect(card).to_be_hidden()


async def test_a_photo_becomes_the_source_of_an_edit(page: Page, journal: Journal, tmp_path: Path) -> None:
    await page.locator("input[type=file]").set_input_files(photo(tmp_path))
    await page.get_by_label("Prompt").fill("Make it night")
    await page.get_by_role("button", name="Make for free").click()
    await expect(tile(page, "Make it night")).to_be_visible()
    assert [request["path"].rpartition("/")[2] for request in generations(journal())] == ["edits"]


async def test_a_painted_part_is_changed_and_the_result_takes_its_place(
    page: Page, studio: Studio, journal: Journal
) -> None:
    await made(studio, FOX)
    await tile(page, FOX).click()
    view = viewer(page)
    await expect(view.locator("[data-sharp]")).to_be_visible()
    await view.get_by_role("button", name="Paint the part").click()
    box = await view.locator("canvas.paint-canvas").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + 40, y + 20, steps=4)
    await page.mouse.up()
    await view.get_by_label("What to change").fill("a red hat")
    price = view.get_by_role("button", name="Change the part for")
    await expect(price).to_be_visible()
    assert len(generations(journal())) == 1
    await price.click()
    await expect(view.get_by_role("img", name="a red hat").first).to_be_visible()
    await expect(view.get_by_label("What to change")).to_be_focused()
    assert len(generations(journal())) == 2


async def test_everything_works_by_keyboard_alone(page: Page, studio: Studio) -> None:
    await made(studio, FOX, OWL)
    await expect(tile(page, OWL)).to_be_visible()
    press = page.keyboard.press
    await press("n")
    await page.keyboard.type("A cat")
    await expect(page.get_by_role("button", name="Make for free")).to_be_visible()
    await press("Control+Enter")
    await expect(tile(page, "A cat")).to_be_visible()
    await page.get_by_label("Prompt").blur()
    await press("/")
    await expect(page.get_by_label("Search the gallery")).to_be_focused()
    await page.get_by_label("Search the gallery").blur()
    await press("ArrowDown")
    await press("ArrowRight")
    await expect(tile(page, OWL)).to_be_focused()
    await press("Enter")
    await expect(viewer(page).get_by_role("img", name=OWL)).to_be_visible()
    await press("Escape")
    await expect(tile(page, OWL)).to_be_focused()
    await press("Delete")
    await press("Enter")
    await expect(tile(page, OWL)).to_be_hidden()


async def test_a_used_link_says_what_to_run(page: Page, studio: Studio) -> None:
    link = studio.link()
    async with page.expect_response("**/studio/session"):
        await page.goto(link)  # in the same tab, whose session goes on
    await expect(page.get_by_role("heading", name="Studio", exact=True)).to_be_visible()
    async with await page.context.new_page() as another:
        await another.goto(link)
        await expect(another.get_by_role("heading", name="The studio is closed")).to_be_visible()
        await expect(another.get_by_role("main")).to_contain_text("imagerouter-mcp studio --link")
