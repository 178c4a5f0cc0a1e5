"""How much others wait while 16 connections guess passwords.

`python -m bench.guessing` serves the page with one account, in a process of its own, and has somebody who is
logged in ask it without a pause. It prints the median and the 95th percentile of the answers: while nobody
guesses, while 16 connections guess from one address, and while they guess from ever new addresses. Compare
the lines of one run with each other; other programs on the machine slow down all of them.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from rvernet_app.store.accounts import Accounts

CONNECTIONS = 16
SECONDS = 10.0
NAME, PASSWORD = "ann", "correct horse"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the page with one account; yields its address. The server believes this machine's proxies."""
    Accounts(folder / "data").add(NAME, PASSWORD)
    options = {
        "DATA_DIR": folder / "data",
        "PHOTOS_DIR": folder / "photos",
        "PORT": 0,
        "SEGMENTER": "grabcut",
    }
    environ = {f"RVERNET_{name}": str(value) for name, value in options.items()}
    environ |= {"RVERNET_PROXIES": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "rvernet_app"]
    with subprocess.Popen(
        command, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("RveRNet is at ").strip()
        finally:
            process.terminate()


async def ask(browser: httpx.AsyncClient) -> list[float]:
    """Ask for SECONDS without a pause; return the seconds of each answer."""
    took: list[float] = []
    end = time.perf_counter() + SECONDS
    while (start := time.perf_counter()) < end:
        (await browser.get("/gradio_api/login_check")).raise_for_status()
        took.append(time.perf_counter() - start)
    return took


async def guess(url: str, addresses: Iterator[str], answers: Counter[int]) -> None:
    """Guess over one connection until cancelled."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as guesser:
        for number in itertools.count():
            form = {"name": NAME, "password": f"guess {number}"}
            reply = await guesser.post("/login", data=form, headers={"X-Forwarded-For": next(addresses)})
            answers[reply.status_code] += 1


async def measure(url: str) -> None:
    """Print one line for each way of guessing."""
    new = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))
    ways = {
        "nobody guesses": None,
        "from one address": itertools.repeat("10.9.9.9"),
        "from new addresses": new,
    }
    async with httpx.AsyncClient(base_url=url, timeout=60) as browser:
        await browser.post("/login", data={"name": NAME, "password": PASSWORD})
        quiet = 0.0
        for way, addresses in ways.items():
            answers: Counter[int] = Counter()
            guessers = [
                asyncio.create_task(guess(url, addresses, answers))
                for _ in range(CONNECTIONS)
                if addresses is not None
            ]
            took = await ask(browser)
            for guesser in guessers:
                guesser.cancel()
            await asyncio.gather(*guessers, return_exceptions=True)
            median = statistics.median(took)
            quiet = quiet or median
            slowest = statistics.quantiles(took, n=20)[-1]
            statuses = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()))
            print(
                f"{way:<20} median {1000 * median:6.1f} ms ({median / quiet:.1f} times), "
                f"p95 {1000 * slowest:6.1f} ms   {statuses}"
            )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as url:
        asyncio.run(measure(url))


if __name__ == "__main__":
    main()
