"""Clicks are law: what every segmenter makes of any outputs of a model, previous mask and points."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rvernet_app.errors import NoFoodError, PromptError, SegmentationError
from rvernet_app.picture.masks import from_rle
from rvernet_app.segment.frame import Frame
from rvernet_app.segment.prompted import DISTINCT, Outputs, PromptedSegmenter
from rvernet_app.segment.registry import open_segmenter
from rvernet_app.segment.sam import SamSegmenter
from rvernet_app.types import BACKGROUND, FOREGROUND, Candidates, Embedding, Mask, Photo, Prompt
from rvernet_app.ui.visitor.pictures import candidate_replies

SIDE = 24
OFF = np.float32(-4)


class Fake(PromptedSegmenter):
    """Answers every prompt with the same logits, in a frame half as fine as the photo."""

    name, fingerprint = "fake", "0"

    def __init__(self, logits: NDArray[np.float32], scores: list[float], least_belief: float = 0.0) -> None:
        self.least_belief = least_belief
        self._outputs = Outputs(logits, np.array(scores, np.float32))

    def frame(self, size_hw: tuple[int, int]) -> Frame:
        scale = SIDE / max(size_hw)
        inner_hw = max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))
        return Frame(size_hw, inner_hw, (SIDE, SIDE), (inner_hw[1] / size_hw[1], inner_hw[0] / size_hw[0]))

    def features(self, photo: Photo) -> NDArray[np.generic]:
        return np.zeros(0)

    def outputs(self, embedding: Embedding, prompt: Prompt) -> Outputs:
        return self._outputs

    def enlarge(self, logits: NDArray[np.float32], size_hw: tuple[int, int]) -> Mask:
        height, width = self.frame(size_hw).inner_hw
        return np.asarray(cv2.resize(logits[:height, :width], size_hw[::-1]) > 0)


def assert_kept(found: Candidates, prompt: Prompt) -> None:
    """Check all points in all candidates, as masks and as the page gets them."""
    sent = [from_rle(reply.rle, found.masks.shape[1:]) for reply in candidate_replies(found)]
    for mask in (*found.masks, *sent):
        for (x, y), label in zip(prompt.points_xy, prompt.point_labels, strict=True):
            assert mask[int(y), int(x)] == (label == FOREGROUND), ((x, y), label)
        if prompt.box_xyxy is None:
            _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
            held = {
                int(parts[int(y), int(x)])
                for (x, y), label in zip(prompt.points_xy, prompt.point_labels, strict=True)
                if label == FOREGROUND
            }
            assert held == set(range(1, int(parts.max()) + 1))


@st.composite
def logits(draw: st.DrawFn) -> NDArray[np.float32]:
    """Logits of blobs, of noise, of everything or of nothing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rough = rng.normal(draw(st.sampled_from([-3, -0.5, 0.5, 3])), 2, (SIDE, SIDE)).astype(np.float32)
    blur = draw(st.sampled_from([0, 1, 3]))
    return cv2.GaussianBlur(rough, (0, 0), blur).reshape(SIDE, SIDE) if blur else rough


@st.composite
def clicks(draw: st.DrawFn) -> tuple[Photo, Prompt]:
    """A photo and a prompt on it: any points, also at edges, beside each other and outside the box."""
    height, width = draw(st.sampled_from([(1, 1), (1, 30), (40, 48), (97, 60)]))
    points: dict[tuple[int, int], int] = {}
    for _ in range(draw(st.integers(1, 8))):
        x = draw(st.integers(0, width - 1) | st.sampled_from([0, width - 1]))
        y = draw(st.integers(0, height - 1) | st.sampled_from([0, height - 1]))
        points.setdefault((x, y), draw(st.sampled_from([FOREGROUND, FOREGROUND, BACKGROUND])))
        if draw(st.booleans()) and x + 1 < width:  # the neighbour says the opposite
            points.setdefault((x + 1, y), 1 - points[x, y])
    box = (width / 4, height / 4, width * 0.7, height * 0.7) if draw(st.booleans()) else None
    if box is None and FOREGROUND not in points.values():
        points[next(iter(points))] = FOREGROUND
    shift = draw(st.sampled_from([0.0, 0.5, 0.99]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    photo = rng.integers(0, 256, (height, width, 3), np.uint8)
    prompt = Prompt(
        tuple((x + shift, y + shift) for x, y in points),
        tuple(points.values()),
        box,
        draw(st.none() | logits()),
        insist=True,
    )
    return photo, prompt


@settings(max_examples=150, deadline=None)
@given(st.lists(logits(), max_size=4), clicks())
def test_every_point_is_kept_whatever_the_model_says(
    outputs: list[NDArray[np.float32]], asked: tuple[Photo, Prompt]
) -> None:
    photo, prompt = asked
    segmenter = Fake(
        np.array(outputs, np.float32).reshape(-1, SIDE, SIDE), [0.9, 0.8, 0.7, 0.6][: len(outputs)]
    )
    try:
        found = segmenter.predict(segmenter.encode(photo), prompt)
    except SegmentationError:
        assert FOREGROUND not in prompt.point_labels  # a box of which nothing is left
        return
    assert_kept(found, prompt)
    assert (np.diff(found.scores) <= 0).all()


def disc(x: int, y: int, radius: int) -> NDArray[np.float32]:
    drawn = np.full((SIDE, SIDE), OFF, np.float32)
    cv2.circle(drawn, (x, y), radius, 4.0, cv2.FILLED)
    return drawn


EVEN = np.full((48, 48, 3), 120, np.uint8)


def at(segmenter: Fake, points: dict[tuple[int, int], int], **others: Any) -> Candidates:
    prompt = Prompt(tuple(points), tuple(points.values()), **others)
    return segmenter.predict(segmenter.encode(EVEN), prompt)


def test_a_correction_changes_the_previous_mask_around_it_alone() -> None:
    previous = disc(7, 7, 4)
    segmenter = Fake(np.stack([disc(17, 17, 4)] * 4), [0.9] * 4)
    found = at(segmenter, {(14, 14): 1, (34, 34): 1}, low_res_mask=previous)
    both = np.maximum(previous, disc(17, 17, 4)) > 0
    assert np.array_equal(found.low_res[0] > 0, both)


def test_the_low_resolution_mask_agrees_with_the_mask() -> None:
    segmenter = Fake(np.stack([disc(8, 8, 5)] * 4), [0.9] * 4)
    found = at(segmenter, {(16, 16): 1, (20, 16): 0, (40, 40): 1}, insist=True)
    small = cv2.resize(found.masks[0].astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 0.5
    kept = found.low_res[0] > 0
    assert np.count_nonzero(small & kept) / np.count_nonzero(small | kept) > 0.9
    assert found.low_res[0][8, 10] < 0 < found.low_res[0][20, 20]


def test_a_hole_with_a_background_point_stays() -> None:
    segmenter = Fake(disc(12, 12, 11)[None], [0.9])
    found = at(segmenter, {(12, 24): 1, (24, 24): 0})
    assert not found.masks[0][24, 24]


def test_both_labels_on_one_pixel_are_refused() -> None:
    with pytest.raises(PromptError, match="both on the food and off it"):
        Prompt(((3.1, 4.2), (3.9, 4.8)), (1, 0))


@pytest.mark.parametrize(
    ("others", "refused"),
    [({}, True), ({"insist": True}, False), ({"box_xyxy": (8, 8, 24, 24)}, False)],
    ids=["a click", "insisting", "a box"],
)
def test_a_first_click_that_the_outputs_disagree_on_is_refused(others: dict[str, Any], refused: bool) -> None:
    outputs = np.stack([disc(8, 8, 3), *[disc(19, 19, 3)] * 3])
    segmenter = Fake(outputs, [0.1] * 4, least_belief=0.04)
    if refused:
        with pytest.raises(NoFoodError, match="No food found here"):
            at(segmenter, {(16, 16): 1}, **others)
    else:
        assert at(segmenter, {(16, 16): 1}, **others).masks[0][16, 16]


def test_a_correction_is_never_refused() -> None:
    segmenter = Fake(np.stack([disc(19, 19, 3)] * 4), [0.1] * 4, least_belief=0.9)
    assert at(segmenter, {(16, 16): 1}, low_res_mask=disc(8, 8, 3)).masks[0][16, 16]


def test_several_points_are_a_food_if_one_of_them_is() -> None:
    segmenter = Fake(np.stack([disc(8, 8, 3)] * 4), [0.9] * 4, least_belief=0.5)
    assert at(segmenter, {(16, 16): 1, (40, 40): 1}).masks[0][40, 40]


def test_candidates_that_look_alike_are_one_and_a_smaller_one_is_a_part() -> None:
    outputs = np.stack([disc(12, 12, 8), disc(12, 12, 8), disc(12, 12, 3), disc(12, 13, 8)])
    found = at(Fake(outputs, [0.9, 0.8, 0.7, 0.6]), {(24, 24): 1})
    assert found.kinds == ("whole", "part")
    first, second = found.masks
    assert np.count_nonzero(first & second) / np.count_nonzero(first | second) <= DISTINCT


def test_the_bundled_model_refuses_what_was_measured() -> None:
    from rvernet_app.config import AppConfig

    opened = open_segmenter(AppConfig(segmenter="small_sam", device="cpu"))
    assert isinstance(opened, SamSegmenter)
    assert opened.least_belief == 0.04
