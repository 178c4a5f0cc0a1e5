"""Answers of the Hugging Face Hub without a network: requests end in a function of the test."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest
from huggingface_hub import close_session, get_session

httpx: Any = import_module(type(get_session()).__module__.partition(".")[0])
"""The HTTP library of huggingface_hub, httpx or httpx2, depending on its version."""

Handler = Callable[[Any], Any]
"""Answers an httpx.Request with an httpx.Response."""

Answer = Callable[[Handler], list[str]]
"""Makes a handler answer all requests; returns the list that collects the requested paths."""


def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answer]:
    """Yield what installs a handler, in a session of its own."""

    def install(handler: Handler) -> list[str]:
        asked: list[str] = []

        def respond(transport: object, request: Any) -> Any:
            asked.append(request.url.path)
            response = handler(request)
            response.request = request
            return response

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", respond)
        return asked

    close_session()
    yield install
    close_session()


def tree(files: Mapping[str, bytes]) -> Any:
    """List the files of a repository."""
    listed = [
        {"type": "file", "path": name, "size": len(data), "oid": object_id(data)}
        for name, data in files.items()
    ]
    return httpx.Response(200, json=listed)


def file_reply(request: Any, data: bytes, commit: str) -> Any:
    """Answer a request for one file of a commit."""
    headers = {
        "ETag": f'"{object_id(data)}"',
        "X-Repo-Commit": commit,
        "Content-Length": str(len(data)),
    }
    return httpx.Response(200, headers=headers, content=b"" if request.method == "HEAD" else data)


def object_id(data: bytes) -> str:
    """Return the name that git has for these bytes here."""
    return hashlib.sha1(data).hexdigest()


def unreachable(request: Any) -> Any:
    """There is no network."""
    raise httpx.ConnectError("no route to host")


def behind_a_broken_proxy(request: Any) -> Any:
    """A proxy refuses the connection."""
    raise httpx.ProxyError("403 Forbidden")
