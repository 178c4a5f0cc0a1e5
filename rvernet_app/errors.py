"""The errors of this project. Every message is a sentence a person can act on.

* RvernetError
  x ConfigError
  x PhotoError
    + PhotoTooLargeError
    + LostPhotoError
    + BusyError
  x PromptError
    + EmptyMaskError (rvernet_app.picture.masks)
  x SegmentationError
    + NoFoodError
  x WeightsError
  x CheckpointError
  x LabelError
  x StoreError
    + BusyStoreError
    + FullError
    + RoleError
    + GoneError
    + ConflictError
  x LoginError (rvernet_app.ui.access)
  x TurnError (rvernet_app.ui.turns)
  x NotTakenError (rvernet_app.exchange.plan)
  x CocoError (rvernet_app.exchange.formats.coco_file)
  x DataError (training.data.regions)
  x GridError (training.loop.grid)
  x DatasetError (training.meals.dataset)
  x PushError (training.push)

Errors with a module in brackets are defined there, beside the only code that raises them.
"""

from __future__ import annotations

NO_FOOD = "No food found here. Click the middle of a food, or draw a box around it."


class RvernetError(Exception):
    """Base of all errors of this project. The page and the command line show the message."""


class ConfigError(RvernetError):
    """An option has an invalid value."""


class PhotoError(RvernetError):
    """A file cannot be read as a photo."""


class PhotoTooLargeError(PhotoError):
    """A photo exceeds the limit on megabytes or on megapixels."""


class LostPhotoError(PhotoError):
    """The server does not keep an opened photo any more."""


class BusyError(PhotoError):
    """Too many photos are being decoded at once."""


class PromptError(RvernetError):
    """A prompt is empty, contradicts itself or lies outside the photo; or a mask does not fit the photo."""


class SegmentationError(RvernetError):
    """The segmenter found no usable mask for a prompt."""


class NoFoodError(SegmentationError):
    """A first click hit no food. A prompt that insists is not refused."""

    def __init__(self) -> None:
        super().__init__(NO_FOOD)


class WeightsError(RvernetError):
    """Weights are missing or damaged, or the download failed."""


class CheckpointError(RvernetError):
    """A checkpoint folder is missing, damaged or inconsistent."""


class LabelError(RvernetError):
    """The checkpoint does not know a class name."""


class StoreError(RvernetError):
    """The store cannot be opened, or cannot save a change."""


class BusyStoreError(StoreError):
    """Too many people change the store at once; a moment later it may work."""


class FullError(StoreError):
    """A photo already has enough annotators."""


class RoleError(StoreError):
    """Somebody has no role that allows what they ask for."""


class GoneError(StoreError):
    """A photo or a project was deleted."""


class ConflictError(StoreError):
    """Someone else changed the same row first.

    Attributes:
        theirs: current values of the row, by column.
    """

    def __init__(self, message: str, theirs: dict[str, object]) -> None:
        super().__init__(message)
        self.theirs = theirs
