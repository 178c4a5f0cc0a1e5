"""Measure a checkpoint: `python -m training.evaluate CHECKPOINT --data DIR [--prompt click] [--json]`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rvernet_app.checkpoint import load_checkpoint
from rvernet_app.config import AppConfig
from rvernet_app.errors import RvernetError
from rvernet_app.memory import keep_memory
from rvernet_app.segment.registry import open_segmenter
from training.data import PROMPTS, SPLITS, DataError, read_regions, region_masks
from training.measure import describe, score_regions
from training.report import figures_table


def evaluate(
    checkpoint: Path, data: Path, split: str, segmenter: str, mask_cache: Path, prompt: str = "box"
) -> dict[str, Any]:
    """Figures of a checkpoint on one split of a data set, as `training.measure.describe` gives them.

    Categories are renamed as they were for training. See `training.data.region_masks` for `prompt`.

    Raises:
        DataError: the data set cannot be read, or has a class the checkpoint does not know.
        RvernetError: the checkpoint or the segmenter cannot be opened.
    """
    loaded = load_checkpoint(checkpoint)
    found = read_regions(data, loaded.training.get("options", {}).get("rename", {}))
    if unknown := sorted(set(found.classes) - set(loaded.classes)):
        raise DataError(f"{checkpoint} does not know the classes {', '.join(unknown)} of {data}.")
    place = [loaded.classes.index(name) for name in found.classes]
    regions = [
        dataclasses.replace(r, class_index=place[r.class_index])
        for r in (found.train if split == "train" else found.val)
    ]
    opened = open_segmenter(AppConfig(segmenter=segmenter))
    rles = region_masks(regions, found.fingerprint, opened, mask_cache, prompt)
    scores = score_regions(loaded.model, loaded.preprocessing, regions, rles)
    return {
        "checkpoint": loaded.name,
        "fingerprint": loaded.fingerprint,
        "data": data.name,
        "split": split,
        "segmenter": opened.fingerprint,
        "prompt": prompt,
        **describe(scores, loaded.classes, regions),
    }


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0, or 2 with one line on stderr where the checkpoint or the data are at fault."""
    keep_memory()
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description="Measure a checkpoint.")
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder")
    parser.add_argument("--data", type=Path, required=True, help="folder of annotations.json and images/")
    parser.add_argument("--split", choices=SPLITS, default="val")
    parser.add_argument("--segmenter", default="auto", help="makes masks of boxes")
    parser.add_argument(
        "--prompt", choices=PROMPTS, default="box", help="what the segmenter is prompted with"
    )
    parser.add_argument("--mask_cache", type=Path, default=Path("cache/masks"), help="where masks are kept")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    try:
        metrics = evaluate(
            chosen.checkpoint,
            chosen.data,
            chosen.split,
            chosen.segmenter,
            chosen.mask_cache,
            chosen.prompt,
        )
    except RvernetError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(metrics, indent=2) if chosen.json else "\n".join(figures_table(metrics)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
