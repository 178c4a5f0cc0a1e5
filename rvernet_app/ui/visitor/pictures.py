"""Photos, masks and cut-outs in the forms that travel to the browser."""

from __future__ import annotations

import base64
import io

from PIL import Image

from rvernet_app.errors import PromptError
from rvernet_app.picture.masks import bbox_xywh, to_rle
from rvernet_app.picture.outlining import polygons
from rvernet_app.picture.overlay import fit_within, heat_overlay
from rvernet_app.types import ActivationMaps, Candidates, Cutouts, Mask, Photo
from rvernet_app.ui.visitor.replies import CutoutsReply, MapsReply, MaskReply

DISPLAY_SIDE = 2048
PICTURE_SIDE = 640
THUMBNAIL_SIDE = 160
"""Longest sides in pixels: of the photo on the canvas, of cut-outs and maps, of thumbnails."""


def jpeg(picture: Photo, quality: int) -> bytes:
    """Return a picture, uint8 (H, W, 3), as a JPEG file without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def data_url(picture: Photo, quality: int = 85) -> str:
    """Return a picture, uint8 (H, W, 3), as a JPEG data URL."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture, quality)).decode("ascii")


def thumbnail(picture: Photo) -> str:
    """Return a small copy of a picture, uint8 (H, W, 3), as a data URL."""
    return data_url(fit_within(picture, THUMBNAIL_SIDE))


def mask_reply(mask: Mask, score: float | None = None) -> MaskReply:
    """Return a mask, bool (H, W) and not empty, as polygons to draw and an RLE to keep.

    Args:
        score: its score in [0, 1]; None if no segmenter gave one.
    """
    return MaskReply(polygons=polygons(mask), rle=dict(to_rle(mask)), score=score, bbox=bbox_xywh(mask))


def candidate_replies(candidates: Candidates, onto: Mask | None = None, cut: bool = False) -> list[MaskReply]:
    """Return candidates, best first; each is added to the mask `onto` if there is one, or cut from it.

    Raises:
        PromptError: a cut would leave nothing.
    """
    masks: list[Mask] = list(candidates.masks)
    if onto is not None:
        masks = [onto & ~mask if cut else onto | mask for mask in masks]
    return [
        mask_reply(require_not_empty(mask), float(score)).model_copy(update={"kind": kind})
        for mask, score, kind in zip(masks, candidates.scores, candidates.kinds, strict=True)
    ]


def require_not_empty(mask: Mask) -> Mask:
    """Return a mask, bool (H, W), that a correction left something of.

    Raises:
        PromptError: it is empty.
    """
    if not mask.any():
        raise PromptError("Nothing of the mask would be left; remove the food instead.")
    return mask


def cutouts_reply(cutouts: Cutouts) -> CutoutsReply:
    """Return both cut-outs in the size they are shown in."""
    return CutoutsReply(
        roi=data_url(fit_within(cutouts.roi, PICTURE_SIDE)),
        extra_roi=data_url(fit_within(cutouts.extra_roi, PICTURE_SIDE)),
    )


def maps_reply(photo: Photo, maps: ActivationMaps, method: str, scale: str) -> MapsReply:
    """Return both maps over the photo, uint8 (H, W, 3); scale "common" makes them comparable."""
    roi, extra_roi = (maps.roi, maps.extra_roi) if scale == "own" else maps.on_common_scale()
    shown = fit_within(photo, PICTURE_SIDE)
    return MapsReply(
        label=maps.label,
        method=method,
        scale=scale,
        roi=data_url(heat_overlay(shown, roi)),
        extra_roi=data_url(heat_overlay(shown, extra_roi)),
        roi_peak=maps.roi_peak,
        extra_roi_peak=maps.extra_roi_peak,
    )
