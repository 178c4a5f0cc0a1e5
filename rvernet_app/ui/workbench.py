"""The working surface: one HTML component with a canvas, tools and panels of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from rvernet_app.config import AppConfig
from rvernet_app.picture.photos import read_photo
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.registry import BUNDLED
from rvernet_app.ui.access import signs_in
from rvernet_app.ui.answers import StoreHandler, answered, answered_to
from rvernet_app.ui.visitor.handlers import Handlers
from rvernet_app.ui.visitor.pictures import thumbnail
from rvernet_app.ui.visitor.samples import Sample

STATIC_DIR = Path(__file__).parent / "static"
SCRIPTS = (
    "work.js",
    "view.js",
    "input.js",
    "panel.js",
    "session.js",
    "photos.js",
    "prompts.js",
    "evidence.js",
    "labels.js",
    "labelset.js",
    "sync.js",
    "unsaved.js",
    "account.js",
    "portion.js",
    "queue.js",
    "strip.js",
    "adding.js",
    "edit.js",
    "vertices.js",
    "review.js",
    "export.js",
    "training.js",
    "main.js",
)
"""Joined in this order into one function, so that all share its scope."""

CAM_TITLES = {
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "hirescam": "HiResCAM",
    "layercam": "LayerCAM",
    "eigencam": "EigenCAM",
}


def make_workbench(
    handlers: Handlers,
    of_store: Sequence[StoreHandler],
    pipeline: Pipeline,
    samples: dict[str, Sample],
    elem_id: str,
) -> gr.HTML:
    """Canvas, tools, foods, suggestions and evidence; its value is the newest evidence reply.

    Not a subclass of gr.HTML: for those Gradio writes a stub file into the package at import.
    """
    return gr.HTML(
        value=None,
        elem_id=elem_id,
        html_template=(STATIC_DIR / "workbench.html").read_text("utf-8"),
        js_on_load="\n".join((STATIC_DIR / script).read_text("utf-8") for script in SCRIPTS),
        apply_default_css=False,
        server_functions=[
            answered(handlers.open_photo),
            answered(handlers.prepare),
            answered(handlers.segment),
            answered(handlers.download),
            answered(handlers.edit_mask),
            *(answered_to(handler) for handler in of_store),
        ],
        facts=facts(pipeline),
        samples=[_sample_json(sample, pipeline.config) for sample in samples.values()],
        methods=[{"value": value, "title": title} for value, title in CAM_TITLES.items()],
        method=pipeline.config.cam_method,
        max_photo_mb=pipeline.config.max_photo_mb,
    )


def facts(pipeline: Pipeline) -> dict[str, Any]:
    """Which segmenter and checkpoint are at work, what the checkpoint knows and how well."""
    classifier = pipeline.classifier
    name = pipeline.segmenter.name
    if name in BUNDLED:
        name += " (bundled; `python -m rvernet_app weights list` says how to get a larger SAM)"
    rows = [["Segmenter", name], ["Classifier", f"RveRNet, {classifier.name}"]]
    macro_f1 = classifier.metrics.get("macro_f1")
    if isinstance(macro_f1, float):
        rows.append(["Macro F1 on held-out photos", f"{macro_f1:.3f}"])
    return {
        "segmenter": pipeline.segmenter.name,
        "checkpoint": classifier.name,
        "segmenter_id": f"{pipeline.segmenter.name}@{pipeline.segmenter.fingerprint}",
        "checkpoint_id": f"{classifier.name}@{classifier.fingerprint}",
        "rows": rows,
        "kept": not signs_in() or bool(pipeline.config.hub_dataset or pipeline.config.database_url),
        "classes": list(classifier.labels),
        "signs_in": signs_in(),
    }


def _sample_json(sample: Sample, limits: AppConfig) -> dict[str, str]:
    photo = read_photo(sample.path, max_mb=limits.max_photo_mb, max_megapixels=limits.max_photo_megapixels)
    return {"name": sample.name, "title": sample.title, "thumb": thumbnail(photo.pixels)}
