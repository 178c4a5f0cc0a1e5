"""Opening photos: chosen, dropped, pasted, sample, damaged and hostile files."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rvernet_app.model.checkpoint import load_checkpoint
from rvernet_app.model.classify import Classifier
from rvernet_app.pipeline import Pipeline

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Server, Workbench

pytestmark = pytest.mark.browser

HOSTILE_NAME = "<img src=x onerror=window.pwned=1>.jpg"
HOSTILE_CLASS = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>"


def toast(workbench: Workbench) -> str:
    """Wait for a message at the edge of the page and return its text."""
    workbench.page.wait_for_selector("#rv-toast:not([hidden])")
    return workbench.page.inner_text("#rv-toast")


def hand_over(workbench: Workbench, kind: str, files: dict[str, bytes]) -> None:
    """Drop files on the page ("drop") or paste them ("paste")."""
    workbench.page.evaluate(
        """([kind, files]) => {
            const transfer = new DataTransfer();
            for (const [name, base64] of Object.entries(files)) {
                const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type: 'image/jpeg' }));
            }
            const target = document.querySelector('.rv-overlay');
            const passing = { bubbles: true, cancelable: true };
            if (kind === 'paste') {
                target.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, ...passing }));
            } else {
                for (const type of ['dragenter', 'dragover', 'drop'])
                    target.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, ...passing }));
            }
        }""",
        [kind, {name: base64.b64encode(data).decode("ascii") for name, data in files.items()}],
    )


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photo_is_dropped_or_pasted(workbench: Workbench, plate: DrawnPhoto, kind: str) -> None:
    data = plate.path.read_bytes()

    hand_over(workbench, kind, {"lunch.jpg": data})
    workbench.wait_for_photo(data)

    assert workbench.page.inner_text("#rv-photo-name") == "lunch.jpg"
    workbench.click(*plate.centres[0])
    assert len(workbench.foods()) == 1


def test_several_photos_are_opened_and_each_keeps_its_foods(
    workbench: Workbench, plate: DrawnPhoto, draw: Callable[..., DrawnPhoto]
) -> None:
    other = draw((500, 400), [(250, 200)])
    page = workbench.page
    page.set_input_files("#rv-file", [plate.path, other.path])
    page.wait_for_selector(f'#rv-strip [data-photo="{other.sha256}"]')
    assert workbench.state("photo") == plate.sha256
    workbench.click(*plate.centres[0])

    page.click(f'[data-photo="{other.sha256}"]')
    assert workbench.foods() == []
    assert page.inner_text("#rv-photo-size") == "500 × 400"
    page.click(f'[data-photo="{plate.sha256}"]')

    assert len(workbench.foods()) == 1
    assert workbench.overlay_at(plate.centres[0][0] + 30, plate.centres[0][1])[3] > 0


def test_a_sample_opens_with_one_click(workbench: Workbench) -> None:
    sample = workbench.page.locator("[data-sample]").first
    title = sample.get_attribute("title")

    sample.click()

    workbench.page.wait_for_selector(".rv[data-photo]")
    assert workbench.page.inner_text("#rv-photo-name") == title


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("note.jpg", b"Dear dietitian, no photo today.", "This file is text"),
        ("broken.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(200), "damaged"),
        ("empty.png", b"", "empty"),
        ("huge.jpg", bytes(5_100_000), "over the limit of 5 MB"),
    ],
)
def test_a_file_that_is_no_photo_is_refused_with_a_reason_and_the_page_stays_usable(
    workbench: Workbench, plate: DrawnPhoto, name: str, data: bytes, says: str
) -> None:
    workbench.page.set_input_files("#rv-file", {"name": name, "mimeType": "image/jpeg", "buffer": data})

    sentence = toast(workbench)

    assert says in sentence
    assert sentence.endswith(".")
    assert "/" not in sentence
    workbench.page.wait_for_selector("#rv-busy", state="hidden")
    workbench.open(plate)
    workbench.click(*plate.centres[0])
    assert len(workbench.foods()) == 1
    workbench.complaints.clear()  # Chromium logs a refused upload by itself


def test_the_page_says_that_the_server_does_not_answer_and_the_next_click_works(
    workbench: Workbench, plate: DrawnPhoto
) -> None:
    workbench.open(plate)
    workbench.page.route("**/component_server/", lambda route: route.abort())
    workbench.press(*plate.centres[0])
    assert "does not answer" in toast(workbench)
    workbench.page.unroute("**/component_server/")

    workbench.click(*plate.centres[0])

    assert len(workbench.foods()) == 1
    workbench.complaints.clear()  # Chromium logs the lost request by itself


def test_a_file_name_is_shown_as_text(workbench: Workbench, plate: DrawnPhoto) -> None:
    data = plate.path.read_bytes()
    workbench.page.set_input_files(
        "#rv-file", {"name": HOSTILE_NAME, "mimeType": "image/jpeg", "buffer": data}
    )
    workbench.wait_for_photo(data)

    assert workbench.page.inner_text("#rv-photo-name") == HOSTILE_NAME
    assert workbench.page.locator("#rv-strip [data-photo]").get_attribute("title") == HOSTILE_NAME
    assert workbench.page.evaluate("window.pwned") is None


@pytest.fixture
def hostile_server(pipeline: Pipeline, serve: Callable[[Pipeline], Server]) -> Server:
    """The app with a checkpoint whose class names are HTML."""
    checkpoint = load_checkpoint(Path(pipeline.config.checkpoint))
    classes = tuple(f"{HOSTILE_CLASS} {number}" for number in range(len(checkpoint.classes)))
    return serve(replace(pipeline, classifier=Classifier(replace(checkpoint, classes=classes))))


def test_a_class_name_is_shown_as_text(
    hostile_server: Server, new_visitor: Callable[..., Workbench], plate: DrawnPhoto
) -> None:
    visitor = new_visitor(at=hostile_server)
    visitor.open(plate)
    visitor.click(*plate.centres[0])
    visitor.wait_for_evidence()
    visitor.page.click("#rv-models")

    shown = visitor.page.locator("#rv-suggestions .rv-suggestion-name").all_inner_texts()
    assert len(shown) == 5
    assert all(name.startswith(HOSTILE_CLASS) for name in shown)
    assert HOSTILE_CLASS in visitor.page.inner_text("#rv-classes")
    assert HOSTILE_CLASS in visitor.page.locator("#rv-class option").first.inner_text()
    assert visitor.page.evaluate("window.pwned") is None
