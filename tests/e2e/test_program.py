"""The page's JavaScript: how often it draws, below which path it works, and the message if it cannot load."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import gradio as gr
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Route

from rvernet_app.pipeline import Pipeline
from rvernet_app.ui.page import build_demo, page_options

if TYPE_CHECKING:
    from tests.e2e.conftest import DrawnPhoto, Server, Workbench

pytestmark = pytest.mark.browser

PATIENCE_S = 30

COUNT_DRAWS = """() => {
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    window.draws = 0;
    CanvasRenderingContext2D.prototype.clearRect = function (...rect) {
        window.draws += this.canvas.classList.contains('rv-overlay');
        return clear.apply(this, rect);
    };
}"""
"""Counts draws of the overlay, each of which clears it once."""

TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Whatever was scheduled before has been drawn when this is over."""


def draws(workbench: Workbench) -> int:
    """Return the number of draws since the last call."""
    seen: int = workbench.page.evaluate("() => { const seen = window.draws; window.draws = 0; return seen; }")
    return seen


def test_a_click_draws_the_scene_once_and_its_mask_once(workbench: Workbench, plate: DrawnPhoto) -> None:
    workbench.open(plate)
    page, (x, y) = workbench.page, plate.centres[0]
    page.mouse.move(*workbench.client(x, y))
    page.evaluate(COUNT_DRAWS)
    held: list[Route] = []
    page.route("**/component_server/", lambda route: held.append(route))

    page.mouse.down()
    page.mouse.up()
    page.evaluate(TWO_FRAMES)
    assert draws(workbench) == 1  # the point

    for route in held:
        route.continue_()
    page.wait_for_selector('.rv[data-mask-seq="1"]')
    workbench.wait_for_evidence()
    assert draws(workbench) == 1  # the mask; suggestions and maps draw nothing on the photo


@pytest.mark.parametrize("key", ["h", "g", "+", "n"])
def test_a_key_draws_the_scene_once(workbench: Workbench, plate: DrawnPhoto, key: str) -> None:
    workbench.open(plate)
    workbench.click(*plate.centres[0])
    workbench.wait_for_evidence()
    workbench.page.evaluate(COUNT_DRAWS)
    workbench.page.keyboard.press(key)
    workbench.page.evaluate(TWO_FRAMES)
    assert draws(workbench) == 1


def test_a_page_in_a_background_tab_draws(workbench: Workbench, plate: DrawnPhoto) -> None:
    """A browser gives a background tab no animation frames."""
    workbench.open(plate)
    workbench.page.evaluate("window.requestAnimationFrame = () => 0")
    workbench.click(*plate.centres[0])
    assert workbench.overlay_at(plate.centres[0][0] + 30, plate.centres[0][1])[3] > 0


def test_the_page_says_that_its_program_did_not_load(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    page.route("**/web/*/state.js", lambda route: route.abort())
    page.goto(server.url)
    page.wait_for_selector("#rv-toast:not([hidden])")
    assert page.inner_text("#rv-toast") == (
        "The page could not load its program. Check that the server is running, then reload."
    )
    page.close()


@pytest.fixture
def below_a_path(pipeline: Pipeline) -> Iterator[str]:
    """The address of the page below a path of another site."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {**page_options(pipeline.config), "favicon_path": None}  # the site around it has its own
    demo = build_demo(pipeline.config, pipeline)
    site = gr.mount_gradio_app(FastAPI(), demo, path="/food/naming", **options)
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    running = Server(uvicorn.Config(site, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    assert started.wait(PATIENCE_S)
    yield f"http://127.0.0.1:{port}/food/naming"
    running.should_exit = True
    thread.join(PATIENCE_S)


def test_the_page_works_below_a_path(
    below_a_path: str,
    server: Server,
    new_visitor: Callable[..., Workbench],
    plate: DrawnPhoto,
) -> None:
    visitor = new_visitor(at=replace(server, url=below_a_path))
    visitor.open(plate)
    visitor.click(*plate.centres[0])
    visitor.wait_for_evidence()
    assert len(visitor.foods()) == 1
    visitor.complaints.clear()  # Gradio asks for its manifest beside the path
