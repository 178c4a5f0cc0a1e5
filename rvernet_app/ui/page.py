"""The Gradio app: the workbench, connected to the engine and the store."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware

from rvernet_app.config import AppConfig
from rvernet_app.errors import RvernetError
from rvernet_app.exchange.hub_copy import HubCopy
from rvernet_app.picture.decode_budget import DECODING
from rvernet_app.pipeline import Pipeline, build_pipeline
from rvernet_app.store.database import Store
from rvernet_app.store.files import PhotoFiles
from rvernet_app.store.roles import Actor
from rvernet_app.ui.access import (
    bound_memory,
    check_paths,
    is_served,
    let_wait,
    queue_awaits,
    signs_in,
    unfinished_uploads_removed,
    uploads_folder,
)
from rvernet_app.ui.admins import server_admins
from rvernet_app.ui.answers import StoreHandler
from rvernet_app.ui.document import TITLE, middleware
from rvernet_app.ui.gate.gate import Gate, Knowledge
from rvernet_app.ui.gate.rules import Rules
from rvernet_app.ui.malformed import Malformed
from rvernet_app.ui.project.adding import Adding
from rvernet_app.ui.project.blurring import Blurring
from rvernet_app.ui.project.exporting import Exporting
from rvernet_app.ui.project.importing import Importing
from rvernet_app.ui.project.label_sets import LabelSets
from rvernet_app.ui.project.labeling import Labeling
from rvernet_app.ui.project.leftovers import Leftovers
from rvernet_app.ui.project.managing import Managing
from rvernet_app.ui.project.ranking import Ranking
from rvernet_app.ui.project.replies import CopyState
from rvernet_app.ui.project.reviewing import Reviewing
from rvernet_app.ui.project.training_runs import TrainingRuns, checkpoint_in_use
from rvernet_app.ui.requests import Empty
from rvernet_app.ui.signin.routes import login_routes
from rvernet_app.ui.signin.sign_in import SignIn
from rvernet_app.ui.signin.wall import Wall
from rvernet_app.ui.traces import forget
from rvernet_app.ui.turns import MAX_WAITING_IN_ALL, Turns
from rvernet_app.ui.visitor.api import Api
from rvernet_app.ui.visitor.handlers import Handlers
from rvernet_app.ui.visitor.samples import find_samples
from rvernet_app.ui.visitor.streams import Newest, Streams
from rvernet_app.ui.workbench import FAVICON, facts, make_workbench, style_sheet, web_routes

log = logging.getLogger(__name__)

HOUR = 3600


def build_demo(config: AppConfig, pipeline: Pipeline | None = None, copy: HubCopy | None = None) -> gr.Blocks:
    """Build the Gradio app.

    Args:
        pipeline: the engine; None builds one from `config`.
        copy: the copy of the store on the Hub; the caller closes it. None opens the store of `config` alone.

    Raises:
        WeightsError: the segmenter has no weights here, or the checkpoint cannot be fetched.
        CheckpointError: the checkpoint is missing or damaged.
        StoreError: the data folder or the database cannot be used.
    """
    if pipeline is None:
        pipeline = build_engine(config)
    DECODING.resize(int(config.decoding_mb * 1e6))
    samples = find_samples()
    handlers = Handlers(pipeline, samples)
    store = Store(config.data_dir, config.database_url or None) if copy is None else copy.store
    files = PhotoFiles(
        config.data_dir, max_mb=config.max_photo_mb, max_megapixels=config.max_photo_megapixels
    )
    labeling = Labeling(store, files, handlers.photos, handlers.present)
    adding = Adding(store, files, handlers.photos, config.import_root)
    training = TrainingRuns(store, pipeline, partial(facts, pipeline))
    ranking = Ranking(store, files, handlers.photos, pipeline)
    leftovers = Leftovers(store, files, handlers.photos, pipeline)
    reviewing = Reviewing(store, files, handlers.photos, handlers.present)
    importing = Importing(store, files)
    forget_photos = partial(forget, handlers, pipeline)
    managing = Managing(store, files, forget_photos)
    blurring = Blurring(store, files, forget_photos, config.weights_dir)
    exporting = Exporting(store, files, handlers.served)
    turns = Turns()
    streams, api = Streams(pipeline, handlers.photos, turns), Api(pipeline, turns)
    demo = gr.Blocks(title=TITLE, fill_width=True, analytics_enabled=False, delete_cache=(HOUR, 24 * HOUR))
    with demo:
        newest = gr.State(Newest())
        parts = (
            labeling,
            adding,
            LabelSets(store),
            reviewing,
            training,
            exporting,
            importing,
            managing,
            blurring,
        )
        of_store = [copy_reporter(copy), *[handler for part in parts for handler in part.handlers]]
        if signs_in():
            # Gradio offers signing in only if this button exists; visitors see the one in the page's header.
            gr.LoginButton(visible=False)
        searches = [*ranking.handlers, *leftovers.handlers]
        workbench = make_workbench(
            handlers, of_store, searches, turns, pipeline, samples, "workbench", server_admins(config)
        )
        for listen, handler in (
            (workbench.evidence, streams.evidence),
            (workbench.propose, streams.propose),
        ):
            listen(
                handler,
                inputs=[newest],
                outputs=[workbench],
                trigger_mode="multiple",
                concurrency_limit=None,  # the engine is shared by `turns`
                show_progress="hidden",
                api_visibility="private",
            )
        for endpoint in (api.segment, api.classify):
            gr.api(  # type: ignore[attr-defined]  # public, but Gradio does not list it
                endpoint,
                api_name=endpoint.__name__,
                concurrency_limit=None,
            )
    handlers.served.clean_with(demo)
    let_wait(demo.queue(max_size=None), MAX_WAITING_IN_ALL)
    bound_memory(demo)
    return demo


def build_engine(config: AppConfig) -> Pipeline:
    """Build the engine, with the checkpoint that was chosen on the page unless `config` names another.

    If the chosen one cannot be read, the bundled one is at work, and the log says why: a damaged file must
    not keep everyone from their photos. A checkpoint that `config` names has to be read.

    Raises:
        WeightsError, CheckpointError: as `build_pipeline`.
    """
    pipeline = build_pipeline(config)
    if config.checkpoint != AppConfig.checkpoint:
        return pipeline
    try:
        chosen = checkpoint_in_use(config.data_dir)
        if chosen is not None:
            pipeline.use(chosen)
    except Exception as error:  # libraries raise nearly anything on a damaged file
        log.error("The checkpoint trained here is not in use: %s", error, exc_info=not _is_ours(error))
        pipeline.without_trained = True
    return pipeline


def _is_ours(error: Exception) -> bool:
    """Return whether the message of an error says enough."""
    return isinstance(error, RvernetError)


def copy_reporter(copy: HubCopy | None) -> StoreHandler:
    """Return the handler that reports the state of the copy on the Hub."""

    def copy_state(asked: Empty, me: Actor) -> CopyState:
        """Return the reason why the last push failed; None if it did not fail."""
        return CopyState(problem=None if copy is None else copy.problem)

    return copy_state


def web_app(demo: gr.Blocks, config: AppConfig, sign_in: SignIn) -> Gate:
    """Return the app that a web server runs: the page behind its gate.

    It is mounted rather than launched: Gradio's `launch` asks for the page by HTTP, which fails where a proxy
    is set, does not know IPv6 addresses, and looks for a free port in its own way.

    Args:
        sign_in: knows who is logged in, and whether one has to be.
    """
    check_paths(demo)
    site = FastAPI(openapi_url=None, routes=login_routes(sign_in))
    site.add_middleware(Wall, sign_in=sign_in)
    gr.mount_gradio_app(site, demo, path="/", auth_dependency=sign_in, **page_options(config))
    knows = Knowledge(
        name_of=sign_in.passes,
        offers=partial(is_served, demo),
        awaits=partial(queue_awaits, demo),
        uploads_folder=uploads_folder,
        unfinished_removed=unfinished_uploads_removed,
    )
    return Gate(site, Rules.of(config), knows)


def page_options(config: AppConfig) -> dict[str, Any]:
    """Return the options with which the page is mounted: theme, styles, icon, routes and limits."""
    return {
        "theme": gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        "css": style_sheet(),
        "favicon_path": str(FAVICON),
        "app_kwargs": {"routes": web_routes(), "middleware": [Middleware(Malformed), *middleware()]},
        "max_file_size": int(config.max_photo_mb * 1e6),
        "show_error": False,
        "footer_links": [],
        "enable_monitoring": False,
        "run_history": False,
        "mcp_server": False,
        "ssr_mode": False,
    }
