"""Whose work the engine does next: a piece at a time for each visitor, in turn between visitors.

A piece of work is a mask, the suggestions for a food, its maps, or one point of a search. Who waits uses no
thread. All methods run in the server's event loop, which is why there is no lock.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import anyio
import anyio.to_thread
import cachetools

from rvernet_app.errors import RvernetError

PLACES = max(2, os.cpu_count() or 1)
"""Pieces of work at once."""
MAX_WAITING = 16
"""Pieces of work for which one visitor waits. A person who clicks faster than that gets no answer sooner."""
MAX_WAITING_IN_ALL = 1024
REMEMBERED = 4096
"""Visitors of whom it is known when they had their last turn."""

Done = TypeVar("Done")


class TurnError(RvernetError):
    """A visitor, or all together, wait for too much at once."""


class Urgency(IntEnum):
    """What goes first where there is not enough time for all."""

    MASK = 0
    SUGGESTIONS = 1
    PREPARE = 2
    MAPS = 3
    SEARCH = 4


MASKS = (Urgency.MASK,)
EVIDENCE = (Urgency.SUGGESTIONS, Urgency.MAPS)
LONG = (Urgency.PREPARE, Urgency.SEARCH)
"""Work of seconds with a large segmenter."""


@dataclass(eq=False)
class _Piece:
    """A piece of work that waits, or that is being done since `called` has a result."""

    visitor: str
    urgency: Urgency
    number: int
    called: asyncio.Future[None]


class Turns:
    """Lets visitors have the engine in turn.

    The most urgent work goes first, whoever asks. Of several visitors with such work, the one goes first
    whose last turn is longest ago. A visitor has one mask, one piece of evidence and one of long work at a
    time, which do not wait for each other. Long work leaves a place free.

    Args:
        places: pieces of work at once, 2 or more.
    """

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._threads = anyio.CapacityLimiter(places)
        self._waiting: list[_Piece] = []
        self._at_work: list[_Piece] = []
        self._last_turn: cachetools.LRUCache[str, int] = cachetools.LRUCache(REMEMBERED)
        self._numbers = itertools.count(1)

    async def run(self, visitor: str, urgency: Urgency, work: Callable[[], Done]) -> Done:
        """Wait for the visitor's turn, do a piece of work in a thread, and return its result.

        Raises:
            TurnError: the visitor, or all together, wait for too much.
        """
        piece = self._join(visitor, urgency)
        try:
            await piece.called
            # A thread cannot be stopped, so a cancelled request keeps its place until the work is done.
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        finally:
            (self._at_work if piece in self._at_work else self._waiting).remove(piece)
            self._call_next()

    def _join(self, visitor: str, urgency: Urgency) -> _Piece:
        if sum(piece.visitor == visitor for piece in self._waiting) >= MAX_WAITING:
            raise TurnError("Too much of yours is under way. Wait for it, then go on.")
        if len(self._waiting) >= MAX_WAITING_IN_ALL:
            raise TurnError("Too many people are at work at once. Try again in a moment.")
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        piece = _Piece(visitor, urgency, next(self._numbers), called)
        self._waiting.append(piece)
        self._call_next()
        return piece

    def _call_next(self) -> None:
        while len(self._at_work) < self._places:
            ready = [piece for piece in self._waiting if self._may_begin(piece)]
            if not ready:
                return
            first = min(ready, key=self._rank)
            self._waiting.remove(first)
            self._at_work.append(first)
            self._last_turn[first.visitor] = next(self._numbers)
            first.called.set_result(None)

    def _may_begin(self, piece: _Piece) -> bool:
        if piece.called.cancelled():  # the request has gone, and `run` will take the piece out
            return False
        kind = next(kind for kind in (MASKS, EVIDENCE, LONG) if piece.urgency in kind)
        same = [other for other in self._at_work if other.urgency in kind]
        if kind is LONG and len(same) >= self._places - 1:
            return False
        return all(other.visitor != piece.visitor for other in same)

    def _rank(self, piece: _Piece) -> tuple[int, int, int]:
        return piece.urgency, self._last_turn.get(piece.visitor, 0), piece.number
