"""Visitors with a real browser: they open a sample, click its foods and reload the page."""

from __future__ import annotations

import random
import threading
import time

from playwright.sync_api import Error, Page, sync_playwright

from bench.browser import open_chromium
from bench.load.tally import Tally
from bench.load.visitor import Pace

TIMEOUT_MS = 60_000
CLICKS_PER_PAGE = 5
SAMPLE = "canteen-tray"
FOODS = ((835, 440), (525, 260), (900, 660))
"""Pixels of the sample: on the rice, the cabbage and the tofu."""

PLACE = """(canvas, [x, y]) => {
    const view = JSON.parse(canvas.dataset.view), rect = canvas.getBoundingClientRect();
    return [rect.left + view.x + (x + 0.5) * view.scale, rect.top + view.y + (y + 0.5) * view.scale];
}"""
EVIDENCE_IS_NEW = """before => {
    const { evidenceSeq, maskSeq } = document.querySelector('.rv').dataset;
    return maskSeq !== before.maskSeq && evidenceSeq !== before.evidenceSeq;
}"""


def start_browser(url: str, tally: Tally, pace: Pace, until: float, seed: int) -> threading.Thread:
    """Start a visitor with a browser in a thread that ends after `until` of `time.perf_counter`."""
    thread = threading.Thread(target=_visit, args=(url, tally, pace, until, random.Random(seed)))
    thread.start()
    return thread


def _visit(url: str, tally: Tally, pace: Pace, until: float, chance: random.Random) -> None:
    with sync_playwright() as playwright, open_chromium(playwright) as browser:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: tally.errors.update([f"browser: {error}"[:90]]))
        while time.perf_counter() < until:
            try:
                _work_on_a_page(page, url, tally, pace, until, chance)
            except Error as error:
                tally.errors[f"browser: {str(error).splitlines()[0][:90]}"] += 1


def _work_on_a_page(
    page: Page, url: str, tally: Tally, pace: Pace, until: float, chance: random.Random
) -> None:
    with tally.timed("browser: open"):
        page.goto(url)
        page.wait_for_selector(".rv[data-ready]")
        page.click(f'[data-sample="{SAMPLE}"]')
        page.wait_for_selector('.rv[data-state="photo"]')
    for _ in range(CLICKS_PER_PAGE):
        page.wait_for_timeout(1000 * chance.uniform(pace.least, pace.most))
        if time.perf_counter() >= until:
            return
        before = page.eval_on_selector(".rv", "({ dataset }) => ({ ...dataset })")
        x, y = page.eval_on_selector(".rv-overlay", PLACE, list(chance.choice(FOODS)))
        with tally.timed("browser: click to maps"):
            page.keyboard.down("Shift")  # a new food, whatever is selected
            page.mouse.click(x, y)
            page.keyboard.up("Shift")
            page.wait_for_function(EVIDENCE_IS_NEW, arg=before)
        toast = page.locator("#rv-toast")
        if toast.is_visible():
            tally.refusals[f"browser: {toast.inner_text()}"[:90]] += 1
