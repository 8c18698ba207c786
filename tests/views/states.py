"""Every state of the view, brought about with the real server."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp import Client
from playwright.async_api import FrameLocator, expect

from views.host_page import as_json

MODEL = "openai/gpt-image-1.5"
LIGHTHOUSE = "A lighthouse on a cliff at dusk, warm light in its windows, watercolour"
FOUR_FOXES: dict[str, Any] = {"prompt": "A fox in the snow", "model": MODEL, "size": "1536x1024", "n": 4}
Result = tuple[dict[str, Any] | None, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class State:
    """A state that a person can see.

    Attributes:
        make: Calls a tool and returns its result with the call's arguments.
        show: Acts as the person does until the state is seen.
    """

    make: Callable[[Client], Awaitable[Result]]
    show: Callable[[FrameLocator], Awaitable[None]]


def _call(tool: str, **arguments: object) -> Callable[[Client], Awaitable[Result]]:
    async def make(client: Client) -> Result:
        return as_json(await client.call_tool(tool, arguments)), arguments

    return make


async def _edit(client: Client) -> Result:
    made, _ = await _call("generate_image", prompt=LIGHTHOUSE, model=MODEL)(client)
    assert made
    handle: str = made["structuredContent"]["images"][0]["handle"]
    prompt = "Make it a snowy winter night"
    return await _call("edit_image", images=[handle], prompt=prompt, model=MODEL)(client)


async def _list(client: Client) -> Result:
    await client.call_tool("generate_image", {"prompt": "A slow owl", "model": "sandbox/slow"})
    await client.call_tool("generate_image", {"prompt": "A broken owl", "model": "sandbox/charged-failure"})
    for prompt in ("A cat", "A castle by the sea", "An orange kite", "A bowl of soup"):
        await client.call_tool("generate_image", {"prompt": prompt, "model": MODEL})
    return await _call("list_images", limit=50)(client)


async def _nothing(_: Client) -> Result:
    return None, {}


def _sees(*selectors: str) -> Callable[[FrameLocator], Awaitable[None]]:
    async def show(view: FrameLocator) -> None:
        for selector in selectors:
            await expect(view.locator(selector).first).to_be_visible()

    return show


def _presses(*names: str) -> Callable[[FrameLocator], Awaitable[None]]:
    """Press buttons, once the pictures are seen."""

    async def show(view: FrameLocator) -> None:
        await _sees(".surface > :is(img, canvas)")(view)
        for name in names:
            await view.get_by_role("button", name=name).press("Enter")
        await _sees(".surface > :is(img, canvas)")(view)

    return show


async def _opens_details(view: FrameLocator) -> None:
    await _sees("[data-sharp]")(view)
    await view.get_by_text("Details").click()


async def _names_a_price(view: FrameLocator) -> None:
    await _sees("[data-sharp]")(view)
    await view.get_by_role("textbox", name="What to change").fill("Make it a snowy winter night")
    await _sees(".pay.priced")(view)


async def _paints(view: FrameLocator) -> None:
    await _presses("Paint the part")(view)
    canvas = view.get_by_role("application")
    for key in ("Shift+ArrowLeft", "Enter", *["Shift+ArrowRight"] * 3, "Shift+ArrowDown", "Enter"):
        await canvas.press(key)
    await _names_a_price(view)
    await canvas.focus()


async def _asks_for_more(view: FrameLocator) -> None:
    await _presses("4 more like this")(view)
    await _sees(".pay.priced")(view)


STATES = {
    "before the result": State(make=_nothing, show=_sees("main > *")),
    "a picture": State(
        make=_call("generate_image", prompt=LIGHTHOUSE, model=MODEL), show=_sees("[data-sharp]")
    ),
    "a wide picture": State(
        make=_call("generate_image", prompt="A lake at dawn", model=MODEL, size="1536x1024"),
        show=_sees("[data-sharp]"),
    ),
    "a tall picture": State(
        make=_call("generate_image", prompt="A lake at dawn", model=MODEL, size="1024x1536"),
        show=_sees("[data-sharp]"),
    ),
    "the whole screen": State(
        make=_call("generate_image", prompt=LIGHTHOUSE, model=MODEL), show=_presses("Full screen")
    ),
    "a transparent picture": State(
        make=_call("generate_image", prompt="A sticker of a cat", model=MODEL, background="transparent"),
        show=_sees("[data-sharp]"),
    ),
    "details": State(make=_call("generate_image", prompt=LIGHTHOUSE, model=MODEL), show=_opens_details),
    "a change and its price": State(
        make=_call("generate_image", prompt=LIGHTHOUSE, model=MODEL), show=_names_a_price
    ),
    "painting": State(make=_call("generate_image", prompt=LIGHTHOUSE, model=MODEL), show=_paints),
    "four more and their price": State(
        make=_call("generate_image", prompt=LIGHTHOUSE, model=MODEL), show=_asks_for_more
    ),
    "before and after": State(make=_edit, show=_presses("Compare")),
    "four pictures": State(make=_call("generate_image", **FOUR_FOXES), show=_sees(".tile img")),
    "one of four": State(make=_call("generate_image", **FOUR_FOXES), show=_presses("Picture 3")),
    "number three is chosen": State(
        make=_call("generate_image", **FOUR_FOXES), show=_presses("Use number 3")
    ),
    "side by side": State(
        make=_call("generate_image", **FOUR_FOXES), show=_presses("Side by side", "Picture 1", "Picture 3")
    ),
    "a comparison": State(
        make=_call(
            "compare_models",
            prompt="A city at night",
            models=[MODEL, "google/gemini-2.5-flash", "sandbox/charged-failure"],
        ),
        show=_sees(".tile img", ".failure"),
    ),
    "a list": State(make=_list, show=_sees(".tile img", ".unfinished")),
    "a video": State(make=_call("generate_video", prompt="Waves at the beach"), show=_sees("video")),
    "in the making": State(
        make=_call("generate_image", prompt="A slow owl", model="sandbox/slow"),
        show=_sees(":is([role=progressbar], .stage)"),
    ),
    "an error": State(
        make=_call("generate_image", prompt="A fox", model="sandbox/charged-failure"), show=_sees(".error")
    ),
    "a refusal": State(
        make=_call("generate_image", prompt="A fox", model="sandbox/refusal"), show=_sees(".refused")
    ),
    "over a limit": State(
        make=_call("generate_image", prompt="A fox", model=MODEL, quality="high", n=8), show=_sees(".refused")
    ),
    "a price": State(
        make=_call("generate_image", prompt="A fox", model=MODEL, n=2, dry_run=True), show=_sees(".price")
    ),
    "no picture": State(make=_call("list_images", query="unicorn"), show=_sees(".empty")),
}
