"""The bundled sample photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rvernet_app.config import ASSETS_DIR


@dataclass(frozen=True)
class Sample:
    """A sample photo; its title comes from the file's name."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def title(self) -> str:
        """The name as the page writes it, e.g. "Soup bowl"."""
        return self.path.stem.replace("_", " ").replace("-", " ").capitalize()


def find_samples(folder: Path = ASSETS_DIR / "samples" / "images") -> dict[str, Sample]:
    """Return the JPEG files of a folder by name, sorted by name."""
    return {path.stem: Sample(path) for path in sorted(folder.glob("*.jpg"))}
