from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rvernet_app.model.baseline import SinglePicture, SinglePictureConfig
from rvernet_app.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from rvernet_app.model.classify import Classifier
from rvernet_app.model.preprocessing import normalise
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.picture.cutouts import Letterbox, cut_out
from rvernet_app.types import Cutouts
from tests.training.conftest import Store
from training.data.photos import open_photo
from training.data.regions import DataError, OpenPhoto, Region
from training.evidence import measure
from training.evidence.measure import Scores, View, confusion, counts, describe, figures, probabilities, score

CLASSES = ("ketchup", "pesto", "grape")
SPEC = ModuleSpec("mobilenetv2_035", {}, (0.5, 0.4, 0.6), (0.5, 0.3, 0.4))

# true 0: two correct, one predicted as 1; true 1: one correct, one predicted as 2; class 2 has no region
TRUE = np.array([0, 0, 0, 1, 1])
LOGITS = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2]]
BLANKED = np.eye(3, dtype=np.float32)[[0, 0, 0, 0, 0]]
NAMES, GROUPS = ("s/a", "s/b", "s/c", "s/d", "s/e"), ("g", "g", "h", "h", "i")


def scores_of(
    true: NDArray[np.int64] = TRUE,
    logits: NDArray[np.float32] = LOGITS,
    without_context: NDArray[np.float32] | None = BLANKED,
    broken: tuple[str, ...] = (),
) -> Scores:
    return Scores(NAMES[: len(true)], GROUPS[: len(true)], true, logits, without_context, broken)


@dataclass
class Made:
    """Random photo and mask of a region that count their reads."""

    size_hw: tuple[int, int]
    seed: int = 0
    broken: bool = False
    reads: int = 0

    def read(self, open_photo: Any) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        self.reads += 1
        if self.broken:
            raise DataError("The photo is damaged.")
        random = np.random.default_rng(self.seed)
        photo = random.integers(0, 256, (*self.size_hw, 3), dtype=np.uint8)
        mask = np.zeros(self.size_hw, np.bool_)
        mask[5:20, 8:30] = True
        return photo, mask


def made_regions(*made: Made) -> list[Region]:
    return [Region(f"made/{i}", CLASSES[i % 2], f"g{i}", "val", (one,)) for i, one in enumerate(made)]


SIZES = ((40, 48), (60, 33), (40, 48), (25, 90), (40, 48))


@pytest.fixture
def regions() -> list[Region]:
    return made_regions(*(Made(size_hw, seed) for seed, size_hw in enumerate(SIZES)))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    torch.manual_seed(0)
    model = RveRNet(RveRNetConfig(SPEC, SPEC, 3, fusion="features", hidden=8, input_size=32)).eval()
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, model, CLASSES, padding=90)
    return load_checkpoint(folder)


def read(region: Region) -> Cutouts:
    return cut_out(*region.masked[0].read(open_photo))


def test_scores_equal_those_of_the_app_classifier(checkpoint: Checkpoint, regions: list[Region]) -> None:
    scores = score(checkpoint.model, checkpoint.preprocessing, regions, CLASSES, batch_size=4)
    assert scores.names == tuple(f"made/{i}" for i in range(5))
    assert scores.groups == tuple(f"g{i}" for i in range(5))
    np.testing.assert_array_equal(scores.true, [0, 1, 0, 1, 0])
    assert scores.broken == ()
    assert scores.without_context is not None
    classifier = Classifier(checkpoint)
    cutouts = [read(region) for region in regions]
    for logits, served in (
        (scores.logits, cutouts),
        (scores.without_context, [c.without_context() for c in cutouts]),
    ):
        expected = np.stack([p.probabilities for p in classifier.predict_batch(served)])
        np.testing.assert_allclose(probabilities(logits), expected, atol=1e-6)
    assert np.abs(scores.logits - scores.without_context).max(axis=1).min() > 1e-4


def test_batch_size_does_not_change_the_scores(checkpoint: Checkpoint, regions: list[Region]) -> None:
    whole, single = (
        score(checkpoint.model, checkpoint.preprocessing, regions, CLASSES, batch_size=size)
        for size in (32, 1)
    )
    np.testing.assert_allclose(whole.logits, single.logits, atol=1e-5)
    assert whole.without_context is not None
    assert single.without_context is not None
    np.testing.assert_allclose(whole.without_context, single.without_context, atol=1e-5)


@pytest.mark.parametrize("picture", ["photo", "roi", "extra_roi"])
def test_baseline_is_measured_on_its_only_picture(
    picture: str, regions: list[Region], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    model = SinglePicture(SinglePictureConfig(picture, SPEC, 3, hidden=8, input_size=32)).train()
    save_checkpoint(tmp_path, model, CLASSES, padding=90, dtype=torch.float32)
    stored = load_checkpoint(tmp_path)
    scores = score(stored.model, stored.preprocessing, regions, CLASSES)
    assert scores.without_context is None
    squares = np.stack([Letterbox(32, 90).apply(getattr(read(region), picture)) for region in regions])
    with torch.inference_mode():
        expected = model.eval()(normalise(squares, SPEC)).numpy()
    np.testing.assert_allclose(scores.logits, expected, atol=1e-5)
    assert "macro_f1_without_context" not in figures(scores, CLASSES)
    with pytest.raises(ValueError, match="sees two pictures"):
        counts(scores, without_context=True)


def test_scoring_puts_the_model_in_eval_mode(checkpoint: Checkpoint, regions: list[Region]) -> None:
    expected = score(checkpoint.model, checkpoint.preprocessing, regions, CLASSES)
    checkpoint.model.train()
    found = score(checkpoint.model, checkpoint.preprocessing, regions, CLASSES)
    assert not checkpoint.model.training
    np.testing.assert_array_equal(found.logits, expected.logits)


def test_broken_region_fails_or_is_skipped_and_named(checkpoint: Checkpoint) -> None:
    regions = made_regions(Made((40, 48)), Made((40, 48), broken=True), Made((30, 40), seed=2))
    with pytest.raises(DataError, match="damaged"):
        score(checkpoint.model, checkpoint.preprocessing, regions, CLASSES)
    sound = score(checkpoint.model, checkpoint.preprocessing, regions[::2], CLASSES)
    for batch_size in (1, 2, 32):
        scores = score(
            checkpoint.model,
            checkpoint.preprocessing,
            regions,
            CLASSES,
            skip_broken=True,
            batch_size=batch_size,
        )
        assert scores.names == ("made/0", "made/2")
        assert scores.broken == ("made/1: The photo is damaged.",)
        np.testing.assert_array_equal(scores.true, [0, 0])
        np.testing.assert_allclose(scores.logits, sound.logits, atol=1e-5)


def test_unreadable_regions_give_no_figures(checkpoint: Checkpoint) -> None:
    regions = made_regions(Made((40, 48), broken=True))
    scores = score(checkpoint.model, checkpoint.preprocessing, regions, CLASSES, skip_broken=True)
    assert len(scores) == 0
    assert scores.without_context is not None
    assert scores.logits.shape == scores.without_context.shape == (0, 3)
    for figure in (figures, describe):
        with pytest.raises(DataError, match=r"no region to measure on. made/0: The photo is damaged."):
            figure(scores, CLASSES)


def test_view_caches_what_fits_in_its_memory() -> None:
    square = 32 * 32 * 3
    made = [Made((40, 48), seed) for seed in range(3)]
    regions = made_regions(*made)
    view = View(("roi", "extra_roi"), Letterbox(32), keep_mb=2.5 * 2 * square / 1e6)  # fits two of the three
    first = [view(region) for region in regions]
    again = [view(region) for region in regions]
    assert [one.reads for one in made] == [1, 1, 2]
    for one, other in zip(first, again, strict=True):
        assert one.size_hw == other.size_hw == (40, 48)
        np.testing.assert_array_equal(one.squares, other.squares)


def test_view_without_memory_caches_nothing() -> None:
    made = Made((40, 48))
    (region,) = made_regions(made)
    view = View(("photo",), Letterbox(32))
    (square,) = view(region).squares
    np.testing.assert_array_equal(square, Letterbox(32).apply(read(region).photo))
    view(region)
    assert made.reads == 3


def test_each_photo_is_decoded_once_for_its_regions(
    monkeypatch: pytest.MonkeyPatch, made_source: Store
) -> None:
    opened = []

    def counting(path: Path) -> OpenPhoto:
        opened.append(path.name)
        return open_photo(path)

    monkeypatch.setattr(measure, "open_photo", counting)
    one, other, *_ = made_source.regions
    view = View(("roi", "extra_roi"), Letterbox(32))
    for name, region in (("a", one), ("b", one), ("c", other)):
        view(replace(region, name=name))
    assert opened == ["0.png", "1.png"]


@pytest.mark.parametrize("without_context", [BLANKED, None])
def test_scores_survive_saving_and_loading(
    without_context: NDArray[np.float32] | None, tmp_path: Path
) -> None:
    scores = scores_of(without_context=without_context, broken=("made/7: gone", "made/9: süß"))
    scores.save(tmp_path / "val clean.npz")
    loaded = Scores.load(tmp_path / "val clean.npz")
    assert (loaded.names, loaded.groups, loaded.broken) == (NAMES, GROUPS, scores.broken)
    for name in ("true", "logits", "without_context"):
        saved, found = getattr(scores, name), getattr(loaded, name)
        if saved is None:
            assert found is None
        else:
            assert found.dtype == saved.dtype
            np.testing.assert_array_equal(found, saved)
    assert [path.name for path in tmp_path.iterdir()] == ["val clean.npz"]


def cut_short(content: bytes) -> bytes:
    return content[:-40]


def overwrite_the_middle(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(20) + content[middle + 20 :]


@pytest.mark.parametrize(
    "damage", [cut_short, overwrite_the_middle, lambda content: b"", lambda content: b"text"]
)
def test_error_names_the_damaged_scores_file(
    damage: Callable[..., Any] | Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "scores.npz"
    random = np.random.default_rng(0).normal(size=(5, 300)).astype(np.float32)
    scores_of(logits=random).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"scores\.npz cannot be read"):
        Scores.load(path)


def test_missing_scores_or_other_arrays_fail(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        Scores.load(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "other.npz", logits=LOGITS)
    with pytest.raises(DataError, match="names"):
        Scores.load(tmp_path / "other.npz")


def test_scores_of_parts_are_joined() -> None:
    whole = scores_of(broken=("x: gone",))
    first = Scores(NAMES[:2], GROUPS[:2], TRUE[:2], LOGITS[:2], BLANKED[:2])
    second = Scores(NAMES[2:], GROUPS[2:], TRUE[2:], LOGITS[2:], BLANKED[2:], ("x: gone",))
    joined = Scores.joined([first, second])
    assert (joined.names, joined.groups, joined.broken) == (whole.names, whole.groups, whole.broken)
    np.testing.assert_array_equal(joined.true, TRUE)
    np.testing.assert_array_equal(joined.logits, LOGITS)
    np.testing.assert_array_equal(joined.without_context, BLANKED)
    assert describe(joined, CLASSES) == describe(whole, CLASSES)
    single = Scores(NAMES[:2], GROUPS[:2], TRUE[:2], LOGITS[:2], None)
    assert Scores.joined([single, single]).without_context is None
    assert Scores.joined([whole]) is whole


def test_confusion_has_true_rows_and_predicted_columns() -> None:
    np.testing.assert_array_equal(confusion(TRUE, LOGITS), [[2, 1, 0], [0, 1, 1], [0, 0, 0]])


def test_probabilities_are_a_softmax_with_temperature() -> None:
    logits = np.array([[np.log(9), 0]], np.float32)
    np.testing.assert_allclose(probabilities(logits), [[0.9, 0.1]], atol=1e-6)
    np.testing.assert_allclose(probabilities(logits, 2), [[0.75, 0.25]], atol=1e-6)


def test_figures_with_and_without_context() -> None:
    assert figures(scores_of(), CLASSES, ambiguous=("pesto",)) == {
        "macro_f1": round((0.8 + 0.5) / 2, 4),
        "top1": 0.6,
        "ambiguous_f1": 0.5,
        "macro_f1_without_context": round((2 * 3 / (3 + 5) + 0) / 2, 4),
        "top1_without_context": 0.6,
        "ambiguous_f1_without_context": 0.0,
    }
    assert figures(scores_of(without_context=None), CLASSES) == {"macro_f1": 0.65, "top1": 0.6}


def test_figures_omit_classes_without_regions() -> None:
    found = figures(scores_of(), CLASSES, ambiguous=("grape",))
    assert sorted(found) == ["macro_f1", "macro_f1_without_context", "top1", "top1_without_context"]
    assert figures(scores_of(), CLASSES, ambiguous=("grape", "pesto"))["ambiguous_f1"] == 0.5


def test_description_lists_each_class_and_the_skipped_regions() -> None:
    found = describe(scores_of(), CLASSES, ambiguous=("ketchup", "pesto"))
    assert found == {
        "regions": 5,
        "groups": 3,
        **figures(scores_of(), CLASSES, ("ketchup", "pesto")),
        "ambiguous": ["ketchup", "pesto"],
        "classes_without_regions": ["grape"],
        "classes_of_one_group": [],
        "by_class": {
            "ketchup": {"regions": 3, "groups": 2, "f1": 0.8, "f1_without_context": 0.75},
            "pesto": {"regions": 2, "groups": 2, "f1": 0.5, "f1_without_context": 0.0},
        },
    }
    single = describe(scores_of(without_context=None), CLASSES)
    assert single["by_class"]["pesto"] == {"regions": 2, "groups": 2, "f1": 0.5}


def test_each_source_has_its_own_figures() -> None:
    names = ("meals/1", "meals/2", "trays/1", "trays/2", "trays/3")
    scores = replace(scores_of(), names=names)
    of_meals = Scores(names[:2], GROUPS[:2], TRUE[:2], LOGITS[:2], BLANKED[:2])
    of_trays = Scores(names[2:], GROUPS[2:], TRUE[2:], LOGITS[2:], BLANKED[2:])
    found = describe(scores, CLASSES, ("pesto",))
    assert list(found["by_source"]) == ["meals", "trays"]
    for source, part in (("meals", of_meals), ("trays", of_trays)):
        described = describe(part, CLASSES, ("pesto",))
        assert "by_source" not in described
        expected = {name: value for name, value in described.items() if name in found["by_source"][source]}
        assert found["by_source"][source] == expected
        assert expected["regions"] == len(part)
    without = replace(scores, without_context=None)
    assert "top1_without_context" not in describe(without, CLASSES)["by_source"]["meals"]
