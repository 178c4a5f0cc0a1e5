"""Deaths in what concerns the models: training, the choice of a checkpoint, downloads, opened photos."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import torch

from rvernet_app import files
from rvernet_app.errors import CheckpointError, RvernetError
from rvernet_app.model.calibration import Calibration
from rvernet_app.model.checkpoint import load_checkpoint, save_checkpoint, set_calibration
from rvernet_app.model.classify import load_classifier
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.picture.photo_cache import PhotoCache
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.segment.download import download
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.store.database import Store
from rvernet_app.store.roles import Actor
from rvernet_app.ui.page import build_engine
from rvernet_app.ui.project.training_runs import (
    CHECKPOINT_NAME,
    COMPARISON_NAME,
    FOLDER_NAME,
    Run,
    TrainingRuns,
    checkpoint_in_use,
)
from rvernet_app.ui.requests import Empty
from tests.chaos.operation import Findings, Operation, Place, Tell
from tests.chaos.pictures import noise
from training.loop.optimization import load_state, save_state

CLASSES = ("rice", "soup")
STEPS = 3
WEIGHTS_NAME = "sam.pth"


@dataclass(frozen=True)
class Options:
    """What a tiny training is started with."""

    seed: int = 0


def tiny_model() -> RveRNet:
    torch.manual_seed(0)
    module = ModuleSpec("mobilenetv2_035")
    return RveRNet(RveRNetConfig(module, module, 2, fusion="features", hidden=4, input_size=32))


class Training(Operation):
    """A training keeps its state after each step, and saves and calibrates its checkpoint."""

    name = "train"

    def prepare(self, place: Place) -> None:
        self._model = tiny_model()
        Store(place.data).close()

    def work(self, place: Place, tell: Tell) -> None:
        run = place.data / FOLDER_NAME / "20260101-000000-000000"
        bias = self._model.state_dict()
        for step in range(STEPS):
            save_state(run, Options(), {"step": step, "model": bias})
            tell(str(step))
        self._export(run)
        tell("checkpoint")

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        run = place.data / FOLDER_NAME / "20260101-000000-000000"
        state = load_state(run, Options())
        steps = [int(line) for line in told if line != "checkpoint"]
        if steps and (state is None or state["step"] < steps[-1]):
            found.lost.append(f"the state after step {steps[-1]}")
        if (run / COMPARISON_NAME).exists() or "checkpoint" in told:
            load_checkpoint(run / CHECKPOINT_NAME)  # the comparison comes last
        self._export(run)
        if load_checkpoint(run / CHECKPOINT_NAME).calibration is None:
            found.failed.append("the checkpoint of the continued run is not calibrated")

    def _export(self, run: Path) -> None:
        save_checkpoint(run / CHECKPOINT_NAME, self._model, CLASSES)
        set_calibration(run / CHECKPOINT_NAME, Calibration(1.5, 0.5))
        files.write(run / COMPARISON_NAME, "{}", durable=False)


class Choosing(Operation):
    """One of two trained checkpoints is chosen for everyone, and then the other."""

    name = "use a checkpoint"
    starts_engine = True

    def prepare(self, place: Place) -> None:
        for name in ("1", "2"):
            run = place.data / FOLDER_NAME / name
            save_checkpoint(run / CHECKPOINT_NAME, tiny_model(), CLASSES)
            files.write(run / COMPARISON_NAME, "{}", durable=False)

    def work(self, place: Place, tell: Tell) -> None:
        store = Store(place.data)
        trained = place.data / FOLDER_NAME
        config = place.config
        classifier = load_classifier(config)
        pipeline = Pipeline(config, GrabCutSegmenter(), classifier, EmbeddingCache(1))
        runs = TrainingRuns(store, pipeline, dict)
        for name in ("1", "2", "1"):
            runs._run = Run("Trays", trained.resolve() / name)
            runs.use_checkpoint(Empty(), Actor("Ann", is_admin=True))
            tell(name)

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        order = ["none", "1", "2", "1"]
        try:
            chosen = checkpoint_in_use(place.data)
        except CheckpointError as error:
            found.half.append(str(error))
            return
        name = "none" if chosen is None else chosen.parent.name
        if name not in order[len(told) : len(told) + 2]:
            found.lost.append(f"the choice of {told[-1:]}, now {name}")
        if build_engine(place.config).without_trained:
            found.half.append("the chosen checkpoint cannot be read")


CONTENT = bytes(range(256)) * 16_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:])

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def published() -> Iterator[str]:
    """Serve CONTENT; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/weights"
        server.shutdown()


class Downloading(Operation):
    """Weights are downloaded."""

    name = "download weights"
    kept = frozenset((f"{WEIGHTS_NAME}.part",))

    def prepare(self, place: Place) -> None:
        Store(place.data).close()

    def work(self, place: Place, tell: Tell) -> None:
        with published() as url:
            download(url, place.folder / "weights" / WEIGHTS_NAME, SHA256, len(CONTENT))
        tell("weights")

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        target = place.folder / "weights" / WEIGHTS_NAME
        if target.exists() and target.read_bytes() != CONTENT:
            found.half.append("the weights are not whole")
        if told and not target.exists():
            found.lost.append("the weights")
        with published() as url:
            download(url, target, SHA256, len(CONTENT))


class Opening(Operation):
    """Visitors open photos."""

    name = "open photos"

    def prepare(self, place: Place) -> None:
        for number in range(5):
            files.write(place.folder / "source" / f"{number}.png", noise(number), durable=False)

    def work(self, place: Place, tell: Tell) -> None:
        cache = PhotoCache(place.config)
        cache.claim()
        for number in range(5):
            tell(cache.add(place.folder / "source" / f"{number}.png").sha256)

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        cache = PhotoCache(place.config)
        for sha256 in told:
            try:
                cache.get(sha256)
            except RvernetError as error:
                found.lost.append(f"{sha256[:12]}: {error}")
        for number in range(5):
            added = cache.add(place.folder / "source" / f"{number}.png")
            if not np.array_equal(added.pixels, cache.get(added.sha256).pixels):
                found.half.append("an opened photo has other pixels")


OPERATIONS: tuple[type[Operation], ...] = (Training, Choosing, Downloading, Opening)
