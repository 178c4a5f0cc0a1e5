"""A target with every fault there is, to try the runner."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence

from rvernet_app.errors import PhotoError
from tests.fuzz.target import Target


class Naughty(Target):
    """Fails in the way that the input's first word says."""

    name, weight, seconds, megabytes = "naughty", 1, 0.5, 100

    def seeds(self) -> Sequence[bytes]:
        """Return one input for each fault."""
        return [b"fine", b"refused", b"raise 1234", b"die 5678", b"hang", b"memory", b"swallow", b"fine"]

    def run(self, data: bytes) -> str:
        """Do as the input says."""
        word = data[:4]
        if word == b"refu":
            raise PhotoError("No.")
        if word == b"rais":
            raise KeyError("one")
        if word == b"die ":
            ctypes.string_at(0)
        if word == b"hang":
            time.sleep(60)
        if word == b"memo":
            return f"{len(bytearray(150_000_000))}"
        if word == b"swal":
            try:
                bytearray(2_000_000_000)
            except MemoryError as error:
                raise PhotoError("It is damaged.") from error
        return "fine"
