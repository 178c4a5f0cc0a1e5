"""The Python interface that other programs rely on, with the bundled weights and a sample photo."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, is_dataclass
from pathlib import Path

import numpy as np
import pytest

from rvernet_app.config import ASSETS_DIR, AppConfig
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.photos import read_photo
from rvernet_app.pipeline import Pipeline, build_pipeline
from rvernet_app.types import Candidates, Photo, Prompt

BURGER_XY = (720, 350)
TABLE_XY = (5, 5)


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return build_pipeline(AppConfig(weights_dir=tmp_path_factory.mktemp("no weights"), device="cpu"))


@pytest.fixture(scope="module")
def photo() -> Photo:
    sample = ASSETS_DIR / "samples" / "images" / "burger-and-fries.jpg"
    return read_photo(sample, max_mb=40, max_megapixels=100).pixels


@pytest.fixture(scope="module")
def candidates(pipe: Pipeline, photo: Photo) -> Candidates:
    embedding = pipe.segmenter.encode(photo)
    prompt = Prompt(points_xy=(BURGER_XY,), point_labels=(1,), box_xyxy=None)
    return pipe.segmenter.predict(embedding, prompt)


def test_the_config_is_a_frozen_dataclass_with_the_documented_fields() -> None:
    config = AppConfig()
    assert is_dataclass(config)
    assert config.segmenter == "auto"
    assert Path(config.checkpoint).is_dir()
    with pytest.raises(FrozenInstanceError):
        config.segmenter = "grabcut"  # type: ignore[misc]  # frozen on purpose


def test_without_downloads_the_bundled_models_are_used(pipe: Pipeline) -> None:
    assert pipe.segmenter.name == "small_sam"
    assert pipe.classifier.name == "rvernet-mobilenetv2"


def test_candidates_are_masks_and_scores(candidates: Candidates, photo: Photo) -> None:
    count = len(candidates.masks)
    assert candidates.masks.dtype == np.bool_
    assert candidates.masks.shape == (count, *photo.shape[:2])
    assert candidates.scores.dtype == np.float32
    assert candidates.scores.shape == (count,)
    assert candidates.masks[0][BURGER_XY[::-1]]
    assert not candidates.masks[0][TABLE_XY[::-1]]


def test_a_box_alone_is_a_prompt(pipe: Pipeline, photo: Photo) -> None:
    height, width = photo.shape[:2]
    embedding = pipe.segmenter.encode(photo)
    box = (0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height)
    found = pipe.segmenter.predict(embedding, Prompt(box_xyxy=box))
    assert found.masks.shape[1:] == (height, width)


def test_cutouts_add_up_to_the_photo(candidates: Candidates, photo: Photo) -> None:
    cutouts = cut_out(photo, candidates.masks[0])
    assert cutouts.roi.dtype == cutouts.extra_roi.dtype == np.uint8
    np.testing.assert_array_equal(cutouts.roi + cutouts.extra_roi, photo)
    assert not cutouts.roi[~candidates.masks[0]].any()
    assert not cutouts.extra_roi[candidates.masks[0]].any()


def test_a_prediction_lists_labels_with_probabilities(
    pipe: Pipeline, candidates: Candidates, photo: Photo
) -> None:
    prediction = pipe.classifier.predict(cut_out(photo, candidates.masks[0]))
    five = prediction.top_k(5)
    assert len(five) == 5
    assert [probability for _, probability in five] == sorted((p for _, p in five), reverse=True)
    assert {label for label, _ in five} <= set(pipe.classifier.labels)
    every = prediction.top_k(len(prediction.labels))
    assert sum(probability for _, probability in every) == pytest.approx(1, abs=1e-4)


def test_maps_lie_over_the_photo(pipe: Pipeline, candidates: Candidates, photo: Photo) -> None:
    maps = pipe.classifier.explain(cut_out(photo, candidates.masks[0]), label=None)
    for found in (maps.roi, maps.extra_roi):
        assert found.dtype == np.float32
        assert found.shape == photo.shape[:2]
        assert found.min() >= 0
        assert found.max() == pytest.approx(1, abs=1e-5)
