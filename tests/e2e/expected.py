"""What the page should show: the engine's own results for a photo, and texts as the page writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rvernet_app.picture.photos import LoadedPhoto, read_photo
from rvernet_app.pipeline import Pipeline
from rvernet_app.types import Cutouts, Prediction

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto


def loaded(drawn: DrawnPhoto, pipeline: Pipeline) -> LoadedPhoto:
    """Read a drawn photo as the server does."""
    limits = pipeline.config
    return read_photo(drawn.path, max_mb=limits.max_photo_mb, max_megapixels=limits.max_photo_megapixels)


def classified(cutouts: Cutouts, pipeline: Pipeline) -> tuple[Prediction, Prediction]:
    """Classify cut-outs with the food's surroundings and without them."""
    with_context, without = pipeline.classifier.predict_batch([cutouts, cutouts.without_context()])
    return with_context, without


def percent(share: float) -> str:
    """Write a probability as the page does."""
    return "100 %" if share >= 0.995 else "< 1 %" if share < 0.01 else f"{int(share * 100 + 0.5)} %"


WRITTEN = {
    "cheese butter": "cheese or butter",
    "chicken duck": "chicken or duck",
    "hamburg": "hamburger",
    "wonton dumplings": "wonton or dumplings",
}
"""Classes of the bundled checkpoint that the page writes otherwise."""


def words(label: str) -> str:
    """Write a class name as the page does."""
    name = label.replace("_", " ")
    return WRITTEN.get(name, name)
