"""Random changes of photos: framing, light, and foods pasted from other photos."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2

from rvernet_app.segment.small_sam import PHOTO_SIDE
from rvernet_app.types import Mask, Photo

LARGEST_ZOOM = 2.0
WHOLE_PHOTO = 0.5
"""Probability that a window of the model's side shows the photo as in the app."""
COMPRESSED = 0.4
"""Probability that a window is compressed as a JPEG of low quality."""

_LIGHT = v2.Compose(
    [
        v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.06),
        v2.RandomGrayscale(p=0.03),
        v2.RandomApply([v2.GaussianBlur(5, sigma=(0.3, 1.6))], p=0.25),
    ]
)


@dataclass(frozen=True)
class Change:
    """The way from a photo to a window.

    Attributes:
        scale_xy: factors by which the photo is scaled first.
        matrix: float (2, 3), from pixels of the scaled photo to pixels of the window.
        side: of the window.
    """

    scale_xy: tuple[float, float]
    matrix: NDArray[np.float64]
    side: int

    @staticmethod
    def draw(rng: np.random.Generator, size_hw: tuple[int, int], focus: Mask, side: int) -> Change:
        """Draw a random window that shows some of the focus, bool (H, W). A photo that ends inside it ends
        right or below.
        """
        whole = PHOTO_SIDE / max(size_hw)
        flip = rng.random() < 0.5
        if side == PHOTO_SIDE and rng.random() < WHOLE_PHOTO:
            return Change((whole, whole), _placed(0, 0, 0, flip, round(size_hw[1] * whole)), side)
        zoom = whole * np.exp(rng.uniform(np.log(side / PHOTO_SIDE), np.log(LARGEST_ZOOM)))
        stretch = np.exp(rng.uniform(-0.12, 0.12))
        scale_xy = zoom * stretch, zoom / stretch
        height, width = size_hw[0] * scale_xy[1], size_hw[1] * scale_xy[0]
        rows, columns = np.nonzero(focus)
        middle = int(rng.integers(len(rows)))
        left = np.clip(columns[middle] * scale_xy[0] - rng.uniform(0.1, 0.9) * side, 0, max(0, width - side))
        top = np.clip(rows[middle] * scale_xy[1] - rng.uniform(0.1, 0.9) * side, 0, max(0, height - side))
        degrees = rng.uniform(-20, 20) if rng.random() < 0.3 else 0.0
        return Change(scale_xy, _placed(left, top, degrees, flip, side), side)


def warp(
    picture: NDArray[np.uint8], change: Change, interpolation: int, fill: int = 128
) -> NDArray[np.uint8]:
    """Return the window of a picture: uint8 (H, W) -> (S, S), or (H, W, 3) -> (S, S, 3)."""
    scaled = cv2.resize(
        picture, None, fx=change.scale_xy[0], fy=change.scale_xy[1], interpolation=interpolation
    )
    result: NDArray[np.uint8] = cv2.warpAffine(
        scaled, change.matrix, (change.side, change.side), flags=cv2.INTER_LINEAR, borderValue=(fill,) * 3
    ).astype(np.uint8)
    return result


def change_light(pixels: Photo, rng: np.random.Generator) -> Photo:
    """Change brightness, contrast, color, blur and compression at random; uint8 (H, W, 3)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        lit = _LIGHT(torch.from_numpy(pixels).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    if rng.random() < COMPRESSED:
        _, jpeg = cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))])
        lit = cv2.imdecode(jpeg, cv2.IMREAD_UNCHANGED)
    return np.ascontiguousarray(lit)


@dataclass(frozen=True, eq=False)
class Food:
    """A food in another photo, uint8 (H, W, 3), with its mask, bool (H, W)."""

    photo: Photo
    mask: Mask


def paste(pixels: Photo, food: Food, rng: np.random.Generator) -> tuple[Photo, Mask]:
    """Paste a food at a random place of a window, with random turn, size and light, and a soft edge.

    Simple copy-paste (Ghiasi et al. 2021, arXiv 2012.07177).

    Returns:
        The new window, uint8 (S, S, 3), and the mask of the food in it, bool (S, S).
    """
    side = pixels.shape[0]
    left, top, width, height = cv2.boundingRect(food.mask.view(np.uint8))
    size = side * np.exp(rng.uniform(np.log(0.12), np.log(0.65)))
    scale = size / max(width, height)
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.5 else rng.uniform(-0.2, 0.2)
    mirror = rng.choice([-1.0, 1.0])
    turn = scale * np.array(
        [[mirror * np.cos(angle), -np.sin(angle)], [mirror * np.sin(angle), np.cos(angle)]]
    )
    middle = np.array([left + width / 2, top + height / 2])
    place = rng.uniform(0, side, 2)
    matrix = np.column_stack([turn, place - turn @ middle])
    source, mask = food.photo, food.mask.astype(np.uint8) * 255
    if scale < 0.7:
        reduced = {"fx": scale, "fy": scale, "interpolation": cv2.INTER_AREA}
        source, mask = cv2.resize(source, None, **reduced), cv2.resize(mask, None, **reduced)
        matrix[:, :2] /= scale
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.93, 1.07, 3)
    lit = np.clip(cv2.warpAffine(source, matrix, (side, side), flags=cv2.INTER_LINEAR) * gain, 0, 255)
    alpha = cv2.warpAffine(mask, matrix, (side, side), flags=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.4, 1.0))[..., None] / 255.0
    return (soft * lit + (1 - soft) * pixels).astype(np.uint8), alpha > 127


def _placed(left: float, top: float, degrees: float, flip: bool, width: int) -> NDArray[np.float64]:
    """Return the affine matrix that moves (left, top) to the origin, turns about the middle and mirrors a
    width.
    """
    matrix = cv2.getRotationMatrix2D((width / 2, width / 2), degrees, 1.0)
    matrix[:, 2] -= matrix[:, :2] @ (left, top)
    if flip:
        matrix[0] = -matrix[0]
        matrix[0, 2] += width - 1
    result: NDArray[np.float64] = matrix
    return result
