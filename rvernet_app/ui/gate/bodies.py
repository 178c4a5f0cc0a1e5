"""Bodies of requests: how large they may be, how slow, and how much of them the server holds at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Message, Receive

from rvernet_app.ui.gate.refusal import Refused

MEGABYTE = 10**6


@dataclass(frozen=True)
class Pace:
    """How slowly a body may come.

    Attributes:
        piece_seconds: the longest wait for the next piece.
        bytes_per_second: the slowest mean speed, after the first `piece_seconds`.
    """

    piece_seconds: float = 30.0
    bytes_per_second: float = 4000.0


class Held:
    """How many bytes of bodies are in memory at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0


class Body:
    """The body of one request, which is counted while it is read.

    Args:
        limit: its most bytes.
        held: where its bytes count while the request lasts; None for one that goes to the disk.
        examine: is given each piece, and may refuse it.

    Attributes:
        refused: why it was not read to its end; None if it was not refused.
        size: bytes read so far.
    """

    def __init__(
        self,
        receive: Receive,
        limit: int,
        pace: Pace,
        held: Held | None = None,
        examine: Callable[[bytes], None] | None = None,
    ) -> None:
        self._receive = receive
        self._limit = limit
        self._pace = pace
        self._held = held
        self._examine = examine
        self._began = time.monotonic()
        self._ended = False
        self.refused: Refused | None = None
        self.size = 0

    def check_length(self, length: str | None) -> None:
        """Refuse a body by the length that it says it has.

        Raises:
            Refused: with 413, or 400 if the length is no number.
        """
        if length is None:
            return
        if not (length.isascii() and length.isdigit()):
            raise Refused(400, "The length of the request is not a number.")
        if len(length) > 15 or int(length) > self._limit:
            raise too_large(self._limit)

    async def receive(self) -> Message:
        """Return the next message of the request.

        Raises:
            Refused: with 408, 413 or 503; the same one again if it is asked again.
        """
        if self.refused is not None:
            raise self.refused
        if self._ended:  # now only the end of the connection is waited for
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._pace.piece_seconds)
            self._count(message)
        except Refused as refused:
            self.refused = refused
            raise
        except asyncio.TimeoutError as error:
            self.refused = too_slow()
            raise self.refused from error
        return message

    def close(self) -> None:
        """Give back what is held."""
        if self._held is not None:
            self._held.bytes -= self.size

    def _count(self, message: Message) -> None:
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        piece = message.get("body", b"")
        self.size += len(piece)
        if self._held is not None:
            self._held.bytes += len(piece)
        if self.size > self._limit:
            raise too_large(self._limit)
        if self._examine is not None:
            self._examine(piece)
        if self._held is not None and self._held.bytes > self._held.limit:
            raise Refused(503, "The server has too much to do just now. Try again in a moment.")
        spent = time.monotonic() - self._began
        if not self._ended and spent > self._pace.piece_seconds + self.size / self._pace.bytes_per_second:
            raise too_slow()


def too_large(limit: int) -> Refused:
    """Return the refusal of a body over a limit in bytes."""
    return Refused(413, f"This is over the limit of {limit / MEGABYTE:.3g} MB for one request.")


def too_slow() -> Refused:
    """Return the refusal of a body that does not come."""
    return Refused(408, "The request did not arrive in time.")
