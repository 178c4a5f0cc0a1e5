"""A model in training, and what it learns from a teacher: knowledge distillation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from rvernet_app.errors import ConfigError
from rvernet_app.model.baseline import Model
from rvernet_app.model.rvernet import RveRNet, output_width


class Outputs(NamedTuple):
    """What a model says in training, all logits (B, K).

    Attributes:
        logits: for the labels: what it gives in use, or where tokens are asked for, what its class tokens
            give.
        of_tokens: those of its distillation tokens, for the teacher; None unless asked for.
        of_modules: those of each module by itself, none unless asked for.
        of_others: for each class, whether the extra-ROI picture shows it; None unless asked for.
    """

    logits: Tensor
    of_tokens: Tensor | None = None
    of_modules: tuple[Tensor, ...] = ()
    of_others: Tensor | None = None


class Student(nn.Module):
    """A model in training: its logits, and what else is asked of it meanwhile.

    Args:
        model: the model trained; its backbones are not wrapped or copied.
        tokens: tell what class and distillation tokens give apart (DeiT, arXiv 2012.12877).
        modules: let every module name the class by itself too, through a linear head that is not part of the
            model.
        others: let the extra-ROI module name the foods it sees, likewise.

    Raises:
        ConfigError: tokens are asked of a backbone that has none.
    """

    def __init__(
        self, model: Model, tokens: bool = False, modules: bool = False, others: bool = False
    ) -> None:
        super().__init__()
        self.model = model
        self.tokens = tokens
        classes, backbones = model.config.num_classes, model.backbones
        self.heads = nn.ModuleDict()
        for picture, backbone in backbones.items() if modules else ():
            self.heads[picture] = nn.Linear(output_width(backbone), classes)
        if others:
            self.heads["others"] = nn.Linear(output_width(backbones["extra_roi"]), classes)
        for picture, backbone in backbones.items() if tokens else ():
            if not hasattr(backbone, "set_distilled_training"):
                raise ConfigError(
                    f"The backbone for {picture} has no distillation token; take a distilled one, such as "
                    "deit_tiny_distilled_patch16_224, or distil on logits."
                )
            backbone.set_distilled_training(True)  # in training it gives both tokens' outputs

    def forward(self, *pictures: Tensor) -> Outputs:
        """What the model says of pictures, each (B, 3, S, S).

        Where tokens are told apart, each kind goes through the same integration module by itself, and what
        the modules say by themselves is of their class tokens. In use timm takes the mean of what both tokens
        of a backbone give.
        """
        given = [
            b(x) for b, x in zip(self.model.backbones.values(), pictures, strict=True)
        ]  # (B, D) or a pair of it
        for_labels, for_teacher = zip(*given, strict=True) if self.tokens else (given, None)
        seen = dict(zip(self.model.backbones, for_labels, strict=True))
        return Outputs(
            logits=self._integrate(for_labels),
            of_tokens=self._integrate(for_teacher) if for_teacher else None,
            of_modules=tuple(self.heads[picture](x) for picture, x in seen.items() if picture in self.heads),
            of_others=self.heads["others"](seen["extra_roi"]) if "others" in self.heads else None,
        )

    def _integrate(self, outputs: Sequence[Tensor]) -> Tensor:
        if isinstance(self.model, RveRNet):
            return self.model.integrate(*outputs)
        return self.model.integration_module(*outputs)


def mean_over(losses: Tensor, rows: Tensor) -> Tensor:
    """The mean of losses (B,) over the rows that count, bool (B,); 0 where none does."""
    return (losses * rows).sum() / rows.sum().clamp(min=1)


def teacher_loss(logits: Tensor, teacher: Tensor, target: str, temperature: float) -> Tensor:
    """How far logits (B, K) are from a teacher's, (B, K).

    Args:
        target: "hard" is the cross-entropy with the teacher's decision; "soft" the Kullback-Leibler
            divergence of both probabilities at this temperature, times its square, so that gradients do not
            shrink with it (Hinton et al., arXiv 1503.02531).
    """
    if target == "hard":
        return F.cross_entropy(logits, teacher.argmax(dim=1))
    student, teacher = (F.log_softmax(x / temperature, dim=1) for x in (logits, teacher))
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2
