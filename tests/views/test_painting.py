"""Painting the part of a picture that is to change, by pointer and by keyboard."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from playwright.async_api import Locator, expect

from views.conftest import Chats
from views.host_page import INSPECTOR, SUNPEAK, Chat, Host, images_of

FOX = {"prompt": "A fox", "model": "test/test", "size": "512x384"}
Journal = Callable[[], list[dict[str, Any]]]


async def begin_painting(chat: Chat) -> Locator:
    """Draw a picture and begin to paint over it; return the canvas."""
    await chat.call("generate_image", **FOX)
    await expect(chat.view.locator(".stage img, .stage canvas").first).to_be_visible()
    await chat.view.get_by_role("button", name="Paint the part").click()
    canvas = chat.view.get_by_role("application", name="Paint where the picture is to change")
    await expect(canvas).to_be_focused()
    return canvas


async def drag(chat: Chat, canvas: Locator, *points: tuple[float, float]) -> None:
    """Draw a stroke through points, each in shares of the canvas."""
    box = await canvas.bounding_box()
    assert box
    mouse = chat.page.mouse
    for index, (across, down) in enumerate(points):
        await mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"], steps=3)
        if index == 0:
            await mouse.down()
    await mouse.up()


async def painted(chat: Chat) -> float:
    """Return how much of the picture is painted, in per cent, as it is told."""
    text = await chat.view.locator("#paint-state").inner_text()
    return float(text.split("%")[0]) if "%" in text else 0


async def is_tinted(canvas: Locator, across: float, down: float) -> bool:
    """Return whether the overlay shows at a place, in shares of the canvas, once it is drawn."""
    return await canvas.evaluate(
        """async (canvas, [across, down]) => {
            await new Promise(requestAnimationFrame);
            const pen = canvas.getContext("2d");
            return pen.getImageData(across * canvas.width, down * canvas.height, 1, 1).data[3] > 0;
        }""",
        [across, down],
    )


async def sent_mask(chat: Chat, prompt: str = "Paint it red") -> Image.Image:
    """Type what to change, and return the mask that the price is asked with."""
    await chat.view.get_by_role("textbox", name="What to change").fill(prompt)
    await expect(chat.view.get_by_role("button", name=re.compile("^Change the part for"))).to_be_visible()
    asked = chat.asked_for("tools/call", "edit_image")[-1]["arguments"]
    return Image.open(io.BytesIO(base64.b64decode(asked["mask"].removeprefix("data:image/png;base64,"))))


def selected(mask: Image.Image) -> tuple[float, float, float, float]:
    """Return the box around what a mask selects, in shares of it."""
    box = mask.convert("L").convert("1", dither=Image.Dither.NONE).getbbox()
    assert box
    return tuple(side / mask.size[at % 2] for at, side in enumerate(box))  # pyright: ignore[reportReturnType] - four


@pytest.mark.parametrize(
    "host", [pytest.param(SUNPEAK, marks=pytest.mark.long), INSPECTOR], ids=["sunpeak", "inspector"]
)
async def test_a_painted_edit_changes_the_painted_part_and_leaves_the_rest_alone(
    chat: Chats, host: Host, journal: Journal
) -> None:
    async with chat(host) as page:
        canvas = await begin_painting(page)
        await page.view.get_by_role("button", name="Box").click()
        await drag(page, canvas, (0.5, 0.25), (0.9, 0.75))
        await sent_mask(page)
        assert not [entry for entry in journal() if entry["path"].endswith("/edits")]
        await page.view.get_by_role("button", name=re.compile("^Change the part for")).click()
        await expect(page.view.get_by_role("button", name="Outline the part")).to_be_visible()
        files = [await _file(page, handle) for handle in await _handles(page)]
    after, before = (Image.open(file).convert("RGB") for file in files)
    changed = ImageChops.difference(before, after).getbbox()
    assert changed
    left, top, right, bottom = changed
    assert 254 <= left < 275
    assert 94 <= top < 115
    assert 440 < right <= 463
    assert 270 < bottom <= 290


@pytest.mark.long
async def test_the_part_of_a_result_is_outlined_on_demand(chat: Chats) -> None:
    async with chat() as page:
        canvas = await begin_painting(page)
        await drag(page, canvas, (0.2, 0.5), (0.8, 0.5))
        await sent_mask(page)
        await page.view.get_by_role("button", name=re.compile("^Change the part for")).click()
        show = page.view.get_by_role("button", name="Outline the part")
        await show.click()
        await expect(show).to_have_attribute("aria-pressed", "true")
        outline = page.view.locator(".paint-canvas")
        await expect(outline).to_be_visible()
        await show.click()
        await expect(outline).to_be_hidden()


@pytest.mark.long
async def test_brush_eraser_box_undo_redo_invert_and_clear_do_what_they_say(chat: Chats) -> None:
    async with chat() as page:
        canvas = await begin_painting(page)
        await drag(page, canvas, (0.25, 0.5), (0.75, 0.5))
        line = await painted(page)
        assert 5 < line < 9
        assert await is_tinted(canvas, 0.6, 0.5)
        assert not await is_tinted(canvas, 0.6, 0.1)
        await page.view.get_by_role("button", name="Eraser").click()
        await drag(page, canvas, (0.5, 0.5), (0.75, 0.5))
        assert 0 < await painted(page) < line
        assert not await is_tinted(canvas, 0.6, 0.5)
        await page.view.get_by_role("button", name="Undo").click()
        assert await painted(page) == line
        await page.view.get_by_role("button", name="Redo").click()
        assert await painted(page) < line
        await page.view.get_by_role("button", name="Box").click()
        await drag(page, canvas, (0.9, 0.9), (0, 0.5))
        assert 36 < await painted(page) < 44
        whole = await painted(page)
        await page.view.get_by_role("button", name="Invert").click()
        assert await painted(page) == pytest.approx(100 - whole, abs=1)
        await page.view.get_by_role("button", name="Clear").click()
        await expect(page.view.get_by_text("Nothing is painted yet.").first).to_be_visible()


@pytest.mark.long
async def test_painting_works_by_keyboard_alone(chat: Chats) -> None:
    async with chat() as page:
        canvas = await begin_painting(page)
        await canvas.press("x")
        for key in ("Shift+ArrowLeft", "Shift+ArrowUp", "Space"):
            await canvas.press(key)
        for key in ("Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown", "ArrowDown", "Enter"):
            await canvas.press(key)
        left, top, right, bottom = selected(await sent_mask(page))
        await canvas.focus()
        await canvas.press("Control+z")
        assert await painted(page) == 0
        await canvas.press("b")
        await canvas.press("]")
        await canvas.press("Enter")
        await canvas.press("Shift+ArrowLeft")
        await canvas.press("Enter")
        stroke = await painted(page)
        await expect(page.view.locator("#announcer")).to_have_text(f"{stroke:g}% of the picture is painted.")
        await canvas.press("Escape")
        await expect(page.view.get_by_role("button", name="Paint the part")).to_be_focused()
    assert (left, right) == pytest.approx(((384 - 64) / 768, (384 + 64) / 768), abs=0.01)
    assert (top, bottom) == pytest.approx(((288 - 64) / 576, (288 + 8) / 576), abs=0.01)
    assert 2 < stroke < 6


@pytest.mark.long
async def test_a_zoomed_picture_is_painted_where_it_is_seen(chat: Chats) -> None:
    async with chat() as page:
        canvas = await begin_painting(page)
        await canvas.hover(position={"x": 100, "y": 100})
        await page.page.mouse.wheel(0, -300)
        await expect(page.view.locator(".stage")).to_have_class(re.compile("zoomed"))
        wide = await canvas.bounding_box()
        stage = await page.view.locator(".stage").bounding_box()
        assert wide
        assert stage
        assert wide["width"] > 1.5 * stage["width"]
        at = stage["x"] + 0.25 * stage["width"], stage["y"] + 0.25 * stage["height"]
        await page.page.mouse.click(*at)
        left, top, right, bottom = selected(await sent_mask(page))
    across, down = (at[0] - wide["x"]) / wide["width"], (at[1] - wide["y"]) / wide["height"]
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((across, down), abs=0.01)


@pytest.mark.long
async def test_a_finger_paints_without_scrolling(chat: Chats) -> None:
    async with chat(page={"has_touch": True, "viewport": {"width": 390, "height": 300}}) as page:
        canvas = await begin_painting(page)
        await canvas.tap()
        await expect(page.view.locator("#paint-state")).to_have_text(
            re.compile("% of the picture is painted")
        )
        assert await canvas.evaluate("canvas => getComputedStyle(canvas).touchAction") == "none"


@pytest.mark.long
async def test_masks_are_opaque_and_small_however_much_is_painted(chat: Chats) -> None:
    async with chat() as page:
        canvas = await begin_painting(page)
        zigzag = [(0.03 + 0.94 * (step % 2), 0.05 + 0.045 * step) for step in range(20)]
        await drag(page, canvas, *zigzag)
        await page.view.get_by_role("button", name="Soft edge").click()
        mask = await sent_mask(page)
        characters = len(page.asked_for("tools/call", "edit_image")[-1]["arguments"]["mask"])
    assert characters < 40_000
    assert mask.size == (768, 576)
    assert mask.mode in ("L", "1", "P")
    assert "transparency" not in mask.info
    levels = mask.convert("L").getcolors()
    assert levels
    assert len(levels) > 4


@pytest.mark.long
async def test_nothing_painted_and_all_painted_change_the_whole_picture(chat: Chats) -> None:
    async with chat() as page:
        await begin_painting(page)
        await page.view.get_by_role("button", name="Invert").click()
        await expect(page.view.locator("#paint-state")).to_have_text("100% of the picture is painted.")
        await page.view.get_by_role("textbox", name="What to change").fill("Make it blue")
        await expect(page.view.get_by_role("button", name=re.compile("^Change for"))).to_be_visible()
    assert "mask" not in page.asked_for("tools/call", "edit_image")[-1]["arguments"]


async def _handles(chat: Chat) -> list[str]:
    """Return the newest picture's handle, and that of the one before."""
    listed = await chat.client.call_tool("list_images", {"limit": 2})
    return [image["handle"] for image in images_of(listed)]


async def _file(chat: Chat, handle: str) -> Path:
    shown = await chat.client.call_tool("show_image", {"handle": handle, "preview": "none"})
    return Path(images_of(shown)[0]["path"])
