"""Messages of the page: each of its server functions, and the events that are answered in steps."""

from __future__ import annotations

import base64
import inspect
import json
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import gradio as gr
from pydantic import BaseModel

from rvernet_app.picture.masks import from_rle
from rvernet_app.ui.answers import UNEXPECTED
from rvernet_app.ui.visitor.requests import EvidenceRequest, Propose
from rvernet_app.ui.visitor.streams import Newest
from tests.fuzz import mutate
from tests.fuzz.target import JsonTarget, UnnamedError
from tests.fuzz.targets.site import HOST, Answer, Site
from tests.rvernet_app.store.desk import SIZE_HW, picture, square

ROUNDS = 1500
"""Messages after which the project starts anew: some delete it."""
STREAMS: dict[str, type[BaseModel]] = {"evidence": EvidenceRequest, "propose": Propose}


class Messages(JsonTarget):
    """Sends a message to one of the page's functions."""

    name, weight, megabytes, short = "messages", 11, 500, 80
    parts = ("message",)

    def open(self, folder: Path) -> None:
        """Build the app."""
        super().open(folder)
        self._count = 0
        self._start()

    def _start(self) -> None:
        self._site = Site(self.folder / "site")
        (self._component,) = [
            block for block in self._site.demo.blocks.values() if getattr(block, "elem_id", "") == "workbench"
        ]
        self._upload = str(self._site.folder / "uploads" / "seed" / "photo.png")
        Path(self._upload).parent.mkdir(parents=True)
        Path(self._upload).write_bytes(picture(1))
        Path(self._site.folder, "import", "new.png").write_bytes(picture(77))
        answer = self._send("open_photo", {"path": self._upload, "name": "photo.png"})
        self._photo = answer.json()["id"]

    def close(self) -> None:
        """End the app."""
        self._site.close()

    def seeds(self) -> Sequence[bytes]:
        """Return sound messages to each function, made from the type of its request."""
        made: list[tuple[str, dict[str, Any]]] = []
        for function in typing.cast(Any, self._component).server_fns:
            request = inspect.getclosurevars(inspect.unwrap(function)).nonlocals["request_type"]
            made += [(function.__name__, example) for example in self._examples(request)]
        for name, request in STREAMS.items():
            made += [(name, example) for example in self._examples(request)]
        return [mutate.written_json({"function": name, "message": message}) for name, message in made]

    def run(self, data: bytes) -> str:
        """Send the message; a mask in the answer must be one of the photo."""
        try:
            asked = json.loads(data)
            name, message = str(asked["function"]), asked["message"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return self._raw(data)
        self._count += 1
        if self._count % ROUNDS == 0:
            self.close()
            self._start()
        if name in STREAMS:
            return self._stream(name, message)
        answer = self._send(name, message)
        self._site.require_sound(answer, name)
        if answer.status != 200:
            return f"status {answer.status}"
        told = answer.json()
        return _judged(name, told)

    def _raw(self, data: bytes) -> str:
        """Send bytes that are no JSON object of ours as the whole body."""
        answer = self._post(data)
        self._site.require_sound(answer, "component_server")
        return f"status {answer.status}"

    def _stream(self, name: str, message: Any) -> str:
        handler = next(fn.fn for fn in self._site.demo.fns.values() if getattr(fn.fn, "__name__", "") == name)
        assert handler is not None
        for step in handler(Newest(), gr.EventData(None, message)):
            if self._site.errors.last is not None:
                self._site.require_sound(Answer(200, b""), name)
            if isinstance(step, dict) and "error" in step:
                return _judged(name, step)
        return "steps"

    def _send(self, name: str, message: Any) -> Answer:
        body = {
            **{"data": message, "component_id": self._component._id, "fn_name": name},
            "session_hash": "anyone",
        }
        return self._post(mutate.written_json(body))

    def _post(self, body: bytes) -> Answer:
        headers = [("host", HOST), ("content-type", "application/json"), ("content-length", str(len(body)))]
        self._site.errors.last = None
        return self._site.ask("POST", "/gradio_api/component_server/", headers, body)

    # Sound messages

    def _examples(self, request: type[BaseModel]) -> Iterator[dict[str, Any]]:
        """Yield a message with every field, one with the required fields alone, and one for each choice."""
        every = {name: self._value(name, one.annotation) for name, one in request.model_fields.items()}
        yield every
        yield {name: every[name] for name, one in request.model_fields.items() if one.is_required()}
        for name, one in request.model_fields.items():
            for choice in _models(one.annotation)[1:]:
                yield {**every, name: next(self._examples(choice))}
        for name in ("path", "sample", "photo"):
            if {"path", "sample", "photo"} <= every.keys():
                yield {key: value for key, value in every.items() if key in (name, "name")}

    def _value(self, name: str, kind: Any) -> Any:
        """Return a value of a field: of the project by the field's name, else by its type."""
        desk, food = self._site.desk, self._site.food
        known = {
            **{"project": desk.project, "item": desk.items[0], "items": list(desk.items[1:]), "id": food.id},
            **{"revision": food.revision, "label": desk.labels["rice"], "into": desk.labels["soup"]},
            **{"photo": self._photo, "path": self._upload, "name": "Kitchen", "me": "Ann", "rle": square(1)},
            **{
                "onto": square(1),
                "refine": None,
                "points": [[3, 3, 1]],
                "box": [1, 1, 6, 5],
                "state": "done",
            },
            **{"file": base64.b64encode(b"name\nmilk\n").decode(), "label_set": None, "format": "coco"},
            **{"folder": str(self._site.folder / "import"), "parts": [self._upload], "unit": "g", "low": 1.0},
            **{"method": "weighed", "amount": 2.0, "high": 9.0, "seq": 1, "token": "none", "how": "union"},
            **{"suggestions": [["rice", 0.5]], "prompts": {"points": [[1, 1, 1]]}, "stroke": _CORNERS},
            **{"outline": _CORNERS, "radius": 2.0, "order": "queue", "of": "dashboard", "title": "rice"},
        }
        options = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
        literals = [value for one in options if get_origin(one) is Literal for value in get_args(one)]
        if literals:
            return literals[0]
        if models := _models(kind):
            example = next(self._examples(models[0]))
            return [example] if any(get_origin(one) is list for one in options) else example
        if name in known and not (name == "label" and str in options):
            return known[name]
        return {bool: True, int: 1, float: 0.5, str: "x"}.get(options[0])


_CORNERS = [[1, 1], [6, 1], [6, 5]]


def _models(kind: Any) -> list[type[BaseModel]]:
    """Return the requests that a type speaks of: itself, the parts of a union, what a list holds."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in get_args(kind) for model in _models(part)]


def _judged(name: str, told: Any) -> str:
    """Return a word for an answer.

    Raises:
        UnnamedError: it is the answer to an error that nobody expected, or a mask does not fit the photo.
    """
    if not isinstance(told, dict):
        return "answered"
    if told.get("error") == UNEXPECTED:
        raise UnnamedError(f"{name}: something went wrong", f"{name}: something went wrong")
    if "error" in told:
        return "refused"
    if name == "edit_mask" and "rle" in told:
        from_rle(told["rle"], SIZE_HW)
    return "answered"
