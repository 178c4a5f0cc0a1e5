"""A short form of `make fuzz`, what it has found before, and the runner itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fuzz import outcome
from tests.fuzz.child import made
from tests.fuzz.registry import NAMES, target_named
from tests.fuzz.runner import fuzz, shorten

SEED = 20
CORPUS = Path(__file__).parent / "corpus"
FOUND = sorted(CORPUS.glob("*.bin"))


@pytest.mark.parametrize("name", NAMES)
def test_every_input_ends_in_a_result_or_a_named_error(name: str, tmp_path: Path) -> None:
    """Runs a few mutated inputs, and all that was found before, which lies in corpus/<target>-<what>.bin."""
    target = target_named(name)
    target.open(tmp_path / "work")
    try:
        seeds = list(target.seeds())
        first = len(seeds)  # the inputs before are the seeds as they are
        inputs = [made(target, seeds, SEED, number) for number in range(first, first + target.short)]
        inputs += [path.read_bytes() for path in FOUND if path.name.startswith(f"{name}-")]
        ends = [(data, outcome.run(target, data)) for data in inputs]
    finally:
        target.close()
    faults = [(end.what, end.detail, data[:2000]) for data, end in ends if end.kind == outcome.UNNAMED]
    assert faults == []
    assert {end.kind for _, end in ends} <= {outcome.RESULT, outcome.NAMED}


def test_sound_inputs_are_taken(tmp_path: Path) -> None:
    """Or the fuzzer would only ever knock at the door."""
    for name in ("photos", "labels", "coco", "yolo", "labelme", "checkpoints"):
        target = target_named(name)
        target.open(tmp_path / name)
        try:
            ends = {outcome.run(target, data).kind for data in list(target.seeds())[:2]}
        finally:
            target.close()
        assert ends == {outcome.RESULT}, name


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory an input needed")
def test_every_fault_is_reported_and_the_run_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    tally = fuzz("naughty", SEED, 0, 8, tmp_path, said.append)
    assert tally.inputs == 8
    assert dict(tally.results) == {"fine": 2}
    assert dict(tally.named) == {"PhotoError": 1}
    kinds = sorted(what.split(" in ")[0].strip() for what in tally.faults)
    assert kinds == [
        "KeyError",
        "MemoryError as PhotoError",
        "death with status -11",
        "hang",
        "memory after 150000000",
    ]
    inputs = {fault.path.read_bytes() for fault in tally.faults.values()}
    assert inputs == {b"raise 1234", b"die 5678", b"hang", b"memory", b"swallow"}
    assert len(said) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_what_was_found_is_made_smaller(tmp_path: Path) -> None:
    tally = fuzz("naughty", SEED, 2, 3, tmp_path, lambda line: None)
    (fault,) = tally.faults.values()
    shorten(fault, SEED, tmp_path)
    assert fault.path.read_bytes() == b"rais"


def test_the_same_seed_makes_the_same_inputs() -> None:
    target = target_named("labels")
    seeds = list(target.seeds())
    assert [made(target, seeds, 1, n) for n in range(50)] == [made(target, seeds, 1, n) for n in range(50)]
    assert made(target, seeds, 1, 40) != made(target, seeds, 2, 40)
