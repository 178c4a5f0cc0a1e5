"""A process that does not outlive whoever started it."""

from __future__ import annotations

import os
import sys
import threading

ENDED_WITH_ITS_STARTER = 3
"""Exit status."""


def end_with_standard_input() -> None:
    """End this process as soon as standard input does: who held its other end is gone, however that came about."""

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock would be held when the process ends by itself
            pass
        print("The training ended with the program that started it; start it again.", file=sys.stderr)
        os._exit(ENDED_WITH_ITS_STARTER)

    threading.Thread(target=wait, daemon=True).start()
