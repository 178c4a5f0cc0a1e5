"""Where the parts of the page lie on screens from a desktop to a phone on its side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Workbench

pytestmark = pytest.mark.browser

STAGES = {
    (1440, 900): (988, 756),
    (1280, 720): (828, 594),
    (1024, 768): (632, 642),
    (768, 1024): (768, 512),
    (844, 390): (476, 346),
    (720, 450): (392, 406),
    (390, 844): (390, 422),
}
"""Width and height of the part with the photo, for each width and height of the window, in CSS pixels."""

MEASURE = """() => {
    const box = (selector) => document.querySelector(selector).getBoundingClientRect();
    const panel = document.querySelector('.rv-panel');
    return {
        stage: [box('.rv-stage').width, box('.rv-stage').height],
        name: box('.rv-suggestion-name').width,
        outside: [document.documentElement.scrollWidth - innerWidth, panel.scrollWidth - panel.clientWidth],
        legend: [box('.rv-legend').left >= box('.rv-panel').left, box('.rv-legend').right <= innerWidth],
        captions: [...document.querySelectorAll('.rv-evidence figcaption')].every((caption) =>
            caption.getBoundingClientRect().bottom <= box('.rv-why').bottom),
    };
}"""


@pytest.mark.parametrize("touch", [False, True])
def test_photo_and_names_have_room_on_every_screen(
    new_visitor: Callable[..., Workbench], plate: DrawnPhoto, touch: bool
) -> None:
    visitor = new_visitor(has_touch=touch, is_mobile=touch)
    visitor.open(plate)
    visitor.click(*plate.centres[0])
    visitor.wait_for_evidence()
    for (width, height), stage in STAGES.items():
        visitor.page.set_viewport_size({"width": width, "height": height})
        found: dict[str, Any] = visitor.page.evaluate(MEASURE)

        assert found.pop("name") >= 80, (width, height)
        assert found == {
            "stage": list(stage),
            "outside": [0, 0],
            "legend": [True, True],
            "captions": True,
        }, (width, height)
