"""The order of results: mask, suggestions, maps; the newest click wins; visitors do not see each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import from_rle
from rvernet_app.pipeline import Pipeline
from rvernet_app.types import Prompt
from tests.e2e.expected import classified, loaded, percent, words

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Workbench

pytestmark = pytest.mark.browser

PATIENCE_S = 30

EVERY_FOOD_HAS_A_SHARE = """() => [...document.querySelectorAll('#rv-foods .rv-reviewed')]
    .every((share) => share.innerText.trim())"""

RECORD_MASKS = """() => {
    const root = document.querySelector('.rv');
    window.drawn = [];
    new MutationObserver(() => window.drawn.push(root.dataset.maskSeq))
        .observe(root, { attributeFilter: ['data-mask-seq'] });
}"""

RECORD_ROI_PICTURES = """() => {
    const frame = document.querySelector('[data-picture="roi"]');
    const note = () => { for (const { src } of frame.querySelectorAll('img')) window.pictures.add(src); };
    window.pictures = new Set();
    new MutationObserver(note).observe(frame, { childList: true, subtree: true, attributeFilter: ['src'] });
}"""


class Gate:
    """A wrapper that holds every call of a function until it is opened, and records the arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._open = threading.Event()
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(args)
        if not self._open.wait(PATIENCE_S):
            raise TimeoutError("the gate was never opened")
        return self._function(*args, **kwargs)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Gate]]:
    """A function that puts a closed gate before a method of the engine, e.g. gate("classifier.explain")."""
    gates: list[Gate] = []

    def close(name: str) -> Gate:
        part, method = name.split(".")
        owner = getattr(pipeline, part)
        gates.append(Gate(getattr(owner, method)))
        monkeypatch.setattr(owner, method, gates[-1])
        return gates[-1]

    yield close
    for each in gates:
        each.open()


def test_mask_then_suggestions_then_maps(
    workbench: Workbench, plate: DrawnPhoto, gate: Callable[[str], Gate]
) -> None:
    classify, explain = gate("classifier.predict_batch"), gate("classifier.explain")
    workbench.open(plate)
    page, (x, y) = workbench.page, plate.centres[0]

    workbench.click(x, y)
    page.wait_for_selector('.rv-panel[data-pending="suggestions"]')
    assert workbench.overlay_at(x + 30, y)[3] > 0
    assert page.locator("#rv-suggestions li").count() == 0
    assert page.locator("[data-picture] img").count() == 0

    classify.open()
    page.wait_for_selector('.rv-panel[data-pending="maps"]')
    assert page.locator("#rv-suggestions li").count() == 5
    assert page.locator('[data-picture="roi"] img, [data-picture="extra_roi"] img').count() == 2
    assert page.locator('[data-picture^="map"] img').count() == 0

    explain.open()
    workbench.wait_for_evidence()
    assert page.locator('[data-picture^="map"] img').count() == 2


def test_ten_fast_clicks_end_with_the_tenth_mask(
    workbench: Workbench,
    plate: DrawnPhoto,
    gate: Callable[[str], Gate],
    pipeline: Pipeline,
) -> None:
    workbench.open(plate)
    workbench.page.evaluate(RECORD_MASKS)
    x, y = plate.centres[0]
    points = [(x + 3 * i - 15, y + (-1) ** i * 6) for i in range(10)]
    segment = gate("segmenter.predict")

    for point in points:
        workbench.press(*point)
    segment.open()
    workbench.page.wait_for_selector('.rv[data-mask-seq="10"]')
    workbench.wait_for_evidence()

    assert workbench.page.evaluate("window.drawn") == ["10"]
    assert [len(prompt["points"]) for prompt in workbench.sent("segment")] == [1, 10]
    assert workbench.sent("segment")[-1]["points"] == [[*point, 1] for point in points]
    expected = pipeline.segment(
        loaded(plate, pipeline), Prompt(points_xy=tuple(points), point_labels=(1,) * 10)
    )
    explained = from_rle(workbench.asked_evidence()[-1]["rle"], (480, 640))
    assert np.array_equal(explained, expected.masks[0])
    assert len(workbench.foods()) == 1


def test_ten_clicks_without_waiting_are_all_in_the_last_prompt(
    workbench: Workbench, plate: DrawnPhoto
) -> None:
    workbench.open(plate)
    workbench.page.evaluate(RECORD_MASKS)
    x, y = plate.centres[2]
    points = [(x + 4 * i - 18, y) for i in range(10)]

    for point in points:
        workbench.press(*point)
    workbench.page.wait_for_selector('.rv[data-mask-seq="10"]')
    workbench.wait_for_evidence()

    drawn = [int(seq) for seq in workbench.page.evaluate("window.drawn")]
    assert drawn == sorted(drawn)
    assert workbench.sent("segment")[-1]["points"] == [[*point, 1] for point in points]
    assert workbench.overlay_at(x + 30, y)[3] > 0


def test_foods_clicked_faster_than_the_segmenter_answers_are_all_found(
    workbench: Workbench, plate: DrawnPhoto, gate: Callable[[str], Gate]
) -> None:
    workbench.open(plate)
    segment = gate("segmenter.predict")

    for centre in plate.centres:
        workbench.press(*centre, key="Shift")
    segment.open()
    workbench.page.wait_for_selector('.rv[data-mask-seq="3"]')
    workbench.wait_for_evidence()

    assert len(workbench.foods()) == 3
    assert all(workbench.overlay_at(x + 30, y)[3] > 0 for x, y in plate.centres)
    workbench.page.wait_for_function(EVERY_FOOD_HAS_A_SHARE)


def test_a_late_mask_goes_to_its_own_photo(
    workbench: Workbench, plate: DrawnPhoto, draw: Callable[..., DrawnPhoto], gate: Callable[[str], Gate]
) -> None:
    other = draw((500, 400), [(250, 200)])
    workbench.open(plate)
    segment = gate("segmenter.predict")
    workbench.press(*plate.centres[0])
    workbench.open(other)
    segment.open()

    workbench.click(*other.centres[0])

    sent = workbench.sent("segment")[-1]
    assert (sent["photo"], sent["points"]) == (other.sha256, [[250, 200, 1]])
    assert len(workbench.foods()) == 1
    assert workbench.overlay_at(250 + 30, 200)[3] > 0
    assert workbench.overlay_at(140 + 30, 130)[3] == 0
    workbench.page.click(f'#rv-strip [data-photo="{plate.sha256}"]')
    assert len(workbench.foods()) == 1
    assert workbench.overlay_at(140 + 30, 130)[3] > 0


def test_evidence_of_an_older_mask_is_never_shown_and_its_work_stops(
    workbench: Workbench,
    plate: DrawnPhoto,
    gate: Callable[[str], Gate],
    pipeline: Pipeline,
) -> None:
    classify, explain = gate("classifier.predict_batch"), gate("classifier.explain")
    explain.open()
    workbench.open(plate)
    page = workbench.page
    page.evaluate(RECORD_ROI_PICTURES)
    first, second, _ = plate.centres
    workbench.click(*first)
    newest = workbench.click(*second, key="Shift")["candidates"][0]["rle"]

    classify.open()
    workbench.wait_for_evidence()

    cutouts = cut_out(loaded(plate, pipeline).pixels, from_rle(newest, (480, 640)))
    with_context, without = classified(cutouts, pipeline)
    label, probability = with_context.top_k(1)[0]
    best = page.locator("#rv-suggestions li").first.locator(".rv-suggestion-name, .rv-share")
    assert best.all_text_contents() == spoken(label, probability, without.probability_of(label))
    assert page.evaluate("[...window.pictures]") == [workbench.picture("roi")]

    page.wait_for_selector(
        '.rv[data-evidence-seq="3"]'
    )  # the first food gets its suggestions in the background
    page.wait_for_function(EVERY_FOOD_HAS_A_SHARE)
    explained = [call[0].roi for call in explain.calls]
    assert len(explained) == 2
    assert np.array_equal(explained[0], cutouts.roi)
    assert page.evaluate("[...window.pictures]") == [workbench.picture("roi")]


def test_the_maps_are_of_the_method_chosen_last(
    workbench: Workbench, plate: DrawnPhoto, gate: Callable[[str], Gate]
) -> None:
    classify = gate("classifier.predict_batch")
    workbench.open(plate)
    workbench.click(*plate.centres[0])
    workbench.page.select_option("#rv-method", "layercam")

    classify.open()
    workbench.wait_for_evidence()

    assert workbench.page.input_value("#rv-method") == "layercam"
    assert workbench.asked_evidence()[-1]["method"] == "layercam"


def test_two_visitors_stay_apart(
    new_visitor: Callable[..., Workbench], plate: DrawnPhoto, draw: Callable[..., DrawnPhoto]
) -> None:
    other = draw((480, 640), [(120, 500), (360, 140)])
    ann, ben = new_visitor(), new_visitor()
    ann.open(plate)
    ben.open(other)

    for centre in plate.centres:
        ann.click(*centre, key="Shift")
    ben.click(*other.centres[0])
    ann.wait_for_evidence()
    ben.wait_for_evidence()

    assert (len(ann.foods()), len(ben.foods())) == (3, 1)
    assert (ann.state("photo"), ben.state("photo")) == (plate.sha256, other.sha256)
    assert {message["photo"] for message in ann.sent("segment")} == {plate.sha256}
    assert {message["photo"] for message in ben.sent("segment")} == {other.sha256}
    assert ann.picture("roi") != ben.picture("roi")
    for visitor, photo in ((ann, plate), (ben, other)):
        opened = visitor.page.locator("#rv-strip [data-photo]")
        assert [each.get_attribute("data-photo") for each in opened.all()] == [photo.sha256]
        assert photo.path.name in visitor.page.inner_text("#rv-photo-name")
    ann.page.click("#rv-clear")
    assert len(ben.foods()) == 1
    assert ben.overlay_at(other.centres[0][0] + 30, other.centres[0][1])[3] > 0


def spoken(label: str, probability: float, without: float) -> list[str]:
    """Return the parts of a suggestion as a screen reader reads them."""
    shares = f"{percent(probability)} with its surroundings, ", f"{percent(without)} the food alone"
    return [words(label), *shares]
