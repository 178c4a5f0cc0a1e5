"""Measure the parts of one click and compare them with plain implementations: `python -m bench.click`.

The plain implementations are SamPredictor with the same weights, two predictions one after the other, and two
runs of pytorch-grad-cam, one per module, each with a forward and a backward pass through the whole RveRNet.
Both sides take turns, so that they run under the same conditions.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from segment_anything import SamPredictor, sam_model_registry

from bench.browser import open_chromium, serving
from rvernet_app.config import ASSETS_DIR, AppConfig
from rvernet_app.model.hub import open_checkpoint
from rvernet_app.model.rvernet import RveRNet
from rvernet_app.picture.cutouts import cut_out
from rvernet_app.picture.photos import read_photo
from rvernet_app.pipeline import Pipeline, build_pipeline
from rvernet_app.segment.base import Segmenter
from rvernet_app.segment.registry import available_segmenters, open_segmenter
from rvernet_app.segment.sam import SamSegmenter
from rvernet_app.types import Cutouts, Photo, Prompt

SAMPLE = ASSETS_DIR / "samples" / "images" / "burger-and-fries.jpg"
SIZE_WH = (1600, 1200)
SLOW_REPEATS = 3  # calls of a SAM's image encoder, which takes seconds without a GPU
WARM_UPS = 3
POINT_XY = (1000, 460)  # the burger

EXPLAINED = "before => (document.querySelector('.rv').dataset.evidenceSeq ?? null) !== before"
IN_WINDOW = """(canvas, [x, y]) => {
    const view = JSON.parse(canvas.dataset.view), rect = canvas.getBoundingClientRect();
    return [rect.left + view.x + x * view.scale, rect.top + view.y + y * view.scale];
}"""


@dataclass(frozen=True)
class Row:
    """Times of one part in milliseconds, and of the plain implementation if there is one."""

    name: str
    ours_ms: list[float]
    plain: str = ""
    plain_ms: list[float] | None = None
    aim: str = ""

    def summary(self) -> dict[str, Any]:
        """Return median, 95th percentile and ratio for JSON."""
        summary: dict[str, Any] = {"name": self.name, **_statistics(self.ours_ms)}
        if self.plain_ms:
            plain = _statistics(self.plain_ms)
            ratio = summary["median_ms"] / plain["median_ms"]
            summary |= {"plain": self.plain, "plain_ms": plain, "ratio": round(ratio, 3)}
        return summary


def _statistics(times_ms: list[float]) -> dict[str, Any]:
    median, p95 = np.percentile(times_ms, (50, 95))
    return {"median_ms": round(float(median), 2), "p95_ms": round(float(p95), 2), "repeats": len(times_ms)}


def compare(
    name: str,
    ours: Callable[[], object],
    repeats: int,
    plain: str = "",
    theirs: Callable[[], object] | None = None,
    aim: str = "",
    warm_ups: int = 1,
) -> Row:
    """Time both implementations in turns, after `warm_ups` untimed calls of each."""
    ways = [ours] if theirs is None else [ours, theirs]
    for way in ways * warm_ups:
        way()
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(repeats):
        for way, its_times in zip(ways, times, strict=True):
            start = time.perf_counter()
            way()
            its_times.append((time.perf_counter() - start) * 1000)
    return Row(name, times[0], plain, times[1] if theirs else None, aim)


def sample_photo() -> Photo:
    """Return the centre of the sample photo, uint8 (1200, 1600, 3)."""
    photo = read_photo(SAMPLE, max_mb=40, max_megapixels=100).pixels
    height, width = photo.shape[:2]
    kept_h = min(height, width * SIZE_WH[1] // SIZE_WH[0])
    kept_w = min(width, height * SIZE_WH[0] // SIZE_WH[1])
    top, left = (height - kept_h) // 2, (width - kept_w) // 2
    kept = photo[top : top + kept_h, left : left + kept_w]
    return np.asarray(cv2.resize(kept, SIZE_WH, interpolation=cv2.INTER_CUBIC))


def measure_segmenters(config: AppConfig, photo: Photo, prompt: Prompt, repeats: int) -> Iterator[Row]:
    """Measure every available segmenter, and a full-size SAM with random weights."""
    for name in reversed(available_segmenters(config)):
        yield from measure_segmenter(
            open_segmenter(replace(config, segmenter=name)), name, photo, prompt, repeats
        )
    torch.manual_seed(0)
    random_sam = sam_model_registry["vit_b"](checkpoint=None)
    segmenter = SamSegmenter("vit_b", "random", random_sam)
    yield from measure_segmenter(segmenter, "vit_b, random weights", photo, prompt, repeats)


def measure_segmenter(
    segmenter: Segmenter, name: str, photo: Photo, prompt: Prompt, repeats: int
) -> Iterator[Row]:
    """Measure `encode` and `predict` of one segmenter."""
    embedding = segmenter.encode(photo)
    if not isinstance(segmenter, SamSegmenter):
        yield compare(f"{name}: encode", lambda: segmenter.encode(photo), repeats)
        yield compare(f"{name}: predict", lambda: segmenter.predict(embedding, prompt), repeats)
        return
    predictor = SamPredictor(segmenter._sam)  # the same weights
    predictor.set_image(photo)
    points, labels = np.array(prompt.points_xy), np.array(prompt.point_labels)
    yield compare(
        f"{name}: predict",
        lambda: segmenter.predict(embedding, prompt),
        repeats,
        "SamPredictor.predict",
        lambda: predictor.predict(points, labels, multimask_output=True),
    )
    yield compare(
        f"{name}: encode",
        lambda: segmenter.encode(photo),
        min(repeats, SLOW_REPEATS),
        "SamPredictor.set_image",
        lambda: predictor.set_image(photo),
        warm_ups=0,  # both have run above
    )


def measure_classifier(pipeline: Pipeline, cutouts: Cutouts, repeats: int) -> Iterator[Row]:
    """Measure suggestions with and without context, and the maps of both modules."""
    classifier = pipeline.classifier
    alone = cutouts.without_context()
    yield compare(
        "classify: both predictions",
        lambda: classifier.predict_batch([cutouts, alone]),
        repeats,
        "one prediction after the other",
        lambda: (classifier.predict(cutouts), classifier.predict(alone)),
    )
    label = classifier.predict(cutouts).top_k(1)[0][0]
    yield compare(
        "explain: both maps",
        lambda: classifier.explain(cutouts, label=label),
        repeats,
        "two runs of pytorch-grad-cam",
        two_runs(pipeline.config.checkpoint, cutouts, label),
        aim="ratio <= 0.6",
    )


class OneInput(torch.nn.Module):
    """RveRNet with one input, as pytorch-grad-cam expects: (B, 6, S, S) -> logits (B, K)."""

    def __init__(self, rvernet: RveRNet) -> None:
        super().__init__()
        self.rvernet = rvernet

    def forward(self, pair: torch.Tensor) -> torch.Tensor:
        return self.rvernet.forward(pair[:, :3], pair[:, 3:])


def two_runs(checkpoint: str | Path, cutouts: Cutouts, label: str) -> Callable[[], list[NDArray[np.float32]]]:
    """Make a function that computes both maps by two runs; for backbones with features (B, C, h, w)."""
    loaded = open_checkpoint(checkpoint)
    rvernet = loaded.model
    assert isinstance(rvernet, RveRNet)  # the pipeline's classifier uses it
    model = OneInput(rvernet.requires_grad_(True))  # pytorch-grad-cam needs parameters with gradients
    targets = [ClassifierOutputTarget(loaded.classes.index(label))]

    def maps() -> list[NDArray[np.float32]]:
        pair = torch.cat(loaded.preprocessing([cutouts]), dim=1)  # (1, 6, S, S)
        found = []
        for layer in (rvernet.roi_tap, rvernet.extra_roi_tap):
            with GradCAM(model=model, target_layers=[layer]) as cam:
                square = cam(input_tensor=pair, targets=targets)[0]  # (S, S)
            found.append(loaded.preprocessing.letterbox.undo(square, cutouts.size_hw))
        return found

    return maps


def measure_page(pipeline: Pipeline, photo: Photo, point_xy: tuple[int, int], repeats: int) -> Iterator[Row]:
    """Measure the time from a click in the browser to the drawn mask, on a photo without annotations."""
    drawn, engine = [], []
    with tempfile.TemporaryDirectory() as folder, serving(pipeline) as url, sync_playwright() as playwright:
        file = Path(folder) / "photo.jpg"
        cv2.imwrite(str(file), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
        page = open_chromium(playwright).new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        page.wait_for_selector(".rv[data-ready]")
        page.set_input_files("#rv-file", file)
        page.wait_for_selector(".rv[data-photo]")
        at = page.eval_on_selector(".rv-overlay", IN_WINDOW, point_xy)
        for _ in range(WARM_UPS + repeats):
            before = page.eval_on_selector(".rv", "root => root.dataset.evidenceSeq ?? null")
            page.mouse.click(*at)
            page.wait_for_function(EXPLAINED, arg=before)
            times = page.eval_on_selector(
                ".rv", "root => [root.dataset.maskMs, root.dataset.engineMs].map(Number)"
            )
            drawn.append(times[0])
            engine.append(times[1])
            page.click("#rv-clear")
    drawn, engine = drawn[WARM_UPS:], engine[WARM_UPS:]
    name = pipeline.segmenter.name
    yield Row(f"page: click to mask drawn ({name})", drawn)
    yield Row("page: of it encode and decode", engine)
    others = [whole - part for whole, part in zip(drawn, engine, strict=True)]
    yield Row("page: all but encode and decode", others, aim="median < 15 ms")


def show(row: Row) -> str:
    """Format one line of the table."""
    summary = row.summary()
    line = f"{row.name:<36}{summary['median_ms']:>10.1f}{summary['p95_ms']:>10.1f}{summary['repeats']:>5}"
    if "plain" in summary:
        plain = summary["plain_ms"]
        line += f"{plain['median_ms']:>10.1f}{plain['p95_ms']:>10.1f}{summary['ratio']:>7.2f}  {row.plain}"
    return f"{line}  aim: {row.aim}" if row.aim else line


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--repeats", type=int, default=20, help="timed calls; at most 3 for a SAM's image encoder"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        config = replace(AppConfig.from_env(), photos_dir=Path(folder) / "photos")
        pipeline = build_pipeline(config)
        photo = sample_photo()
        prompt = Prompt(points_xy=(POINT_XY,), point_labels=(1,))
        mask = pipeline.segmenter.predict(pipeline.segmenter.encode(photo), prompt).masks[0]
        rows = []
        if not options.json:
            print(f"Photo {SIZE_WH[0]} x {SIZE_WH[1]}, {torch.get_num_threads()} threads, milliseconds")
            print(f"{'':<36}{'median':>10}{'p95':>10}{'n':>5}{'plain':>10}{'p95':>10}{'ratio':>7}")
        for row in chain(
            measure_page(pipeline, photo, POINT_XY, options.repeats),
            measure_classifier(pipeline, cut_out(photo, mask), options.repeats),
            measure_segmenters(config, photo, prompt, options.repeats),
        ):
            rows.append(row.summary())
            if not options.json:
                print(show(row), flush=True)
    if options.json:
        print(json.dumps(rows, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
