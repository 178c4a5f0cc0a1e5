"""Train on a project of the app's store, from the checkpoint the app uses, and say whether the new one is better there:
`python -m training.on_project DATA_DIR --project NAME --start CHECKPOINT --out FOLDER`.

FOLDER gets the run, the checkpoint, and `comparison.json` with the macro F1 of both on the project's validation photos.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rvernet_app.checkpoint import Checkpoint, load_checkpoint
from rvernet_app.errors import ConfigError
from rvernet_app.hub import checkpoint_folder
from rvernet_app.rvernet import RveRNet
from training.augment import Augmentation
from training.command import command
from training.data.regions import Region
from training.data.sources import read_data, with_masks
from training.files import write_whole
from training.measure import score
from training.options import DataOptions, ModelOptions, OptimizationOptions, Source, TrainOptions
from training.train import train

COMPARISON_NAME = "comparison.json"
VAL_SHARE = 0.2
"""Of the project's meals."""


def options_for(
    data_dir: Path, project: str | None, start: Path, out: Path, epochs: int, device: str
) -> TrainOptions:
    """A fine-tuning of a checkpoint on a project.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        ConfigError: it is a single-picture baseline.
    """
    model = load_checkpoint(start).model
    if not isinstance(model, RveRNet):
        raise ConfigError(f"{start} sees one picture; a project trains RveRNet.")
    config = model.config
    return TrainOptions(
        data=DataOptions(
            sources=(Source(path=data_dir, format="project", project=project, val_share=VAL_SHARE),),
            broken="skip",
            balance=0.5,
        ),
        model=ModelOptions(
            roi_module=config.roi_module,
            extra_roi_module=config.extra_roi_module,
            fusion=config.fusion,
            hidden=config.hidden,
            input_size=config.input_size,
            start={"roi": start, "extra_roi": start},
        ),
        optimization=OptimizationOptions(
            epochs=epochs, batch_size=16, learning_rate=1e-3, backbone_learning_rate=1e-4, keep="best"
        ),
        augmentation=Augmentation(min_crop=0.6, brightness=0.2, context_dropout=0.15),
        run_folder=out / "run",
        export=out / "checkpoint",
        device=device,
    )


def compare(old: Checkpoint, new: Checkpoint, regions: Sequence[Region]) -> dict[str, Any]:
    """Macro F1 of both checkpoints over the classes of these regions; a class one does not know is a miss."""
    true = [region.label for region in regions]
    found = {name: macro_f1(true, named(model, regions)) for name, model in (("old", old), ("new", new))}
    return {
        "regions": len(regions),
        "photos": len({region.photo for region in regions}),
        "classes": len(set(true)),
        "old_macro_f1": round(found["old"], 4),
        "new_macro_f1": round(found["new"], 4),
        "better": found["new"] > found["old"],
    }


def named(checkpoint: Checkpoint, regions: Sequence[Region]) -> list[str]:
    """What a checkpoint calls each region."""
    as_known = [replace(region, label=checkpoint.classes[0]) for region in regions]
    scores = score(checkpoint.model, checkpoint.preprocessing, as_known, checkpoint.classes, skip_broken=True)
    said = dict(zip(scores.names, scores.logits.argmax(axis=1), strict=True))
    return [checkpoint.classes[said[region.name]] if region.name in said else "" for region in regions]


def macro_f1(true: Sequence[str], said: Sequence[str]) -> float:
    """Mean F1 over the classes there truly are."""
    values = []
    for name in set(true):
        hits = sum(t == s == name for t, s in zip(true, said, strict=True))
        values.append(2 * hits / (true.count(name) + list(said).count(name)))
    return sum(values) / len(values)


@command
def main(arguments: Sequence[str]) -> None:
    """Train, compare, and write the comparison last."""
    parser = argparse.ArgumentParser(
        prog="python -m training.on_project", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data_dir", type=Path, help="the app's data folder")
    parser.add_argument("--project", help="name of the project; needed where there are several")
    parser.add_argument("--start", required=True, help="checkpoint to start from and to compare with")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run and the checkpoint")
    parser.add_argument("--epochs", type=int, default=10, help="over the project's foods (default 10)")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto")
    given = parser.parse_args(arguments)
    start = checkpoint_folder(given.start)
    options = options_for(given.data_dir, given.project, start, given.out, given.epochs, given.device)
    train(options, " ".join(("python -m training.on_project", *arguments)))
    val = with_masks(read_data(options.data), options.data, ("val",)).val
    compared = compare(load_checkpoint(start), load_checkpoint(options.export), val)
    write_whole(given.out / COMPARISON_NAME, json.dumps(compared, indent=2))
    print(json.dumps(compared))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
