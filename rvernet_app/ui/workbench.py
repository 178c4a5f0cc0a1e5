"""The workbench: one HTML component with canvas, tools and panels."""

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
from rvernet_app.exchange.formats.registry import EXPORTS
from rvernet_app.picture.photos import read_photo
from rvernet_app.pipeline import Pipeline
from rvernet_app.portions import METHODS, UNITS
from rvernet_app.segment.registry import BUNDLED
from rvernet_app.ui.access import signs_in
from rvernet_app.ui.answers import IsAdmin, StoreHandler, answered, answered_to, in_turn
from rvernet_app.ui.project.rows import default_label_replies, limit_replies
from rvernet_app.ui.turns import Turns, Urgency
from rvernet_app.ui.visitor.handlers import Handlers
from rvernet_app.ui.visitor.pictures import thumbnail
from rvernet_app.ui.visitor.samples import Sample

WEB_DIR = Path(__file__).parent / "web"
FAVICON = WEB_DIR / "favicon.svg"
STYLES = ("base", "canvas", "panels", "sheets", "naming", "project", "review", "phone")
"""Style sheets; a later one overrides an earlier one."""

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

CAM_NAMES = {
    "gradcam": ("standard map", "Grad-CAM"),
    "gradcam++": ("for several pieces", "Grad-CAM++"),
    "hirescam": ("stricter map", "HiResCAM"),
    "layercam": ("finer map", "LayerCAM"),
    "eigencam": ("main pattern", "EigenCAM"),
}
"""What the page calls each kind of map, and its technical name for the tooltip."""


def make_workbench(
    handlers: Handlers,
    of_store: Sequence[StoreHandler],
    searches: Sequence[StoreHandler],
    turns: Turns,
    pipeline: Pipeline,
    samples: dict[str, Sample],
    elem_id: str,
    is_admin: IsAdmin,
) -> gr.HTML:
    """Create the component with canvas, tools, foods, suggestions and evidence.

    Its value is the newest evidence reply.

    Args:
        of_store: what the page may ask of the store.
        searches: what it may ask that searches a whole photo, when the engine has time.

    It is no subclass of gr.HTML, because Gradio writes a stub file
    into the package when a subclass is imported.
    """
    return gr.HTML(
        value=None,
        elem_id=elem_id,
        html_template=(WEB_DIR / "workbench.html").read_text("utf-8"),
        js_on_load=START.replace("MODULES", modules_path(web_modules())),
        apply_default_css=False,
        server_functions=[
            answered(handlers.open_photo),
            in_turn(answered(handlers.prepare), turns, Urgency.PREPARE),
            answered(handlers.segment),
            in_turn(answered(handlers.download), turns, Urgency.MAPS),
            answered(handlers.edit_mask),
            *[answered_to(handler, is_admin) for handler in of_store],
            *[in_turn(answered_to(handler, is_admin), turns, Urgency.SEARCH) for handler in searches],
        ],
        facts=facts(pipeline),
        samples=[_sample_json(sample, pipeline.config) for sample in samples.values()],
        methods=[
            {"value": value, "title": title, "term": term} for value, (title, term) in CAM_NAMES.items()
        ],
        method=pipeline.config.cam_method,
        max_photo_mb=pipeline.config.max_photo_mb,
        opens_folder=pipeline.config.import_root is not None,
        labels=[label.to_json() for label in default_label_replies()],
        units=list(UNITS),
        portion_methods=list(METHODS),
        limits={name: limit.to_json() for name, limit in limit_replies().items()},
        exports=list(EXPORTS),
    )


def web_modules() -> dict[str, bytes]:
    """Return the sources of the page's ES modules by their path below the web folder."""
    return {path.relative_to(WEB_DIR).as_posix(): path.read_bytes() for path in sorted(WEB_DIR.rglob("*.js"))}


def modules_path(modules: Mapping[str, bytes]) -> str:
    """Return the path of the modules below the page; it contains a fingerprint of their sources."""
    digest = hashlib.sha256()
    for name, source in modules.items():
        digest.update(f"{name} {len(source)}\n".encode() + source)
    return f"web/{digest.hexdigest()[:16]}"


def web_routes() -> list[Route]:
    """Return the route that serves the modules.

    Gradio serves static files without Cache-Control, so a browser may use the modules of an old version for
    days after an upgrade, and a query string on main.js does not apply to the modules that it imports. Here
    the fingerprint is part of the path, so browsers may cache modules forever. The path does not reveal any
    folder of the server.
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
    """Return the page's styles as one sheet."""
    return "\n".join((WEB_DIR / "styles" / f"{name}.css").read_text("utf-8") for name in STYLES)


def problems(pipeline: Pipeline) -> list[str]:
    """Return what is not at work here although it should be, a sentence each for the visitors."""
    found = []
    if pipeline.without_trained:
        found.append(
            "The model that was trained here cannot be read; the one that comes with the program suggests "
            "names instead. Tell whoever runs this server: its log says why."
        )
    if pipeline.lacks_best:
        found.append(
            "The larger model that finds outlines cannot be read; another one is at work instead. "
            "Tell whoever runs this server: its log says why."
        )
    return found


def facts(pipeline: Pipeline) -> dict[str, Any]:
    """Describe the segmenter, the checkpoint, its classes and its measured score for the page."""
    classifier = pipeline.classifier
    name = pipeline.segmenter.name
    finder = "the one that whoever runs this server has chosen"
    if name in BUNDLED:
        finder = (
            "the small one that comes with the program; whoever runs this server can install a larger one"
        )
    rows = [
        ["Model that finds a food's outline", finder, name],
        [
            "Model that suggests names",
            f"RveRNet, which knows {len(classifier.labels)} foods",
            classifier.name,
        ],
    ]
    macro_f1 = classifier.metrics.get("macro_f1")
    if isinstance(macro_f1, float):
        score = f"{100 * macro_f1:.0f} of 100"
        rows.append(
            ["Its score on photos it had not seen", score, f"macro F1 {macro_f1:.3f}, mean over foods"]
        )
    return {
        "segmenter": pipeline.segmenter.name,
        "checkpoint": classifier.name,
        "segmenter_id": f"{pipeline.segmenter.name}@{pipeline.segmenter.fingerprint}",
        "checkpoint_id": f"{classifier.name}@{classifier.fingerprint}",
        "rows": rows,
        "problems": problems(pipeline),
        "kept": not signs_in() or bool(pipeline.config.hub_dataset or pipeline.config.database_url),
        "classes": list(classifier.labels),
        "signs_in": signs_in(),
    }


def _sample_json(sample: Sample, limits: AppConfig) -> dict[str, str]:
    photo = read_photo(sample.path, max_mb=limits.max_photo_mb, max_megapixels=limits.max_photo_megapixels)
    return {"name": sample.name, "title": sample.title, "thumb": thumbnail(photo.pixels)}
