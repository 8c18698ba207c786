"""The studio with a gallery of 100,000 pictures, in Chromium: first screen, scrolling, memory, a click.

The first screen is measured in a tab that was let in, with thumbnails that were made before: from the start
of the navigation to the end of the frame in which every tile in sight shows its picture.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

import anyio
from PIL import Image

from bench.figures import Figure
from bench.processes import mib, sandbox_process, sandbox_variables
from imagerouter_mcp.gallery import rows
from imagerouter_mcp.gallery.entries import Metadata, StoredImage
from imagerouter_mcp.gallery.tables import gallery_database

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

PICTURES, FILES, SIDE = 100_000, 200, 512
ROUNDS, CLICKS = 7, 20
SCREENS_SCROLLED = 60
SCREENS_LOOKED_AT = 15
QUICK_FRAMES, HALF_FRAMES, SLOW_FRAMES = 12, 24, 40
"""Frames in which a screen passes; at the slow speed thumbnails are fetched and drawn meanwhile."""
FIRST_MS, FRAME_MS, PAGE_MB, CLICK_MS = 300, 50, 200, 20
_WORDS = ("fox", "lighthouse", "harbour", "owl", "orchard", "comet", "glacier", "violin")
_WATCH = """
  const inSight = (tile) => {
    const { top, bottom } = tile.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  };
  self.firstScreen = new Promise((drawn) => requestAnimationFrame(function look() {
    const tiles = [...document.querySelectorAll(".gallery .thumb")].filter(inSight);
    const shown = tiles.filter((tile) => tile.querySelector("img")?.naturalWidth);
    if (tiles.length > 1 && shown.length === tiles.length) setTimeout(() => drawn(performance.now()));
    else requestAnimationFrame(look);
  }));
"""
_SCROLL = """async ([screens, frames]) => {
  const long = [];
  const note = (list) => long.push(...list.getEntries().map(({ duration }) => duration));
  const observer = new PerformanceObserver(note);
  observer.observe({ type: "long-animation-frame" });
  let [longest, last] = [0, performance.now()];
  for (let frame = 0; frame < screens * frames; frame++) {
    scrollBy({ top: innerHeight / frames, behavior: "instant" });
    const now = await new Promise(requestAnimationFrame);
    longest = Math.max(longest, now - last);
    last = now;
  }
  await new Promise((done) => setTimeout(done, 100));
  observer.disconnect();
  return Math.max(longest, ...long);
}"""
_CLICKED = """() => {
  performance.clearResourceTimings();
  addEventListener("click", ({ timeStamp }) => (self.clickedAt = timeStamp), { capture: true, once: true });
}"""
_WAY = """() => new Promise((known) => requestAnimationFrame(function look() {
  const times = performance.getEntriesByType("resource").map(({ startTime }) => startTime - self.clickedAt);
  const sent = times.filter((time) => time >= 0);
  if (sent.length) known(Math.min(...sent));
  else requestAnimationFrame(look);
}))"""


def measure() -> list[Figure]:
    """Fill a gallery, serve it, and look through it."""
    with sandbox_process() as sandbox, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder)
        with _studio(sandbox, folder) as link:
            return anyio.run(_look, link)


async def _look(link: str) -> list[Figure]:
    from support.browser import find_chromium, running_browser  # noqa: PLC0415 - Playwright takes its time

    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is missing: `make test-tools` installs it.")
    async with running_browser(chromium) as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        await page.add_init_script(_WATCH)
        await page.goto(link)
        await _first_screen(page)
        seconds = [await _again(page) for _ in range(ROUNDS)]
        first = median(seconds)
        longest = await _scroll(page, SCREENS_SCROLLED, QUICK_FRAMES)
        half = await _scroll(page, SCREENS_LOOKED_AT, HALF_FRAMES)
        slow = await _scroll(page, SCREENS_LOOKED_AT, SLOW_FRAMES)
        memory = await _memory(browser)
        await page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        click = median([await _click(page, number) for number in range(CLICKS)])
    what = f"studio, {PICTURES:,} pictures"
    return [
        Figure(f"{what}: first screen", f"{first:.0f} ms", "", first, FIRST_MS, "ms"),
        Figure(f"{what}: longest frame while scrolling", f"{longest:.0f} ms", "", longest, FRAME_MS, "ms"),
        Figure(f"{what}: longest frame at half that speed", f"{half:.0f} ms", "", half, FRAME_MS, "ms"),
        Figure(f"{what}: longest frame as pictures appear", f"{slow:.0f} ms", "", slow, FRAME_MS, "ms"),
        Figure(f"{what}: memory of the page after that", f"{memory:.0f} MB", "", memory, PAGE_MB, "MB"),
        Figure("studio: from a click to its request", f"{click:.1f} ms", "", click, CLICK_MS, "ms"),
    ]


async def _again(page: "Page") -> float:
    await page.reload()
    return await _first_screen(page)


async def _first_screen(page: "Page") -> float:
    """Return when the first screen was drawn, in milliseconds since the navigation began."""
    return float(await page.evaluate("self.firstScreen"))


async def _scroll(page: "Page", screens: int, frames: int) -> float:
    """Scroll on over pictures that were not seen before; return the longest frame, in milliseconds."""
    return float(await page.evaluate(_SCROLL, [screens, frames]))


async def _click(page: "Page", number: int) -> float:
    """Open a picture by a click; return the milliseconds until the page's first request, and close it."""
    tile = page.locator(".gallery .thumb").nth(number)
    await page.evaluate(_CLICKED)
    await tile.click()
    way = float(await page.evaluate(_WAY))
    await page.keyboard.press("Escape")
    return way


async def _memory(browser: "Browser") -> float:
    """Return the MB that the largest process of a page holds for itself."""
    session = await browser.new_browser_cdp_session()
    asked = session.send("SystemInfo.getProcessInfo")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - Playwright's own
    processes = cast("list[dict[str, Any]]", (await asked)["processInfo"])
    own = [mib(process["id"], "RssAnon") for process in processes if process["type"] == "renderer"]
    return max(own) * 1.048576


def _fill(folder: Path) -> None:
    """Make some pictures, and record each of them many times."""
    pictures = folder / "pictures"
    pictures.mkdir()
    noise = Image.effect_noise((SIDE, SIDE), 60)
    for number in range(FILES):
        tint = Image.new("L", (SIDE, SIDE), number)
        Image.merge("RGB", (noise, tint, noise.rotate(90))).save(pictures / f"{number}.jpg", quality=80)
    stored = [
        StoredImage(
            path=path, url=None, media_type="image/jpeg", width=SIDE, height=SIDE, bytes=path.stat().st_size
        )
        for path in sorted(pictures.iterdir())
    ]
    database = gallery_database(folder / "data")
    begun = datetime.now(UTC) - timedelta(days=400)
    with database.writing() as connection:
        for number in range(PICTURES):
            words = f"A {_WORDS[number % len(_WORDS)]}, number {number}"
            metadata = Metadata(
                prompt=words,
                model="test/test",
                parameters={},
                sources=(),
                cost_usd=Decimal("0.01"),
                latency_ms=900,
            )
            moment = begun + timedelta(minutes=5 * number)
            rows.insert(connection, f"gen_{number:06x}", moment, metadata, [stored[number % FILES]])
    database.close()


@contextmanager
def _studio(sandbox: str, folder: Path) -> Generator[str]:
    """Serve a studio; yield a link that opens it."""
    command = [sys.executable, "-m", "imagerouter_mcp", "studio", "--no-browser"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command,
        env={**os.environ, **sandbox_variables(sandbox, folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield next(line.strip() for line in process.stdout or () if "/studio#" in line)
        finally:
            process.terminate()
            process.communicate()
