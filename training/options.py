"""What a training run of RveRNet is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rvernet_app.rvernet import FUSIONS, ModuleSpec
from training.configuration import require


@dataclass(frozen=True)
class TrainOptions:
    """What a training run is made of. Relative paths are relative to the working directory.

    Attributes:
        data: folder of the data set, see `training.data.read_regions`.
        run_folder: where the run's state, metrics and pictures go.
        export: the checkpoint folder written at the end.
        rename: names of the data set's categories -> the class names to use instead.
        roi_module, extra_roi_module: the backbones, in YAML `{name, kwargs, mean, std}`.
        backbone_weights: safetensors file with timm's names that both backbones start from; None starts at
            random.
        start: checkpoint folder of an RveRNet whose ROI module both modules start from, instead of `backbone_weights`.
        fusion, hidden, input_size: see `RveRNetConfig`.
        padding: grey level around letterboxed pictures, 0 to 255.
        segmenter: makes masks of boxes; a name the app knows, or "auto".
        mask_cache: folder where those masks are kept.
        epochs, batch_size: of regions; the last batch of an epoch may be smaller.
        learning_rate: peak for the integration module.
        backbone_learning_rate: peak for what is not frozen of the backbones.
        weight_decay: AdamW's, on matrices and kernels only.
        warmup: share of all steps over which the learning rate rises linearly; a cosine to 0 follows.
        label_smoothing: share of the target spread over all classes.
        frozen: name prefixes, inside each backbone, of parameters that stay as they are.
        flip: probability of a horizontal flip, one draw for both pictures.
        min_crop: smallest side of the random window, around the region, as a share of the photo's; 1 is off.
        brightness: largest relative change of brightness, one draw for both pictures.
        context_dropout: probability that the extra-ROI picture is blanked, so that a prediction without
            context is one the model has learned to make.
        notes: what a user of the checkpoint should know of its data; printed in its model card.
        seed: of the weights, the order and every augmentation.
        workers: processes that prepare batches; 0 prepares them in the training process.
        save_every: steps between two saved states.
        device: torch device, or "auto".

    Raises:
        ConfigError: a value is out of range or two contradict each other.
    """

    data: Path
    run_folder: Path
    export: Path
    roi_module: ModuleSpec
    extra_roi_module: ModuleSpec
    rename: dict[str, str] = field(default_factory=dict)
    backbone_weights: Path | None = None
    start: Path | None = None
    fusion: str = "logits"
    hidden: int = 640
    input_size: int = 224
    padding: int = 125
    segmenter: str = "auto"
    mask_cache: Path = Path("cache/masks")
    epochs: int = 30
    batch_size: int = 50
    learning_rate: float = 4e-3
    backbone_learning_rate: float = 4e-4
    weight_decay: float = 0.02
    warmup: float = 0.1
    label_smoothing: float = 0.1
    frozen: tuple[str, ...] = ()
    flip: float = 0.5
    min_crop: float = 1.0
    brightness: float = 0.0
    context_dropout: float = 0.0
    notes: tuple[str, ...] = ()
    seed: int = 0
    workers: int = 1
    save_every: int = 50
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "save_every"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "backbone_learning_rate"):
            require(getattr(self, name) > 0, f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("weight_decay", "workers", "seed"):
            require(getattr(self, name) >= 0, f"{name} must not be below 0, got {getattr(self, name)}")
        for name in ("warmup", "label_smoothing", "brightness"):
            require(0 <= getattr(self, name) < 1, f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in ("flip", "context_dropout"):
            require(0 <= getattr(self, name) <= 1, f"{name} must be in [0, 1], got {getattr(self, name)}")
        require(0 < self.min_crop <= 1, f"min_crop must be in (0, 1], got {self.min_crop}")
        require(0 <= self.padding <= 255, f"padding must be in 0..255, got {self.padding}")
        require(self.fusion in FUSIONS, f"fusion is one of {', '.join(FUSIONS)}; got {self.fusion!r}")
        require(
            self.backbone_weights is None or self.start is None,
            "backbone_weights and start both say what the modules start from",
        )
        require(
            not self.frozen or self.backbone_weights is not None or self.start is not None,
            "frozen parameters without backbone_weights or start would stay random",
        )
