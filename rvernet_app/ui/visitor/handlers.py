"""What the page asks of the engine. Each handler takes untrusted JSON and returns JSON.

Nothing here belongs to a visitor: the browser keeps the work and sends what a request needs. An error is
returned as {"error": sentence}, which the page shows.
"""

from __future__ import annotations

import base64
import functools
import io
import logging
import re
import secrets
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cachetools
import gradio as gr
import numpy as np
from gradio import processing_utils, utils
from PIL import Image

from rvernet_app.errors import PhotoError, PromptError, RvernetError
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.masks import bbox_xywh, from_rle, polygons, to_rle
from rvernet_app.picture.overlay import fit_within, heat_overlay
from rvernet_app.picture.photo_cache import PhotoShelf
from rvernet_app.picture.photos import LoadedPhoto
from rvernet_app.pipeline import Pipeline, timed
from rvernet_app.result import SUGGESTIONS, ClickResult
from rvernet_app.segment.propose import propose
from rvernet_app.types import Candidates, Cutouts, Mask, Photo
from rvernet_app.ui.requests import EvidenceRequest, as_mapping, number, read_edit, read_prompt
from rvernet_app.ui.visitor.samples import Sample

log = logging.getLogger(__name__)

DISPLAY_SIDE = 2048
PICTURE_SIDE = 640
THUMBNAIL_SIDE = 160
REFINABLE_CANDIDATES = 256
PROGRESS_STEP = 0.05

Reply = dict[str, Any]


UNEXPECTED = "Something went wrong on the server; its log says what. Try again, or open the photo anew."


def answered(handler: Callable[[Mapping[str, Any]], Reply]) -> Callable[[object], Reply]:
    """A handler as a function for the browser: takes any JSON, returns what it raises as {"error": sentence}."""

    @functools.wraps(handler)
    def answer(message: object) -> Reply:
        try:
            return handler(as_mapping(message))
        except RvernetError as error:
            return {"error": str(error)}
        except Exception:
            log.exception("%s failed", handler.__name__)
            return {"error": UNEXPECTED}

    return answer


@dataclass
class Newest:
    """The newest requests of one visitor, for evidence and for proposals, kept in that visitor's session."""

    seq: int = 0
    proposals: int = 0


class Handlers:
    """The page's requests, answered by one engine that all visitors share.

    Attributes:
        shelf: the photos that may be asked about.
        served_files: what was put where the page may fetch it, for Gradio's own cleaning.
    """

    def __init__(self, pipeline: Pipeline, samples: dict[str, Sample]) -> None:
        self.served_files: set[str] = set()
        self._pipeline = pipeline
        self._samples = samples
        self.shelf = PhotoShelf(pipeline.config)
        self._low_res: cachetools.LRUCache[str, np.ndarray] = cachetools.LRUCache(REFINABLE_CANDIDATES)
        self._lock = threading.Lock()

    def open_photo(self, message: Mapping[str, Any]) -> Reply:
        """{"sample": name} or {"path", "name"} of an upload -> the photo's id, size, name and display copy."""
        sample = self._samples.get(str(message.get("sample")))
        path = sample.path if sample else uploaded_file(message.get("path"))
        name = sample.title if sample else str(message.get("name") or path.name)[:200]
        return {**self.present(self.shelf.add(path), name), "sample": sample.name if sample else None}

    def present(self, photo: LoadedPhoto, name: str) -> Reply:
        """What the page shows of a photo on the shelf: id, size, name and display copy."""
        height, width = photo.size_hw
        shown = fit_within(photo.pixels, DISPLAY_SIDE)
        return {
            "id": photo.sha256,
            "name": name,
            "width": width,
            "height": height,
            "url": self._serve(_jpeg(shown, quality=90), f"{photo.sha256[:16]}.jpg"),
            "thumb": data_url(fit_within(shown, THUMBNAIL_SIDE)),
        }

    def prepare(self, message: Mapping[str, Any]) -> Reply:
        """Encode a photo ahead of the first click, and warm the classifier up for it."""
        photo = self.shelf.get(message.get("photo"))
        timings: dict[str, float] = {}
        with timed(timings, "encode"):
            self._pipeline.encode(photo)
        self._pipeline.classifier.warm_up()
        return {"timings": timings}

    def segment(self, message: Mapping[str, Any]) -> Reply:
        """A prompt -> candidates as polygons and RLE, and a token with which a next prompt refines them.

        With "onto", a mask corrected by hand, what is found is added to it, or with "cut" taken from it.
        """
        photo = self.shelf.get(message.get("photo"))
        prompt = read_prompt(message)
        timings: dict[str, float] = {}
        prompt = replace(prompt, low_res_mask=self._recall(message.get("refine")))
        with timed(timings, "encode"):
            self._pipeline.encode(photo)
        with timed(timings, "segment"):
            candidates = self._pipeline.segment(photo, prompt)
        if message.get("onto") is not None:
            corrected = from_rle(message["onto"], photo.size_hw)
            masks = [
                corrected & ~mask if message.get("cut") else corrected | mask for mask in candidates.masks
            ]
            if not all(mask.any() for mask in masks):
                raise PromptError("Nothing of the mask would be left; remove the food instead.")
            shown = [mask_json(mask, float(s)) for mask, s in zip(masks, candidates.scores, strict=True)]
            return {"candidates": shown, "token": None, "timings": timings}
        return {
            "candidates": candidates_json(candidates),
            "token": self._keep(candidates),
            "timings": timings,
        }

    def evidence(self, newest: Newest, event: gr.EventData) -> Iterator[Any]:
        """A mask -> its suggestions and cut-outs, then its activation maps; each reply adds to the one before.

        Stops between the steps when the same visitor has asked for something newer.
        """
        seq = 0
        try:
            request = EvidenceRequest.read(event._data)
            seq = request.seq
            newest.seq = max(newest.seq, seq)
            yield from self._evidence(request, lambda: newest.seq > seq)
        except RvernetError as error:
            yield {"seq": seq, "error": str(error)}
        except Exception:
            log.exception("evidence failed")
            yield {"seq": seq, "error": UNEXPECTED}

    def _evidence(self, request: EvidenceRequest, overtaken: Callable[[], bool]) -> Iterator[Any]:
        classifier = self._pipeline.classifier
        photo = self.shelf.get(request.photo)
        mask = from_rle(request.rle, photo.size_hw)
        timings: dict[str, float] = {}
        made_by = f"{classifier.name}@{classifier.fingerprint}"
        reply: Reply = {"seq": request.seq, "checkpoint": made_by, "timings": timings}
        cutouts = cut_out(photo.pixels, mask)
        label = request.label
        if request.stage == "all":
            with timed(timings, "classify"):
                prediction, without_context = self._pipeline.classify(cutouts)
            reply["suggestions"] = [
                {"label": name, "probability": p, "without_context": without_context.probability_of(name)}
                for name, p in prediction.top_k(SUGGESTIONS)
            ]
            reply["sure"] = classifier.is_sure(prediction)
            reply["cutouts"] = _cutouts_json(cutouts)
            yield reply
            label = label or prediction.top_k(1)[0][0]
        if overtaken():
            yield gr.skip()
            return
        with timed(timings, "explain"):
            maps = classifier.explain(cutouts, label=label, method=request.method)
        roi, extra_roi = (maps.roi, maps.extra_roi) if request.scale == "own" else maps.on_common_scale()
        shown = fit_within(photo.pixels, PICTURE_SIDE)
        reply["maps"] = {
            "label": maps.label,
            "method": request.method,
            "scale": request.scale,
            "roi": data_url(heat_overlay(shown, roi)),
            "extra_roi": data_url(heat_overlay(shown, extra_roi)),
            "roi_peak": maps.roi_peak,
            "extra_roi_peak": maps.extra_roi_peak,
        }
        yield reply

    def propose(self, newest: Newest, event: gr.EventData) -> Iterator[Any]:
        """{"photo", "seq"} -> how far it is, then the regions found all over the photo, as {"proposals": {…}}.

        Stops when the same visitor asks for something newer, which "stop" instead of a photo also does.
        """
        try:
            message = as_mapping(event._data)
            seq = int(number(message, "seq"))
            newest.proposals = max(newest.proposals, seq)
            if message.get("stop"):
                yield gr.skip()
                return
            photo = self.shelf.get(message.get("photo"))
            shown = -1.0
            for found in propose(self._pipeline.segmenter, self._pipeline.encode(photo)):
                if newest.proposals > seq:
                    yield gr.skip()
                    return
                share = found.done / found.total
                if share - shown >= PROGRESS_STEP and share < 1:
                    shown = share
                    yield {"proposals": {"seq": seq, "share": share}}
            masks = [mask_json(m, s) for m, s in zip(found.masks, found.scores, strict=True)]
            yield {"proposals": {"seq": seq, "share": 1.0, "masks": masks}}
        except RvernetError as error:
            yield {"proposals": {"error": str(error)}}
        except Exception:
            log.exception("propose failed")
            yield {"proposals": {"error": UNEXPECTED}}

    def edit_mask(self, message: Mapping[str, Any]) -> Reply:
        """{"photo", "rle" or null, "edit"} -> the mask as it is after one correction by hand."""
        photo = self.shelf.get(message.get("photo"))
        rle = message.get("rle")
        mask = np.zeros(photo.size_hw, np.bool_) if rle is None else from_rle(rle, photo.size_hw)
        edited = read_edit(message)(mask)
        if not edited.any():
            raise PromptError("Nothing of the mask would be left; remove the food instead.")
        return {"mask": mask_json(edited)}

    def download(self, message: Mapping[str, Any]) -> Reply:
        """A mask -> a ZIP of what the command line writes for it."""
        photo = self.shelf.get(message.get("photo"))
        request = EvidenceRequest.read({"seq": 0, "stage": "all", "scale": "own", **message})
        score = message.get("score")
        result = self._pipeline.explain_mask(
            photo,
            from_rle(request.rle, photo.size_hw),
            score=float(score) if isinstance(score, int | float) else None,
            label=request.label,
            cam_method=request.method,
        )
        name = f"{photo.sha256[:8]}-{re.sub(r'[^0-9A-Za-z_-]+', '-', result.maps.label)}.zip"
        return {"url": self._serve(_zipped(result), name), "name": name}

    def _keep(self, candidates: Candidates) -> str:
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._low_res[token] = candidates.low_res.astype(np.float16)
        return token

    def _recall(self, refine: object) -> np.ndarray | None:
        """The low-resolution mask a token stands for; None when it was never given or has been let go."""
        if not isinstance(refine, Mapping):
            return None
        with self._lock:
            low_res = self._low_res.get(str(refine.get("token")))
        index = refine.get("candidate")
        if low_res is None or not isinstance(index, int) or not 0 <= index < len(low_res):
            return None
        return low_res[index].astype(np.float32)

    def _serve(self, data: bytes, name: str) -> str:
        """Put bytes where the page may fetch them; returns the address relative to the page."""
        path = processing_utils.save_bytes_to_cache(data, name, utils.get_upload_folder())
        self.served_files.add(path)
        return f"gradio_api/file={path}"


def candidates_json(candidates: Candidates) -> list[Reply]:
    """Masks for the wire: polygons to draw, RLE to keep."""
    return [
        mask_json(mask, float(score)) for mask, score in zip(candidates.masks, candidates.scores, strict=True)
    ]


def mask_json(mask: Mask, score: float | None = None) -> Reply:
    """A mask for the wire, not empty; its score is None where no segmenter gave one."""
    return {"polygons": polygons(mask), "rle": to_rle(mask), "score": score, "bbox": bbox_xywh(mask)}


def data_url(picture: Photo, quality: int = 85) -> str:
    """uint8 (H, W, 3) as a JPEG data URL."""
    return "data:image/jpeg;base64," + base64.b64encode(_jpeg(picture, quality)).decode("ascii")


def _cutouts_json(cutouts: Cutouts) -> Reply:
    return {
        "roi": data_url(fit_within(cutouts.roi, PICTURE_SIDE)),
        "extra_roi": data_url(fit_within(cutouts.extra_roi, PICTURE_SIDE)),
    }


def _jpeg(picture: Photo, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _zipped(result: ClickResult) -> bytes:
    buffer = io.BytesIO()
    with TemporaryDirectory() as folder, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for file in result.write(Path(folder)):
            archive.write(file, file.name)
    return buffer.getvalue()


def uploaded_file(path: object) -> Path:
    """A path the page got from an upload; nothing else on the disk may be named.

    Raises:
        PhotoError: it is not an uploaded file.
    """
    uploads = Path(utils.get_upload_folder()).resolve()
    try:
        file = Path(path).resolve()  # type: ignore[arg-type]
        arrived = file.is_relative_to(uploads) and file.is_file()
    except (TypeError, ValueError, OSError):  # not a path, or none any system could have
        arrived = False
    if not arrived:
        raise PhotoError("The upload did not arrive; open the photo again.")
    return file
