"""One target under atheris: `python -m tests.fuzz.guided_child TARGET SEED INPUTS FOLDER`."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rvernet_app"]):
    from tests.fuzz.registry import target_named

from tests.fuzz import mutate, outcome


def main() -> None:
    """Run the target until the inputs are used up; atheris ends the process at the first fault."""
    name, seed, count, place = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    target = target_named(name)
    with atheris.instrument_imports(include=["rvernet_app"]):
        target.open(place / f"{name}-work")
    corpus = place / f"{name}-corpus"
    corpus.mkdir()
    for number, data in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(data)

    def one_input(data: bytes) -> None:
        ended = outcome.run(target, data)
        if ended.kind == outcome.UNNAMED:
            raise RuntimeError(f"{name}: {ended.what}\n{ended.detail}")

    def mutated(data: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)
        try:
            return target.mutated(rng, data)[:most]
        except Exception:  # what is left of a folder or an archive may be none any more
            return mutate.changed_bytes(rng, data)[:most]

    options = (
        *(f"-runs={count}", f"-seed={seed}", f"-timeout={int(target.seconds)}", "-max_len=400000"),
        *("-rss_limit_mb=0", f"-artifact_prefix={place / 'found'}/{name}-", "-print_final_stats=1"),
    )
    os.environ["OMP_NUM_THREADS"] = "1"
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
