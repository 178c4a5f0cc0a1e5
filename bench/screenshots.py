"""Take the pictures of the page that README and docs show: `python -m bench.screenshots [--out DIR]`.

A headless Chromium clicks the bundled samples, so that anyone can take the pictures again.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from bench.browser import open_chromium, serving
from rvernet_app.config import ASSETS_DIR, AppConfig
from rvernet_app.pipeline import build_pipeline

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
TABLET: ViewportSize = {"width": 1024, "height": 768}
PHONE: ViewportSize = {"width": 390, "height": 844}
SAMPLES = ASSETS_DIR / "samples" / "images"
TRAY = SAMPLES / "canteen-tray.jpg"
FOODS = ((835, 440), (525, 260), (900, 660))
"""Pixels of the tray: on the rice, the cabbage and the tofu."""
NAMES = ("rice", "cabbage", "tofu")
JPEG_QUALITY = 85

PLACE = """(canvas, [x, y]) => {
    const view = JSON.parse(canvas.dataset.view), rect = canvas.getBoundingClientRect();
    return [rect.left + view.x + (x + 0.5) * view.scale, rect.top + view.y + (y + 0.5) * view.scale];
}"""


def open_page(browser: Browser, url: str, size: ViewportSize, theme: str = "light") -> Page:
    """Open the page in a window of a size in CSS pixels."""
    page = browser.new_context(viewport=size).new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_selector(".rv[data-ready]")
    page.evaluate("theme => document.body.classList.toggle('dark', theme === 'dark')", theme)
    return page


def click_food(page: Page, at: tuple[int, int], key: str | None = None) -> None:
    """Click a pixel of the photo, with a key held, and wait for the complete evidence."""
    before = page.locator(".rv").get_attribute("data-mask-seq")
    x, y = page.eval_on_selector(".rv-overlay", PLACE, list(at))
    if key:
        page.keyboard.down(key)
    page.mouse.click(x, y)
    if key:
        page.keyboard.up(key)
    page.wait_for_function("b => (document.querySelector('.rv').dataset.maskSeq ?? null) !== b", arg=before)
    page.wait_for_selector('.rv-panel[data-pending=""] [data-picture=map_extra_roi] img')


def click_sample(page: Page) -> None:
    """Open the tray among the samples and click three foods on it."""
    page.click(f'[data-sample="{TRAY.stem}"]')
    page.wait_for_selector('.rv[data-state="photo"]')
    for number, at in enumerate(FOODS):
        click_food(page, at, "Shift" if number else None)


def label_project(page: Page) -> None:
    """Make a project of all samples and label three foods of the first photo."""
    page.click("[data-action=projects]")
    page.fill("#rv-new-project [name=name]", "Canteen study")
    page.click("#rv-new-project button")
    page.wait_for_function("() => document.querySelector('#rv-project-name').textContent === 'Canteen study'")
    others = sorted(path for path in SAMPLES.glob("*.jpg") if path != TRAY)
    page.set_input_files("#rv-file", [TRAY, *others])
    page.wait_for_function(
        "n => document.querySelectorAll('#rv-strip [data-item]').length === n", arg=len(others) + 1
    )
    page.wait_for_selector('.rv[data-item]:not([data-item=""])')
    for number, (at, name) in enumerate(zip(FOODS, NAMES, strict=True)):
        click_food(page, at, "Shift" if number else None)
        page.keyboard.press("t")
        page.keyboard.type(name)
        page.wait_for_selector("#rv-label-options li")
        page.keyboard.press("Enter")
    page.fill("#rv-portion [name=amount]", "120")
    page.fill("#rv-portion [name=low]", "100")
    page.fill("#rv-portion [name=high]", "150")
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_selector('.rv[data-saved="saved"]')


def take(page: Page, path: Path) -> None:
    """Save what the window shows as a JPEG."""
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        page.screenshot(path=shot)
        Image.open(shot).convert("RGB").save(path, quality=JPEG_QUALITY, optimize=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ASSETS_DIR / "screenshots", metavar="DIR")
    out: Path = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        config = AppConfig(photos_dir=Path(folder, "photos"), data_dir=Path(folder, "data"))
        with serving(build_pipeline(config)) as url, open_chromium(playwright) as browser:
            for name, size, theme in (
                ("desktop-light", DESKTOP, "light"),
                ("tablet-dark", TABLET, "dark"),
                ("phone-light", PHONE, "light"),
            ):
                page = open_page(browser, url, size, theme)
                click_sample(page)
                take(page, out / f"{name}.jpg")
            page = open_page(browser, url, DESKTOP)
            label_project(page)
            take(page, out / "labeling.jpg")
            page.set_viewport_size(PHONE)
            page.evaluate("window.scrollTo(0, 0)")
            take(page, out / "labeling-phone.jpg")


if __name__ == "__main__":
    main()
