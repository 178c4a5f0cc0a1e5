"""`make fuzz N=100000`: hostile inputs for every part of the program that reads what strangers write.

It prints a table: inputs, results, named errors by class, the largest memory, the slowest input, and unnamed
ends, of which there must be none: the exit status is 1 if there is one. What was found lies, made smaller, in
a folder whose path is printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz import guided
from tests.fuzz.registry import NAMES, target_named
from tests.fuzz.runner import Fault, Tally, fuzz, shorten, table

PART = 4000
"""The most inputs of one process, so that several processes have about as much to do."""


def shares(names: list[str], inputs: int) -> dict[str, int]:
    """Return how many of the inputs each target gets, at least one."""
    weights = {name: target_named(name).weight for name in names}
    return {name: max(1, round(inputs * weights[name] / sum(weights.values()))) for name in names}


def parts(counts: dict[str, int]) -> list[tuple[str, int, int]]:
    """Return the jobs (target, start, stop), the largest targets first."""
    return [
        (name, start, min(start + PART, count))
        for name, count in sorted(counts.items(), key=lambda one: -one[1])
        for start in range(0, count, PART)
    ]


def _log(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def main() -> int:
    """Run the fuzzer and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="SEED")
    parser.add_argument("--jobs", type=int, default=1, metavar="JOBS", help="processes at a time")
    parser.add_argument("--targets", default="", metavar="NAMES", help=f"of {', '.join(NAMES)}; default all")
    parser.add_argument("--guided", action="store_true", help="guided by coverage (needs atheris)")
    options = parser.parse_args()
    names = options.targets.replace(",", " ").split() or list(NAMES)
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"no target is named {', '.join(unknown)}; there are {', '.join(NAMES)}")
    place = Path(tempfile.mkdtemp(prefix="fuzz-rvernet-"))
    (place / "found").mkdir()
    _log(f"what is found lies in {place / 'found'}")
    counts = shares(names, options.inputs)
    if options.guided:
        return guided.fuzz_all(counts, options.seed, place, _log)
    tallies = {name: Tally() for name in names}
    lock = threading.Lock()

    def job(part: tuple[str, int, int]) -> None:
        name, start, stop = part
        tally = fuzz(name, options.seed, start, stop, place, _log)
        with lock:
            tallies[name].merge(tally)

    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(job, parts(counts)))
        faults = [fault for tally in tallies.values() for fault in tally.faults.values()]
        list(pool.map(lambda fault: shorten(fault, options.seed, place), faults))
    print(table(tallies))
    for fault in faults:
        _print_fault(fault)
    return 1 if faults else 0


def _print_fault(fault: Fault) -> None:
    print(f"\n{fault.target}: {fault.count} times {fault.what}\n{fault.path}\n{fault.detail[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
