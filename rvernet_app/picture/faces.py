"""Find faces with OpenCV's YuNet, from a weights file that whoever runs the server puts in place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rvernet_app.errors import WeightsError
from rvernet_app.picture.blur import Box
from rvernet_app.picture.overlay import fit_within
from rvernet_app.types import Photo

WEIGHTS = "face_detection_yunet*.onnx"
"""Names of the weights file in the weights folder; OpenCV's model zoo has it, 0.2 MB."""
LONGEST_SIDE = 1280
LEAST_SCORE = 0.6
MARGIN = 0.2
"""Share of a face's size by which its box grows on each side: hair and chin show a person too."""


def face_weights(folder: Path) -> Path | None:
    """Return the newest weights of the face finder in a folder, None if there are none."""
    return max(folder.glob(WEIGHTS), default=None)


def find_faces(photo: Photo, weights: Path) -> list[Box]:
    """Return a box around each face of a photo, uint8 (H, W, 3): left, top, right, bottom in pixels.

    Raises:
        WeightsError: the weights file is not one of YuNet.
    """
    small = fit_within(photo, LONGEST_SIDE)
    height, width = small.shape[:2]
    try:
        # Made for each photo: it keeps the size of its photo, so that threads cannot share it.
        finder = cv2.FaceDetectorYN.create(str(weights), "", (width, height), LEAST_SCORE)
        _, found = finder.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise WeightsError(
            "The file for finding faces is damaged or of another kind; draw the boxes by hand."
        ) from error
    rows = np.empty((0, 4)) if found is None else found[:, :4]  # left, top, width, height
    return [_around(row * photo.shape[1] / width) for row in rows]


def _around(box_xywh: NDArray[np.float32]) -> Box:
    left, top, width, height = map(float, box_xywh)
    aside, up = MARGIN * width, MARGIN * height
    return int(left - aside), int(top - up), int(left + width + aside) + 1, int(top + height + up) + 1
