"""Connections: how many there may be, and how long one may keep the server waiting."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.middleware.proxy_headers import _TrustedHosts
from uvicorn.protocols.http.h11_impl import H11Protocol

from rvernet_app.ui.gate.places import network_of

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

WANTED_FILES = 16_384
RESERVED_FILES = 300
"""Descriptors that are left for files, databases and connections that are just being accepted."""
BACKLOG = 128
"""Most connections that the system accepts for the server at once, before it has looked at any of them."""


@dataclass(frozen=True)
class Patience:
    """How long a connection may do nothing useful, in seconds.

    Attributes:
        head: for the head of a request.
        rest: for the rest of a body that was refused.
        taking: for taking the next piece of an answer.
    """

    head: float = 15.0
    rest: float = 3.0
    taking: float = 60.0


class Connections:
    """The open connections.

    Args:
        each: most of one address.
        in_all: most of all.
        proxies: addresses of trusted proxies, which bring the connections of many.
    """

    def __init__(self, each: int, in_all: int, proxies: Collection[str] = ()) -> None:
        self._each = each
        self._in_all = in_all
        self._proxies = _TrustedHosts(list(proxies))
        self._open: Counter[str] = Counter()

    @classmethod
    def for_files(cls, files: int, proxies: Collection[str] = ()) -> Connections:
        """Return limits for a number of descriptors that the process may have open."""
        in_all = max(files - RESERVED_FILES, files // 2)
        return cls(each=min(256, max(16, in_all // 4)), in_all=in_all, proxies=proxies)

    def add(self, address: str) -> bool:
        """Count a connection; return False if there are too many, and then do not count it."""
        network = network_of(address)
        alone = address not in self._proxies
        if self._open.total() >= self._in_all or (alone and self._open[network] >= self._each):
            return False
        self._open[network] += 1
        return True

    def remove(self, address: str) -> None:
        """Count a connection no longer."""
        network = network_of(address)
        self._open[network] -= 1
        if not self._open[network]:
            del self._open[network]


class PatientProtocol(H11Protocol):
    """HTTP for clients that may be slow on purpose: each thing that a client has to do has its time."""

    def __init__(self, *args: Any, connections: Connections, patience: Patience, **options: Any) -> None:
        super().__init__(*args, **options)
        self._counted = connections
        self._patience = patience
        self._address: str | None = None
        self._awaits: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or drop it if there are too many."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self._counted.add(address):
            transport.abort()
            return
        self._address = address
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        if self._address is not None:
            self._counted.remove(self._address)
            self._address = None
        self._stop_timer()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Wait for the client to take what is sent."""
        super().pause_writing()
        if self._taking is None:
            self._taking = self.loop.call_later(self._patience.taking, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _watch(self) -> None:
        """Start the time of what the client has to do now, unless it runs already."""
        awaits = None
        if self.conn.their_state is h11.IDLE:
            awaits = "head"
        elif self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete:
            awaits = "rest"
        if awaits == self._awaits:
            return
        self._stop_timer()
        self._awaits = awaits
        if awaits is not None and self._address is not None:
            self._timer = self.loop.call_later(getattr(self._patience, awaits), self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Seldom(logging.Filter):
    """Lets the same message through once in a while; visitors can cause some as often as they like."""

    def __init__(self, seconds: float = 60.0) -> None:
        super().__init__()
        self._seconds = seconds
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record goes to the log."""
        error = record.exc_info[1] if record.exc_info else None
        now, message = time.monotonic(), f"{record.getMessage()} {error!r}"
        if now - self._said.get(message, -self._seconds) < self._seconds:
            return False
        if len(self._said) > 100:
            self._said.clear()
        self._said[message] = now
        return True


def seldom(name: str) -> None:
    """Have a logger say the same message once in a while only."""
    logger = logging.getLogger(name)
    if not any(isinstance(known, Seldom) for known in logger.filters):
        logger.addFilter(Seldom())


def raise_file_limit(wanted: int = WANTED_FILES) -> int:
    """Let this process open more files, if the system allows it; return how many it may open."""
    if resource is None:
        return 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    most = wanted if hard == endless else min(wanted, hard)
    if soft != endless and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
        except (OSError, ValueError):
            return soft
    return WANTED_FILES if soft == endless else soft
