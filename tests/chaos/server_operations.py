"""Deaths of a whole server: while it starts, while files are uploaded, while photos are added over HTTP."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import gradio as gr
from sqlalchemy import select

from rvernet_app.store.database import Store
from rvernet_app.store.tables import Item
from rvernet_app.ui import serve as serving
from tests.chaos.operation import Findings, Operation, Place, Tell
from tests.chaos.pictures import noise
from tests.chaos.store_operations import check_photos, desk_in, opened

PHOTOS = 4


class Uploading(Operation):
    """A browser uploads photos to a server and adds them to a queue."""

    name = "start and upload"
    starts_engine = True

    def prepare(self, place: Place) -> None:
        desk = desk_in(place)
        self._project = desk.project
        desk.store.close()

    def work(self, place: Place, tell: Tell) -> None:
        built: list[gr.Blocks] = []
        real_build, real_running = serving.build_demo, serving.running

        def build(*args: Any, **kwargs: Any) -> gr.Blocks:
            built.append(real_build(*args, **kwargs))
            return built[0]

        @contextmanager
        def running(site: Any, sockets: Any) -> Iterator[threading.Event]:
            with real_running(site, sockets) as ended:
                address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
                browser = Browser(address, built[0])
                for number in range(PHOTOS):
                    browser.add(self._project, f"{number}.png", noise(number))
                    tell(f"{number}.png")
                threading.Timer(0, os.kill, (os.getpid(), signal.SIGTERM)).start()
                yield ended

        vars(serving)["build_demo"], vars(serving)["running"] = build, running
        with suppress(SystemExit):
            serving.serve(place.config)

    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        with opened(place) as store:
            check_photos(store, found)
            names = names_in(store)
        found.lost.extend(name for name in told if name not in names)


def names_in(store: Store) -> set[str]:
    with store.reading() as session:
        return {*session.scalars(select(Item.name))}


class Browser:
    """Asks a server as the page does.

    Args:
        address: of the server, without a slash at the end.
    """

    def __init__(self, address: str, demo: gr.Blocks) -> None:
        self._address = address
        pages = [block for block in demo.blocks.values() if isinstance(block, gr.HTML)]
        (self._page,) = [block._id for block in pages if block.elem_id == "workbench"]

    def add(self, project: int, name: str, content: bytes) -> dict[str, Any]:
        """Upload a photo and add it to a queue."""
        path = self.upload(name, content)
        reply = self.ask("add_photo", project=project, path=path, name=name, me="Ann")
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def upload(self, name: str, content: bytes) -> str:
        head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        body = head.encode() + b"Content-Type: image/png\r\n\r\n" + content + b"\r\n--b--\r\n"
        (path,) = self._post("/gradio_api/upload", body, "multipart/form-data; boundary=b")
        return str(path)

    def ask(self, name: str, /, **message: Any) -> dict[str, Any]:
        asked = {"session_hash": "s", "component_id": self._page, "fn_name": name, "data": message}
        reply: dict[str, Any] = self._post(
            "/gradio_api/component_server/", json.dumps(asked).encode(), "application/json"
        )
        return reply

    def _post(self, path: str, body: bytes, kind: str) -> Any:
        headers = {"Content-Type": kind, "Origin": self._address}
        request = urllib.request.Request(f"{self._address}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


OPERATIONS: tuple[type[Operation], ...] = (Uploading,)
