"""The classifier and its activation maps."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from rvernet_app.config import CAM_METHODS, AppConfig
from rvernet_app.errors import CheckpointError, ConfigError, LabelError
from rvernet_app.model.baseline import SinglePicture, SinglePictureConfig
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import load_checkpoint, save_checkpoint
from rvernet_app.model.classify import Classifier, load_classifier
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.types import Cutouts, Prediction

LABELS = ("rice", "soup", "chili paste")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    spec = ModuleSpec("mobilenetv2_035", {}, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    model = RveRNet(RveRNetConfig(spec, spec, 3, fusion="features", hidden=16, input_size=96)).eval()
    folder = tmp_path_factory.mktemp("checkpoints") / "small"
    save_checkpoint(folder, model, LABELS, metrics={"macro_f1": 0.25})
    return folder


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Classifier:
    return load_classifier(AppConfig(checkpoint=folder, device="cpu"))


def random_cutouts(seed: int, size_hw: tuple[int, int] = (60, 90)) -> Cutouts:
    random = np.random.default_rng(seed)
    mask = np.zeros(size_hw, np.bool_)
    mask[10:40, 20:50] = True
    return cut_out(random.integers(0, 256, (*size_hw, 3), dtype=np.uint8), mask)


def test_the_classifier_has_the_name_and_labels_of_its_checkpoint(classifier: Classifier) -> None:
    assert classifier.name == "small"
    assert classifier.labels == LABELS
    assert classifier.metrics == {"macro_f1": 0.25}
    assert len(classifier.fingerprint) == 16


def test_probabilities_add_up_and_belong_to_the_labels(classifier: Classifier) -> None:
    prediction = classifier.predict(random_cutouts(0))
    assert prediction.labels == LABELS
    assert prediction.probabilities.dtype == np.float32
    assert prediction.probabilities.sum() == pytest.approx(1)


def calibrated(folder: Path, temperature: float, threshold: float) -> Classifier:
    calibration = Calibration(temperature, threshold)
    return Classifier(dataclasses.replace(load_checkpoint(folder), calibration=calibration))


def test_logits_are_divided_by_the_temperature(classifier: Classifier, folder: Path) -> None:
    cutouts = random_cutouts(0)
    # softmax(z / 2) is sqrt(softmax(z)), rescaled
    expected = np.sqrt(classifier.predict(cutouts).probabilities)
    probabilities = calibrated(folder, 2.0, 0.5).predict(cutouts).probabilities
    np.testing.assert_allclose(probabilities, expected / expected.sum(), atol=1e-6)


def test_maps_do_not_depend_on_the_temperature(classifier: Classifier, folder: Path) -> None:
    maps, plain = (c.explain(random_cutouts(0), "soup") for c in (calibrated(folder, 9.0, 0.5), classifier))
    np.testing.assert_array_equal(maps.roi, plain.roi)
    assert maps.extra_roi_peak == plain.extra_roi_peak


@pytest.mark.parametrize(("threshold", "sure"), [(0, True), (0.5, True), (0.51, False), (1, False)])
def test_a_probability_at_the_threshold_is_sure(folder: Path, threshold: float, sure: bool) -> None:
    prediction = Prediction(LABELS, np.array([0.25, 0.5, 0.25], np.float32))
    assert calibrated(folder, 1.0, threshold).is_sure(prediction) is sure


def test_without_a_calibration_every_prediction_is_sure(classifier: Classifier) -> None:
    assert classifier.calibration is None
    assert classifier.is_sure(Prediction(LABELS, np.array([0.34, 0.33, 0.33], np.float32)))


def test_a_batch_of_any_sizes_gives_the_predictions_of_each_pair_alone(classifier: Classifier) -> None:
    batch = [random_cutouts(0), random_cutouts(1, (80, 60)), random_cutouts(0).without_context()]
    together = classifier.predict_batch(batch)
    for one, cutouts in zip(together, batch, strict=True):
        np.testing.assert_allclose(one.probabilities, classifier.predict(cutouts).probabilities, atol=1e-5)
    assert not np.allclose(together[0].probabilities, together[2].probabilities, atol=1e-4)
    assert classifier.predict_batch([]) == []


def test_the_cutouts_are_not_changed(classifier: Classifier) -> None:
    cutouts = random_cutouts(0)
    roi, extra_roi = cutouts.roi.copy(), cutouts.extra_roi.copy()
    classifier.explain(cutouts)
    np.testing.assert_array_equal(cutouts.roi, roi)
    np.testing.assert_array_equal(cutouts.extra_roi, extra_roi)


@pytest.mark.parametrize("size_hw", [(60, 90), (90, 60), (300, 41)], ids=["wide", "tall", "strip"])
def test_maps_lie_in_the_photos_frame_each_with_peak_one(
    classifier: Classifier, size_hw: tuple[int, int]
) -> None:
    maps = classifier.explain(random_cutouts(1, size_hw), "soup", "layercam")
    assert maps.label == "soup"
    for found, peak in ((maps.roi, maps.roi_peak), (maps.extra_roi, maps.extra_roi_peak)):
        assert found.shape == size_hw
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() == pytest.approx(1)
        assert peak > 0
    common = maps.on_common_scale()
    assert max(found.max() for found in common) == pytest.approx(1)
    assert min(found.max() for found in common) < 1


def test_without_a_label_the_most_likely_class_is_explained(classifier: Classifier) -> None:
    cutouts = random_cutouts(2)
    likeliest = classifier.predict(cutouts).top_k(1)[0][0]
    maps, named = classifier.explain(cutouts), classifier.explain(cutouts, likeliest)
    assert maps.label == likeliest
    np.testing.assert_array_equal(maps.roi, named.roi)


def test_the_class_changes_the_maps(classifier: Classifier) -> None:
    found = [classifier.explain(random_cutouts(2), label, "layercam").roi for label in LABELS]
    assert not np.allclose(found[0], found[1], atol=1e-3)
    assert not np.allclose(found[1], found[2], atol=1e-3)


@pytest.mark.parametrize("method", CAM_METHODS)
def test_every_method_explains(classifier: Classifier, method: str) -> None:
    maps = classifier.explain(random_cutouts(1), "rice", method)
    assert np.isfinite(maps.roi).all()
    assert np.isfinite(maps.extra_roi).all()


def test_a_food_passes_each_backbone_once_however_often_it_is_asked_about(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = load_classifier(AppConfig(checkpoint=folder, device="cpu"))
    passed: list[tuple[str, int]] = []
    for name, backbone in classifier._model.backbones.items():
        whole = backbone.forward_features

        def counted(pictures: Tensor, name: str = name, whole: Callable[..., Tensor] = whole) -> Tensor:
            passed.append((name, len(pictures)))
            return whole(pictures)

        monkeypatch.setattr(classifier._recent[name], "_encode", counted)
    for seed in (0, 1):
        cutouts = random_cutouts(seed)
        classifier.predict_batch([cutouts, cutouts.without_context()])
        for label in LABELS:
            classifier.explain(cutouts, label=label)
    first, second = [("roi", 1), ("extra_roi", 2)], [("roi", 1), ("extra_roi", 1)]
    assert passed == first + second  # the picture without context is known by then


def test_an_unknown_label_is_refused(classifier: Classifier) -> None:
    with pytest.raises(LabelError, match="'pizza'"):
        classifier.explain(random_cutouts(0), "pizza")


def test_threads_get_the_same_results_as_one_caller(classifier: Classifier) -> None:
    pairs = [random_cutouts(seed) for seed in range(3)]
    alone = [(classifier.predict(c).probabilities, classifier.explain(c, "soup").extra_roi) for c in pairs]
    together: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def work(place: int) -> None:
        cutouts = pairs[place % 3]
        together[place] = (
            classifier.predict(cutouts).probabilities,
            classifier.explain(cutouts, "soup").extra_roi,
        )

    threads = [threading.Thread(target=work, args=(place,)) for place in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == 9
    for place, (probabilities, extra_roi) in together.items():
        np.testing.assert_allclose(probabilities, alone[place % 3][0], atol=1e-6)
        np.testing.assert_allclose(extra_roi, alone[place % 3][1], atol=1e-5)


def test_a_missing_checkpoint_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        load_classifier(AppConfig(checkpoint=tmp_path / "none"))


def test_a_baseline_is_refused(tmp_path: Path) -> None:
    config = SinglePictureConfig("roi", ModuleSpec("mobilenetv2_035"), 3, input_size=64)
    save_checkpoint(tmp_path / "alone", SinglePicture(config), LABELS)
    with pytest.raises(CheckpointError, match="alone is a baseline that sees only roi; the app needs"):
        load_classifier(AppConfig(checkpoint=tmp_path / "alone", device="cpu"))


@pytest.mark.parametrize("device", ["warp drive", "cuda:77"])
def test_a_missing_device_is_a_named_error(classifier: Classifier, tmp_path: Path, device: str) -> None:
    spec = ModuleSpec("mobilenetv2_035")
    save_checkpoint(tmp_path, RveRNet(RveRNetConfig(spec, spec, 3, input_size=64)), LABELS)
    with pytest.raises(ConfigError, match=device):
        load_classifier(AppConfig(checkpoint=tmp_path, device=device))
