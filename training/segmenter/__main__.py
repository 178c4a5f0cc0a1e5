"""Train the small SAM: `python -m training.segmenter --config training/configs/small_sam.yaml [--key value
…]`.

Give the same command again to continue a stopped run from its last saved state.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from segment_anything.modeling import Sam

from rvernet_app import files
from rvernet_app.model.device import torch_device
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.segment.sam import SamSegmenter
from training.segmenter.data import read_scenes
from training.segmenter.engine import SegmenterTrainer
from training.segmenter.measure import answers, summary
from training.segmenter.options import SegmenterOptions
from training.segmenter.sheets import draw_curves, draw_sheet
from training.shared.command import command
from training.shared.configuration import read_options

VALIDATION_CLICKS = 3
VALIDATION_PHOTOS = 16
"""Photos of each source in a validation during the run."""


def export(sam: Sam, path: Path) -> None:
    """Write the weights as float16 safetensors."""
    weights = {name: value.half().contiguous() for name, value in sam.state_dict().items()}
    with files.replacing(path, durable=False) as unfinished:
        unfinished.write_bytes(save(weights))


def train(options: SegmenterOptions) -> None:
    """Run the training from its last state to its end."""
    masker = GrabCutSegmenter()
    splits = [read_scenes(source, masker, options.mask_cache) for source in options.sources]
    trainer = SegmenterTrainer([split["train"] for split in splits], options, torch_device(options.device))
    trainer.resume()
    for step in trainer.run():
        record: dict[str, Any] = {"step": step}
        segmenter = SamSegmenter("training", str(step), deepcopy(trainer.sam))
        for source, split in zip(options.sources, splits, strict=True):
            if scenes := split["val"][:VALIDATION_PHOTOS]:
                record[source.data.name] = summary(answers(segmenter, scenes, VALIDATION_CLICKS))
        with (options.run_folder / "validation.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        draw_curves(options.run_folder, trainer.history)
        draw_sheet(
            segmenter, [s for split in splits for s in split["val"][:6]], options.run_folder / "sheet.jpg"
        )
        export(trainer.sam, options.export)


@command
def main(arguments: Sequence[str]) -> None:
    """Train as the options say."""
    torch.backends.cudnn.benchmark = False
    train(read_options(arguments, SegmenterOptions))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
