"""Open the segmenter that AppConfig names, from local files only."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import torch

from rvernet_app.config import ASSETS_DIR, AppConfig
from rvernet_app.errors import ConfigError, WeightsError
from rvernet_app.model.device import torch_device
from rvernet_app.segment import weights
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.segment.mobile_sam import build_mobile_sam, from_published
from rvernet_app.segment.prompted import PromptedSegmenter
from rvernet_app.segment.sam import SamSegmenter, build_vit, load_sam
from rvernet_app.segment.small_sam import LEAST_BELIEF, build_small_sam

log = logging.getLogger(__name__)

SMALL_SAM = "small_sam"
GRABCUT = GrabCutSegmenter.name
BUNDLED = (SMALL_SAM, GRABCUT)
"""Segmenters that work without further files, best first."""

SMALL_SAM_PATH = ASSETS_DIR / "weights" / "small-sam" / "small_sam.safetensors"


def available_segmenters(config: AppConfig) -> list[str]:
    """Return the names of the segmenters that can be opened now, best first."""
    return [*(name for name in weights.KNOWN if weights.find(name, config) is not None), *BUNDLED]


def open_segmenter(config: AppConfig) -> PromptedSegmenter:
    """Open the segmenter `config.segmenter`; "auto" is the first of `available_segmenters` that opens.

    Uses no network. What "auto" cannot open goes to the log.

    Raises:
        ConfigError: the name is unknown, or the device does not exist.
        WeightsError: the weights of a segmenter asked for by name are missing or damaged; the message says
            how to get them.
    """
    if config.segmenter != "auto":
        return _open(config.segmenter, config)
    for name in available_segmenters(config):
        try:
            return _open(name, config)
        except WeightsError as error:
            log.error("%s is left out: %s", name, error)
    raise AssertionError("GrabCut needs no weights")


def _open(name: str, config: AppConfig) -> PromptedSegmenter:
    if name == GRABCUT:
        return GrabCutSegmenter()
    if name != SMALL_SAM and name not in weights.KNOWN:
        known = ", ".join([*weights.KNOWN, SMALL_SAM])
        raise ConfigError(f"segmenter is auto, {known} or {GRABCUT}; got {name!r}.")
    path = SMALL_SAM_PATH if name == SMALL_SAM else weights.require(name, config)
    return load_segmenter(name, path, torch_device(config.device))


def load_segmenter(name: str, path: Path, device: torch.device) -> SamSegmenter:
    """Load a model of the SAM family from a file.

    Args:
        name: the model: small_sam, mobile_sam, vit_b, vit_l or vit_h.
        path: the file with its weights.
        device: torch device of the model.

    Raises:
        WeightsError: the file is missing, damaged or belongs to another model.
    """
    if name == SMALL_SAM:
        return load_sam(name, path, build_small_sam, device, least_belief=LEAST_BELIEF)
    if name == "mobile_sam":
        return load_sam(name, path, build_mobile_sam, device, from_published)
    return load_sam(name, path, partial(build_vit, name), device)
