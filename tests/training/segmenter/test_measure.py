from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rvernet_app.errors import SegmentationError
from rvernet_app.types import Candidates, Embedding, Prompt
from training.segmenter.measure import Answer, answer, summary


class Stub:
    """Segmenter that returns the n-th mask for the n-th click (None: no candidates) and the box for a box."""

    name, fingerprint = "stub", "1"

    def __init__(self, *masks: Any) -> None:
        self.masks = masks

    def encode(self, photo: Any) -> Any:
        return Embedding("stub", photo.shape[:2], np.zeros((1, 1, 1, 1), np.float32))

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        if prompt.box_xyxy is not None:
            left, top, right, bottom = (int(v) for v in prompt.box_xyxy)
            found = np.zeros(embedding.size_hw, bool)
            found[top:bottom, left:right] = True
        else:
            found = self.masks[min(len(prompt.points_xy), len(self.masks)) - 1]
        if found is None:
            raise SegmentationError("nothing")
        return Candidates(found[None], np.ones(1, np.float32), np.zeros((1, 2, 2), np.float32))


def square(
    left: int, top: int, right: int, bottom: int, size_hw: tuple[int, int] = (20, 30)
) -> NDArray[np.bool_]:
    mask = np.zeros(size_hw, bool)
    mask[top:bottom, left:right] = True
    return mask


TRUE = square(5, 5, 15, 15)
HALF = square(5, 5, 10, 15)


@pytest.fixture
def embedding() -> Embedding:
    return Embedding("stub", (20, 30), np.zeros((1, 1, 1, 1), np.float32))


def test_clicks_continue_until_the_mask_is_right(embedding: Embedding) -> None:
    found = answer(Stub(HALF, TRUE), embedding, TRUE, clicks=4)
    assert found == Answer((0.5, 1.0, 1.0, 1.0), 0.5, 1.0)


def test_click_without_result_keeps_the_previous_mask(embedding: Embedding) -> None:
    assert answer(Stub(None, HALF, None), embedding, TRUE, clicks=3).click_ious == (0.0, 0.5, 0.5)


def test_summary_averages_over_foods() -> None:
    figures = summary([Answer((0.5, 0.9, 0.9), 0.6, 0.8), Answer((0.86, 0.86, 0.86), 1.0, 1.0)])
    assert figures == {
        "foods": 2,
        "mIoU@1": 0.68,
        "mIoU@2": 0.88,
        "mIoU@3": 0.88,
        "best of 3": 0.8,
        "box IoU": 0.9,
        "NoC@80": 1.5,
        "NoC@85": 1.5,
        "NoC@90": 2.5,
    }
