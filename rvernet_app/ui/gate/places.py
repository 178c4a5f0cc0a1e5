"""How much one visitor, and all of them, may have under way at once."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from rvernet_app.ui.gate.refusal import Refused

BUSY = "The server has too many visitors just now. Try again in a moment."


class Streams:
    """Open streams, which last as long as a visitor stays.

    Args:
        each: most of one visitor.
        in_all: most of all visitors.
    """

    def __init__(self, each: int, in_all: int) -> None:
        self._each = each
        self._in_all = in_all
        self._open: Counter[str] = Counter()

    @contextmanager
    def place(self, visitor: str) -> Iterator[None]:
        """Count a stream of a visitor while the block runs.

        Raises:
            Refused: with 429 if the visitor has too many, 503 if all have.
        """
        if self._open[visitor] >= self._each:
            raise Refused(429, "You have the page open too often. Close some of its tabs.")
        if self._open.total() >= self._in_all:
            raise Refused(503, BUSY)
        self._open[visitor] += 1
        try:
            yield
        finally:
            self._open[visitor] -= 1
            if not self._open[visitor]:
                del self._open[visitor]


class Calls:
    """Calls under way. Those of one visitor above a number wait for their turn, so others do not.

    Args:
        each: most calls of one visitor at once.
        waiting: most that one visitor has waiting.
        in_all: most of all visitors, under way and waiting.
    """

    def __init__(self, each: int, waiting: int, in_all: int) -> None:
        self._each = each
        self._most = each + waiting
        self._in_all = in_all
        self._counts: Counter[str] = Counter()
        self._places: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def place(self, visitor: str) -> AsyncIterator[None]:
        """Wait for a place of the visitor's, and hold it while the block runs.

        Raises:
            Refused: with 429 if too much of the visitor waits, 503 if too much of all does.
        """
        if self._counts[visitor] >= self._most:
            raise Refused(429, "You have asked for too much at once. Wait until some of it is answered.")
        if self._counts.total() >= self._in_all:
            raise Refused(503, BUSY)
        self._counts[visitor] += 1
        place = self._places.setdefault(visitor, asyncio.Semaphore(self._each))
        try:
            async with place:
                yield
        finally:
            self._counts[visitor] -= 1
            if not self._counts[visitor]:
                del self._counts[visitor], self._places[visitor]


def network_of(address: str) -> str:
    """Return what stands for all addresses that one machine can easily have: for IPv6, 64 bits of it."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return address
