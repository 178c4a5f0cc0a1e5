"""What fails on the server is told without its folders: all replies to failing requests are searched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi.testclient import TestClient
from gradio.routes import App

from rvernet_app.config import AppConfig
from rvernet_app.model.classify import load_classifier
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.store.database import Store
from rvernet_app.ui.page import build_demo
from tests.conftest import ROOT
from tests.rvernet_app.store.desk import set_up
from tests.rvernet_app.ui.project.test_training_runs import write_checkpoint


class Server:
    """A server whose folders are below one, and a browser.

    Attributes:
        project: a project with photos.
        said: all replies, as text.
    """

    def __init__(self, folder: Path) -> None:
        self.config = AppConfig(
            checkpoint=write_checkpoint(folder / "checkpoint", ("rice", "soup")),
            device="cpu",
            data_dir=folder / "data of O'Brien",
            photos_dir=folder / "photos",
            import_dir=str(folder / "import"),
        )
        store = Store(self.config.data_dir)
        self.project = set_up(store).project
        store.close()
        classifier = load_classifier(self.config)
        pipeline = Pipeline(self.config, GrabCutSegmenter(), classifier, EmbeddingCache(1))
        demo = build_demo(self.config, pipeline)
        demo.auth, demo.auth_message, demo.max_file_size = None, None, None  # as `launch` sets them
        components = [block for block in demo.blocks.values() if isinstance(block, gr.HTML)]
        (self._page,) = [block._id for block in components if block.elem_id == "workbench"]
        self._browser = TestClient(App.create_app(demo), base_url="https://foods.example")
        self.said: list[str] = []

    def ask(self, name: str, /, **message: Any) -> dict[str, Any]:
        body = {"session_hash": "s", "component_id": self._page, "fn_name": name, "data": message}
        answer = self._browser.post("/gradio_api/component_server/", json=body)
        self.said.append(answer.text)
        reply: dict[str, Any] = json.loads(answer.text)
        return reply

    def upload(self, name: str, content: bytes) -> str:
        return str(self._browser.post("/gradio_api/upload", files={"files": (name, content)}).json()[0])


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setenv("RVERNET_DATA_DIR", str(tmp_path / "data of O'Brien"))
    (tmp_path / "import" / "monday").mkdir(parents=True)
    return Server(tmp_path)


def test_no_reply_names_a_folder_of_the_server(server: Server, tmp_path: Path) -> None:
    data = server.config.data_dir
    (tmp_path / "import" / "monday" / "a.png").write_text("not a photo")
    sent = {"project": server.project, "me": "Ann"}
    failing: list[tuple[str, dict[str, Any]]] = [
        ("list_folder", {**sent, "folder": "tuesday"}),
        ("add_from_folder", {**sent, "folder": "monday", "name": "a.png"}),
        ("add_from_folder", {**sent, "folder": "monday", "name": "gone.png"}),
        ("add_from_folder", {**sent, "folder": "monday", "name": "../../etc/passwd"}),
        ("use_checkpoint", {"me": "Ann"}),
        ("open_photo", {"path": "/etc/passwd", "name": "x"}),
    ]
    for kind in ("coco", "labelme", "yolo-seg"):
        path = server.upload("a.json", b"{damaged")
        failing.append(
            ("import_files", {**sent, "format": kind, "files": [{"name": "a.json", "parts": [path]}]})
        )
    replies = [server.ask(name, **message) for name, message in failing]
    assert [
        name for (name, _), reply in zip(failing, replies, strict=True) if reply.keys() == {"added"}
    ] == []

    shutil.rmtree(data / "originals")
    shutil.rmtree(data / "photos")
    lost = [
        server.ask("open_item", **sent),
        server.ask("add_photo", **sent, path=server.upload("a.txt", b"not a photo"), name="a.txt"),
    ]
    assert all(reply.get("error") or reply.get("problem") for reply in lost)
    assert len(server.said) == len(failing) + len(lost)
    secret = (tmp_path, Path.home(), ROOT, Path("/tmp"))
    for said in server.said:
        assert [str(folder) for folder in secret if f"{folder}" in said] == []
