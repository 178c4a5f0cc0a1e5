"""Run coroutines in tests, also in a worker whose own thread has a loop for the browser."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a loop of its own thread; return its result or raise its error."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
