import numpy as np
import pytest
import torch

from rvernet_app.checkpoint import load_checkpoint, save_checkpoint
from rvernet_app.classify import Classifier
from rvernet_app.cutouts import cut_out
from rvernet_app.masks import to_rle
from rvernet_app.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training.data import read_region, read_regions
from training.measure import Scores, confusion, describe, f1_by_class, macro_f1, score_regions, top1

# true 0: two right, one taken for 1; true 1: one right; class 2 has no sample but is predicted once
TRUE = np.array([0, 0, 0, 1, 1])
PREDICTED = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2]]
COUNTS = np.array([[2, 1, 0], [0, 1, 1], [0, 0, 0]])


def test_confusion_counts_true_rows_and_predicted_columns():
    np.testing.assert_array_equal(confusion(TRUE, PREDICTED), COUNTS)


def test_f1_is_the_harmonic_mean_and_classes_without_samples_do_not_count():
    np.testing.assert_allclose(f1_by_class(COUNTS), [2 * 2 / (3 + 2), 2 * 1 / (2 + 2), np.nan])
    assert macro_f1(COUNTS) == pytest.approx((0.8 + 0.5) / 2)
    assert top1(COUNTS) == pytest.approx(3 / 5)


def test_the_description_names_what_was_not_measured(made_data):
    regions = read_regions(made_data).val
    true = np.array([r.class_index for r in regions])  # 1, 0, 1, 0
    right = np.eye(3, dtype=np.float32)[true]
    without = np.eye(3, dtype=np.float32)[[1, 1, 1, 0]]
    found = describe(Scores(true, right, without), ("pesto", "ketchup", "grape"), regions)
    assert found["macro_f1"] == found["top1"] == 1
    assert found["without_context"] == {"macro_f1": round((2 / 3 + 4 / 5) / 2, 4), "top1": 0.75}
    assert found["classes_without_regions"] == ["grape"]
    assert found["by_class"]["pesto"] == {"regions": 2, "groups": 2, "f1": 1, "f1_without_context": 0.6667}
    assert (found["regions"], found["groups"]) == (4, 4)


def test_measured_is_what_the_apps_classifier_says(made_data, tmp_path):
    torch.manual_seed(0)
    spec = ModuleSpec("mobilenetv2_035", {}, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    model = RveRNet(RveRNetConfig(spec, spec, 2, fusion="features", hidden=8, input_size=32)).eval()
    save_checkpoint(tmp_path, model, ("pesto", "ketchup"), padding=90)
    checkpoint = load_checkpoint(tmp_path)
    regions = read_regions(made_data).val
    mask = np.zeros((40, 48), np.bool_)
    mask[8:20, 9:25] = True
    rles = {r.id: to_rle(mask) for r in regions}
    scores = score_regions(checkpoint.model, checkpoint.preprocessing, regions, rles, batch_size=3)
    cutouts = [cut_out(*read_region(r, rles[r.id])) for r in regions]
    classifier = Classifier(checkpoint)
    for found, served in (
        (scores.with_context, cutouts),
        (scores.without_context, [c.without_context() for c in cutouts]),
    ):
        expected = [p.probabilities for p in classifier.predict_batch(served)]
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.allclose(scores.with_context, scores.without_context, atol=1e-4)
