"""Train once without a stop and once with a stop and a resume, in two processes.

Only the main process has the state to resume from. The arguments are those of `training.train`; the runs go
to the folders `whole` and `stopped` beside the run folder.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from rvernet_app.model.preprocessing import Preprocessing
from training.data.sources import read_data, with_masks
from training.loop.engine import Trainer
from training.loop.models import build_model
from training.loop.options import TrainOptions
from training.shared.configuration import read_options
from training.train import open_accelerator

STOP_AFTER = 3


def trainer(options: TrainOptions, run_folder: Path) -> Trainer:
    accelerator = open_accelerator(options)
    if not accelerator.is_main_process:
        run_folder = run_folder.with_name(f"{run_folder.name} elsewhere")
        run_folder.mkdir(exist_ok=True)
    with accelerator.main_process_first():
        data = with_masks(read_data(options.data), options.data)
    torch.manual_seed(options.seed)
    model = build_model(options.model, len(data.classes))
    preprocessing = Preprocessing.of(model.config, options.model.padding)
    return Trainer(model, preprocessing, data, replace(options, run_folder=run_folder), accelerator)


def main() -> None:
    options = read_options(sys.argv[1:], TrainOptions)
    folder = options.run_folder.parent
    for name in ("whole", "stopped"):
        (folder / name).mkdir(exist_ok=True)
    whole = trainer(options, folder / "whole")
    whole.run()
    trainer(options, folder / "stopped").run(stop_after=STOP_AFTER)
    rest = trainer(options, folder / "stopped")
    assert rest.resume()
    assert rest.step == STOP_AFTER
    rest.run()


if __name__ == "__main__":
    main()
