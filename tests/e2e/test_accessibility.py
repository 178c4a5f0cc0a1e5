"""What axe-core finds in each state of the page, light and dark, on a desktop and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import from_rle
from rvernet_app.pipeline import Pipeline
from tests.e2e.conftest import DESKTOP, Workbench, draw_photo
from tests.e2e.expected import classified, loaded, percent
from tests.e2e.walk import walk

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Server

pytestmark = pytest.mark.browser

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
PHONE: ViewportSize = {"width": 390, "height": 844}
SCREENS = {"desktop": (DESKTOP, False), "phone": (PHONE, True)}
EXPERIMENTAL = {"label-content-name-mismatch": {"enabled": True}}
ALL_RULES = {"resultTypes": ["violations"], "rules": EXPERIMENTAL}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
"""The dark theme changes colours and nothing else, so that no other rule can tell the themes apart."""

VISIBLE_LINES = """() => {
    const all = [...document.querySelectorAll('.rv [placeholder]')];
    const fields = all.filter((field) => field.checkVisibility());
    const lines = document.querySelector('.rv').innerText.split('\\n');
    return [...lines, ...fields.map((field) => field.placeholder)].filter((line) => line.trim());
}"""
JARGON = re.compile(
    r"\b(?:(?:extra-)?ROI|IoU|(?:Grad-?|\w+)CAM|macro|F1|peak|kappa|ICC|epochs?|RLE|checkpoint|segmenter|logits?"
    r"|classifier|own or common|how it stands|a kind of|\d+ ms)\b|`|\w+_\w+|[a-z]+net\w*-",
    re.IGNORECASE,
)
"""Words that a dietitian does not read; tooltips may have them beside a plain word."""


@dataclass
class Walked:
    """What was found on a walk.

    Attributes:
        violations: rules and the elements that break them, each with the first state in which one does.
        jargon: lines with technical words, each with the first state that shows it.
        wide: states in which the page is wider than the screen.
    """

    violations: dict[str, str] = field(default_factory=dict)
    jargon: dict[str, str] = field(default_factory=dict)
    wide: list[str] = field(default_factory=list)


@pytest.fixture(scope="module", params=SCREENS)
def walked(
    request: pytest.FixtureRequest,
    browser: Browser,
    server: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Walked]:
    """One walk on each screen, with every state examined on the way."""
    folder = tmp_path_factory.mktemp("walk")
    centres = [[(140 + n, 130), (480, 300 + n)] for n in range(0, 60, 20)]
    plates = [draw_photo(folder / f"{n}.jpg", (640, 480), at) for n, at in enumerate(centres)]
    no_photo = folder / "menu.txt"
    no_photo.write_text("rice")
    viewport, touch = SCREENS[request.param]
    context = browser.new_context(viewport=viewport, has_touch=touch, is_mobile=touch)
    workbench = Workbench(context.new_page(), server)
    workbench.load()
    found = Walked()
    for state in walk(workbench, plates, no_photo):
        for line in workbench.page.evaluate(VISIBLE_LINES):
            if JARGON.search(line):
                found.jargon.setdefault(line, state)
        if workbench.page.evaluate("document.documentElement.scrollWidth") > viewport["width"]:
            found.wide.append(state)
        for theme, rules in (("light", ALL_RULES), ("dark", COLOURS)):
            workbench.page.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
            for violation in violations_on(workbench.page, rules):
                found.violations.setdefault(violation, f"{state}, {theme}")
    yield found
    context.close()
    assert workbench.complaints == []


def violations_on(page: Page, options: dict[str, Any]) -> list[str]:
    """Return the rules of axe-core that the page breaks, once for each element that breaks them."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{broken['impact']}, {broken['id']}: {node['html'][:160]} {[why['message'] for why in node['any']]}"
        for broken in result["violations"]
        for node in broken["nodes"]
    ]


def test_no_state_breaks_a_rule(walked: Walked) -> None:
    assert [f"{violation} ({state})" for violation, state in walked.violations.items()] == []


def test_no_state_shows_a_technical_word(walked: Walked) -> None:
    assert [f"{line} ({state})" for line, state in walked.jargon.items()] == []


def test_no_state_is_wider_than_the_screen(walked: Walked) -> None:
    assert walked.wide == []


HEAR = """() => {
    window.heard = [];
    const said = document.querySelector('#rv-said-suggestion');
    const hear = () => said.textContent && window.heard.push(said.textContent);
    new MutationObserver(hear).observe(said, { childList: true });
}"""
"""Collects what the live region of suggestions says."""


def test_a_suggestion_is_announced_once(workbench: Workbench, plate: DrawnPhoto, pipeline: Pipeline) -> None:
    workbench.open(plate)
    page = workbench.page
    page.evaluate(HEAR)

    reply = workbench.click(*plate.centres[0])
    workbench.wait_for_evidence()
    page.keyboard.press("s")  # other maps, and the panels drawn again
    page.wait_for_selector('.rv[data-evidence-seq="2"]')

    mask = from_rle(reply["candidates"][0]["rle"], (480, 640))
    with_context, _ = classified(cut_out(loaded(plate, pipeline).pixels, mask), pipeline)
    ((label, probability),) = with_context.top_k(1)
    sure = "sure" if pipeline.classifier.is_sure(with_context) else "not sure"
    name, share = label.replace("_", " "), percent(probability).replace("%", "percent")
    assert page.evaluate("window.heard") == [f"Suggestion: {name}, {share}, {sure}"]
