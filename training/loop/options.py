"""What a training run of RveRNet, or of a model it is compared with, is made of: a tree of documented options."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rvernet_app.model.rvernet import FUSIONS, ModuleSpec
from training.data.augment import Augmentation
from training.data.options import DataOptions
from training.loop.mixup import Mix
from training.shared.configuration import FREE, require, require_one_of, require_within

KINDS = ("rvernet", "photo", "roi", "extra_roi")
PRECISIONS = ("no", "bf16", "fp16")
TRACKERS = ("tensorboard", "trackio", "wandb")
BATCH_NORM = ("fixed", "measured")


@dataclass(frozen=True)
class Freeze:
    """Parameters of the backbones that stay as they are for a while.

    Attributes:
        prefixes: of their names inside each backbone.
        until: share of the run after which they are trained as well; 1 is never.
    """

    prefixes: tuple[str, ...]
    until: float = 1.0

    def __post_init__(self) -> None:
        require(bool(self.prefixes), "prefixes must name at least one parameter")
        require_within(self, "until", 0, 1)


@dataclass(frozen=True)
class ModelOptions:
    """The model and what it starts from.

    Attributes:
        kind: "rvernet", or the one picture that a model for comparison sees: "photo", "roi" or "extra_roi".
        roi_module: backbone, in YAML its name in timm or `{name, kwargs, mean, std}`; also that of a single picture.
            The paper's are mobilenetv2_100, vit_base_patch16_224, deit_base_patch16_224,
            deit_base_distilled_patch16_224 and mixer_b16_224.
        extra_roi_module: backbone; None takes the same as `roi_module`.
        fusion, hidden, input_size: see `RveRNetConfig`.
        padding: grey level around letterboxed pictures, 0 to 255.
        weights: "scratch", "pretrained" (timm's, fetched or from the local cache), or a safetensors file with timm's
            names; for every backbone.
        start: checkpoint folders that backbones start from instead, by picture ("roi", "extra_roi", "photo"): each
            takes the backbone for the same picture, or the only one there is.
        freeze: parameters of the backbones that are not trained.
        batch_norm: "fixed" keeps the statistics of the weights; "measured" first measures them on the training
            pictures, which changes nothing in what the backbone computes, and then trains with those of each batch.
            Weights with folded batch norm have no statistics of their own.
    """

    roi_module: ModuleSpec
    kind: str = "rvernet"
    extra_roi_module: ModuleSpec | None = None
    fusion: str = "features"
    hidden: int = 640
    input_size: int = 224
    padding: int = 125
    weights: str = "pretrained"
    start: dict[str, Path] = field(default_factory=dict)
    freeze: tuple[Freeze, ...] = ()
    batch_norm: str = "fixed"

    def __post_init__(self) -> None:
        require_one_of(self, "kind", KINDS)
        require_one_of(self, "fusion", FUSIONS)
        require_one_of(self, "batch_norm", BATCH_NORM)
        require_within(self, "padding", 0, 255)
        require(
            self.kind == "rvernet" or self.extra_roi_module is None,
            f"extra_roi_module is of a pair, but kind is {self.kind}",
        )
        if unknown := set(self.start) - set(self.pictures):
            require(
                False,
                f"start names {', '.join(sorted(unknown))}, but the model sees {', '.join(self.pictures)}",
            )
        if self.weights == "scratch" and set(self.start) != set(self.pictures):
            require(not self.freeze, "frozen parameters of a backbone from scratch would stay random")
            require(
                self.batch_norm != "fixed", "batch norm from scratch has no statistics to keep; use measured"
            )

    @property
    def pictures(self) -> tuple[str, ...]:
        """What the model sees."""
        return ("roi", "extra_roi") if self.kind == "rvernet" else (self.kind,)


@dataclass(frozen=True)
class OptimizationOptions:
    """How the weights are changed.

    Attributes:
        epochs: over the training regions.
        batch_size: regions of a step, those of all processes and micro-batches together.
        micro_batches: in how many pieces every process takes its part of a step (gradient accumulation).
        learning_rate: peak for the integration module.
        backbone_learning_rate: peak for the backbones.
        layer_decay: factor on the learning rate for every layer further from a backbone's output; 1 is off.
        weight_decay: AdamW's, on matrices and kernels only.
        clip: largest norm of the gradient; 0 is off.
        warmup: share of all steps over which the learning rate rises linearly; a cosine to 0 follows.
        label_smoothing: share of the target spread over all classes.
        module_loss: weight of how well each module names the class by itself, through a linear head that is not kept.
            Without it the module that learns faster leaves the other behind (Wang et al., arXiv 1905.12681).
        context_loss: weight of how well the extra-ROI module tells which classes the other foods of the photo have,
            through another linear head that is not kept. A photo has one hidden food and several that can be seen.
        ema: highest decay of a moving average of the weights, which is what is measured and exported; 0 is off. timm
            raises the decay by the step s as 1 - s ** (-2 / 3) up to it: 0.995 is reached after 2,800 steps and 0.998
            after 11,200, and a shorter run ends with less, at step 1,000 with 0.99.
        patience: epochs without a better validation macro F1 after which the run stops; 0 is off.
        keep: "last" or "best" weights, by validation macro F1.
        precision: "no" (float32), "bf16" or "fp16".
        channels_last: memory layout that most convolutions like better.
        compile: let torch compile the model.
    """

    epochs: int = 30
    batch_size: int = 50
    micro_batches: int = 1
    learning_rate: float = 4e-3
    backbone_learning_rate: float = 1e-4
    layer_decay: float = 1.0
    weight_decay: float = 0.02
    clip: float = 1.0
    warmup: float = 0.1
    label_smoothing: float = 0.1
    module_loss: float = 0.0
    context_loss: float = 0.0
    ema: float = 0.0
    patience: int = 0
    keep: str = "last"
    precision: str = "no"
    channels_last: bool = True
    compile: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "micro_batches"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "backbone_learning_rate"):
            require(getattr(self, name) > 0, f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("weight_decay", "clip", "patience", "module_loss", "context_loss"):
            require(getattr(self, name) >= 0, f"{name} must not be below 0, got {getattr(self, name)}")
        require_within(self, "warmup label_smoothing ema", 0, 0.99999)
        require(0 < self.layer_decay <= 1, f"layer_decay must be in (0, 1], got {self.layer_decay}")
        require_one_of(self, "keep", ("last", "best"))
        require_one_of(self, "precision", PRECISIONS)
        require(
            self.patience == 0 or self.keep == "best",
            "patience without `keep: best` would export a worse epoch",
        )


@dataclass(frozen=True)
class DistillationOptions:
    """What a student learns from a teacher (Hinton et al., arXiv 1503.02531; DeiT, arXiv 2012.12877).

    The teacher reads the same pictures, or some of them: for a pair as a whole it is a RveRNet, or a model of one
    picture; before pairing, each module is trained by itself (`kind: roi`, `kind: extra_roi`) with a teacher of its
    own, and the pair starts from the two (`start`).

    Attributes:
        teacher: checkpoint folder, of the same classes.
        target: "soft" (the teacher's probabilities) or "hard" (its decision).
        on: "logits", or "token": as in DeiT, the teacher's loss is on what the backbones' distillation tokens give and
            the labels' on what their class tokens give; the model in use takes the mean of both.
        strength: weight of the teacher in the loss, 0 to 1; the labels have the rest.
        temperature: of both probabilities for a soft target.

    Raises:
        ConfigError: a value is out of range, or one kind of token would learn nothing.
    """

    teacher: Path
    target: str = "soft"
    on: str = "logits"
    strength: float = 0.5
    temperature: float = 3.0

    def __post_init__(self) -> None:
        require_one_of(self, "target", ("soft", "hard"))
        require_one_of(self, "on", ("logits", "token"))
        require_within(self, "strength", 0, 1)
        require(
            self.on == "logits" or 0 < self.strength < 1,
            f"with strength {self.strength:g} on token the {'class' if self.strength else 'distillation'} tokens "
            "would learn nothing",
        )
        require(self.temperature > 0, f"temperature must be above 0, got {self.temperature}")


@dataclass(frozen=True)
class TrainOptions:
    """A training run. Relative paths are relative to the working directory.

    Attributes:
        data, model, optimization: see there.
        augmentation: changes of a photo and its mask before they are cut out, see `training.data.augment`.
        mix: mixup and cutmix, see `training.loop.mixup`.
        distillation: a teacher, or none.
        run_folder: where the run's state, metrics and pictures go.
        export: the checkpoint folder written at the end.
        ambiguous: class names whose mean F1 is reported by itself.
        notes: what a user of the checkpoint should know of its data; printed in its model card.
        seed: of the weights, the order and every augmentation.
        save_every: steps between two saved states.
        device: "auto" leaves the choice to Accelerate; "cpu" keeps a run off accelerators.
        trackers: beside metrics.jsonl: "tensorboard", "trackio", "wandb".
    """

    data: DataOptions
    model: ModelOptions
    run_folder: Path
    export: Path = field(metadata=FREE)
    optimization: OptimizationOptions = field(default_factory=OptimizationOptions)
    augmentation: Augmentation = field(default_factory=Augmentation)
    mix: Mix = field(default_factory=Mix)
    distillation: DistillationOptions | None = None
    ambiguous: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), metadata=FREE)
    seed: int = 0
    save_every: int = field(default=50, metadata=FREE)
    device: str = field(default="auto", metadata=FREE)
    trackers: tuple[str, ...] = field(default=("tensorboard",), metadata=FREE)

    def __post_init__(self) -> None:
        require(self.seed >= 0, f"seed must not be below 0, got {self.seed}")
        require(self.save_every >= 1, f"save_every must be at least 1, got {self.save_every}")
        require_one_of(self, "device", ("auto", "cpu"))
        require(
            set(self.trackers) <= set(TRACKERS),
            f"trackers are among {', '.join(TRACKERS)}; got {', '.join(self.trackers)}",
        )
        batch = self.optimization.batch_size // self.optimization.micro_batches
        require(
            self.optimization.batch_size % self.optimization.micro_batches == 0,
            f"batch_size {self.optimization.batch_size} cannot be taken in {self.optimization.micro_batches} pieces",
        )
        require(not self.mix.active or batch % 2 == 0, f"mixup and cutmix need even batches, not {batch}")
        require(
            self.augmentation.context_dropout == 0 or "extra_roi" in self.model.pictures,
            f"context_dropout blanks the extra-ROI picture, which a model of kind {self.model.kind} does not see",
        )
        if self.optimization.context_loss:
            require(
                "extra_roi" in self.model.pictures,
                f"context_loss trains on the extra-ROI picture, which a model of kind {self.model.kind} does not see",
            )
            require(not self.mix.active, "context_loss would not know what a mixed picture shows")
