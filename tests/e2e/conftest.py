"""One server and one browser for all browser tests, and a driver that takes photo pixels."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize, sync_playwright

from bench.browser import open_chromium, serving
from rvernet_app.config import AppConfig
from rvernet_app.pipeline import Pipeline, build_pipeline
from rvernet_app.store.database import Store
from tests.e2e.project import Project, new_name

TIMEOUT_MS = 30_000
DESKTOP: ViewportSize = {"width": 1440, "height": 900}

Button: TypeAlias = Literal["left", "middle", "right"]
Rgba: TypeAlias = tuple[int, int, int, int]

TABLE_RGB = (226, 221, 208)
FOOD_RGBS = ((176, 52, 38), (60, 110, 40), (110, 70, 30))

FORGET = """() => new Promise((resolve) => {
    localStorage.clear();
    const request = indexedDB.deleteDatabase("rvernet-front");
    request.onsuccess = request.onerror = request.onblocked = resolve;
})"""
"""Makes the browser forget what it keeps of the page, so that the next test starts with an empty one."""

TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera that writes an EXIF orientation has turned the upright picture."""


@dataclass(frozen=True, eq=False)
class DrawnPhoto:
    """A photo file whose every pixel is known.

    Attributes:
        size: width and height of the upright photo.
        foods: one mask per drawn food, bool (H, W).
        centres: the centre (x, y) of each food.
    """

    path: Path
    size: tuple[int, int]
    foods: list[NDArray[np.bool_]]
    centres: list[tuple[int, int]]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @property
    def corner(self) -> tuple[int, int]:
        """A pixel (x, y) that shows the table."""
        return self.size[0] - 3, self.size[1] - 3


def draw_photo(
    path: Path, size: tuple[int, int], centres: list[tuple[int, int]], orientation: int = 1
) -> DrawnPhoto:
    """Save a JPEG with EXIF: foods of 22 x 18 % of the short side on a pale, slightly grainy table."""
    width, height = size
    radius_x, radius_y = 0.11 * min(size), 0.09 * min(size)
    grain = np.random.default_rng(7).integers(-4, 5, (height, width, 1))
    photo, foods = Image.fromarray((np.array(TABLE_RGB) + grain).astype(np.uint8)), []
    for (x, y), colour in zip(centres, itertools.cycle(FOOD_RGBS)):
        shape = Image.new("L", size)
        ImageDraw.Draw(shape).ellipse((x - radius_x, y - radius_y, x + radius_x, y + radius_y), fill=255)
        foods.append(np.asarray(shape) > 0)
        food = Image.fromarray((np.array(colour) + grain).astype(np.uint8))
        photo = Image.composite(food, photo, shape.filter(ImageFilter.GaussianBlur(0.6)))
    turn = STORED_AS[orientation]
    stored = photo if turn is None else photo.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(path, quality=95, exif=exif)
    return DrawnPhoto(path, size, foods, centres)


@dataclass(frozen=True, eq=False)
class Server:
    """The address of the running app, and its engine."""

    url: str
    pipeline: Pipeline


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The engine with GrabCut, which needs no weights, and with folders of its own."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "gradio"))
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        yield build_pipeline(
            AppConfig(
                segmenter="grabcut",
                photos_dir=folder / "photos",
                data_dir=folder / "data",
                device="cpu",
                max_photo_mb=5,
            )
        )


@pytest.fixture(scope="session")
def server(pipeline: Pipeline) -> Iterator[Server]:
    """The app that most tests share."""
    with serving(pipeline) as url:
        yield Server(url, pipeline)


@pytest.fixture
def serve() -> Iterator[Callable[[Pipeline], Server]]:
    """A function that serves another engine until the test ends."""
    with ExitStack() as stack:
        yield lambda pipeline: Server(stack.enter_context(serving(pipeline)), pipeline)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = open_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """A desktop browser. Tests share it, because a warm cache loads the page in a fraction of the time."""
    context = browser.new_context(viewport=DESKTOP)
    yield context
    context.close()


@pytest.fixture
def workbench(desktop: BrowserContext, server: Server) -> Iterator[Workbench]:
    """The newly loaded page.

    An error in the console or a request to another host fails the test.
    """
    page = desktop.new_page()
    opened = Workbench(page, server)
    opened.load()
    yield opened
    page.evaluate(FORGET)
    page.close()
    assert opened.complaints == []


@pytest.fixture
def new_visitor(browser: Browser, server: Server) -> Iterator[Callable[..., Workbench]]:
    """A function that opens the page in a new browser context with the given options."""
    opened: list[Workbench] = []

    def open_page(
        at: Server = server,
        viewport: ViewportSize = DESKTOP,
        has_touch: bool = False,
        is_mobile: bool = False,
    ) -> Workbench:
        context = browser.new_context(viewport=viewport, has_touch=has_touch, is_mobile=is_mobile)
        opened.append(Workbench(context.new_page(), at))
        opened[-1].load()
        return opened[-1]

    yield open_page
    for each in opened:
        each.page.context.close()
    assert [complaint for each in opened for complaint in each.complaints] == []


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., DrawnPhoto]:
    """A function that draws a photo in the test's own folder."""
    numbers = itertools.count(1)

    def draw(size: tuple[int, int], centres: list[tuple[int, int]], orientation: int = 1) -> DrawnPhoto:
        return draw_photo(tmp_path / f"drawn-{next(numbers)}.jpg", size, centres, orientation)

    return draw


@pytest.fixture
def plate(draw: Callable[..., DrawnPhoto]) -> DrawnPhoto:
    """A photo of 640 x 480 with three foods, far from each other."""
    return draw((640, 480), [(140, 130), (480, 150), (310, 360)])


@pytest.fixture
def store(server: Server) -> Store:
    """The store that the shared app writes to."""
    config = server.pipeline.config
    return Store(config.data_dir)


@pytest.fixture
def plates(draw: Callable[..., DrawnPhoto]) -> list[DrawnPhoto]:
    """Three different photos with two foods each."""
    return [draw((640, 480), [(140 + n, 130), (480, 300 + n)]) for n in range(0, 60, 20)]


@pytest.fixture
def project(workbench: Workbench, plates: list[DrawnPhoto]) -> Project:
    """A new project with these three photos, opened on the page."""
    opened = Project(workbench, new_name())
    opened.create()
    opened.add([plate.path for plate in plates])
    return opened


class Workbench:
    """A driver of the page that takes the photo's pixels.

    Attributes:
        complaints: console errors, uncaught errors and requests to other hosts.
    """

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server
        self.complaints: list[str] = []
        self._messages: list[dict[str, Any]] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda message: self._complain(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("request", self._note)
        page.on("filechooser", lambda _: None)  # makes Chromium leave file choosers to Playwright

    def _complain(self, text: str) -> None:
        self.complaints.append(text)

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:")):
            self._complain(f"requested {request.url}")
        if "/component_server" in request.url or "/queue/join" in request.url:
            self._messages.append(message_of(request))

    def load(self) -> None:
        self.page.goto(self.server.url)
        self.page.wait_for_selector(".rv[data-ready]")

    def state(self, name: str) -> str | None:
        """Return a data attribute of the page's root."""
        return self.page.locator(".rv").get_attribute(f"data-{name}")

    def open(self, photo: DrawnPhoto | Path) -> None:
        """Open a photo file and wait until it is shown."""
        path = photo if isinstance(photo, Path) else photo.path
        self.page.set_input_files("#rv-file", path)
        self.wait_for_photo(path.read_bytes())

    def wait_for_photo(self, file: bytes) -> None:
        self.page.wait_for_selector(f'.rv[data-photo="{hashlib.sha256(file).hexdigest()}"]')
        self.page.evaluate(TWO_FRAMES)  # until the photo is fitted to the space that its strip leaves

    def client(self, x: float, y: float) -> tuple[float, float]:
        """Return the window coordinates of the middle of a photo pixel."""
        return tuple(
            self.page.eval_on_selector(
                ".rv-overlay",
                """(canvas, [x, y]) => {
                    const { x: left, y: top, scale } = JSON.parse(canvas.dataset.view);
                    const rect = canvas.getBoundingClientRect();
                    return [rect.left + left + (x + 0.5) * scale, rect.top + top + (y + 0.5) * scale];
                }""",
                [x, y],
            )
        )

    def press(self, x: float, y: float, button: Button = "left", key: str | None = None) -> None:
        """Click a photo pixel, with a key held, without waiting for the result."""
        at = self.client(x, y)
        if key:
            self.page.keyboard.down(key)
        self.page.mouse.click(*at, button=button)
        if key:
            self.page.keyboard.up(key)

    def click(self, x: float, y: float, button: Button = "left", key: str | None = None) -> dict[str, Any]:
        """Click a photo pixel, wait until the mask is drawn, and return the server's reply."""
        return self.mask_after(lambda: self.press(x, y, button, key))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the left button at one photo pixel and release it at another."""
        (x0, y0), (x1, y1) = self.client(*start), self.client(*end)
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        self.page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
        self.page.mouse.move(x1, y1)
        self.page.mouse.up()

    def mask_after(self, act: Callable[[], object]) -> dict[str, Any]:
        """Run an action that requests a mask, wait until it is drawn, and return the server's reply."""
        before = self.state("mask-seq")
        with self.page.expect_response(lambda response: asks(response.request, "segment")) as caught:
            act()
        self.page.wait_for_function(
            "before => (document.querySelector('.rv').dataset.maskSeq ?? null) !== before", arg=before
        )
        self.page.evaluate(
            "() => new Promise(done => setTimeout(done))"
        )  # until the page has requested the evidence
        reply: dict[str, Any] = caught.value.json()
        return reply

    def wait_for_evidence(self) -> None:
        """Wait for the suggestions, cut-outs and activation maps of the selected food."""
        self.page.wait_for_selector('.rv-panel[data-pending=""]')
        self.page.wait_for_selector('[data-picture="map_extra_roi"] img')

    @property
    def view(self) -> dict[str, float]:
        """The scale of the photo and its offset on the canvas, in CSS pixels."""
        view: dict[str, float] = json.loads(
            self.page.locator(".rv-overlay").get_attribute("data-view") or "{}"
        )
        return view

    def zoom(self, at: tuple[float, float], wheel: float) -> None:
        """Turn the wheel over a photo pixel; a negative value zooms in."""
        before = self.page.locator(".rv-overlay").get_attribute("data-view")
        self.page.mouse.move(*self.client(*at))
        self.page.mouse.wheel(0, wheel)
        self.page.wait_for_function(
            "before => document.querySelector('.rv-overlay').dataset.view !== before", arg=before
        )

    def sent(self, name: str) -> list[dict[str, Any]]:
        """Return the messages to one of the page's server functions since it was loaded, oldest first."""
        return [message["data"] for message in self._messages if message.get("fn_name") == name]

    def asked_evidence(self) -> list[dict[str, Any]]:
        """Return the page's evidence requests since it was loaded, oldest first."""
        return [message["event_data"] for message in self._messages if "event_data" in message]

    def overlay_alphas(self, points: list[tuple[int, int]]) -> list[int | None]:
        """Return the opacity of the drawing over each photo pixel, 0 to 255; None if it is out of view."""
        return [rgba and rgba[3] for rgba in self._canvas_at(".rv-overlay", points)]

    def overlay_at(self, x: float, y: float) -> Rgba:
        """Return the RGBA of the drawing over a photo pixel in view."""
        return self._pixel(".rv-overlay", x, y)

    def photo_at(self, x: float, y: float) -> Rgba:
        """Return the RGBA of the displayed photo at a photo pixel in view."""
        return self._pixel(".rv-photo", x, y)

    def _pixel(self, selector: str, x: float, y: float) -> Rgba:
        (rgba,) = self._canvas_at(selector, [(x, y)])
        assert rgba is not None, f"the photo's pixel ({x}, {y}) is out of view"
        return rgba

    def _canvas_at(self, selector: str, points: Sequence[tuple[float, float]]) -> list[Rgba | None]:
        pixels = self.page.eval_on_selector(
            selector,
            """(canvas, points) => {
                const view = JSON.parse(document.querySelector('.rv-overlay').dataset.view);
                const ratio = canvas.width / canvas.clientWidth;
                const at = (offset, p) => Math.floor((offset + (p + 0.5) * view.scale) * ratio);
                const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                return points.map(([px, py]) => {
                    const [x, y] = [at(view.x, px), at(view.y, py)];
                    if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return null;
                    return [...data.subarray(4 * (y * canvas.width + x)).subarray(0, 4)];
                });
            }""",
            list(points),
        )
        return [rgba and tuple(rgba) for rgba in pixels]

    def foods(self) -> list[str]:
        """Return the text of each entry in the list of foods."""
        return self.page.locator("#rv-foods li").all_inner_texts()

    def picture(self, name: str) -> str:
        """Return the address of one picture of the evidence, "" if the page shows none."""
        return self.page.locator(f'[data-picture="{name}"] img').get_attribute("src") or ""


def asks(request: Request, name: str) -> bool:
    """Return True if a request calls the page's server function of this name."""
    return "/component_server" in request.url and message_of(request)["fn_name"] == name


def message_of(request: Request) -> dict[str, Any]:
    """Return the body of a request to one of the page's server functions."""
    message: dict[str, Any] = json.loads(request.post_data or "{}")
    return message
