"""Speak with the server as the page does: server functions, events with their stream, uploads."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from gradio_client.utils import apply_diff

Json = dict[str, Any]

ANSWER_SECONDS = 120
"""After this time without an answer a visitor gives up, which counts as an error."""


class UnansweredError(Exception):
    """The server answered a visitor with an HTTP status instead of an answer, or not at all."""


@dataclass(frozen=True)
class Page:
    """What a loaded page knows: the number of its one component, and that of each event by its name."""

    component: int
    events: dict[str, int]

    @classmethod
    def of(cls, config: Json) -> Page:
        """Read Gradio's description of the page."""
        (workbench,) = (one for one in config["components"] if one["props"].get("elem_id") == "workbench")
        events = {name: one["id"] for one in config["dependencies"] for _, name in one["targets"] if name}
        return cls(workbench["id"], events)


@dataclass
class Steps:
    """The answer to an event that comes in steps.

    Attributes:
        value: what the page showed at last, None if it showed nothing.
        raw: what Gradio sent at last, to which its next change applies.
        seconds: for each step that brought something new, how long after the request it came.
    """

    value: Json | None = None
    raw: Json | None = None
    seconds: list[float] = field(default_factory=list)


class Wire:
    """One loaded page of a visitor. `load` makes it a newly loaded one, as a reload does.

    Args:
        http: a client of the visitor's own, whose base is the server's address.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._session = ""
        self._page = Page(0, {})

    async def load(self) -> None:
        """Load the page and begin a session of its own."""
        await self._get("/")
        self._page = Page.of((await self._get("/config")).json())
        self._session = secrets.token_hex(6)

    async def ask(self, function: str, message: Json) -> Json:
        """Call one of the page's server functions.

        Raises:
            UnansweredError: there is no answer.
        """
        body = {
            "component_id": self._page.component,
            "fn_name": function,
            "session_hash": self._session,
            "data": message,
        }
        answer: Json = (await self._post("/gradio_api/component_server/", json=body)).json()
        return answer

    async def upload(self, file: Path) -> str:
        """Upload a file; return the path by which the page names it.

        Raises:
            UnansweredError: there is no answer.
        """
        sent = {"files": (file.name, file.read_bytes(), "image/jpeg")}
        path: str = (await self._post("/gradio_api/upload", files=sent)).json()[0]
        return path

    async def send(self, event: str, message: Json) -> str:
        """Send an event; return its id.

        Raises:
            UnansweredError: it is refused.
        """
        body = {
            "data": [None],
            "fn_index": self._page.events[event],
            "trigger_id": self._page.component,
            "session_hash": self._session,
            "event_data": message,
        }
        sent: str = (await self._post("/gradio_api/queue/join", json=body)).json()["event_id"]
        return sent

    async def cancel(self, event: str, event_id: str) -> None:
        """Say that nobody waits for an event any more."""
        body = {
            "session_hash": self._session,
            "fn_index": self._page.events[event],
            "event_id": event_id,
        }
        await self._post("/gradio_api/cancel", json=body)

    async def answers(self, since: float, *event_ids: str) -> list[Steps]:
        """Read the stream until the events have ended; return what each answered.

        Args:
            since: `time.perf_counter()` at the request.

        Raises:
            UnansweredError: the stream breaks off, or an event ends with an error.
        """
        steps = {event_id: Steps() for event_id in event_ids}
        waiting = set(event_ids)
        async with self.stream() as messages:
            async for message in messages:
                event_id = message.get("event_id")
                if event_id in steps:
                    take(message, steps[event_id], time.perf_counter() - since)
                    if message["msg"] == "process_completed":
                        waiting.discard(event_id)
                if not waiting:
                    return [steps[event_id] for event_id in event_ids]
        raise UnansweredError("the stream broke off")

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[AsyncIterator[Json]]:
        """Open the stream of this page's events; yields its messages."""
        try:
            query = {"session_hash": self._session}
            async with self._http.stream("GET", "/gradio_api/queue/data", params=query) as stream:
                yield (json.loads(line[5:]) async for line in stream.aiter_lines() if line[:5] == "data:")
        except httpx.HTTPError as error:
            raise UnansweredError(f"stream: {type(error).__name__}") from error

    async def live(self) -> None:
        """Hold the connection that tells the server that the page is open; returns when it breaks."""
        address = f"/gradio_api/heartbeat/{self._session}"
        try:
            async with self._http.stream("GET", address, timeout=None) as stream:
                async for _ in stream.aiter_lines():
                    pass
        except httpx.HTTPError:
            return

    async def _get(self, address: str) -> httpx.Response:
        return await _answered(lambda: self._http.get(address), address)

    async def _post(self, address: str, **body: Any) -> httpx.Response:
        return await _answered(lambda: self._http.post(address, **body), address)


async def _answered(ask: Callable[[], Any], address: str) -> httpx.Response:
    try:
        answer: httpx.Response = await ask()
    except httpx.HTTPError as error:
        raise UnansweredError(f"{address}: {type(error).__name__}") from error
    if answer.is_error:
        raise UnansweredError(f"{address}: HTTP {answer.status_code} {answer.text[:80]}")
    return answer


def take(message: Json, steps: Steps, seconds: float) -> None:
    """Take one message of an event. Gradio sends the first step and the last one whole, changes in between.

    Raises:
        UnansweredError: the event ended with an error.
    """
    output = message.get("output")
    if not output:
        return
    if message.get("success") is False:
        raise UnansweredError(f"event: {str(output.get('error'))[:80]}")
    (data,) = output.get("data") or [None]
    if message["msg"] == "process_generating" and isinstance(data, list):
        data = apply_diff(steps.raw, data)
    if not isinstance(data, dict):
        return
    steps.raw = data
    if data.get("__type__") != "update" and data != steps.value:  # an update without a value shows nothing
        steps.value = data
        steps.seconds.append(seconds)
