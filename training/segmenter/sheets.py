"""Pictures of a run: its curves, and masks of single clicks on photos that it never saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rvernet_app.picture.masks import from_rle, innermost_point
from rvernet_app.segment.base import Segmenter
from rvernet_app.types import FOREGROUND, Mask, Photo, Prompt
from training.data.clicks import iou
from training.data.photos import open_photo
from training.segmenter.data import Scene

TILE_WH = (240, 180)
COLUMNS = 8
MOST = 40
"""Foods on a sheet."""
COLOUR = (255, 176, 0)


def draw_curves(folder: Path, history: Sequence[dict[str, Any]]) -> None:
    """Draw `curves.png` in the run folder: loss and IoU in training, IoU of the first click in validation."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, quality = figure.subplots(1, 2)
    steps = [record["step"] for record in history]
    window = max(1, min(100, len(steps) // 5))
    kernel = np.ones(window) / window
    middle = steps[window - 1 :]
    loss.plot(middle, np.convolve([r["loss"] for r in history], kernel, "valid"))
    loss.set(xlabel="step", ylabel="loss", yscale="log")
    for key, label in (("iou", "first prompt"), ("iou_corrected", "after corrections")):
        curve = np.convolve([r[key] for r in history], kernel, "valid")
        quality.plot(middle, curve, label=f"training, {label}", alpha=0.6)
    validation = [json.loads(line) for line in (folder / "validation.jsonl").read_text().splitlines()]
    for name in sorted({key for record in validation for key in record} - {"step"}):
        seen = [(r["step"], r[name]["mIoU@1"]) for r in validation if name in r]
        quality.plot(*zip(*seen, strict=True), marker="o", label=f"{name}, one click")
    quality.set(xlabel="step", ylabel="IoU", ylim=(0.3, 1))
    quality.legend(fontsize=8)
    figure.savefig(folder / "curves.png", dpi=110)


def draw_sheet(segmenter: Segmenter, scenes: Sequence[Scene], path: Path, with_photos: bool = True) -> None:
    """Draw the masks of one click in the middle of each food, for MOST foods evenly chosen.

    Args:
        with_photos: False draws the annotated mask in gray instead of the photo, for photos that must not be
            shown.
    """
    foods = [(scene, rle) for scene in scenes for rle in scene.foods]
    chosen = [foods[i] for i in np.unique(np.linspace(0, len(foods) - 1, min(MOST, len(foods))).astype(int))]
    tiles = []
    for scene, rle in chosen:
        photo = open_photo(scene.photo).pixels
        true = from_rle(rle, scene.size_hw)
        x, y = innermost_point(true)
        click = Prompt(((float(x), float(y)),), (FOREGROUND,), insist=True)
        found = segmenter.predict(segmenter.encode(photo), click).masks[0]
        drawn = _tile(photo, found, (x, y)) if with_photos else _tile(_shadow(true), found, (x, y), dim=False)
        _write(drawn, f"IoU {iou(found, true):.2f}")
        tiles.append(drawn)
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])


def _tile(photo: Photo, mask: Mask, point_xy: tuple[int, int], dim: bool = True) -> Photo:
    """Draw a mask, bool (H, W), and a click over the photo, fitted into uint8 (h, w, 3)."""
    height, width = photo.shape[:2]
    scale = min(TILE_WH[0] / width, TILE_WH[1] / height)
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(photo, size_wh, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask.astype(np.uint8) * 255, size_wh, interpolation=cv2.INTER_AREA) > 127
    if dim:
        small[~inside] = small[~inside] // 2 + 24
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(small, contours, -1, COLOUR, 2, cv2.LINE_AA)
    at = round(point_xy[0] * scale), round(point_xy[1] * scale)
    cv2.circle(small, at, 4, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(small, at, 2, (20, 20, 20), -1, cv2.LINE_AA)
    canvas = np.full((TILE_WH[1] + 4, TILE_WH[0] + 4, 3), 255, np.uint8)
    top, left = (canvas.shape[0] - size_wh[1]) // 2, (canvas.shape[1] - size_wh[0]) // 2
    canvas[top : top + size_wh[1], left : left + size_wh[0]] = small
    return canvas


def _shadow(mask: Mask) -> Photo:
    """Draw a mask, bool (H, W), in gray on a paler ground, uint8 (H, W, 3)."""
    return np.where(mask[..., None], np.uint8(160), np.uint8(238)).repeat(3, axis=2)


def _write(picture: Photo, text: str) -> None:
    at = (8, picture.shape[0] - 10)
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 3, cv2.LINE_AA)
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (20, 20, 20), 1, cv2.LINE_AA)
