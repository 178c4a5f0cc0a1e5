"""The app in this process, asked as a web server asks it."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import MutableMapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import anyio
import gradio as gr
from starlette.testclient import TestClient

from rvernet_app.config import AppConfig
from rvernet_app.pipeline import Pipeline, build_pipeline
from rvernet_app.store.accounts import Accounts
from rvernet_app.store.database import Store
from rvernet_app.ui.page import build_demo, web_app
from rvernet_app.ui.project import training_runs
from tests.fuzz.outcome import place_of
from tests.fuzz.target import UnnamedError
from tests.rvernet_app.store.desk import Desk, set_up

HOST = "127.0.0.1:7860"
NAME, PASSWORD = "Ann", "correct horse battery"
STREAM_SECONDS = 0.25
"""How long a visitor listens to a stream of events before leaving."""
ANSWER_SECONDS = 15
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What the app answered."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass
class _Exchange:
    """One request and what came of it."""

    body: bytes
    status: int = 0
    parts: list[bytes] = field(default_factory=list)


class _Errors(logging.Handler):
    """Keeps the last exception that was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.last = record.exc_info[1]


class Site:
    """The app on a small project of its own.

    Args:
        login: whether there is an account, so that visitors have to log in.
    """

    def __init__(self, folder: Path, *, login: bool = False) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "import").mkdir(parents=True)
        self._held = ExitStack()
        changed = {"GRADIO_TEMP_DIR": str(folder / "uploads"), "GRADIO_ANALYTICS_ENABLED": "False"}
        self._held.enter_context(patch.dict(os.environ, changed))
        self._held.enter_context(patch.object(training_runs, "ROOT", folder))  # no message starts a training
        self.config = AppConfig(
            segmenter="grabcut",
            device="cpu",
            **{name: folder / name for name in ("data_dir", "photos_dir", "weights_dir")},  # type: ignore[arg-type]
            import_dir=str(folder / "import"),
            max_photo_mb=5,
            max_photo_megapixels=24,
        )
        store = Store(self.config.data_dir)
        self.desk: Desk = set_up(store)
        self.food = self.desk.save("a note")
        store.close()
        auth = None
        if login:
            accounts = Accounts(self.config.data_dir)
            accounts.add(NAME, PASSWORD)
            auth = accounts.holds
        self.pipeline: Pipeline = build_pipeline(self.config)
        self.demo: gr.Blocks = build_demo(self.config, self.pipeline)
        self.app = web_app(self.demo, self.config, auth)
        self.errors = _Errors()
        logging.getLogger().addHandler(self.errors)
        self._client = TestClient(self.app)
        self._client.__enter__()

    def close(self) -> None:
        """End the app."""
        logging.getLogger().removeHandler(self.errors)
        self._client.__exit__(None, None, None)
        self._held.close()

    def ask(
        self, method: str, path: str, headers: Headers = (), body: bytes = b"", query: str = ""
    ) -> Answer:
        """Send a request past no web server; header names and the path are as one lets them through.

        Raises:
            UnnamedError: the app raised an exception, gave no answer, or took too long.
        """
        self.errors.last = None
        exchange = _Exchange(body)
        scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"},
            **{"method": method, "path": unquote(path), "raw_path": path.encode(), "root_path": ""},
            **{"query_string": query.encode(), "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 7860)},
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            "state": {},
        }
        assert self._client.portal is not None
        try:
            self._client.portal.call(self._exchange, scope, exchange)
        except Exception as error:
            raise UnnamedError(f"{method} {path}: {error!r}", place_of(self.errors.last or error)) from error
        if not exchange.status:
            raise UnnamedError(f"{method} {path}: no answer", f"no answer to {method}")
        return Answer(exchange.status, b"".join(exchange.parts))

    async def _exchange(self, scope: dict[str, Any], exchange: _Exchange) -> None:
        left, read = anyio.Event(), False

        async def receive() -> dict[str, Any]:
            nonlocal read
            if not read:
                read = True
                return {"type": "http.request", "body": exchange.body, "more_body": False}
            with anyio.move_on_after(STREAM_SECONDS):
                await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            elif message["type"] == "http.response.body":
                exchange.parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    left.set()

        with anyio.fail_after(ANSWER_SECONDS):
            await self.app(scope, receive, send)

    def require_sound(self, answer: Answer, what: str) -> None:
        """Raise UnnamedError if the app failed, whatever it answered."""
        if answer.status >= 500 or self.errors.last is not None:
            error = self.errors.last
            place = f"{what}: status {answer.status}" if error is None else place_of(error)
            raise UnnamedError(f"{what}: {answer.status} {answer.body[:300]!r}", place) from error
