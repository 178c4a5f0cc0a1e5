"""What every target of the fuzzer has: seeds, mutations, and one function that takes hostile bytes."""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.fuzz import mutate, shrink


class UnnamedError(Exception):
    """An input ended in what no person can act on, such as an HTTP status of 500.

    Attributes:
        place: what tells this fault from others.
    """

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.place = place


class Target(ABC):
    """A part of the program that reads what strangers write.

    Attributes:
        name: how the command line calls it.
        weight: its share of all inputs, relative to the other targets.
        seconds: the longest that one input may take.
        megabytes: the most memory that one input may need, in 10^6 bytes.
        short: the number of inputs in the short form that `make test` runs.
    """

    name: str
    weight: int
    seconds = 20.0
    megabytes = 400
    short = 300

    def open(self, folder: Path) -> None:
        """Prepare for inputs; all files go into the folder."""
        self.folder = folder

    @abstractmethod
    def seeds(self) -> Sequence[bytes]:
        """Return sound inputs, the same in every run."""

    @abstractmethod
    def run(self, data: bytes) -> str:
        """Take one input and return a word for its result.

        Raises:
            RvernetError: the input is refused, as it should be.
            Exception: a fault of the program.
        """

    def mutated(self, rng: random.Random, data: bytes) -> bytes:
        """Return the seed with a few changes."""
        return mutate.changed_bytes(rng, data, self.seeds())

    def smaller(self, data: bytes) -> Iterator[bytes]:
        """Yield smaller inputs that may fail in the same way."""
        return shrink.smaller_bytes(data)

    def close(self) -> None:  # noqa: B027  # most targets hold nothing
        """Let go of what `open` took."""


class JsonTarget(Target):
    """A target whose inputs are JSON objects.

    Attributes:
        parts: the keys whose values are changed; empty for all.
    """

    parts: tuple[str, ...] = ()

    def mutated(self, rng: random.Random, data: bytes) -> bytes:
        """Return the seed with changed leaves, keys and nesting."""
        if not self.parts or rng.random() < 0.02:
            return mutate.changed_json(rng, data, self.seeds())
        whole = json.loads(data)
        for _ in range(rng.choice((1, 1, 1, 2))):
            part = rng.choice(
                [part for part in self.parts if whole[part] or rng.random() < 0.2] or self.parts
            )
            for _ in range(rng.choice((1, 1, 2, 4))):
                whole[part] = mutate.changed_value(rng, whole[part])
        return mutate.written_json(whole)

    def smaller(self, data: bytes) -> Iterator[bytes]:
        """Yield the JSON without one of its parts, or with a shorter one."""
        return shrink.smaller_json(data)


class FolderTarget(Target):
    """A target whose inputs are folders, packed as JSON: path -> the file's bytes as Latin-1 text."""

    def mutated(self, rng: random.Random, data: bytes) -> bytes:
        """Return the seed with changed, missing or renamed files."""
        folder = mutate.unpacked(data)
        others = [mutate.unpacked(other) for other in self.seeds()]
        changed = mutate.changed_folder(rng, folder, others)
        return mutate.packed(self.mended(rng, changed))

    def mended(self, rng: random.Random, folder: dict[str, bytes]) -> dict[str, bytes]:
        """Return the folder with what would hide a change from the program set right, such as digests."""
        return folder

    def smaller(self, data: bytes) -> Iterator[bytes]:
        """Yield the folder without a file, or with a shorter one."""
        return shrink.smaller_json(data)
