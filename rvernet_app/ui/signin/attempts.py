"""How often somebody may try a password: waits that grow with each failure.

What is counted, and why nobody can lock another person out for good:

- A browser that has logged in under this name before is known by a cookie, see `cookies`. Only its own
  failures count against it, whatever others try, from whichever address.
- From any other browser, the failures at one name from one address count, and those at all names from that
  address. Each address has places of its own, so a person elsewhere is not in the queue of who guesses.
- Many failures at one name from anywhere leave each new address a single try before it waits. Guessing from
  many addresses gets dearer, and the person still has that try.

An attempt counts as failed when it begins, so a hundred at once are not a hundred free ones. Success takes
back what it counted, not what others failed at. Failures are forgotten, one in each FORGIVE_SECONDS.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE = 5
"""Failures at one name from one address, or of a known browser, before one has to wait."""
FREE_IF_GUESSED = 1
"""The same where others fail often at this name."""
OFTEN = 50
FREE_OF_ADDRESS = 20
"""Failures at any names from one address before it has to wait."""
FORGIVE_SECONDS = 300.0
LONGEST_WAIT = 900.0
MOST_KEPT = 20_000
"""Counters in memory; the ones that were used least recently go."""

Key = tuple[str, ...]


@dataclass
class _Counter:
    """Failures, of which one is forgotten in each FORGIVE_SECONDS, and when they were counted."""

    counted: float = 0.0
    at: float = 0.0

    def failures(self, now: float) -> float:
        return max(0.0, self.counted - (now - self.at) / FORGIVE_SECONDS)

    def wait(self, free: int, now: float) -> float:
        """Return the seconds until the next attempt; they double with each failure beyond the free ones."""
        if self.failures(now) < free:
            return 0.0
        wait: float = 2.0 ** min(self.counted - free, 20.0)
        return max(0.0, self.at + min(LONGEST_WAIT, wait) - now)


class Attempts:
    """Counts attempts to log in. Safe between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with no failures.

        Args:
            clock: returns seconds that never run backwards.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._counters: OrderedDict[Key, _Counter] = OrderedDict()

    def begin(self, name: str, address: str, browser: str | None) -> float:
        """Count an attempt that begins now.

        Args:
            name: the typed name, whether there is such an account or not.
            address: the IP address that the attempt comes from.
            browser: id of a browser that has logged in as `name` before; None if it has not.

        Returns:
            0 if the attempt may go on, else the seconds to wait; it is not counted then.
        """
        with self._lock:
            now = self._clock()
            limits = self._limits(name, address, browser, now)
            if (longest := max(self._counter(key).wait(free, now) for key, free in limits)) > 0:
                return longest
            for key in _keys(name, address, browser):
                counter = self._counter(key)
                counter.counted, counter.at = counter.failures(now) + 1, now
            return 0.0

    def succeeded(self, name: str, address: str, browser: str | None) -> None:
        """Take back what `begin` counted for an attempt with the right password."""
        own, *others = _keys(name, address, browser)
        with self._lock:
            self._counters.pop(own, None)
            for key in others:
                if key in self._counters:
                    self._counters[key].counted -= 1

    def _limits(self, name: str, address: str, browser: str | None, now: float) -> list[tuple[Key, int]]:
        """Return the counters that may have the attempt wait, with the failures that are free."""
        own, *others = _keys(name, address, browser)
        if not others:
            return [(own, FREE)]
        of_address, of_name = others
        free = FREE_IF_GUESSED if self._counter(of_name).failures(now) >= OFTEN else FREE
        return [(own, free), (of_address, FREE_OF_ADDRESS)]

    def _counter(self, key: Key) -> _Counter:
        counter = self._counters.setdefault(key, _Counter())
        self._counters.move_to_end(key)
        while len(self._counters) > MOST_KEPT:
            self._counters.popitem(last=False)
        return counter


def _keys(name: str, address: str, browser: str | None) -> list[Key]:
    """Return the counters of an attempt, its own one first."""
    if browser is not None:
        return [("browser", browser)]
    network = network_of(address)
    return [("pair", name, network), ("address", network), ("name", name)]


def network_of(address: str) -> str:
    """Return what stands for one visitor: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip), 64), strict=False).network_address)
