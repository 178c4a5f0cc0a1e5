"""Calibrate the probabilities of a checkpoint: `python -m training.calibrate CHECKPOINT [--data DIR]`.

Temperature scaling (Guo et al. 2017, arXiv 1706.04599), and a threshold on the top probability below which
the app says "not sure". Both are written into the checkpoint; its weights do not change. The printed figures
are cross-fitted: each half of the groups is measured with the calibration of the other half.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rvernet_app.errors import CheckpointError
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import set_calibration
from rvernet_app.model.device import torch_device
from training.data.regions import DataError
from training.evidence.inputs import add_arguments, open_labelled
from training.evidence.measure import Scores, probabilities
from training.evidence.statistics import abstain_threshold, expected_calibration_error, fit_temperature
from training.shared.command import command
from training.shared.configuration import require

LEAST_GROUPS = 4


def calibrate(
    scores: Scores, accuracy: float, parts: Sequence[str] = ()
) -> tuple[Calibration, dict[str, Any]]:
    """Fit temperature and threshold on all scores, and measure both by cross-fitting.

    Args:
        accuracy: wanted share of right answers where the app is sure, 0 to 1.
        parts: ids of the scored data, see `Regions.parts`.

    Returns:
        The calibration; and the expected calibration error before and after, the share of regions answered,
        and the share of right answers among all and among those answered, each measured on the half not
        fitted on.

    Raises:
        ConfigError: the accuracy is out of range.
        DataError: there are too few groups to hold a half out, or no threshold reaches the accuracy.
    """
    require(0 <= accuracy <= 1, f"accuracy must be in 0..1, got {accuracy:g}")
    names = sorted(set(scores.groups))
    if len(names) < LEAST_GROUPS:
        raise DataError(
            f"Calibration needs regions of at least {LEAST_GROUPS} groups; these have {len(names)}."
        )
    temperature = fit_temperature(scores.logits, scores.true)
    threshold = abstain_threshold(probabilities(scores.logits, temperature), scores.true, accuracy)
    if threshold > 1:
        raise DataError(f"No threshold makes {accuracy:g} of the answers right; choose a lower accuracy.")
    order = np.random.default_rng(0).permutation(len(names))
    first = np.isin(scores.groups, [names[i] for i in order[: len(names) // 2]])
    shown = np.zeros_like(scores.logits)
    answered = np.zeros(len(scores), np.bool_)
    for half in (first, ~first):
        fitted = fit_temperature(scores.logits[~half], scores.true[~half])
        shown[half] = probabilities(scores.logits[half], fitted)
        bound = abstain_threshold(probabilities(scores.logits[~half], fitted), scores.true[~half], accuracy)
        answered[half] = shown[half].max(axis=1) >= bound
    right = shown.argmax(axis=1) == scores.true
    return Calibration(temperature, threshold, tuple(parts)), {
        "regions": len(scores),
        "calibration_error_before": expected_calibration_error(scores.true, probabilities(scores.logits)),
        "calibration_error_after": expected_calibration_error(scores.true, shown),
        "answered": float(answered.mean()),
        "right": float(right.mean()),
        "right_where_answered": float(right[answered].mean()) if answered.any() else None,
    }


@command
def main(arguments: Sequence[str]) -> None:
    """Run the command; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m training.calibrate",
        description="Make a checkpoint's probabilities mean what they say.",
    )
    add_arguments(parser)
    parser.add_argument(
        "--accuracy",
        type=float,
        default=0.95,
        help="wanted share of right answers where the app is sure (default 0.95)",
    )
    parser.add_argument("--device", default="auto", help="torch device")
    parser.add_argument("--dry_run", action="store_true", help="do not write into the checkpoint")
    chosen = parser.parse_args(arguments)
    folder = Path(chosen.checkpoint).expanduser()
    if not chosen.dry_run and not folder.is_dir():
        raise CheckpointError(
            f"There is no checkpoint folder {chosen.checkpoint} to write into; a checkpoint on the Hugging "
            "Face Hub can only be calibrated with --dry_run."
        )
    device = torch_device(chosen.device)
    labelled = open_labelled(chosen)
    checkpoint = labelled.checkpoint
    checkpoint.model.to(device)
    scores = labelled.score()
    calibration, worth = calibrate(scores, chosen.accuracy, labelled.parts)
    if not chosen.dry_run:
        set_calibration(folder, calibration)
    found = {"temperature": calibration.temperature, "threshold": calibration.threshold, **worth}
    print(
        json.dumps({name: round(v, 4) if isinstance(v, float) else v for name, v in found.items()}, indent=2)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
