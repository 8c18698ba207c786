"""What a person sees of a result in the chat, whatever the host leaves out."""

from collections.abc import Callable

import pytest
from playwright.async_api import expect

from views.conftest import Chats
from views.host_page import HOSTS, Host

FOX = {"prompt": "A fox", "model": "test/test", "size": "1024x768"}


@pytest.mark.parametrize(
    "host",
    [
        pytest.param(host, id=name, marks=[] if name in ("good", "deaf") else pytest.mark.long)
        for name, host in HOSTS.items()
    ],
)
async def test_a_picture_is_seen_and_made_sharp(chat: Chats, host: Host) -> None:
    async with chat(host) as page:
        await page.call("generate_image", **FOX)
        await expect(page.view.locator("[data-sharp]")).to_be_visible()
        shown = page.view.get_by_role("img", name="A fox")
        width = await shown.evaluate("element => element.naturalWidth ?? element.width")
    assert width == 1024


async def test_a_slow_picture_is_collected_without_the_model(
    chat: Chats, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=1.5)
    async with chat(wait_seconds=0.2) as page:
        pending = await page.call("generate_image", **FOX)
        assert "Not done yet" in str(pending.content)
        await expect(page.view.get_by_role("img", name="A fox")).to_be_visible()


async def test_an_error_says_what_happened_what_it_cost_and_what_to_do(chat: Chats) -> None:
    async with chat() as page:
        await page.call("generate_image", prompt="A fox", model="nobody/nothing")
        await expect(page.view.get_by_role("alert")).to_contain_text("Nothing was charged.")
