"""End a process together with the program that started it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

PARENT_GONE = 3
"""Exit status."""
MESSAGE = "The training ended with the program that started it; start it again."


def exit_with_parent(last_words: Callable[[str], None] = lambda message: None) -> None:
    """Exit when stdin closes, i.e. when the parent process is gone.

    Args:
        last_words: called with the reason, in a thread of its own, before the process exits.
    """

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin: it would be locked when the process ends by itself
            pass
        try:
            print(MESSAGE, file=sys.stderr)
            last_words(MESSAGE)
        finally:
            os._exit(PARENT_GONE)

    threading.Thread(target=wait, daemon=True).start()
