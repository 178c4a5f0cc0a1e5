"""The process in which inputs run: `python -m tests.fuzz.child TARGET SEED FOLDER`.

It reads jobs from stdin, one JSON a line: [start, stop] makes and runs these inputs of the seed, a path runs
the file there. It writes one JSON line for each input. The input that is about to run lies in CURRENT, so
that it is known if this process dies.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from tests.fuzz import outcome
from tests.fuzz.registry import target_named
from tests.fuzz.target import Target

CURRENT = "current.bin"
ROOM = 2.5
"""How much more address space than its limit of memory an input gets: reserved is not used."""


def made(target: Target, seeds: list[bytes], seed: int, number: int) -> bytes:
    """Return one input of a run; the same seed and number make the same input."""
    if number < len(seeds):
        return seeds[number]
    rng = random.Random(f"{seed}/{target.name}/{number}")
    return target.mutated(rng, rng.choice(seeds))


def inputs(target: Target, seed: int, jobs: IO[str]) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of each input that the jobs ask for."""
    seeds = list(target.seeds())
    for line in jobs:
        job: Any = json.loads(line)
        if isinstance(job, str):
            yield 0, Path(job).read_bytes()
            continue
        for number in range(*job):
            yield number, made(target, seeds, seed, number)


def limit_memory(megabytes: float) -> None:
    """Have allocations far over the limit fail, so that no input takes the machine's memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + int(ROOM * megabytes * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Run what stdin asks for."""
    name, seed, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    jobs = os.fdopen(os.dup(0), "r")
    for stream in (1, 2):  # what the program under test prints is no answer
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    warnings.simplefilter("ignore")
    target = target_named(name)
    target.open(folder / "work")
    limit_memory(target.megabytes)
    answers.write(json.dumps({"ready": True}) + "\n")
    current = folder / CURRENT
    for number, data in inputs(target, seed, jobs):
        current.write_bytes(data)
        ended = outcome.run(target, data)
        if ended.kind == outcome.UNNAMED:
            current.rename(folder / f"{number}.bin")  # the parent may be behind
        answers.write(json.dumps({"number": number, **asdict(ended)}) + "\n")
    target.close()


if __name__ == "__main__":
    main()
