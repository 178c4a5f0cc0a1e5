"""The working surface: one HTML component with a canvas, tools and panels of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rvernet_app.config import AppConfig
from rvernet_app.picture.photos import read_photo
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.registry import BUNDLED
from rvernet_app.ui.access import signs_in
from rvernet_app.ui.answers import StoreHandler, answered, answered_to
from rvernet_app.ui.visitor.handlers import Handlers
from rvernet_app.ui.visitor.pictures import thumbnail
from rvernet_app.ui.visitor.samples import Sample

WEB_DIR = Path(__file__).parent / "web"
STYLES = ("base", "canvas", "panels", "sheets", "project", "review", "phone")
"""In the order in which they override each other."""

START = """
// Gradio lets Python listen to the events whose names it finds quoted here: "evidence", "propose".
const address = `${window.gradio_config?.root ?? ""}/MODULES/main.js`;
import(address)
  .then(({ start }) => start({ element, props, server, trigger, watch, upload }))
  .catch((error) => {
    console.error(error);
    const toast = element.querySelector("#rv-toast");
    toast.textContent = "The page could not load its program. Check that the server is running, then reload.";
    toast.hidden = false;
  });
"""

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
        html_template=(WEB_DIR / "workbench.html").read_text("utf-8"),
        js_on_load=START.replace("MODULES", modules_path(web_modules())),
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


def web_modules() -> dict[str, bytes]:
    """The page's ES modules: path below the web folder -> source."""
    return {path.relative_to(WEB_DIR).as_posix(): path.read_bytes() for path in sorted(WEB_DIR.rglob("*.js"))}


def modules_path(modules: Mapping[str, bytes]) -> str:
    """Where they are served, below the page. Other sources have another path."""
    digest = hashlib.sha256()
    for name, source in modules.items():
        digest.update(f"{name} {len(source)}\n".encode() + source)
    return f"web/{digest.hexdigest()[:16]}"


def web_routes() -> list[Route]:
    """Serves the modules.

    Not Gradio's static files: they come without Cache-Control, so that a browser may show the modules of the last
    version for days after an upgrade, and a query string on main.js would not reach what it imports. Here the
    fingerprint is part of the path, so modules may be kept for good, and the page tells no path of the machine.
    """
    modules = web_modules()

    def serve(request: Request) -> Response:
        source = modules.get(request.path_params["name"])
        if source is None:
            return PlainTextResponse("There is no such module.", 404)
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(source, media_type="text/javascript", headers=headers)

    return [Route(f"/{modules_path(modules)}/{{name:path}}", serve)]


def style_sheet() -> str:
    """The page's styles, as one sheet."""
    return "\n".join((WEB_DIR / "styles" / f"{name}.css").read_text("utf-8") for name in STYLES)


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
