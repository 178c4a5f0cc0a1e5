"""Options of the app, set from Python, the environment or the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

from rvernet_app.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED_ASSETS = _PACKAGE / "assets"
ASSETS_DIR = _INSTALLED_ASSETS if _INSTALLED_ASSETS.is_dir() else _PACKAGE.parent / "assets"
"""Weights, samples and label sets: inside an installed package, beside the package in a clone."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CAM_METHODS = ("gradcam", "gradcam++", "hirescam", "layercam", "eigencam")


@dataclass(frozen=True)
class AppConfig:
    """Options of the app. The environment variable RVERNET_<FIELD> sets a field.

    Attributes:
        segmenter: a segmenter's name, or "auto" for the best weights on this machine.
        checkpoint: folder of a RveRNet checkpoint. If no such folder exists, a Hugging Face Hub id:
            "owner/name" or "owner/name@revision".
        cam_method: method of the activation maps shown first, one of CAM_METHODS.
        device: torch device. "auto" takes CUDA, else Apple's GPU, else the CPU.
        weights_dir: folder with segmenter weights; `weights get` saves them there.
        photos_dir: cache folder for opened photos.
        data_dir: folder of projects, their photos and annotations.
        database_url: URL of a PostgreSQL database for projects and annotations, also read from DATABASE_URL.
            Empty means SQLite in `data_dir`.
        import_dir: folder from which the page may add photos to a project. Empty allows every folder if the
            page is served to this machine only, and no folder otherwise.
        hub_dataset: dataset repository on the Hugging Face Hub, "owner/name", that keeps a copy of all
            annotations and restores them. Empty keeps no copy.
        max_photo_mb: largest accepted file, in megabytes (10^6 bytes).
        max_photo_megapixels: largest accepted photo, in 10^6 pixels.
        embedding_cache_mb: memory for embeddings, in megabytes.
        host, port: address at which the page is served.

    Raises:
        ConfigError: an option has an invalid value.
    """

    segmenter: str = "auto"
    checkpoint: str | Path = ASSETS_DIR / "weights" / "rvernet-mobilenetv2"
    cam_method: str = "gradcam"
    device: str = "auto"
    weights_dir: Path = Path.home() / ".cache" / "rvernet" / "weights"
    photos_dir: Path = Path.home() / ".cache" / "rvernet" / "photos"
    data_dir: Path = Path.home() / ".local" / "share" / "rvernet"
    database_url: str = ""
    import_dir: str = ""
    hub_dataset: str = ""
    max_photo_mb: float = 40.0
    max_photo_megapixels: float = 100.0
    embedding_cache_mb: float = 512.0
    host: str = "127.0.0.1"
    port: int = 7860

    def __post_init__(self) -> None:
        for name in ("weights_dir", "photos_dir", "data_dir"):
            object.__setattr__(self, name, Path(getattr(self, name)).expanduser())
        if self.cam_method not in CAM_METHODS:
            raise ConfigError(f"cam_method is one of {', '.join(CAM_METHODS)}; got {self.cam_method!r}.")
        for name in ("max_photo_mb", "max_photo_megapixels", "embedding_cache_mb"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}.")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be in 0..65535, got {self.port}.")

    @property
    def import_root(self) -> Path | None:
        """Folder from which the page may add photos to a project; None allows no folder."""
        if self.import_dir:
            return Path(self.import_dir).expanduser()
        return Path(Path.home().anchor) if self.host in LOOPBACK else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> AppConfig:
        """Return the options set by RVERNET_* variables; the other fields keep their defaults.

        An empty variable counts as not set. On Hugging Face Spaces, where SPACE_ID is set, the default host
        serves the page to other machines.

        Raises:
            ConfigError: a variable has an invalid value.
        """
        values: dict[str, object] = {"host": "0.0.0.0"} if environ.get("SPACE_ID") else {}
        if url := environ.get("DATABASE_URL"):
            values["database_url"] = url
        kinds = get_type_hints(cls)
        for field in fields(cls):
            variable = f"RVERNET_{field.name.upper()}"
            if text := environ.get(variable):
                values[field.name] = _parse(variable, text, kinds[field.name])
        return cls(**values)  # type: ignore[arg-type]  # each value was parsed as its field's type


def _parse(variable: str, text: str, kind: object) -> object:
    """Return the text as int, float or Path if the field has that type, otherwise unchanged."""
    if kind is Path:
        return Path(text)
    try:
        if kind is int:
            return int(text)
        if kind is float:
            return float(text)
    except ValueError as error:
        whole = "whole " if kind is int else ""
        raise ConfigError(f"{variable} must be a {whole}number, got {text!r}.") from error
    return text
