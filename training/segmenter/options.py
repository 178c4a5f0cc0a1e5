"""Options of a training run of the small SAM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rvernet_app.segment.small_sam import PHOTO_SIDE, STRIDE
from training.shared.configuration import require


@dataclass(frozen=True)
class Source:
    """A data set of masks: a folder with `images/` and COCO annotations.

    The `split` of an image decides; for images without one, `held_out` names the groups of the validation
    split.

    Attributes:
        data: the folder.
        annotations: the COCO file; None is `annotations.json` in the folder.
        weight: share of the windows from this source, relative to the others.
        boxes: True if the source has only boxes; GrabCut makes the masks.
        held_out: groups for validation.
    """

    data: Path
    annotations: Path | None = None
    weight: float = 1.0
    boxes: bool = False
    held_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(self.weight >= 0, f"weight must not be below 0, got {self.weight}")


@dataclass(frozen=True)
class Stage:
    """A part of the run with windows of one size.

    Attributes:
        steps: number of steps.
        window: side of the square windows in pixels; windows of the model's side also show whole photos.
        photos: windows in a step.
        rounds: most prompts per mask: the first, then corrections. The number is drawn for every window.
    """

    steps: int
    window: int = 256
    photos: int = 8
    rounds: int = 3

    def __post_init__(self) -> None:
        for name in ("steps", "photos", "rounds"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        require(
            0 < self.window <= PHOTO_SIDE and self.window % (4 * STRIDE) == 0,
            f"window must be a multiple of {4 * STRIDE} up to {PHOTO_SIDE}, got {self.window}",
        )


@dataclass(frozen=True)
class SegmenterOptions:
    """Options of `python -m training.segmenter`. Relative paths are relative to the working directory.

    Attributes:
        sources: data to learn from.
        stages: small windows first, whole photos last.
        run_folder: folder for state, metrics and pictures of the run.
        export: safetensors file to write at the end.
        start: weights of an earlier run to start from; None starts from `backbone_weights`.
        backbone_weights: safetensors of timm's MobileNetV2.
        frozen: name prefixes of backbone parameters that are not trained.
        masks: foods to find in a window.
        learning_rate: peak for parameters that start at random.
        backbone_learning_rate: peak for the others.
        weight_decay: AdamW's, on matrices and kernels only.
        warmup: share of all steps with a linear rise of the learning rate; a cosine to 0 follows.
        paste: probability that foods of other photos are pasted into a window.
        box: probability that the first prompt is a box instead of a click.
        mask_cache: folder for GrabCut's masks.
        seed: of the weights, the order and every augmentation.
        workers: processes that prepare windows; 0 prepares them in the training process.
        save_every: steps between two saved states, validations and sheets.
        device: torch device, or "auto".
        compile: True compiles the mask decoder and the loss; it pays off after some hundred steps.
    """

    sources: tuple[Source, ...]
    stages: tuple[Stage, ...]
    run_folder: Path
    export: Path
    start: Path | None = None
    backbone_weights: Path | None = None
    frozen: tuple[str, ...] = ()
    masks: int = 4
    learning_rate: float = 5e-4
    backbone_learning_rate: float = 1e-4
    weight_decay: float = 0.02
    warmup: float = 0.03
    paste: float = 0.5
    box: float = 0.3
    mask_cache: Path = Path("cache/masks")
    seed: int = 0
    workers: int = 1
    save_every: int = 200
    device: str = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        require(len(self.sources) > 0 and len(self.stages) > 0, "sources and stages must not be empty")
        for name in ("masks", "save_every"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "backbone_learning_rate"):
            require(getattr(self, name) > 0, f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("weight_decay", "workers", "seed"):
            require(getattr(self, name) >= 0, f"{name} must not be below 0, got {getattr(self, name)}")
        require(0 <= self.warmup < 1, f"warmup must be in [0, 1), got {self.warmup}")
        for name in ("paste", "box"):
            require(0 <= getattr(self, name) <= 1, f"{name} must be in [0, 1], got {getattr(self, name)}")

    @property
    def steps(self) -> int:
        """Number of steps in all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """Return the stage of a step, counted from 0."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        raise ValueError(f"expected a step below {self.steps}")
