"""A model in training, and the loss against a teacher (knowledge distillation)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from rvernet_app.errors import ConfigError
from rvernet_app.model.baseline import Model
from rvernet_app.model.rvernet import RveRNet, output_width


class Outputs(NamedTuple):
    """Outputs of a model in training, all logits (B, K).

    Attributes:
        logits: for the labels: the output of the model, or with tokens that of its class tokens.
        of_tokens: output of the distillation tokens, for the teacher; None if not requested.
        of_modules: output of each module by itself; empty if not requested.
        of_others: for each class, whether the extra-ROI picture shows it; None if not requested.
    """

    logits: Tensor
    of_tokens: Tensor | None = None
    of_modules: tuple[Tensor, ...] = ()
    of_others: Tensor | None = None


class Student(nn.Module):
    """A model in training: its logits, and further outputs for the losses.

    Args:
        model: the model to train; its backbones are not wrapped or copied.
        tokens: separate the outputs of class and distillation tokens (DeiT, arXiv 2012.12877).
        modules: also predict the class from each module by itself, through a linear head outside the model.
        others: also predict the foods that the extra-ROI module sees, through a linear head outside the
            model.

    Raises:
        ConfigError: `tokens` with a backbone that has no distillation token.
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
        """Return the outputs for pictures, each (B, 3, S, S).

        With tokens, each kind of token passes through the same integration module by itself, and the heads of
        the modules read the class tokens. In use, timm averages the outputs of both tokens of a backbone.
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
        result: Tensor = self.model.integration_module(*outputs)
        return result


def mean_over(losses: Tensor, rows: Tensor) -> Tensor:
    """Return the mean of losses (B,) over the rows that count, bool (B,); 0 if none does."""
    return (losses * rows).sum() / rows.sum().clamp(min=1)


def teacher_loss(logits: Tensor, teacher: Tensor, target: str, temperature: float) -> Tensor:
    """Return the loss of logits (B, K) against a teacher's, (B, K).

    Args:
        target: "hard" is the cross-entropy with the teacher's decision; "soft" is the Kullback-Leibler
            divergence of both probabilities at this temperature, times its square, so that gradients do not
            shrink with it (Hinton et al., arXiv 1503.02531).
    """
    if target == "hard":
        return F.cross_entropy(logits, teacher.argmax(dim=1))
    student, teacher = (F.log_softmax(x / temperature, dim=1) for x in (logits, teacher))
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2
