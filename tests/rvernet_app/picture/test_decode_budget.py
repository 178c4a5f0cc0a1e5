"""Photos that are decoded at once share one budget of memory."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rvernet_app.errors import BusyError
from rvernet_app.picture.decode_budget import BUSY, DecodeBudget

REPOSITORY = Path(__file__).resolve().parents[3]
EIGHT_AT_ONCE = """
import io, resource, sys
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from rvernet_app.picture.decode_budget import DECODING
from rvernet_app.picture.photos import read_photo

file = io.BytesIO()
Image.new("RGB", (3000, 2000)).save(file, "PNG")
def read(_):
    return read_photo(file.getvalue(), max_mb=40, max_megapixels=100).size_hw
with ThreadPoolExecutor(8) as threads:
    DECODING.resize(1)  # one at a time, while the threads start
    list(threads.map(read, range(8)))
    taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 160_000_000,) * 2)
    DECODING.resize(int(sys.argv[1]))
    print(set(threads.map(read, range(8))))
"""


def take_in_thread(budget: DecodeBudget, needed: int, name: str, order: list[str]) -> threading.Thread:
    def run() -> None:
        with budget.taking(needed):
            order.append(name)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_for_waiting(budget: DecodeBudget, count: int) -> None:
    with budget._changed:
        assert budget._changed.wait_for(lambda: len(budget._waiting) == count, 30)


def test_a_small_photo_does_not_overtake_a_large_one() -> None:
    budget, order = DecodeBudget(100), list[str]()
    with budget.taking(60):
        large = take_in_thread(budget, 90, "large", order)
        wait_for_waiting(budget, 1)
        small = take_in_thread(budget, 20, "small", order)
        wait_for_waiting(budget, 2)
        assert order == []
    large.join()
    small.join()
    assert order == ["large", "small"]


def test_a_photo_over_the_whole_budget_is_decoded_alone() -> None:
    budget, order = DecodeBudget(100), list[str]()
    with budget.taking(500):
        other = take_in_thread(budget, 1, "other", order)
        wait_for_waiting(budget, 1)
        assert order == []
    other.join()
    assert order == ["other"]


def test_a_photo_that_does_not_come_to_its_turn_is_refused_and_keeps_nobody_waiting() -> None:
    budget = DecodeBudget(100, wait_seconds=0)
    with budget.taking(60):
        with pytest.raises(BusyError, match="^" + BUSY), budget.taking(50):
            pass
        with budget.taking(40):
            pass


def test_one_more_than_may_wait_is_refused_at_once() -> None:
    budget, order = DecodeBudget(100, max_waiting=1), list[str]()
    with budget.taking(100):
        waiting = take_in_thread(budget, 100, "waiting", order)
        wait_for_waiting(budget, 1)
        with pytest.raises(BusyError), budget.taking(1):
            pass
    waiting.join()
    assert order == ["waiting"]


def test_a_failed_decoding_gives_its_share_back() -> None:
    budget = DecodeBudget(100, wait_seconds=0)
    with pytest.raises(ValueError, match="damaged"), budget.taking(100):
        raise ValueError("damaged")
    with budget.taking(100):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="limits and measures memory as Linux does")
@pytest.mark.parametrize(("budget", "status"), [(70_000_000, 0), (10**12, 1)])
def test_eight_photos_at_once_stay_within_the_budget(budget: int, status: int) -> None:
    # The second case shows that the first one can fail: without a budget they need 8 x 42 MB.
    ended = subprocess.run(
        [sys.executable, "-c", EIGHT_AT_ONCE, str(budget)],
        cwd=REPOSITORY,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status, ended.stderr
    assert ("{(2000, 3000)}" in ended.stdout) == (status == 0)
