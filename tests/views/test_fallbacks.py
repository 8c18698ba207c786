"""Whatever a host cannot do, the view finds another way or says what to do."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.async_api import expect

from views.conftest import Chats
from views.host_page import GOOD, Chat, Host, as_json

FOX = {"prompt": "A fox", "model": "test/test"}
LINKED = {**FOX, "response_format": "url"}
NO_DOWNLOAD = replace(GOOD, lacks=("downloadFile",))
DOWNLOAD_REFUSED = replace(GOOD, refuses=("ui/download-file",))


async def settled(chat: Chat) -> None:
    """Wait until the picture is sharp and nothing more is asked for."""
    await expect(chat.view.locator("[data-sharp]")).to_be_visible()


@pytest.mark.parametrize(
    ("host", "asked", "said"),
    [
        (GOOD, "ui/download-file", "The host has the file to save."),
        pytest.param(NO_DOWNLOAD, "ui/open-link", "opened in the browser", marks=pytest.mark.long),
        pytest.param(DOWNLOAD_REFUSED, "ui/open-link", "opened in the browser", marks=pytest.mark.long),
        (replace(GOOD, refuses=("ui/download-file", "ui/open-link")), "", "The file is /"),
    ],
    ids=["download", "no download", "download refused", "nothing"],
)
async def test_a_picture_is_saved_or_its_place_is_told(
    chat: Chats, host: Host, asked: str, said: str
) -> None:
    async with chat(host) as page:
        made = await page.call("generate_image", **LINKED)
        await settled(page)
        await page.view.get_by_role("button", name="Save").press("Enter")
        await expect(page.view.locator("#announcer")).to_contain_text(said)
        assert bool(page.asked_for(asked)) == bool(asked)
        if asked == "ui/download-file":
            (file,) = page.asked_for(asked)[0]["contents"]
            assert len(file["resource"]["blob"]) == -(-made.structured_content["images"][0]["bytes"] // 3) * 4


async def test_a_result_without_a_preview_is_fetched(chat: Chats) -> None:
    async with chat() as page:
        await page.call("generate_image", **FOX, preview="none")
        await settled(page)
        await expect(page.view.get_by_role("img", name="A fox")).to_be_visible()


async def test_a_pending_picture_is_collected_after_the_chat_was_closed(
    chat: Chats, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=1.2)
    async with chat(wait_seconds=0.2) as page:
        pending = as_json(await page.client.call_tool("generate_image", FOX))
        asked = {"generation": pending["structuredContent"]["generation"]}
        while "images" not in (
            (await page.client.call_tool("get_generation", asked)).structured_content or {}
        ):
            pass  # it is still being made
        await page.draw({name: pending[name] for name in ("content",)}, FOX)
        await expect(page.view.get_by_role("img", name="A fox")).to_be_visible()


async def test_a_closed_view_answers_and_stops_asking(
    chat: Chats, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=1.2)
    async with chat(replace(GOOD, ignores=("tools/call",)), wait_seconds=0.2) as page:
        await page.call("generate_image", **FOX)
        await expect(page.view.get_by_text("In the making")).to_be_visible()
        assert (await page.request("ping"))["result"] == {}
        assert (await page.request("ui/resource-teardown"))["result"] == {}
        assert (await page.request("ui/unheard-of"))["error"]["code"] == -32601
        cancelled = "heard.filter(({method}) => method === 'notifications/cancelled')"
        await page.page.wait_for_function(f"{cancelled}.length")
        (only,) = await page.page.evaluate(cancelled)
        assert only["params"] == {"requestId": 2}, "the call; the first request introduced the view"


async def test_a_cancelled_call_is_told_and_an_empty_result_changes_nothing(chat: Chats) -> None:
    async with chat() as page:
        await page.draw(None, FOX)
        await expect(page.view.get_by_text("Waiting for the result")).to_be_visible()
        await page.notify("ui/notifications/tool-cancelled", reason="The person stopped it")
        await expect(page.view.get_by_text("Stopped")).to_be_visible()
        made = await page.client.call_tool("generate_image", FOX)
        await page.notify("ui/notifications/tool-result", **as_json(made))
        await page.notify("ui/notifications/tool-result", content=[])
        await page.notify("ui/notifications/tool-cancelled", reason="too late")
        await settled(page)
        await expect(page.view.get_by_role("img", name="A fox")).to_be_visible()


async def test_the_frame_takes_the_height_of_the_view_and_stays(chat: Chats) -> None:
    async with chat() as page:
        await page.call("generate_image", **FOX)
        await settled(page)
        frame = page.page.locator("iframe")
        overflow = "() => document.documentElement.scrollHeight - innerHeight"
        await page.page.wait_for_function("document.querySelector('iframe').clientHeight > 200")
        inside = page.page.frames[1]
        await inside.wait_for_function(f"({overflow})() <= 1")
        told = await page.page.evaluate("heard.filter(({method}) => method.endsWith('size-changed')).length")
        assert told <= 6
        assert (await frame.bounding_box() or {})["height"] < 1200


async def test_a_large_file_is_read_in_parts(chat: Chats) -> None:
    async with chat() as page:
        made = await page.call("generate_image", prompt="A fox", model="sandbox/noise", size="640x640")
        await settled(page)
        await page.view.get_by_role("button", name="Save").press("Enter")
        await expect(page.view.locator("#announcer")).to_contain_text("The host has the file")
        (file,) = page.asked_for("ui/download-file")[0]["contents"]
        parts = [each["uri"] for each in page.asked_for("resources/read") if "/parts/" in each["uri"]]
    assert [uri[-1] for uri in parts[-2:]] == ["1", "2"]
    assert made.structured_content
    assert len(file["resource"]["blob"]) > 1_000_000, json.dumps(made.structured_content)[:200]
