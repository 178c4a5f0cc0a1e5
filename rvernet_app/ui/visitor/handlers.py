"""Answers about a single photo: open it, find a food, correct its mask, download its files.

Nothing here belongs to a visitor: the browser keeps the work and sends what a request needs.
"""

from __future__ import annotations

import io
import secrets
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import cachetools
import numpy as np
from numpy.typing import NDArray

from rvernet_app.exchange.formats.names import safe_name
from rvernet_app.picture.masks import from_rle
from rvernet_app.picture.overlay import fit_within
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.pipeline import Pipeline, timed
from rvernet_app.scratch import scratch_folder
from rvernet_app.types import Candidates
from rvernet_app.ui.access import ServedFiles, uploaded_file
from rvernet_app.ui.visitor.pictures import (
    DISPLAY_SIDE,
    candidate_replies,
    jpeg,
    mask_reply,
    require_not_empty,
    thumbnail,
)
from rvernet_app.ui.visitor.replies import DownloadReply, EditedMask, PhotoReply, Prepared, Segmented
from rvernet_app.ui.visitor.requests import Download, EditMask, OpenPhoto, Prepare, Segment
from rvernet_app.ui.visitor.samples import Sample

REFINABLE_CANDIDATES = 256
"""How many replies a next prompt can still refine."""


NAME_DIGITS = 16
"""Digits of a photo's SHA-256 with which the name of each file begins that the page may fetch of it."""


class Handlers:
    """Answers about single photos, by one engine that all visitors share.

    Attributes:
        photos: the photos that may be asked about.
        served: the files that the page may fetch.
    """

    def __init__(self, pipeline: Pipeline, samples: Mapping[str, Sample]) -> None:
        self.photos = PhotoCache(pipeline.config)
        self.served = ServedFiles()
        self._pipeline = pipeline
        self._samples = samples
        self._low_res: cachetools.LRUCache[str, tuple[str, NDArray[np.float16]]] = cachetools.LRUCache(
            REFINABLE_CANDIDATES
        )
        self._lock = threading.Lock()

    def open_photo(self, asked: OpenPhoto) -> PhotoReply:
        """Open a sample, an uploaded file, or a photo that is still there from before."""
        sample = self._samples.get(asked.sample or "")
        if sample is not None:
            return self.present(self.photos.add(sample.path), sample.title, sample.name)
        if asked.photo is not None:
            return self.present(self.photos.get(asked.photo), asked.name[:200])
        path = uploaded_file(asked.path)
        return self.present(self.photos.add(path), (asked.name or path.name)[:200])

    def present(self, photo: LoadedPhoto, name: str, sample: str | None = None) -> PhotoReply:
        """Return what the page shows of an open photo."""
        height, width = photo.size_hw
        shown = fit_within(photo.pixels, DISPLAY_SIDE)
        return PhotoReply(
            id=photo.sha256,
            name=name,
            width=width,
            height=height,
            url=self.served.write(jpeg(shown, quality=90), f"{photo.sha256[:NAME_DIGITS]}.jpg"),
            thumb=thumbnail(shown),
            sample=sample,
        )

    def prepare(self, asked: Prepare) -> Prepared:
        """Encode a photo ahead of the first click, and warm the classifier up for it."""
        photo = self.photos.get(asked.photo)
        timings: dict[str, float] = {}
        with timed(timings, "encode"):
            self._pipeline.encode(photo)
        self._pipeline.classifier.warm_up()
        return Prepared(timings=timings)

    def segment(self, asked: Segment) -> Segmented:
        """Find the food at a prompt. A mask corrected by hand is added to or cut from, never refused."""
        photo = self.photos.get(asked.photo)
        prompt = replace(
            asked.prompt(),
            low_res_mask=self._recall(asked.refine),
            insist=bool(asked.insist) or asked.onto is not None,
        )
        timings: dict[str, float] = {}
        candidates = self._pipeline.segment(photo, prompt, timings)
        corrected = None if asked.onto is None else from_rle(asked.onto, photo.size_hw)
        return Segmented(
            candidates=candidate_replies(candidates, corrected, bool(asked.cut)),
            token=self._keep(photo.sha256, candidates) if corrected is None else None,
            timings=timings,
        )

    def edit_mask(self, asked: EditMask) -> EditedMask:
        """Correct a mask by hand."""
        photo = self.photos.get(asked.photo)
        mask = np.zeros(photo.size_hw, np.bool_) if asked.rle is None else from_rle(asked.rle, photo.size_hw)
        return EditedMask(mask=mask_reply(require_not_empty(asked.edit.apply(mask))))

    def download(self, asked: Download) -> DownloadReply:
        """Put the files that the command line writes for a food into a ZIP, with a folder for each food."""
        photo = self.photos.get(asked.photo)
        buffer = io.BytesIO()
        with (
            scratch_folder("download") as folder,
            zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive,
        ):
            for number, food in enumerate(asked.foods, 1):
                result = self._pipeline.explain_mask(
                    photo,
                    from_rle(food.rle, photo.size_hw),
                    score=food.score,
                    label=food.label,
                    cam_method=asked.method,
                )
                place = f"{number:02}-{safe_name(food.title or result.maps.label)}/"
                for file in result.write(folder):
                    archive.write(file, f"{place if len(asked.foods) > 1 else ''}{file.name}")
        name = f"{safe_name(PurePosixPath(asked.name).stem or photo.sha256[:8])}-foods.zip"
        url = self.served.write(buffer.getvalue(), f"{photo.sha256[:NAME_DIGITS]}-foods.zip")
        return DownloadReply(url=url, name=name)

    def forget(self, sha256: str) -> None:
        """Drop a photo and the masks found on it.

        Raises:
            PhotoError: its file cannot be removed.
        """
        self.photos.forget(sha256)
        with self._lock:
            for token in [token for token, (of, _) in self._low_res.items() if of == sha256]:
                del self._low_res[token]

    def _keep(self, sha256: str, candidates: Candidates) -> str:
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._low_res[token] = sha256, candidates.low_res.astype(np.float16)
        return token

    def _recall(self, refine: object) -> NDArray[np.float32] | None:
        """Return the low-resolution mask (h, w) of a token; None if the token is unknown or forgotten."""
        if not isinstance(refine, Mapping):
            return None
        with self._lock:
            kept = self._low_res.get(str(refine.get("token")))
        index = refine.get("candidate")
        if kept is None or not isinstance(index, int) or not 0 <= index < len(kept[1]):
            return None
        chosen: NDArray[np.float32] = kept[1][index].astype(np.float32)
        return chosen
