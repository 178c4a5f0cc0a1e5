"""From AppConfig to a segmenter. Looks at local files only."""

from __future__ import annotations

from functools import partial

from rvernet_app.config import AppConfig
from rvernet_app.device import torch_device
from rvernet_app.errors import ConfigError
from rvernet_app.segment import weights
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.segment.mobile_sam import build_mobile_sam, from_published
from rvernet_app.segment.sam import build_vit, load_sam

BUNDLED = GrabCutSegmenter.name
"""What works with nothing but this package."""


def available_segmenters(config: AppConfig) -> list[str]:
    """Names of the segmenters that can be opened now, best first."""
    return [*(name for name in weights.KNOWN if weights.find(name, config) is not None), BUNDLED]


def open_segmenter(config: AppConfig) -> Segmenter:
    """The segmenter `config.segmenter` names; "auto" is the first of `available_segmenters`. No network.

    Raises:
        ConfigError: there is no segmenter of this name.
        WeightsError: its weights are not on this machine, or damaged; the message says how to get them.
    """
    name = available_segmenters(config)[0] if config.segmenter == "auto" else config.segmenter
    if name == BUNDLED:
        return GrabCutSegmenter()
    if name not in weights.KNOWN:
        raise ConfigError(f"segmenter is auto, {', '.join(weights.KNOWN)} or {BUNDLED}; got {name!r}.")
    path = weights.require(name, config)
    device = torch_device(config.device)
    if name == "mobile_sam":
        return load_sam(name, path, build_mobile_sam, device, from_published)
    return load_sam(name, path, partial(build_vit, name), device)
