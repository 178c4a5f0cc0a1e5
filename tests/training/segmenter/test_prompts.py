from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from training.segmenter.prompts import Prompts


def targets() -> NDArray[np.bool_]:
    masks = np.zeros((2, 32, 32), bool)
    masks[0, 4:20, 6:16] = True
    masks[1, 20:30, 18:30] = True
    return masks


def at(prompts: Prompts) -> NDArray[np.int64]:
    """Return the prompt points in mask pixels, shape (M, N, 2)."""
    rows, columns = prompts.offset_yx
    assert prompts.points is not None
    placed = (prompts.points + 0.5 - np.array([columns, rows]) * 8) / 2 - 0.5
    result: NDArray[np.int64] = placed.round().astype(np.int64)
    return result


def test_first_click_lies_inside_its_target() -> None:
    for seed in range(30):
        prompts = Prompts.first(targets(), (3, 5), False, np.random.default_rng(seed))
        assert prompts.boxes is None
        assert prompts.labels is not None
        assert prompts.labels.tolist() == [[1], [1]]
        for target, (x, y) in zip(targets(), at(prompts)[:, 0], strict=True):
            assert target[y, x]


def test_box_prompts_are_jittered_target_boxes() -> None:
    exact = np.array([[12, 8, 32, 40], [36, 40, 60, 60]]) - 0.5 + [40, 24, 40, 24]
    drawn = [Prompts.first(targets(), (3, 5), True, np.random.default_rng(s)).boxes for s in range(40)]
    boxes = np.stack([box for box in drawn if box is not None])
    assert len(boxes) == 40
    assert np.abs(boxes - exact).max() <= 17
    assert (np.abs(boxes - exact).max(axis=2) == 0).any()
    assert np.abs(boxes.mean(axis=0) - exact).max() < 2


def test_correction_clicks_land_where_the_mask_is_wrong() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        prompts = Prompts.first(targets(), (0, 0), False, rng)
        masks = targets()
        masks[0, 4:12] = False
        masks[1, :8, :8] = True
        prompts.correct(masks, targets(), rng)
        (x0, y0), (x1, y1) = at(prompts)[:, 1]
        assert prompts.labels is not None
        assert prompts.labels[:, 1].tolist() == [1, 0]
        assert 4 <= y0 < 12
        assert 6 <= x0 < 16
        assert x1 < 8
        assert y1 < 8


def test_correct_mask_is_clicked_inside() -> None:
    rng = np.random.default_rng(0)
    prompts = Prompts.first(targets(), (0, 0), False, rng)
    prompts.correct(targets(), targets(), rng)
    assert prompts.labels is not None
    assert prompts.labels[:, 1].tolist() == [1, 1]
    assert all(t[y, x] for t, (x, y) in zip(targets(), at(prompts)[:, 1], strict=True))


def test_prompt_tensors_match_the_sam_input() -> None:
    rng = np.random.default_rng(0)
    clicks, boxes = Prompts.first(targets(), (0, 0), False, rng).tensors(torch.device("cpu"))
    assert clicks is not None
    points, labels = clicks
    assert (points.shape, points.dtype, labels.shape, boxes) == ((2, 1, 2), torch.float32, (2, 1), None)
    clicks, boxes = Prompts.first(targets(), (0, 0), True, rng).tensors(torch.device("cpu"))
    assert clicks is None
    assert boxes is not None
    assert (boxes.shape, boxes.dtype) == ((2, 4), torch.float32)


def test_cleaned_mask_matches_the_app() -> None:
    found = targets()
    found[0, 22:30, 2:8] = found[1, 2:10, 20:28] = True  # separate from the clicked part
    logits = np.where(found, 2.0, -2.0).astype(np.float32)
    clicked = Prompts.first(targets(), (3, 5), False, np.random.default_rng(0))
    np.testing.assert_array_equal(clicked.keep(logits) > 0, targets())
    boxed = Prompts.first(targets(), (3, 5), True, np.random.default_rng(2))
    boxed.boxes = np.array([[51.5, 31.5, 71.5, 63.5], [75.5, 63.5, 99.5, 83.5]], np.float32)
    np.testing.assert_array_equal(boxed.keep(logits) > 0, targets())
