from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from rvernet_app.model.calibration import Calibration
from training.data.regions import Region
from training.evidence import report
from training.evidence.measure import Scores, confusion, describe, probabilities
from training.evidence.report import (
    draw_confusion,
    draw_curves,
    draw_reliability,
    draw_worst,
    figures_table,
    model_card,
    title,
)

CLASSES = ("ketchup", "pesto", "grape")
TRUE = np.array([0, 0, 0, 1, 1])
LOGITS = np.array([[3, 0, 0], [2, 0, 0], [0, 1, 0], [0, 4, 0], [0, 0, 5]], np.float32)
NAMES, GROUPS = tuple(f"s/{x}" for x in "abcde"), ("g", "g", "h", "h", "i")
SCORES = Scores(NAMES, GROUPS, TRUE, LOGITS, LOGITS[:, ::-1].copy())
ONE_PICTURE = Scores(NAMES, GROUPS, TRUE, LOGITS, None)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that draws, checks that a PNG was written and returns the figure."""
    figures = []

    class Kept(Figure):
        def __init__(self, *arguments: Any, **how: Any) -> None:
            super().__init__(*arguments, **how)
            figures.append(self)

    monkeypatch.setattr(report, "Figure", Kept)

    def draw(function: Callable[..., Any], *arguments: Any, **how: float) -> Any:
        path = tmp_path / "drawn.png"
        function(*arguments, path=path, **how)
        assert path.read_bytes().startswith(b"\x89PNG")
        return figures[-1]

    return draw


@dataclass(frozen=True)
class Made:
    mask: np.ndarray

    def read(self, open_photo: Callable[..., Any]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        return np.full((*self.mask.shape, 3), 250, np.uint8), self.mask


def made_regions(mask: NDArray[np.bool_]) -> list[Region]:
    return [Region(name, "x", "g", "val", (Made(mask),)) for name in NAMES]


SQUARE = np.zeros((20, 30), np.bool_)
SQUARE[5:15, 8:20] = True


def test_worst_regions_come_first_with_true_and_predicted_classes(
    drawn: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "WORST", 4)
    figure = drawn(draw_worst, SCORES, made_regions(SQUARE), CLASSES)
    shown = probabilities(LOGITS).max(axis=1)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        f"pesto\ncalled grape, {shown[4]:.0%}",
        f"ketchup\ncalled pesto, {shown[2]:.0%}",
        f"ketchup\ncalled ketchup, {shown[1]:.0%}",
        f"ketchup\ncalled ketchup, {shown[0]:.0%}",
        *[""] * 4,
    ]
    colours = [axes.title.get_color() for axes in figure.axes[:4]]
    assert colours[0] == colours[1] != colours[2] == colours[3] == "black"
    (picture,) = figure.axes[0].get_images()
    assert (picture.get_array()[SQUARE] == 250).all()
    assert (picture.get_array()[~SQUARE] < 250).all()


def test_worst_regions_show_the_probabilities_of_the_app(drawn: Callable[..., Any]) -> None:
    figure = drawn(draw_worst, SCORES, made_regions(SQUARE), CLASSES, temperature=2.0)
    assert figure.axes[0].get_title() == f"pesto\ncalled grape, {probabilities(LOGITS, 2.0)[4].max():.0%}"


@pytest.mark.parametrize("mask", [np.ones((20, 30), np.bool_), SQUARE], ids=["whole photo", "square"])
def test_masks_of_any_shape_are_drawn_without_a_warning(
    drawn: Callable[..., Any], mask: NDArray[np.bool_], recwarn: pytest.WarningsRecorder
) -> None:
    assert len(drawn(draw_worst, SCORES, made_regions(mask), CLASSES).axes) == 8
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]


def test_no_measured_region_gives_no_worst_regions(drawn: Callable[..., Any]) -> None:
    nothing = Scores((), (), TRUE[:0], LOGITS[:0], None)
    assert not any(axes.get_title() for axes in drawn(draw_worst, nothing, [], CLASSES).axes)


def test_confusion_matrix_shows_counts_and_names(drawn: Callable[..., Any]) -> None:
    figure = drawn(draw_confusion, confusion(TRUE, LOGITS), CLASSES)
    (axes,) = figure.axes
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "2", (1, 0): "1", (1, 1): "1", (2, 1): "1"}  # column, row
    assert [label.get_text() for label in axes.get_xticklabels()] == list(CLASSES)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(CLASSES)
    np.testing.assert_allclose(axes.get_images()[0].get_array()[0], [2 / 3, 1 / 3, 0])


def test_counts_have_room_beside_long_class_names(drawn: Callable[..., Any]) -> None:
    names = ("a food with a very long name indeed", "b", "c")
    figure = drawn(draw_confusion, 1000 * confusion(TRUE, LOGITS), names)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    cell = axes.get_window_extent().width / len(names)
    assert all(text.get_window_extent().width < cell for text in axes.texts)


def points(line: Line2D) -> NDArray[np.float64]:
    return np.stack((line.get_xdata(), line.get_ydata()), axis=1)


def test_reliability_plots_accuracy_over_probability(drawn: Callable[..., Any]) -> None:
    margin = np.log([9, 9, 9, 9, 3, 3]).astype(np.float32)  # probabilities 0.9 and 0.75
    logits = np.stack((margin, np.zeros(6, np.float32)), axis=1)
    scores = Scores(tuple("abcdef"), tuple("abcdef"), np.array([0, 0, 0, 1, 0, 1]), logits, None)
    (axes,) = drawn(draw_reliability, scores, None).axes
    np.testing.assert_allclose(points(axes.lines[1]), [[0.75, 0.5], [0.9, 0.75]], atol=1e-6)
    few, many = axes.collections[0].get_sizes()
    assert few < many
    (axes,) = drawn(draw_reliability, scores, Calibration(2.0, 0.7)).axes
    calibrated = axes.lines[-1]
    assert calibrated.get_label() == "temperature 2.00"
    np.testing.assert_allclose(
        points(calibrated)[1], [0.75, 0.75], atol=1e-6
    )  # the temperature turns odds of 9 into 3
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["not sure below", "uncalibrated", "temperature 2.00"]


def test_curves_match_the_history(drawn: Callable[..., Any]) -> None:
    history = [
        {"epoch": 1, "loss": 2.0, "val_macro_f1": 0.4, "val_top1": 0.5, "learning_rate": 0.1},
        {"epoch": 2, "loss": 1.0, "val_macro_f1": 0.6, "val_top1": 0.7, "learning_rate": 0.0},
    ]
    loss, validation = drawn(draw_curves, history).axes
    np.testing.assert_allclose(points(loss.lines[0]), [[1, 2], [2, 1]])
    assert {line.get_label(): list(line.get_ydata()) for line in validation.lines} == {
        "macro f1": [0.4, 0.6],
        "top1": [0.5, 0.7],
    }


def test_figures_have_titles() -> None:
    assert title("macro_f1") == "macro F1"
    assert title("top1_without_context") == "top-1 without context"


def test_table_shows_figures_with_and_without_context_and_by_class() -> None:
    lines = figures_table(describe(SCORES, CLASSES, ("ketchup", "pesto")))
    assert lines == [
        "| | macro F1 | top-1 | F1 of ketchup, pesto |",
        "|---|---|---|---|",
        "| annotated masks | 0.6500 | 0.6000 | 0.6500 |",
        "| the same, extra-ROI picture blanked | 0.2500 | 0.2000 | 0.2500 |",
        "",
        "| class | regions | groups | F1 | F1, blanked |",
        "|---|---|---|---|---|",
        "| ketchup | 3 | 2 | 0.800 | 0.000 |",
        "| pesto | 2 | 2 | 0.500 | 0.500 |",
        "",
        "No region, so not measured and not counted: grape.",
    ]


def test_classes_of_one_group_are_counted() -> None:
    by_photo = replace(
        SCORES, groups=tuple(f"g{true}" if true else f"g{i}" for i, true in enumerate(SCORES.true))
    )
    found = describe(by_photo, CLASSES)
    assert found["classes_of_one_group"] == ["pesto"]
    sentence = "a single group; how much another would change the figures, their intervals do not say."
    assert figures_table(found)[-1] == f"1 class rests on {sentence}"
    both = describe(replace(SCORES, groups=("g",) * len(SCORES)), CLASSES)
    assert figures_table(both)[-1] == f"2 classes rest on {sentence}"


def test_table_has_one_line_per_source() -> None:
    scores = replace(SCORES, names=("meals/1", "meals/2", "meals/3", "trays/1", "trays/2"))
    metrics = describe(scores, CLASSES, ("pesto",))
    lines = figures_table(metrics)
    start = lines.index("| source | regions | groups | macro F1 | top-1 | F1 of pesto |")
    meals, trays = metrics["by_source"].values()
    assert lines[start + 2 : start + 5] == [
        f"| meals | 3 | {meals['groups']} | {meals['macro_f1']:.4f} | {meals['top1']:.4f} |  |",
        f"| trays | 2 | {trays['groups']} | {trays['macro_f1']:.4f} | {trays['top1']:.4f} "
        f"| {trays['ambiguous_f1']:.4f} |",
        "",
    ]


def test_table_of_a_baseline_has_no_context_columns() -> None:
    assert figures_table(describe(ONE_PICTURE, CLASSES)) == [
        "| | macro F1 | top-1 |",
        "|---|---|---|",
        "| annotated masks | 0.6500 | 0.6000 |",
        "",
        "| class | regions | groups | F1 |",
        "|---|---|---|---|",
        "| ketchup | 3 | 2 | 0.800 |",
        "| pesto | 2 | 2 | 0.500 |",
        "",
        "No region, so not measured and not counted: grape.",
    ]


def test_one_click_masks_have_their_own_lines() -> None:
    metrics = describe(SCORES, CLASSES, ("pesto",))
    assert figures_table(metrics, "click")[2].startswith("| masks of one click | 0.6500 |")
    clicked = {"macro_f1": 0.5, "top1": 0.25, "macro_f1_without_context": 0.1, "top1_without_context": 0.2}
    lines = figures_table({**metrics, "from_one_click": clicked})
    assert lines[4:6] == [
        "| masks of one click | 0.5000 | 0.2500 |  |",
        "| the same, extra-ROI picture blanked | 0.1000 | 0.2000 |  |",
    ]
    assert figures_table({**metrics, "from_one_click": {}}) == figures_table(metrics)


def options(
    kind: str = "rvernet",
    masks: tuple[str, ...] = ("annotated",),
    notes: tuple[str, ...] = (),
) -> dict[str, Any]:
    model = {
        "kind": kind,
        "roi_module": {"name": "mobilenetv2_100"},
        "extra_roi_module": {"name": "convnext_atto"} if kind == "rvernet" else None,
        "fusion": "features",
        "hidden": 640,
        "input_size": 224,
    }
    return {
        "model": model,
        "optimization": {"keep": "best"},
        "data": {"masks": list(masks)},
        "notes": list(notes),
    }


def training(**how: Any) -> dict[str, Any]:
    return {
        "command": "python -m training.train --config mine.yaml",
        "options": options(**how),
        "data": {"meals": "0123", "ecustfd": "4567"},
        "train_regions": 120,
        "train_groups": 34,
        "epochs": 9,
        "stored_dtype": "float16",
    }


def test_card_describes_model_data_and_figures(drawn: Callable[..., Any]) -> None:
    metrics = describe(SCORES, CLASSES)
    card = model_card("mine", CLASSES, training(notes=("Rendered only.", "No bowls.")), metrics)
    for line in (
        "# mine",
        "It knows 3 classes and nothing else: ketchup, pesto, grape.",
        "python -m training.train --config mine.yaml",
        *figures_table(metrics),
        "## Limits",
        "- Rendered only.",
        "- No bowls.",
    ):
        assert line in card.splitlines(), line
    for part in (
        "ROI module `mobilenetv2_100`, extra-ROI module `convnext_atto`",
        "Data: `meals`, `ecustfd`; 120 regions of 34 groups",
        "9 epochs; the weights are those of the best one.",
        "On the stored float16 weights, 5 validation regions of 3 groups",
    ):
        assert part in card, part
    assert "## Limits" not in model_card("mine", CLASSES, training(), metrics)


def test_card_describes_a_baseline_and_one_click_masks() -> None:
    card = model_card("mine", CLASSES, training(kind="roi"), describe(ONE_PICTURE, CLASSES))
    assert "A model of one picture (roi), to compare RveRNet with: `mobilenetv2_100`" in card
    assert "extra-ROI" not in card
    card = model_card("mine", CLASSES, training(masks=("click",)), describe(SCORES, CLASSES))
    assert "| masks of one click | 0.6500 |" in card
    assert "annotated masks" not in card
