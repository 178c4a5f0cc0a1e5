"""The bundled checkpoint is complete, small and as accurate on unseen photos as it records."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from rvernet_app.config import ASSETS_DIR, AppConfig
from rvernet_app.model.checkpoint import load_checkpoint
from rvernet_app.model.classify import Classifier, load_classifier
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.segment.registry import open_segmenter
from training.data.coco import CocoFolder
from training.data.masks import MaskMaker
from training.data.photos import open_photo
from training.data.regions import assemble
from training.evidence.measure import figures, score

FOLDER = Path(AppConfig.checkpoint)
SAUCES = ("ketchup", "chili paste")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(AppConfig(device="cpu"))


def test_checkpoint_is_small_and_records_its_figures(classifier: Classifier) -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 20e6
    assert len(classifier.labels) == 61
    assert {"kiwi", "fried dough twist", "ketchup", "chili paste"} <= set(classifier.labels)
    assert classifier.metrics["by_source"]["ecustfd"]["macro_f1"] >= 0.96
    assert classifier.metrics["by_source"]["ecustfd"]["regions"] > 400


def test_checkpoint_needs_context_to_tell_red_sauces_of_unseen_meals_apart() -> None:
    """The test split has only five sauces; three from the validation split make both equally frequent."""
    found = load_checkpoint(FOLDER)
    data = assemble([CocoFolder("meals", ASSETS_DIR / "meals")])
    sauces = [region for region in (*data.val, *data.test) if region.label in SAUCES]
    assert Counter(region.label for region in sauces) == {"ketchup": 4, "chili paste": 4}
    scores = score(found.model, found.preprocessing, sauces, found.classes)
    measured = figures(scores, found.classes, SAUCES)
    assert measured["ambiguous_f1"] > measured["ambiguous_f1_without_context"] + 0.2


def test_evaluation_records_the_gain_from_context(classifier: Classifier) -> None:
    metrics = classifier.metrics
    assert metrics["ambiguous"] == list(SAUCES)
    assert metrics["by_source"]["sauces"]["ambiguous_f1"] >= 0.8286
    assert metrics["by_source"]["sauces"]["ambiguous_f1_without_context"] < 0.5


def test_checkpoint_is_calibrated(classifier: Classifier) -> None:
    assert classifier.calibration is not None
    assert classifier.calibration.temperature != 1.0
    assert 0 < classifier.calibration.threshold < 1


def test_card_gives_the_stored_figures_and_no_machine_path(
    classifier: Classifier,
) -> None:
    card, config = (FOLDER / "README.md").read_text(), (FOLDER / "config.json").read_text()
    assert f"| annotated masks | {classifier.metrics['macro_f1']:.4f} |" in card
    assert "## Limits" in card
    assert not re.search(r"[\s\"'(]/\w", card + config)


def test_checkpoint_names_one_validation_food_of_each_class(
    classifier: Classifier, real_photos: Path, tmp_path: Path
) -> None:
    rename = {"qiwi": "kiwi", "fired_dough_twist": "fried dough twist"}
    data = assemble([CocoFolder("ecustfd", real_photos / "ecustfd", rename=rename)])
    one_each = list({r.label: r for r in data.val}.values())
    segmenter = open_segmenter(AppConfig(segmenter="grabcut"))
    masked = MaskMaker(segmenter, tmp_path, data.fingerprints).masked(one_each)
    cutouts = [cut_out(*region.masked[0].read(open_photo)) for region in masked]
    named = [p.top_k(1)[0][0] for p in classifier.predict_batch(cutouts)]
    expected = [region.label for region in masked]
    right = sum(one == other for one, other in zip(named, expected, strict=True))
    assert len(one_each) == 18
    assert right >= 16, list(zip(named, expected, strict=True))
