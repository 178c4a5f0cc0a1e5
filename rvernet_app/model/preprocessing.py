"""Convert cut-outs to the inputs of a model; serving and training share this code."""

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
    """Letterboxes the pictures that a model sees and normalises each by the mean and std of its module.

    Attributes:
        letterbox: fits a picture into the modules' square.
        modules: the module of each picture, by the picture's name in `Cutouts`, in the model's order.
    """

    letterbox: Letterbox
    modules: Mapping[str, ModuleSpec]

    @classmethod
    def of(cls, config: ModelConfig, padding: int) -> Preprocessing:
        """Return the preprocessing of a model, with grey `padding` (0 to 255) around the pictures."""
        return cls(Letterbox(config.input_size, padding), config.modules)

    def __call__(self, cutouts: Sequence[Cutouts]) -> tuple[Tensor, ...]:
        """Convert B cut-outs of any sizes to one float32 (B, 3, S, S) per picture that the model sees.

        Those that the model sees are letterboxed as by `squares`.
        """
        squares = self.squares(cutouts)
        return tuple(normalise(np.stack(squares[name]), module) for name, module in self.modules.items())

    def squares(self, cutouts: Sequence[Cutouts]) -> dict[str, list[Photo]]:
        """Letterbox B cut-outs of any sizes: B squares, uint8 (S, S, 3), per picture that the model sees.

        A picture shared by several cut-outs is letterboxed once.
        """
        pictures: dict[str, list[Photo]] = {
            name: [getattr(each, name) for each in cutouts] for name in self.modules
        }
        made: dict[int, Photo] = {}
        for picture in chain.from_iterable(pictures.values()):
            if id(picture) not in made:
                made[id(picture)] = self.letterbox.apply(picture)
        return {name: [made[id(picture)] for picture in pictures[name]] for name in pictures}


def normalise(squares: Photo, module: ModuleSpec) -> Tensor:
    """Compute `(value / 255 - mean) / std` per channel: uint8 (B, S, S, 3) -> float32 (B, 3, S, S)."""
    mean = np.asarray(module.mean, np.float32)
    std = np.asarray(module.std, np.float32)
    values = (squares.astype(np.float32) * (1 / (255 * std)) - mean / std).astype(np.float32)  # (B, S, S, 3)
    return torch.from_numpy(values).permute(0, 3, 1, 2)  # (B, 3, S, S)
