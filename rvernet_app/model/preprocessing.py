"""Cut-outs -> what the modules of a model read; the same for serving and training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from rvernet_app.model.rvernet import ModelConfig, ModuleSpec
from rvernet_app.picture.cutouts import Letterbox
from rvernet_app.types import Cutouts, Photo


@dataclass(frozen=True)
class Preprocessing:
    """Letterbox the pictures a model sees, then normalise each by its own module's mean and std.

    Attributes:
        letterbox: fits a picture into the modules' square.
        modules: whose mean and std are used, by the picture's name in `Cutouts`, in the model's order.
    """

    letterbox: Letterbox
    modules: Mapping[str, ModuleSpec]

    @classmethod
    def of(cls, config: ModelConfig, padding: int) -> Preprocessing:
        """What a model of this config reads, with grey `padding` (0 to 255) around the pictures."""
        return cls(Letterbox(config.input_size, padding), config.modules)

    def __call__(self, cutouts: Sequence[Cutouts]) -> tuple[Tensor, ...]:
        """B cut-outs of any sizes -> one float32 (B, 3, S, S) for each picture the model sees.

        Of cut-outs that share a picture (`cutouts.without_context()` shares its ROI), it is letterboxed once.
        """
        pictures: dict[str, list[Photo]] = {
            name: [getattr(each, name) for each in cutouts] for name in self.modules
        }
        squares: dict[int, Photo] = {}
        for picture in chain.from_iterable(pictures.values()):
            if id(picture) not in squares:
                squares[id(picture)] = self.letterbox.apply(picture)
        return tuple(
            normalise(np.stack([squares[id(picture)] for picture in pictures[name]]), module)
            for name, module in self.modules.items()
        )


def normalise(squares: Photo, module: ModuleSpec) -> Tensor:
    """uint8 (B, S, S, 3) -> float32 (B, 3, S, S), `(value / 255 - mean) / std` per channel."""
    mean = np.asarray(module.mean, np.float32)
    std = np.asarray(module.std, np.float32)
    values = (squares.astype(np.float32) * (1 / (255 * std)) - mean / std).astype(np.float32)  # (B, S, S, 3)
    return torch.from_numpy(values).permute(0, 3, 1, 2)  # (B, 3, S, S)
