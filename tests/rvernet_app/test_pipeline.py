"""The path of one click, on fakes with known answers and once for real."""

from pathlib import Path

import numpy as np
import pytest

from rvernet_app.config import AppConfig
from rvernet_app.errors import PromptError
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.photos import LoadedPhoto, read_photo
from rvernet_app.pipeline import Pipeline, build_pipeline
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.types import ActivationMaps, Candidates, Cutouts, Embedding, Photo, Prediction, Prompt


class FakeSegmenter:
    """Its mask is the square of 3 x 3 pixels around the first point."""

    name = "fake"
    fingerprint = "0"
    encoded = 0

    def encode(self, photo: Photo) -> Embedding:
        self.encoded += 1
        return Embedding(self.name, photo.shape[:2], photo)

    def predict(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        mask = np.zeros(embedding.size_hw, bool)
        x, y = (int(v) for v in prompt.points_xy[0])
        mask[y - 1 : y + 2, x - 1 : x + 2] = True
        return Candidates(mask[None], np.array([0.9], np.float32), np.zeros((1, 4, 4), np.float32))


class FakeClassifier:
    """Names "salad" with context, "soup" without; sure from 0.5 on."""

    name = "fake"
    fingerprint = "7f"
    labels = ("salad", "soup")

    def predict_batch(self, batch: list[Cutouts]) -> list[Prediction]:
        return [
            Prediction(self.labels, np.array([0.8, 0.2] if c.extra_roi.any() else [0.1, 0.9], np.float32))
            for c in batch
        ]

    def is_sure(self, prediction: Prediction) -> bool:
        return bool(prediction.probabilities.max() >= 0.5)

    def explain(self, cutouts: Cutouts, label: str | None = None, method: str = "gradcam") -> ActivationMaps:
        flat = np.ones(cutouts.size_hw, np.float32)
        return ActivationMaps(label or "salad", flat, flat, 2.0, 1.0)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(AppConfig(), FakeSegmenter(), FakeClassifier(), EmbeddingCache(10**6))  # type: ignore[arg-type]


@pytest.fixture
def photo() -> LoadedPhoto:
    pixels = np.random.default_rng(0).integers(1, 255, (12, 16, 3), dtype=np.uint8)
    return LoadedPhoto(pixels, "a" * 64, "PNG")


def test_a_click_yields_mask_cutouts_suggestions_and_maps(pipeline: Pipeline, photo: LoadedPhoto) -> None:
    result = pipeline.click(photo, Prompt(((5, 6),), (1,)))
    assert result.mask.sum() == 9
    assert np.array_equal(result.evidence.cutouts.roi + result.evidence.cutouts.extra_roi, photo.pixels)
    assert [s["label"] for s in result.to_json()["suggestions"]] == ["salad", "soup"]
    assert [s["label"] for s in result.to_json()["without_context"]] == ["soup", "salad"]
    assert result.evidence.sure
    assert result.maps.label == "salad"
    assert list(result.timings_ms) == ["encode", "segment", "cut_out", "classify", "explain"]
    assert result.to_json()["mask"]["bbox"] == [4, 5, 3, 3]


def test_whether_the_classifier_is_sure_is_told(
    pipeline: Pipeline, photo: LoadedPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = Prompt(((5, 6),), (1,))
    assert pipeline.click(photo, prompt).to_json()["sure"] is True
    monkeypatch.setattr(pipeline.classifier, "is_sure", lambda prediction: False)
    assert pipeline.click(photo, prompt).to_json()["sure"] is False


def test_a_photo_is_encoded_once(pipeline: Pipeline, photo: LoadedPhoto) -> None:
    for x in (3, 4, 5):
        pipeline.click(photo, Prompt(((x, 6),), (1,)))
    assert pipeline.segmenter.encoded == 1  # type: ignore[attr-defined]


def test_maps_of_another_class_on_request(pipeline: Pipeline, photo: LoadedPhoto) -> None:
    mask = np.ones(photo.size_hw, bool)
    assert pipeline.explain_mask(photo, mask, label="soup").maps.label == "soup"


def test_evidence_comes_in_steps_that_add_to_each_other(pipeline: Pipeline, photo: LoadedPhoto) -> None:
    mask = np.ones(photo.size_hw, bool)
    first, second = pipeline.evidence(photo, mask)
    assert first.suggestions is not None
    assert first.maps is None
    assert second.maps is not None
    assert (second.suggestions, second.cutouts) == (first.suggestions, first.cutouts)
    assert (second.checkpoint, second.checkpoint_id) == ("fake", "fake@7f")


def test_the_maps_are_not_made_for_who_stops_before(
    pipeline: Pipeline, photo: LoadedPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.classifier, "explain", lambda *_, **__: pytest.fail("the maps were made"))
    assert next(pipeline.evidence(photo, np.ones(photo.size_hw, bool))).suggestions is not None


def test_maps_alone_are_one_step(
    pipeline: Pipeline, photo: LoadedPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.classifier, "predict_batch", lambda *_: pytest.fail("it was classified"))
    mask = np.ones(photo.size_hw, bool)
    [only] = pipeline.evidence(photo, mask, label="soup", cam_method="layercam", maps_only=True)
    assert only.maps is not None
    assert (only.maps.label, only.cam_method, only.suggestions) == ("soup", "layercam", None)


def test_evidence_is_of_one_checkpoint_even_if_another_is_taken_into_use_meanwhile(
    pipeline: Pipeline, photo: LoadedPhoto
) -> None:
    steps = pipeline.evidence(photo, np.ones(photo.size_hw, bool))
    next(steps)
    pipeline.classifier = None  # type: ignore[assignment]
    assert next(steps).checkpoint == "fake"


def test_a_point_outside_the_photo_is_refused(pipeline: Pipeline, photo: LoadedPhoto) -> None:
    with pytest.raises(PromptError, match="outside"):
        pipeline.click(photo, Prompt(((16, 6),), (1,)))


def test_the_public_contract_on_a_real_photo(real_photos: Path) -> None:
    pipe = build_pipeline(AppConfig(segmenter="grabcut"))
    photo = read_photo(
        real_photos / "trays" / "images" / "tray1_food_image.jpg", max_mb=40, max_megapixels=100
    ).pixels
    embedding = pipe.segmenter.encode(photo)
    candidates = pipe.segmenter.predict(embedding, Prompt(((930, 340),), (1,), None))
    assert candidates.masks.shape[1:] == photo.shape[:2]
    assert candidates.masks[0][340, 930]
    assert (np.diff(candidates.scores) <= 0).all()
    cutouts = cut_out(photo, candidates.masks[0])
    prediction = pipe.classifier.predict(cutouts)
    assert sum(p for _, p in prediction.top_k(len(prediction.labels))) == pytest.approx(1, abs=1e-4)
    maps = pipe.classifier.explain(cutouts, label=None)
    assert maps.roi.shape == maps.extra_roi.shape == photo.shape[:2]
    assert maps.roi.max() == pytest.approx(1, abs=1e-5)
