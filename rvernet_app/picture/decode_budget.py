"""Memory for decoding: all photos that are being decoded at once share one budget."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rvernet_app.config import AppConfig
from rvernet_app.errors import BusyError

WAIT_SECONDS = 30.0
MAX_WAITING = 64
"""How many threads may wait for memory; one more is refused at once."""
BUSY = "The server is busy with other photos. Try again in a moment."


class DecodeBudget:
    """Bytes that decoding may take at one time. Threads get their share in the order in which they ask.

    A photo that needs more than the whole budget is decoded alone. So all photos together never take more
    than the budget, or than the largest photo.

    Args:
        total: the budget in bytes.
        wait_seconds: how long a thread waits for its share.
        max_waiting: how many threads may wait.
    """

    def __init__(
        self, total: int, *, wait_seconds: float = WAIT_SECONDS, max_waiting: int = MAX_WAITING
    ) -> None:
        self._total = self._free = total
        self._wait_seconds = wait_seconds
        self._max_waiting = max_waiting
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def resize(self, total: int) -> None:
        """Change the budget; what is being decoded goes on."""
        with self._changed:
            self._free += total - self._total
            self._total = total
            self._changed.notify_all()

    @contextmanager
    def taking(self, needed: int) -> Iterator[None]:
        """Hold bytes of the budget while the block runs. The block must not ask again.

        Raises:
            BusyError: too many threads wait, or the bytes did not become free in time.
        """
        held = self._take(needed)
        try:
            yield
        finally:
            with self._changed:
                self._free += held
                self._changed.notify_all()

    def _take(self, needed: int) -> int:
        ticket = object()
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                raise BusyError(BUSY)
            self._waiting.append(ticket)
            try:
                if not self._changed.wait_for(lambda: self._is_next(ticket, needed), self._wait_seconds):
                    raise BusyError(BUSY)
                held = min(needed, self._total)
                self._free -= held
                return held
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()  # the next in line may have been waiting for this one

    def _is_next(self, ticket: object, needed: int) -> bool:
        return self._waiting[0] is ticket and self._free >= min(needed, self._total)


DECODING = DecodeBudget(int(AppConfig.decoding_mb * 1e6))
"""The budget of this process, since memory belongs to the process. The page sets its size."""
