"""Walk through a page with the tab key."""

from playwright.async_api import Frame, Locator, Page

MOST = 120
"""Presses after which a walk has gone wrong."""


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus.

    Raises:
        AssertionError: The tab key does not lead there.
    """
    for _ in range(MOST):
        if await wanted.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"The tab key does not lead to {wanted}.")


async def unreached(page: Page, frame: Frame | None = None) -> list[str]:
    """Return what can be pressed or filled, and the tab key does not lead to.

    Args:
        page: Has the keyboard.
        frame: The part of the page to walk through, if it is not all of it.
    """
    place = frame or page.main_frame
    number = int(await place.evaluate(_BEGIN))
    assert number <= MOST
    for _ in range(number + 3):
        await page.keyboard.press("Tab")
    found: list[str] = await place.evaluate(_LEFT)
    return found


_BEGIN = """() => {
  const kinds = "button, a[href], input, select, textarea, summary, video[controls], [tabindex='0']";
  const composite = ".gallery, .tiles, [role=listbox]";
  self.walkable = () => [...document.querySelectorAll(kinds)].filter((each) =>
    each.checkVisibility({ visibilityProperty: true }) && !each.disabled && each.type !== "file" &&
    (!document.querySelector("dialog:modal") || each.closest("dialog:modal")) &&
    !(each.tabIndex < 0 && each.closest(composite)));
  self.said = (each) => each.outerHTML.slice(0, 120);
  self.walked = new Set();
  document.addEventListener("focusin", ({ target }) => self.walked.add(target));
  focus();
  document.activeElement?.blur();
  return self.walkable().length;
}"""
"""In a gallery, arrow keys lead from the one picture that the tab key reaches to the others."""
_LEFT = "self.walkable().filter((each) => !self.walked.has(each)).map(self.said)"
