"""What costs money in the view: its price is named first, and one click pays once."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult
from playwright.async_api import Locator, expect

from views.conftest import Chats
from views.host_page import CLAUDE_DESKTOP, GOOD, INSPECTOR, PAID, Chat, Host, as_json, images_of

FOX = {"prompt": "A fox", "model": "test/test"}
PRICE = re.compile(r"for (about|up to) \$0\.\d+$")
Journal = Callable[[], list[dict[str, Any]]]
CallTool = Callable[[str, dict[str, Any]], Awaitable[CallToolResult]]


async def open_fox(chat: Chat) -> Locator:
    """Draw a picture, and return the line that changes it."""
    await chat.call("generate_image", **FOX)
    return chat.view.get_by_role("textbox", name="What to change")


async def priced(chat: Chat) -> Locator:
    """Return the button that changes the picture, once it names a price."""
    button = chat.view.get_by_role("button", name=re.compile("^Change for"))
    await expect(button).to_have_text(PRICE)
    return button


def said(chat: Chat) -> Locator:
    """Return what is said below the line."""
    return chat.view.locator(".change-said")


def paid_edits(journal: Journal) -> int:
    return sum(entry["paid"] for entry in journal() if entry["path"].endswith("/edits"))


async def press_quickly(chat: Chat, line: Locator, *keys: str) -> None:
    """Press keys with 100 ms between them by the page's clock, however busy the machine is."""
    now: float = await chat.page.evaluate("Date.now() / 1000")
    await chat.page.clock.pause_at(now + 10)
    for key in keys:
        await line.press(key)
        await chat.page.clock.run_for(100)
    await chat.page.clock.resume()


def calls(chat: Chat, tool: str = "edit_image") -> list[dict[str, Any]]:
    """Return the arguments of the view's calls of a tool."""
    return [each["arguments"] for each in chat.asked_for("tools/call", tool)]


@pytest.mark.parametrize(
    "host",
    [GOOD, *(pytest.param(host, marks=pytest.mark.long) for host in (CLAUDE_DESKTOP, INSPECTOR))],
    ids=["good", "claude desktop", "inspector"],
)
async def test_a_change_names_its_price_is_paid_by_the_click_and_told_to_the_model(
    chat: Chats, journal: Journal, host: Host
) -> None:
    async with chat(host, confirm_usd=Decimal("0.01")) as page:
        line = await open_fox(page)
        await line.fill("Make the sky orange")
        button = await priced(page)
        assert paid_edits(journal) == 0
        assert [call["dry_run"] for call in calls(page)] == [True]
        await button.click()
        await expect(line).to_have_value("")
        told = [] if host is INSPECTOR else await page.until_asked("ui/update-model-context")
        newest = await page.client.call_tool("show_image", {"handle": "last", "preview": "none"})
    assert paid_edits(journal) == 1
    asked, made = calls(page)
    (source,) = made["images"]
    assert asked["images"] == [source]
    assert made["confirm_cost"] is True
    assert made["model"] == "google/gemini-2.5-flash"
    words = [each["content"][0]["text"] for each in told]
    facts = (source, images_of(newest)[0]["handle"], "Make the sky orange")
    assert [all(fact in text for fact in facts) for text in words] == [True] * (host is not INSPECTOR)


@pytest.mark.long
async def test_typing_asks_for_one_price_and_for_none_twice(chat: Chats) -> None:
    async with chat() as page:
        await page.page.clock.install()
        line = await open_fox(page)
        await press_quickly(page, line, *"Add a hat")
        await priced(page)
        await press_quickly(page, line, "End", "s", "Backspace")
        await priced(page)
    assert [call["prompt"] for call in calls(page)] == ["Add a hat"]


async def test_enter_pays_only_once_the_price_is_shown_and_never_twice(
    chat: Chats, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = asyncio.Event()
    async with chat() as page:
        line = await open_fox(page)
        monkeypatch.setattr(page.client, "call_tool", _answered_late(page.client.call_tool, late))
        await line.fill("Add a hat")
        for _ in range(3):
            await page.page.keyboard.down("Enter")
        await priced(page)
        await page.page.keyboard.down("Enter")
        await priced(page)
        await page.page.keyboard.up("Enter")
        assert paid_edits(journal) == 0
        await line.press("Enter")
        await line.press("Enter")
        await expect(page.view.get_by_role("button", name=re.compile("^Changing …"))).to_be_visible()
        await line.press("Enter")
        late.set()
        await expect(line).to_have_value("")
    assert paid_edits(journal) == 1
    assert sum("dry_run" not in call for call in calls(page)) == 1


@pytest.mark.long
async def test_a_view_that_is_drawn_anew_during_a_paid_change_pays_nothing_twice_and_gets_the_picture(
    chat: Chats, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = asyncio.Event()
    async with chat() as page:
        fox = await page.client.call_tool("generate_image", FOX)
        await page.draw(as_json(fox), FOX)
        monkeypatch.setattr(page.client, "call_tool", _answered_late(page.client.call_tool, late))
        for _ in range(2):
            await page.draw(as_json(fox), FOX)
            line = page.view.get_by_role("textbox", name="What to change")
            await line.fill("Add a hat")
            await priced(page)
            await line.press("Enter")
            await expect(page.view.get_by_role("button", name=re.compile("^Changing …"))).to_be_visible()
        late.set()
        await expect(page.view.get_by_role("img", name="Add a hat").first).to_be_visible()
    assert paid_edits(journal) == 1


def _answered_late(call_tool: CallTool, late: asyncio.Event) -> CallTool:
    """Return the same, but hold back the answers of paid calls."""

    async def call(name: str, arguments: dict[str, Any]) -> CallToolResult:
        result = await call_tool(name, arguments)
        if name in PAID and "dry_run" not in arguments:
            await late.wait()
        return result

    return call


async def test_a_double_click_pays_once(chat: Chats, journal: Journal) -> None:
    async with chat() as page:
        line = await open_fox(page)
        await line.fill("Add a hat")
        await (await priced(page)).dblclick()
        await expect(line).to_have_value("")
    assert paid_edits(journal) == 1
    assert sum("dry_run" not in call for call in calls(page)) == 1


@pytest.mark.long
async def test_the_second_press_of_a_double_click_comes_before_the_price(chat: Chats) -> None:
    async with chat() as page:
        await open_fox(page)
        button = page.view.get_by_role("button", name="4 more like this")
        assert await button.evaluate(_MILLISECONDS_TO_PRICE) >= 440


_MILLISECONDS_TO_PRICE = """button => new Promise((resolve) => {
  const pressed = performance.now();
  const look = () => button.classList.contains("priced") && resolve(performance.now() - pressed);
  new MutationObserver(look).observe(button, { attributes: true });
  button.click();
})"""


@pytest.mark.long
async def test_more_like_this_makes_four_new_pictures_for_the_price_named(
    chat: Chats, journal: Journal
) -> None:
    async with chat() as page:
        await open_fox(page)
        await page.view.get_by_role("button", name="4 more like this").click()
        button = page.view.get_by_role("button", name="Make 4 more for free")
        await button.click()
        await expect(page.view.get_by_role("button", name="Use number 4")).to_be_visible()
    asked, made = calls(page, "generate_image")
    assert asked.pop("dry_run")
    assert made == asked | {"confirm_cost": True}
    assert made["n"] == 4
    assert made["again"] is True
    assert sum(entry["paid"] for entry in journal()) == 5


async def test_a_lost_answer_is_asked_for_again_and_paid_for_once(chat: Chats, journal: Journal) -> None:
    async with chat(Host(loses=1)) as page:
        await open_fox(page)
        await page.view.get_by_role("button", name="4 more like this").click()
        await page.view.get_by_role("button", name="Make 4 more for free").click()
        again = page.view.get_by_role("button", name="Ask again for free, paid once")
        await expect(again).to_be_visible()
        await expect(said(page)).to_contain_text("The picture may have been made and charged.")
        await again.click()
        await expect(page.view.get_by_role("button", name="Use number 4")).to_be_visible()
    assert sum(entry["paid"] for entry in journal()) == 5


async def test_a_host_that_cannot_ask_the_person_leaves_the_wish_to_the_model(
    chat: Chats, journal: Journal
) -> None:
    async with chat(Host(declines="Unsupported result type 'input_required' for tools/call")) as page:
        line = await open_fox(page)
        await line.fill("Add a hat")
        await (await priced(page)).click()
        await expect(said(page)).to_contain_text("The assistant was asked to do this.")
        (message,) = page.asked_for("ui/message")
    assert re.search(r"img_\w+: Add a hat", message["content"][0]["text"])
    assert paid_edits(journal) == 0


@pytest.mark.long
async def test_a_host_that_lets_views_call_no_tools_leaves_the_wish_to_the_model(chat: Chats) -> None:
    async with chat(Host(refuses=("tools/call",))) as page:
        line = await open_fox(page)
        await line.fill("Add a hat")
        await page.view.get_by_role("button", name="Leave it to the assistant").click()
        await expect(said(page)).to_contain_text("The assistant was asked to do this.")
    assert len(page.asked_for("ui/message")) == 1


async def test_a_free_failure_can_be_tried_again_for_the_price_named(chat: Chats, journal: Journal) -> None:
    async with chat(edit_model="sandbox/free-failure") as page:
        line = await open_fox(page)
        await line.fill("Add a hat")
        await page.view.get_by_role("button", name="Change (price unknown)").click()
        again = page.view.get_by_role("button", name="Try again (price unknown)")
        await expect(again).to_be_visible()
        await expect(said(page)).to_contain_text("Nothing was charged.")
        await again.click()
        await page.until_asked("tools/call", "edit_image", times=4)
        await expect(again).to_be_visible()
        await expect(line).to_have_value("Add a hat")
    tried = [entry for entry in journal() if entry["path"].endswith("/edits")]
    assert [entry["paid"] for entry in tried] == [False, False]


@pytest.mark.long
async def test_what_was_charged_is_not_offered_again(chat: Chats) -> None:
    async with chat(edit_model="sandbox/charged-failure") as page:
        line = await open_fox(page)
        await line.fill("Add a hat")
        await page.view.get_by_role("button", name="Change (price unknown)").click()
        await expect(said(page)).to_contain_text("charged")
        await expect(page.view.get_by_role("button", name="Change", exact=True)).to_be_visible()
        await expect(page.view.get_by_role("button", name="Try again")).to_be_hidden()


@pytest.mark.long
async def test_a_call_of_the_model_that_failed_is_tried_again_where_the_host_names_its_tool(
    chat: Chats, journal: Journal
) -> None:
    host = Host(context={"toolInfo": {"tool": {"name": "generate_image", "inputSchema": {}}}})
    async with chat(host) as page:
        await page.call("generate_image", prompt="A fox", model="sandbox/free-failure")
        await page.view.get_by_role("button", name="Try again", exact=True).click()
        again = page.view.get_by_role("button", name="Try again (price unknown)")
        await again.dblclick()
        await page.until_asked("tools/call", "generate_image", times=2)
        await expect(again).to_be_visible()
    assert [entry["paid"] for entry in journal() if entry["method"] == "POST"] == [False, False]
    assert sum("dry_run" not in call for call in calls(page, "generate_image")) == 1


@pytest.mark.long
async def test_the_model_is_asked_to_try_again_where_the_host_does_not_name_the_tool(chat: Chats) -> None:
    async with chat() as page:
        await page.call("generate_image", prompt="A fox", model="sandbox/free-failure")
        await page.view.get_by_role("button", name="Ask the assistant to try again").click()
        await expect(said(page)).to_contain_text("The assistant was asked to do this.")
    assert len(page.asked_for("ui/message")) == 1
    assert not page.asked_for("tools/call")


async def _priced_by_the_clock(page: Chat) -> tuple[Locator, Locator]:
    """Ask for a price in a page whose clock stands still; return the line and the button that names it."""
    await page.page.clock.install()
    line = await open_fox(page)
    await line.fill("Add a hat")
    await page.page.clock.run_for(1000)
    return line, await priced(page)


@pytest.mark.long
async def test_an_older_price_is_asked_for_again_before_it_is_paid(chat: Chats, journal: Journal) -> None:
    async with chat() as page:
        line, button = await _priced_by_the_clock(page)
        await page.page.clock.fast_forward(31_000)
        await button.click()
        await expect(line).to_have_value("")
    assert ["dry_run" in call for call in calls(page)] == [True, True, False]
    assert paid_edits(journal) == 1


async def test_a_price_that_cannot_be_asked_for_again_is_not_paid(
    chat: Chats, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(name: str, arguments: dict[str, Any]) -> CallToolResult:
        del name, arguments
        raise MCPError(-32001, "Request timed out")

    async with chat() as page:
        _, button = await _priced_by_the_clock(page)
        monkeypatch.setattr(page.client, "call_tool", lose)
        await page.page.clock.fast_forward(31_000)
        await button.click()
        await expect(said(page)).to_contain_text("Nothing was sent.")
    assert paid_edits(journal) == 0


async def test_a_price_that_rose_is_named_before_it_is_paid(
    chat: Chats, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chat() as page:
        await page.page.clock.install()
        line = await open_fox(page)
        await line.fill("Add a hat")
        await page.page.clock.run_for(1000)
        button = await priced(page)
        monkeypatch.setattr(page.client, "call_tool", _dearer(page.client.call_tool))
        await page.page.clock.fast_forward(31_000)
        await button.click()
        await expect(button).to_have_text("Change for $0.08")
        assert paid_edits(journal) == 0
        await button.click()
        await expect(line).to_have_value("")
    assert paid_edits(journal) == 1


def _dearer(call_tool: CallTool) -> CallTool:
    """Return the same, but with a model list by which everything costs $0.08."""

    async def call(name: str, arguments: dict[str, Any]) -> CallToolResult:
        result = await call_tool(name, arguments)
        if arguments.get("dry_run") and result.structured_content:
            result.structured_content["estimate_usd"] = dict.fromkeys(("low", "likely", "high"), 0.08)
        return result

    return call
