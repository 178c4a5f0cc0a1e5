"""The bundled sample photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rvernet_app.config import ASSETS_DIR


@dataclass(frozen=True)
class Sample:
    """One sample photo; its title is made of the file's name."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        return self.path.stem.replace("_", " ").replace("-", " ").capitalize()


def find_samples(folder: Path = ASSETS_DIR / "samples" / "images") -> dict[str, Sample]:
    """The JPEG files of a folder by name, in order of their names."""
    return {path.stem: Sample(path) for path in sorted(folder.glob("*.jpg"))}
