"""What the program is killed in: an operation prepares a place, works there, and knows what must be left."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rvernet_app.config import AppConfig

Tell = Callable[[str], None]
"""Acknowledges to the parent process what the program has called saved; one line."""


@dataclass
class Findings:
    """What is wrong after a death and the next start.

    Attributes:
        lost: acknowledged, and not there.
        half: neither whole nor absent, or a damaged database.
        leftover: temporary files that the next start did not remove.
        failed: why the next start or the next attempt did not work.
    """

    lost: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    leftover: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        return [
            f"{name}: {text}"
            for name in ("lost", "half", "leftover", "failed")
            for text in getattr(self, name)
        ]


@dataclass(frozen=True)
class Place:
    """The folders of one program, all below one folder."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def temporary(self) -> Path:
        """What the program takes for the system's temporary folder."""
        return self.folder / "tmp"

    @property
    def config(self) -> AppConfig:
        return AppConfig(
            data_dir=self.data,
            photos_dir=self.folder / "cache",
            weights_dir=self.folder / "weights",
            port=0,
            segmenter="grabcut",
        )


class Operation(ABC):
    """Something that writes to the disk.

    Attributes:
        name: of the row in the table.
        starts_engine: whether the next start loads the real models, because the operation concerns them.
        kept: names of files and folders in which the next attempt, not the next start, cleans.
    """

    name: str
    starts_engine = False
    kept: frozenset[str] = frozenset()

    @abstractmethod
    def prepare(self, place: Place) -> None:
        """Make what is there before the operation; called once, the place is then copied for each death."""

    @abstractmethod
    def work(self, place: Place, tell: Tell) -> None:
        """Do the operation a few times and acknowledge each, in the process that is killed."""

    @abstractmethod
    def check(self, place: Place, told: Sequence[str], found: Findings) -> None:
        """Add what is lost or half done, after the next start; `told` is what was acknowledged."""
