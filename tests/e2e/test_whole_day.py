"""A dietitian's day from the first photo to a retrained classifier; the server is killed in between."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from pycocotools.coco import COCO

from rvernet_app.cli.main import main

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
PHOTOS, SLOW_MS = 10, 120_000
FOODS = ("bread", "cake", "pasta")


class App:
    """A process that runs `python app.py`, on data that outlives it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **os.environ,
            "RVERNET_DATA_DIR": str(self.data),
            "RVERNET_PHOTOS_DIR": str(folder / "photos"),
            "RVERNET_PORT": str(self.port),
            "RVERNET_DEVICE": "cpu",
            "GRADIO_TEMP_DIR": str(folder / "gradio"),
        }
        self._log = (folder / "app.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=self._environment, stdout=self._log, stderr=self._log
        )
        while self._process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/config", timeout=5).close()
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                continue
            return
        raise AssertionError(f"the app ended with exit status {self._process.returncode}")

    def kill(self) -> None:
        """End the process without warning."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App(tmp_path)
    app.start()
    yield app
    app.kill()


@pytest.fixture
def page(browser: Browser, app: App) -> Iterator[Page]:
    page = new_page(browser, app)
    yield page
    page.context.close()


def new_page(browser: Browser, app: App) -> Page:
    """Open the page in a new browser context, as a first-time visitor does."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(SLOW_MS)
    page.goto(app.url)
    page.wait_for_selector(".rv[data-ready]")
    return page


def name_food(page: Page, name: str) -> None:
    """Name the food by keyboard and wait until the name is saved."""
    page.keyboard.press("t")
    page.keyboard.type(name)
    page.wait_for_selector("#rv-label-options li")
    page.keyboard.press("Enter")
    # The field holds what was typed before the food has the name; the list shows the name that it has.
    page.wait_for_function("name => document.querySelector('#rv-foods').textContent.includes(name)", arg=name)
    page.wait_for_selector('.rv[data-saved="saved"]')


def click_middle(page: Page) -> None:
    """Click the middle of the photo, and take what is there even if it does not look like a food."""
    page.locator(".rv-overlay").click()
    refused = page.locator("#rv-callout:not([hidden]) button:has-text('Take it anyway')")
    food = page.locator("#rv-foods li")
    food.or_(refused).first.wait_for()
    if refused.is_visible():
        refused.click()
    food.first.wait_for()


def label_photo(page: Page, number: int) -> None:
    """Click the middle of the photo, name the food by keyboard or suggestion, and open the next photo."""
    before = page.locator(".rv").get_attribute("data-item")
    click_middle(page)
    if number % 4 == 3:
        page.wait_for_selector("#rv-suggestions li")
        page.keyboard.press("1")
        page.wait_for_function("document.querySelector('#rv-label').value !== ''")
        page.wait_for_selector('.rv[data-saved="saved"]')
    else:
        name_food(page, FOODS[number % len(FOODS)])
    page.keyboard.press("d")
    if number < PHOTOS - 1:
        page.wait_for_function("before => document.querySelector('.rv').dataset.item !== before", arg=before)
    page.wait_for_function(
        "count => document.querySelector('#rv-progress').textContent.startsWith(`${count} of`)",
        arg=number + 1,
    )


def second_opinion(browser: Browser, app: App) -> None:
    """Label the first photo as another annotator in another browser."""
    page = new_page(browser, app)
    page.click("[data-action=projects]")
    page.fill("#rv-me", "Second annotator")
    page.press("#rv-me", "Tab")
    page.wait_for_function("document.querySelector('[data-project]').textContent.includes('0 of')")
    page.click("[data-project]")
    page.wait_for_selector('.rv[data-item]:not([data-item=""])')
    click_middle(page)
    name_food(page, "tofu")
    page.keyboard.press("d")
    page.wait_for_function("document.querySelector('#rv-progress').textContent.startsWith('1 of')")
    page.context.close()


def test_from_the_first_photo_to_a_better_classifier(
    app: App, page: Page, browser: Browser, real_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = sorted((real_photos / "recipes" / "images").glob("*.jpg"))[:PHOTOS]
    page.click("[data-action=projects]")
    page.fill("#rv-new-project [name=name]", "Recipes")
    page.fill("#rv-new-project [name=double_share]", "100")
    page.click("#rv-new-project button.rv-primary")
    page.wait_for_selector('.rv[data-mode="project"]')
    page.set_input_files("#rv-file", photos)
    page.wait_for_function(f"document.querySelectorAll('#rv-strip [data-item]').length === {PHOTOS}")
    page.wait_for_selector('.rv[data-item]:not([data-item=""])')

    for number in range(6):
        label_photo(page, number)
    begun = page.locator(".rv").get_attribute("data-item")
    app.kill()
    app.start()
    page.reload()
    page.wait_for_selector(f'.rv[data-item="{begun}"]')
    assert page.text_content("#rv-progress") == f"6 of {PHOTOS} labelled"
    for number in range(6, PHOTOS):
        label_photo(page, number)

    second_opinion(browser, app)
    page.keyboard.press("w")
    page.click("[data-tab=project]")
    page.click("#rv-review")
    page.wait_for_selector("#rv-compared li")
    page.click("#rv-decide button:has-text('Second')")
    page.wait_for_selector('.rv-opinion[data-status="accepted"]')

    monkeypatch.setenv("RVERNET_DATA_DIR", str(app.data))
    assert main(["export", "--format", "coco", "--out", str(tmp_path / "coco")]) == 0
    exported = COCO(str(tmp_path / "coco" / "annotations.json"))
    assert len(exported.imgs) == PHOTOS
    named = {exported.cats[a["category_id"]]["name"] for a in exported.anns.values()}
    assert {"tofu", "cake", "pasta"} <= named
    assert all(exported.annToMask(a).sum() == a["area"] for a in exported.anns.values())

    page.keyboard.press("w")
    page.click("[data-tab=training]")
    page.fill("#rv-epochs", "2")
    page.click("#rv-train")
    page.wait_for_selector("#rv-train-use:not([hidden])")
    comparison = json.loads(next(app.data.glob("training/*/comparison.json")).read_text())
    score = math.floor(100 * comparison["new_macro_f1"] + 0.5)
    assert f"the new model scores {score} of 100" in (page.text_content("#rv-training") or "")
    page.click("#rv-train-use")
    page.wait_for_function("document.querySelector('#rv-training').textContent.includes('in use')")
    page.keyboard.press("Escape")
    page.click("#rv-review-stop")
    page.wait_for_selector('.rv[data-item]:not([data-item=""])')
    # This tab still holds the old classifier's suggestions for the last photo.
    page.locator("#rv-strip [data-item]").nth(PHOTOS - 1).click()
    page.wait_for_selector("#rv-suggestions li")
    suggested = page.locator("#rv-suggestions .rv-suggestion-name").all_text_contents()
    assert set(suggested) <= named
