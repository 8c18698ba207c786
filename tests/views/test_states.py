"""What holds in every state of the view: axe finds nothing, nothing is cut off, nothing grows by itself."""

from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Frame, Page, ViewportSize

from views.conftest import Chats
from views.states import STATES

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
RULES = {"resultTypes": ["violations"], "rules": {"page-has-heading-one": {"enabled": False}}}
"""The view is a part of the chat's page, which has its own first heading."""
CONTRASTS = {**RULES, "runOnly": ["color-contrast"]}
NARROW, USUAL = ViewportSize(width=320, height=800), ViewportSize(width=700, height=800)


@pytest.mark.long
async def test_every_state_is_accessible_in_light_and_dark_and_fits_a_narrow_chat(chat: Chats) -> None:
    async with chat(page={"viewport": USUAL, "reduced_motion": "reduce"}, wait_seconds=1) as page:
        for name, state in STATES.items():
            await page.draw(*await state.make(page.client))
            await state.show(page.view)
            frame = _frame(page.page)
            await frame.evaluate(AXE)
            assert (name, await _violations(frame, RULES)) == (name, [])
            await page.notify("ui/notifications/host-context-changed", theme="dark")
            assert (name, "dark", await _violations(frame, CONTRASTS)) == (name, "dark", [])
            await page.page.set_viewport_size(NARROW)
            for direction in ("ltr", "rtl"):
                assert (name, direction, await frame.evaluate(_CUT_OFF, direction)) == (name, direction, [])
            await page.page.set_viewport_size(USUAL)


_CUT_OFF = """direction => {
  document.documentElement.dir = direction;
  const { clientWidth } = document.documentElement;
  return [...document.querySelectorAll("main *")].filter((each) => {
    const { left, right, width } = each.getBoundingClientRect();
    return width && !each.closest(".surface") && (left < -1 || right > clientWidth + 1);
  }).map((each) => each.outerHTML.slice(0, 200));
}"""


def _frame(page: Page) -> Frame:
    return page.frames[-1]


async def _violations(frame: Frame, options: dict[str, Any]) -> list[str]:
    found = await frame.evaluate("options => axe.run(document, options)", options)
    return [f"{each['id']}: {[node['html'][:200] for node in each['nodes']]}" for each in found["violations"]]
