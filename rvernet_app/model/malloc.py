"""Keep freed memory for the next request: big tensors otherwise cost a page fault for every 4 KiB each time."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_memory() -> None:
    """Have glibc's malloc answer large requests from memory it keeps, not from fresh pages; elsewhere does nothing.

    On a CPU, networks of a few megabytes a layer spend up to half their time in page faults without it. The price is
    that the process stays as large as it once was.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 256 * 2**20)
