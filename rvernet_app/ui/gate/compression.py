"""Text leaves compressed if the browser takes that; event streams stay as they are."""

from __future__ import annotations

import asyncio
import zlib

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

TEXTS = ("text/", "application/json", "application/javascript", "application/manifest+json", "image/svg+xml")
LEAST_BYTES = 1000
IN_LOOP_BYTES = 200_000
"""Larger pieces are compressed in a thread, so that others need not wait."""
LEVEL = 5


class Compressing:
    """Sends one answer, compressed if it is text.

    Args:
        accepts: the request's Accept-Encoding.
    """

    def __init__(self, send: Send, accepts: str) -> None:
        self._send = send
        self._accepts = takes_gzip(accepts)
        self._start: Message | None = None
        self._zip: zlib._Compress | None = None

    async def __call__(self, message: Message) -> None:
        """Take the next message of the answer."""
        if message["type"] == "http.response.start":
            if not _is_text(message):
                await self._send(message)
            else:
                self._start = message
        elif message["type"] == "http.response.body":
            await self._body(message)
        else:
            await self._send(message)

    async def _body(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            start, self._start = self._start, None
            headers = MutableHeaders(raw=start["headers"])
            headers.add_vary_header("Accept-Encoding")
            if self._accepts and (more or len(body) >= LEAST_BYTES):
                self._zip = zlib.compressobj(LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
                headers["Content-Encoding"] = "gzip"
                del headers["Content-Length"]
                if headers.get("ETag", "W/").startswith('"'):
                    headers["ETag"] = "W/" + headers["ETag"]
            if self._zip is not None and not more:
                body = await self._compressed(body, True)
                headers["Content-Length"] = str(len(body))
                self._zip = None
            await self._send({**start, "headers": headers.raw})
        if self._zip is not None:
            body = await self._compressed(body, not more)
        await self._send({**message, "body": body})

    async def _compressed(self, body: bytes, is_last: bool) -> bytes:
        packer = self._zip
        assert packer is not None

        def pack() -> bytes:
            packed = packer.compress(body)
            return packed + packer.flush() if is_last else packed

        return pack() if len(body) < IN_LOOP_BYTES else await asyncio.to_thread(pack)


def takes_gzip(accepts: str) -> bool:
    """Return whether an Accept-Encoding allows gzip."""
    for part in accepts.lower().split(","):
        name, _, options = part.strip().partition(";")
        if name.strip() in ("gzip", "*"):
            return options.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _is_text(start: Message) -> bool:
    headers = MutableHeaders(raw=list(start["headers"]))
    kind = headers.get("content-type", "").lower()
    return (
        start["status"] not in (204, 206, 304)
        and kind.startswith(TEXTS)
        and not kind.startswith("text/event-stream")
        and "content-encoding" not in headers
        and "no-transform" not in headers.get("cache-control", "")
    )
