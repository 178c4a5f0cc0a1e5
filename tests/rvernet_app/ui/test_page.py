"""The whole page over HTTP: who may save on a Space and elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import gradio.oauth
import pytest
import yaml
from fastapi.testclient import TestClient
from gradio.routes import App

from rvernet_app.config import AppConfig
from rvernet_app.model.checkpoint import save_checkpoint
from rvernet_app.model.classify import load_classifier
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.ui.page import build_demo
from tests.rvernet_app.ui.signing_in import ANN, be_a_space

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module = ModuleSpec("mobilenetv2_035")
    config = RveRNetConfig(module, module, 2, fusion="features", hidden=4, input_size=32)
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, RveRNet(config), ("rice", "soup"))
    return folder


@dataclass
class Served:
    """The served app and its workbench component."""

    app: App
    workbench: gr.HTML
    expects_oauth: bool

    def browser(self) -> TestClient:
        """Return a new browser without cookies."""
        return TestClient(self.app, base_url="https://foods.example")

    def ask(self, browser: TestClient, name: str, /, **message: Any) -> dict[str, Any]:
        """Call one of the page's server functions from a browser."""
        body = {"session_hash": "s", "component_id": self.workbench._id, "fn_name": name, "data": message}
        reply: dict[str, Any] = browser.post("/gradio_api/component_server/", json=body).json()
        return reply


@pytest.fixture
def serve(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Served]:
    monkeypatch.delenv("SPACE_ID", raising=False)

    def serve() -> Served:
        config = AppConfig(
            checkpoint=checkpoint, device="cpu", data_dir=tmp_path / "data", photos_dir=tmp_path / "photos"
        )
        pipeline = Pipeline(config, GrabCutSegmenter(), load_classifier(config), EmbeddingCache(1))
        demo = build_demo(config, pipeline)
        demo.auth, demo.auth_message = None, None  # as `launch` sets them
        components = [block for block in demo.blocks.values() if isinstance(block, gr.HTML)]
        (workbench,) = [component for component in components if component.elem_id == "workbench"]
        return Served(App.create_app(demo), workbench, demo.expects_oauth)

    return serve


@pytest.fixture
def space(serve: Callable[[], Served], monkeypatch: pytest.MonkeyPatch) -> Served:
    """The page on a Space of Ann's."""
    be_a_space(monkeypatch)
    monkeypatch.setenv("SPACE_AUTHOR_NAME", ANN["name"])
    return serve()


def sign_in(browser: TestClient) -> None:
    """Sign in as the button in the page's header does."""
    to = "/login/huggingface?_target_url=/"
    while urlsplit(to).path != "/":
        to = browser.get(to, follow_redirects=False).headers["location"]


def test_on_a_space_saving_requires_signing_in(space: Served) -> None:
    reply = space.ask(space.browser(), "create_project", name="Trays", me="Ann")
    assert "Sign in" in reply["error"]
    assert reply["login"] is True


def test_on_a_space_visitors_save_under_the_name_they_signed_in_with(space: Served) -> None:
    browser = space.browser()
    sign_in(browser)
    assert "id" in space.ask(browser, "create_project", name="Trays", me="Ben")
    reply = space.ask(browser, "projects", me="Ben")
    assert reply["me"] == ANN["name"]
    assert [project["name"] for project in reply["projects"]] == ["Trays"]


def test_signing_in_applies_to_one_browser_until_signing_out(space: Served) -> None:
    browser, other = space.browser(), space.browser()
    sign_in(browser)
    assert space.ask(browser, "projects")["me"] == ANN["name"]
    assert space.ask(other, "projects")["login"] is True
    browser.get("/logout?_target_url=/", follow_redirects=False)
    assert space.ask(browser, "projects")["login"] is True


def test_an_expired_sign_in_is_reported_to_the_page(space: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = space.browser()
    sign_in(browser)
    later = time.time() + 9 * 3600
    monkeypatch.setattr(gradio.oauth, "time", SimpleNamespace(time=lambda: later))
    reply = space.ask(browser, "projects")
    assert "Sign in" in reply["error"]
    assert reply["login"] is True
    sign_in(browser)
    assert space.ask(browser, "projects")["me"] == ANN["name"]


def test_a_forged_cookie_signs_nobody_in(space: Served) -> None:
    browser = space.browser()
    browser.cookies.set("session", "eyJvYXV0aF9pbmZvIjogMX0=.forged", domain="foods.example")
    assert space.ask(browser, "projects")["login"] is True


def test_the_page_shows_the_button_on_a_space_only(
    space: Served, serve: Callable[[], Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPACE_ID")
    elsewhere = serve()
    assert (space.expects_oauth, elsewhere.expects_oauth) == (True, False)
    assert space.workbench.props["facts"]["signs_in"] is True
    assert elsewhere.workbench.props["facts"]["signs_in"] is False
    assert elsewhere.ask(elsewhere.browser(), "projects", me="Ann")["me"] == "Ann"
    assert elsewhere.browser().get("/login/huggingface").status_code == 404


def test_the_readme_enables_signing_in_on_the_space() -> None:
    header = yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---\n")[1])
    assert header["hf_oauth"] is True
    assert header["sdk"] == "gradio"
