"""Train on a project of the app's store, starting from a checkpoint, and compare the new one with it there:
`python -m training.on_project DATA_DIR --project NAME --start CHECKPOINT --out FOLDER`.

FOLDER gets the run, the checkpoint, `progress.jsonl`, and `comparison.json` with the macro F1 of both
checkpoints on the project's validation photos and the number of classes that each knows. If these photos are
of enough meals, the checkpoint is calibrated on them, so that the app can say "not sure" with it. New masks
are kept in the data folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rvernet_app import files
from rvernet_app.errors import ConfigError
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import Checkpoint, load_checkpoint, set_calibration
from rvernet_app.model.hub import checkpoint_folder
from rvernet_app.model.rvernet import RveRNet
from training.calibrate import LEAST_GROUPS, calibrate
from training.data.augment import Augmentation
from training.data.options import DataOptions, Source
from training.data.regions import DataError, Region, split_by_group
from training.data.sources import open_source, read_data, source_names, with_masks
from training.evidence.measure import score
from training.evidence.statistics import counts_by_group, fit_temperature, macro_f1, paired_interval
from training.loop.options import ModelOptions, OptimizationOptions, TrainOptions
from training.shared.command import command
from training.shared.exit_with_parent import exit_with_parent
from training.shared.progress import Progress
from training.train import open_accelerator, train

COMPARISON_NAME = "comparison.json"
MASKS_FOLDER = Path("training", "masks")
"""In the data folder."""
VAL_SHARE = 0.2
"""Of the project's meals."""
LEAST_MEALS = LEAST_CLASSES = 2
ACCURACY = 0.95
"""Wanted share of right answers where the app is sure."""


def options_for(
    data_dir: Path, project: str | None, start: Path, out: Path, epochs: int, device: str
) -> TrainOptions:
    """Return the options of a fine-tuning on a project, which reads pictures as the checkpoint does.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        ConfigError: it is a single-picture baseline.
        DataError: as `with_held_out`.
    """
    checkpoint = load_checkpoint(start)
    if not isinstance(checkpoint.model, RveRNet):
        raise ConfigError(f"{start} sees one picture; a project trains RveRNet.")
    config = checkpoint.model.config
    whole = Source(path=data_dir, format="project", project=project)
    data = DataOptions(sources=(whole,), cache=data_dir / MASKS_FOLDER, broken="skip", balance=0.5)
    return TrainOptions(
        data=with_held_out(data),
        model=ModelOptions(
            roi_module=config.roi_module,
            extra_roi_module=config.extra_roi_module,
            fusion=config.fusion,
            hidden=config.hidden,
            input_size=config.input_size,
            padding=checkpoint.preprocessing.letterbox.padding,
            start={"roi": start, "extra_roi": start},
        ),
        optimization=OptimizationOptions(
            epochs=epochs, batch_size=16, learning_rate=1e-3, backbone_learning_rate=1e-4
        ),
        augmentation=Augmentation(min_crop=0.6, brightness=0.2, context_dropout=0.15),
        run_folder=out / "run",
        export=out / "checkpoint",
        device=device,
    )


def with_held_out(data: DataOptions) -> DataOptions:
    """Return the data with VAL_SHARE of the meals held out, or one meal if that share is empty or leaves too
    little.

    Raises:
        DataError: the project cannot be read, or has too few meals or classes to hold one out; the message
            says how many more finished photos are needed.
    """
    (whole,), (name,) = data.sources, source_names(data.sources)
    found = open_source(whole, name, data).read().regions
    regions = [region for region in found if region.share is None or region.share >= data.min_share]
    if _can_train(split_by_group(regions, (), VAL_SHARE, name)):
        return replace(data, sources=(replace(whole, val_share=VAL_SHARE),))
    meals = {region.group.removeprefix(f"{name}/") for region in regions}
    for meal in sorted(meals, key=lambda meal: hashlib.sha256(meal.encode()).digest()):
        if _can_train(split_by_group(regions, (meal,), 0, name)):
            return replace(data, sources=(replace(whole, held_out=(meal,)),))
    missing = max(1, LEAST_MEALS - len(meals))
    raise DataError(
        f"A training needs finished photos of at least {LEAST_MEALS} meals with at least {LEAST_CLASSES} "
        f"foods, one of them in two meals; this project's are of {_counted(len(meals), 'meal')} with "
        f"{_counted(len({region.label for region in regions}), 'food')}: finish at least "
        f"{_counted(missing, 'more photo')} of {'another meal' if missing == 1 else 'other meals'}."
    )


def _can_train(regions: Sequence[Region]) -> bool:
    """Return True if there are classes to tell apart, and a held-out region of one of them."""
    trained = {region.label for region in regions if region.split == "train"}
    return len(trained) >= LEAST_CLASSES and any(r.split == "val" and r.label in trained for r in regions)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def calibration_of(
    checkpoint: Checkpoint, regions: Sequence[Region], parts: Sequence[str] = ()
) -> Calibration | None:
    """Calibrate on held-out regions, all of classes that the checkpoint knows; see `training.calibrate`.

    If no threshold makes the answers right often enough, the checkpoint is never sure. None if the regions
    are of too few meals.
    """
    found, classes = checkpoint, checkpoint.classes
    scores = score(found.model, found.preprocessing, regions, classes, skip_broken=True)
    if len(set(scores.groups)) < LEAST_GROUPS:
        return None
    try:
        return calibrate(scores, ACCURACY, parts)[0]
    except DataError:
        return Calibration(fit_temperature(scores.logits, scores.true), 1.0, tuple(parts))


def compare(old: Checkpoint, new: Checkpoint, regions: Sequence[Region]) -> dict[str, Any]:
    """Return the macro F1 of both checkpoints over the classes of these regions, and the number of classes of
    each.

    A class that a checkpoint does not know is a miss; a class that only the old one knows is forgotten. The
    95 % interval of the difference comes from a bootstrap over meals.
    """
    true = [region.label for region in regions]
    seen = {name: _counts(regions, named(model, regions)) for name, model in (("old", old), ("new", new))}
    found = {name: float(macro_f1(counts.sum(axis=0))) for name, counts in seen.items()}
    apart = paired_interval(macro_f1, seen["new"], seen["old"])
    return {
        "regions": len(regions),
        "photos": len({region.photo for region in regions}),
        "classes": len(set(true)),
        "old_macro_f1": round(found["old"], 4),
        "new_macro_f1": round(found["new"], 4),
        "better": found["new"] > found["old"],
        "difference_interval": [round(end, 4) for end in apart],
        "old_classes": len(old.classes),
        "new_classes": len(new.classes),
        "forgotten": len(set(old.classes) - set(new.classes)),
        "learned": len(set(new.classes) - set(old.classes)),
    }


def named(checkpoint: Checkpoint, regions: Sequence[Region]) -> list[str]:
    """Return the checkpoint's answer for each region; "" if the region cannot be read."""
    as_known = [replace(region, label=checkpoint.classes[0]) for region in regions]
    scores = score(checkpoint.model, checkpoint.preprocessing, as_known, checkpoint.classes, skip_broken=True)
    said = dict(zip(scores.names, scores.logits.argmax(axis=1), strict=True))
    return [checkpoint.classes[said[region.name]] if region.name in said else "" for region in regions]


def _counts(regions: Sequence[Region], said: Sequence[str]) -> NDArray[np.int64]:
    """Return `counts_by_group` over the true classes, and one more class for all other answers."""
    classes = {name: i for i, name in enumerate(sorted({region.label for region in regions}))}
    true, predicted = (
        np.array([classes.get(name, len(classes)) for name in names], np.int64)
        for names in ([region.label for region in regions], said)
    )
    return counts_by_group(true, predicted, len(classes) + 1, [region.group for region in regions])


@command
def main(arguments: Sequence[str]) -> None:
    """Train, calibrate, compare, and write the comparison last."""
    parser = argparse.ArgumentParser(
        prog="python -m training.on_project", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data_dir", type=Path, help="the app's data folder")
    parser.add_argument("--project", help="name of the project; needed if there are several")
    parser.add_argument("--start", required=True, help="checkpoint to start from and to compare with")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run and the checkpoint")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the project's foods (default 10)")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto")
    parser.add_argument("--attended", action="store_true", help="exit when stdin closes")
    given = parser.parse_args(arguments)
    with Progress(given.out) as progress:
        progress.stage("data")
        if given.attended:
            exit_with_parent(progress.failed)
        start = checkpoint_folder(given.start)
        options = options_for(given.data_dir, given.project, start, given.out, given.epochs, given.device)
        command_line = " ".join(("python -m training.on_project", *arguments))
        train(options, command_line, open_accelerator(options), progress)
        progress.stage("compare")
        data = with_masks(read_data(options.data), options.data, ("val",))
        made = load_checkpoint(options.export)
        calibration = calibration_of(made, data.val, data.parts(("val",)))
        set_calibration(options.export, calibration)
        compared = compare(load_checkpoint(start), made, data.val) | {"calibrated": calibration is not None}
        files.write(given.out / COMPARISON_NAME, json.dumps(compared, indent=2), durable=False)
    print(json.dumps(compared))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
