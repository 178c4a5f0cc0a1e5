"""What leaves the gate: safe headers, cookies for this site only, text compressed."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

from rvernet_app.ui.gate.bodies import Body
from rvernet_app.ui.gate.compression import Compressing
from rvernet_app.ui.gate.doors import Door, Kind
from rvernet_app.ui.gate.policy import content_policy, safe_cookie, safe_headers

PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")
"""Files of these kinds are shown; others are saved to the visitor's disk."""
NOTHING = "default-src 'none'; sandbox; frame-ancestors 'none'"


class Answer:
    """Sends the answer to one request.

    Args:
        frames: other sites that may show the page in a frame.

    Attributes:
        scripts: texts of the scripts within a page; whoever writes the page adds them before it is sent.
        door: where the request went; None while it is not known.
        body: the body of the request; while it is refused, nothing is sent.
        started: whether something was sent.
    """

    def __init__(self, send: Send, scope: Scope, frames: str) -> None:
        self._send = Compressing(send, Headers(scope=scope).get("accept-encoding", ""))
        self._scheme = scope["scheme"]
        self._frames = frames
        self.scripts: list[bytes] = []
        self.door: Door | None = None
        self.body: Body | None = None
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Send the next message."""
        if self.body is not None and self.body.refused is not None and not self.started:
            return
        if message["type"] == "http.response.start":
            self.started = True
            message = {**message, "headers": self._headers(message)}
        await self._send(message)

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        kept: list[tuple[bytes, bytes]] = []
        kind = b""
        for name, value in message.get("headers", []):
            name = name.lower()
            if name == b"content-type":
                kind = value
            if name == b"set-cookie":
                cookie = safe_cookie(value.decode("latin-1"), self._scheme, bool(self._frames))
                kept.append((name, cookie.encode("latin-1")))
            elif not name.startswith(b"access-control-") and name != b"server":
                kept.append((name, value))
        is_page = kind.startswith(b"text/html")
        is_asset = self.door is not None and self.door.kind is Kind.ASSET
        policy = content_policy(self.scripts, self._frames) if is_page or is_asset else NOTHING
        if self.door is not None and self.door.kind is Kind.FILE:
            kept = _as_download(kept, kind)
        return [*kept, *safe_headers(self._scheme, policy, self._frames)]


def _as_download(headers: list[tuple[bytes, bytes]], kind: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of a file, with which a browser saves it unless it is a picture.

    They name no file, because the page's link does so better: the server's own names are digits.
    """
    if kind.decode("latin-1").partition(";")[0].strip().lower() in PICTURES:
        return headers
    others = [(key, value) for key, value in headers if key not in (b"content-disposition", b"content-type")]
    return [
        *others,
        (b"content-type", b"application/octet-stream"),
        (b"content-disposition", b"attachment"),
    ]
