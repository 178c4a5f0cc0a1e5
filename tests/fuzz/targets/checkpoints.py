"""Checkpoint folders: config.json and model.safetensors."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from rvernet_app.model.baseline import SinglePicture, SinglePictureConfig
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import CONFIG_NAME, WEIGHTS_NAME, load_checkpoint, save_checkpoint
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from tests.fuzz import mutate
from tests.fuzz.target import FolderTarget

CLASSES = ("rice", "süß", "chili paste")
NAMES = (
    "test_vit",
    "test_resnet",
    "test_convnext",
    "mobilenetv2_035",
    "deit_tiny_patch16_224",
    "vit_giant_patch14_224",
)
KEYS = (
    *("depth", "embed_dim", "num_heads", "img_size", "in_chans", "patch_size", "stem_width", "mlp_ratio"),
    *(
        "width_mult",
        "channel_multiplier",
        "depth_multiplier",
        "layers",
        "channels",
        "output_stride",
        "act_layer",
    ),
    *("features_only", "global_pool", "drop_rate", "pretrained", "dims", "depths", "num_stages", "groups"),
)


class Checkpoints(FolderTarget):
    """Loads a folder."""

    name, weight, short = "checkpoints", 8, 50
    megabytes = 400

    def seeds(self) -> Sequence[bytes]:
        """Return a RveRNet and a single-picture baseline with tiny backbones."""
        return _seeds()

    def mended(self, rng: random.Random, folder: dict[str, bytes]) -> dict[str, bytes]:
        """Return the folder with more arguments for timm now and then, and mostly with the right digest."""
        try:
            config = json.loads(folder[CONFIG_NAME])
            if rng.random() < 0.3:
                module = config["model"][rng.choice(("roi_module", "extra_roi_module", "module"))]
                module["kwargs"][rng.choice(KEYS)] = mutate.leaf(rng)
            if rng.random() < 0.1:
                config["model"]["roi_module"]["name"] = rng.choice(NAMES)
            if rng.random() < 0.9:
                config["weights_sha256"] = hashlib.sha256(folder[WEIGHTS_NAME]).hexdigest()
            return {**folder, CONFIG_NAME: mutate.written_json(config)}
        except (ValueError, TypeError, LookupError, RecursionError):
            return folder

    def run(self, data: bytes) -> str:
        """Write the folder, and load it."""
        place = self.folder / "checkpoint"
        try:
            mutate.lay_out(mutate.unpacked(data), place)
            return f"{len(load_checkpoint(place).classes)} classes"
        finally:
            shutil.rmtree(place, ignore_errors=True)


@cache
def _seeds() -> tuple[bytes, ...]:
    torch.manual_seed(0)
    vit = ModuleSpec("test_vit", {"img_size": 32, "depth": 1, "embed_dim": 16, "num_heads": 2})
    net = ModuleSpec("test_resnet", {"channels": [4, 4, 4, 4], "stem_width": 4})
    rvernet = RveRNetConfig(net, vit, 3, fusion="features", hidden=4, input_size=32)
    single = SinglePictureConfig("roi", vit, 3, fusion="features", hidden=4, input_size=32)
    return _saved(RveRNet(rvernet)), _saved(SinglePicture(single))


def _saved(model: RveRNet | SinglePicture) -> bytes:
    with TemporaryDirectory() as place:
        folder = Path(place)
        how = Calibration(1.3, 0.6, ("one",))
        save_checkpoint(
            folder, model, CLASSES, training={"epochs": 2}, metrics={"macro_f1": 0.5}, calibration=how
        )
        return mutate.packed({name: (folder / name).read_bytes() for name in (CONFIG_NAME, WEIGHTS_NAME)})
