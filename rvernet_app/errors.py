"""The exception tree. Every message is one sentence a person can act on."""

from __future__ import annotations


class RvernetError(Exception):
    """Anything this package refuses to do; the page and the command line show its message."""


class ConfigError(RvernetError):
    """An option has a value it cannot have."""


class PhotoError(RvernetError):
    """A file could not be turned into a photo."""


class PhotoTooLargeError(PhotoError):
    """A photo is over the limit on bytes or on megapixels."""


class PromptError(RvernetError):
    """A prompt is empty, contradicts itself or lies outside the photo."""


class SegmentationError(RvernetError):
    """The segmenter found no usable mask for a prompt."""


class WeightsError(RvernetError):
    """Weights are missing, damaged or could not be fetched."""


class CheckpointError(RvernetError):
    """A checkpoint folder is missing, damaged or contradicts itself."""


class LabelError(RvernetError):
    """A class name is not one the checkpoint knows."""


class StoreError(RvernetError):
    """The store cannot be opened, or cannot keep what it was given."""


class FullError(StoreError):
    """A photo has all the annotators it wants."""


class ConflictError(StoreError):
    """Someone else changed what is being saved.

    Attributes:
        theirs: how it is now, by column.
    """

    def __init__(self, message: str, theirs: dict[str, object]) -> None:
        super().__init__(message)
        self.theirs = theirs
