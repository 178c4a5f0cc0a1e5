"""The page's HTML document as it leaves the server: what a browser's tab and a link preview show.

Gradio writes a document that introduces itself as Gradio, with a picture of another site, and offers no
option for that.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TITLE = "RveRNet: name the foods in a photo"
DESCRIPTION = "Click a food in a meal photo: its outline, names for it, and why."

_INTRODUCTION = re.compile(
    rb"\s*<title>.*?</title>|\s*<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>", re.S
)
_HEAD = re.compile(rb"<head[^>]*>")
_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.S | re.I)


def middleware() -> list[Middleware]:
    """Return what introduces the document, as an option of the app."""
    return [Middleware(_OnDocument, _Introduced)]


def introduced(document: bytes) -> bytes:
    """Return an HTML document with this program's title, description and icon instead of Gradio's."""
    title, description = escape(TITLE), escape(DESCRIPTION)
    head = (
        f'\n<title>{title}</title>\n<link rel="icon" type="image/svg+xml" href="favicon.ico" />'
        f'\n<meta name="description" content="{description}" />'
        '\n<meta property="og:type" content="website" />'
        f'\n<meta property="og:title" content="{title}" />'
        f'\n<meta property="og:description" content="{description}" />'
    )
    without = _INTRODUCTION.sub(b"", document)
    return _HEAD.sub(lambda found: found[0] + head.encode(), without, count=1)


def inline_scripts(document: bytes) -> list[bytes]:
    """Return the texts of the scripts within an HTML document."""
    return _SCRIPT.findall(document)


class _OnDocument:
    """Applies a middleware to the document only; event streams and files pass as they are."""

    def __init__(self, app: ASGIApp, wrap: Any) -> None:
        self._app = app
        self._wrapped = wrap(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_document = scope["type"] == "http" and _path_below(scope) == "/"
        await (self._wrapped if is_document else self._app)(scope, receive, send)


class _Introduced:
    """Replaces the introduction of the document, whose length changes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body", False):
                return
            body = introduced(b"".join(parts))
            scope.get("inline_scripts", []).extend(inline_scripts(body))  # the gate allows these to run
            kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            start["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, collect)


def _path_below(scope: Scope) -> str:
    """Return the path of a request below the place where the app is mounted."""
    path: str = scope["path"]
    below = path.removeprefix(scope.get("root_path", "").rstrip("/"))
    return below or "/"
