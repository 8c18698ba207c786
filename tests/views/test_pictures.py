"""What a person does with pictures in the chat: look closer, compare, choose, find, wait."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from mcp.types import CallToolResult
from playwright.async_api import Locator, expect

from views.conftest import Chats
from views.host_page import CLAUDE_DESKTOP, GOOD, INSPECTOR, Host, as_json

FOX = {"prompt": "A fox", "model": "test/test"}
MODEL = "openai/gpt-image-1.5"


async def test_keys_zoom_and_move_a_picture(chat: Chats) -> None:
    async with chat() as page:
        await page.call("generate_image", **FOX)
        stage = page.view.get_by_role("group", name="Picture")
        await expect(stage).to_have_attribute("data-sharp", "")
        await stage.press("+")
        await stage.press("+")
        await stage.press("ArrowLeft")
        moved = await _transform(stage)
        await stage.press("0")
        shown_whole = await _transform(stage)
    assert moved == "translate(48px, 0px) scale(2.25)"
    assert shown_whole == "translate(0px, 0px) scale(1)"


@pytest.mark.long
async def test_two_fingers_zoom_and_one_finger_moves(chat: Chats) -> None:
    async with chat(page={"has_touch": True, "viewport": {"width": 400, "height": 700}}) as page:
        await page.call("generate_image", **FOX)
        stage = page.view.get_by_role("group", name="Picture")
        await expect(stage).to_have_attribute("data-sharp", "")
        box = await stage.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        browser = await page.page.context.new_cdp_session(page.page)

        async def touch(kind: str, *points: tuple[float, float]) -> None:
            told = [{"x": x + across, "y": y + down, "id": n} for n, (across, down) in enumerate(points)]
            event: dict[str, object] = {"type": kind, "touchPoints": told}
            await browser.send("Input.dispatchTouchEvent", event)  # pyright: ignore[reportUnknownMemberType] - untyped there

        await touch("touchStart", (-30, 0), (30, 0))
        await touch("touchMove", (-60, 0), (60, 0))
        await touch("touchEnd")
        await touch("touchStart", (0, 0))
        await touch("touchMove", (0, 40))
        await touch("touchEnd")
        transform = await _transform(stage)
    assert transform == "translate(0px, 40px) scale(2)"


async def test_an_edit_is_compared_with_its_source_by_keyboard(chat: Chats) -> None:
    async with chat() as page:
        handle = _handles(await page.client.call_tool("generate_image", FOX))[0]
        await page.call("edit_image", images=[handle], prompt="Make it snow", model=MODEL)
        await page.view.get_by_role("button", name="Compare").press("Enter")
        slider = page.view.get_by_role("slider", name="Before and after")
        await slider.press("End")
        await expect(slider).to_have_attribute("aria-valuetext", "100 % before, 0 % after")


async def test_arrow_keys_walk_the_grid_enter_opens_and_escape_returns(chat: Chats) -> None:
    async with chat() as page:
        await page.call("generate_image", **FOX, n=4)
        await page.view.get_by_role("button", name="Picture 1").press("ArrowRight")
        second = page.view.get_by_role("button", name="Picture 2")
        await expect(second).to_be_focused()
        await second.press("Enter")
        await expect(page.view.get_by_role("group", name="Picture")).to_be_visible()
        await page.view.get_by_role("button", name="Back").press("Escape")
        await expect(second).to_be_focused()


@pytest.mark.parametrize(
    "host",
    [GOOD, pytest.param(INSPECTOR, marks=pytest.mark.long)],
    ids=["context and messages", "messages alone"],
)
async def test_a_choice_among_several_is_told_to_the_model(chat: Chats, host: Host) -> None:
    async with chat(host) as page:
        handle = _handles(await page.call("generate_image", **FOX, n=3))[2]
        await page.view.get_by_role("button", name="Use number 3").press("Enter")
        await expect(page.view.locator("#announcer")).to_have_text(
            f"The chat knows that you chose number 3 ({handle})."
        )
        (message,) = page.asked_for("ui/message")
    assert message["content"][0]["text"] == f"Use number 3 ({handle})."


async def test_several_are_seen_from_the_contact_sheet_before_one_of_them_is_loaded(chat: Chats) -> None:
    async with chat(Host(drops=CLAUDE_DESKTOP.drops, ignores=("tools/call", "resources/read"))) as page:
        await page.call("generate_image", **FOX, n=4)
        await expect(page.view.locator(".tile canvas")).to_have_count(4)


@pytest.mark.long
async def test_a_list_loads_only_the_pictures_that_come_into_view(chat: Chats) -> None:
    async with chat(page={"viewport": {"width": 320, "height": 400}}) as page:
        for number in range(8):
            await page.client.call_tool("generate_image", {"prompt": f"Fox {number}", "model": "test/test"})
        await page.call("list_images")
        await expect(page.view.get_by_role("img", name="Fox 7")).to_be_visible()
        await page.page.frames[-1].evaluate(_TEN_FRAMES)
        loaded = {call["arguments"]["handle"] for call in page.asked_for("tools/call")}
        await page.view.get_by_role("button", name="Fox 0").scroll_into_view_if_needed()
        await expect(page.view.get_by_role("img", name="Fox 0")).to_be_visible()
    assert len(loaded) < 8


@pytest.mark.long
async def test_waiting_ends_with_the_view(chat: Chats, change_sandbox: Callable[..., None]) -> None:
    change_sandbox(latency_seconds=3)
    async with chat(wait_seconds=0.2) as page:
        await page.call("generate_image", **FOX)
        await expect(page.view.get_by_role("progressbar")).to_be_visible()
        await page.request("ui/resource-teardown")
        await page.page.wait_for_function("heard.some(({ method }) => method === 'notifications/cancelled')")


async def test_a_video_plays_in_the_view(chat: Chats) -> None:
    async with chat() as page:
        await page.call("generate_video", prompt="Waves at the beach")
        video = page.view.locator("video")
        await expect(video).to_have_js_property("muted", value=True)
        await video.evaluate("async (video) => { await video.play(); }")


async def test_markup_of_an_svg_and_of_a_prompt_takes_no_effect(chat: Chats) -> None:
    async with chat() as page:
        prompt = "<img src=x onerror=\"document.title='run'\"> and <b>bold</b>"
        await page.call("generate_image", prompt=prompt, model="recraft-ai/recraft-v3-svg")
        await expect(page.view.locator("[data-sharp] img")).to_be_visible()
        inline = await page.view.locator("main svg:not(button svg), main b").count()
    assert inline == 0


@pytest.mark.long
async def test_the_view_stops_growing(chat: Chats) -> None:
    async with chat() as page:
        await page.call("generate_image", **FOX, n=4)
        await expect(page.view.locator(".tile img")).to_have_count(4)
        await page.page.frames[-1].evaluate(_TEN_FRAMES)
        heights = await page.page.evaluate(
            "heard.filter(({ method }) => method.endsWith('size-changed')).map(({ params }) => params.height)"
        )
    assert len(heights) <= 6
    assert max(heights) <= 520


@pytest.mark.long
async def test_four_pictures_stand_in_even_rows(chat: Chats) -> None:
    async with chat(page={"viewport": {"width": 768, "height": 700}}) as page:
        await page.call("generate_image", **{**FOX, "size": "1024x768"}, n=4)
        await expect(page.view.locator(".tile img")).to_have_count(4)
        tops = await page.view.locator(".tile").evaluate_all(
            "tiles => tiles.map((tile) => tile.getBoundingClientRect().top)"
        )
    assert [tops.count(top) for top in tops] == [2, 2, 2, 2]


_TEN_FRAMES = "async () => { for (let n = 0; n < 10; n += 1) await new Promise(requestAnimationFrame); }"


def _handles(made: CallToolResult) -> list[str]:
    return [image["handle"] for image in as_json(made)["structuredContent"]["images"]]


async def _transform(stage: Locator) -> str:
    return await stage.locator(".surface").evaluate("surface => surface.style.transform")


@pytest.mark.long
async def test_a_host_that_plays_no_video_is_named_with_what_else_to_do(chat: Chats) -> None:
    async with chat(INSPECTOR) as page:
        await page.call("generate_video", prompt="Waves at the beach")
        await expect(page.view.get_by_text("Save or open it to see it.").first).to_be_visible()


@pytest.mark.long
async def test_looking_closer_loads_all_pixels_of_a_large_picture(chat: Chats) -> None:
    async with chat(GOOD) as page:
        await page.call(
            "generate_image",
            prompt="A meadow, watercolour",
            model=MODEL,
            size="2600x800",
            output_format="png",
        )
        stage = page.view.get_by_role("group", name="Picture")
        await expect(stage).to_have_attribute("data-sharp", "")
        for _ in range(5):
            await stage.press("+")
        await expect(page.view.locator(".surface img")).to_have_js_property("naturalWidth", 2600)


@pytest.mark.parametrize("fails", [0, 1])
async def test_a_list_is_completed_where_the_host_hands_over_its_text_alone(chat: Chats, fails: int) -> None:
    async with chat(replace(CLAUDE_DESKTOP, fails=fails)) as page:
        await page.client.call_tool("generate_image", FOX)
        await page.client.call_tool("generate_image", {"prompt": "An owl", "model": "test/test"})
        await page.call("list_images", query="fox")
        await expect(page.view.locator(".below .quiet")).to_have_text(re.compile(r"\d"))
