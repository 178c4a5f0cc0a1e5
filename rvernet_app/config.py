"""Every option of the app, from Python, the environment or the command line."""

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
    """Options of the app. Each field is also read from the environment as RVERNET_<FIELD>.

    Attributes:
        segmenter: "auto" (the best weights found locally, else the bundled default) or a segmenter's name.
        checkpoint: folder of a RveRNet checkpoint, or where there is no such folder a Hugging Face Hub id,
            "owner/name" or "owner/name@revision".
        cam_method: the activation map drawn first, one of CAM_METHODS.
        device: torch device; "auto" takes CUDA or Apple's GPU when there is one.
        weights_dir: where `weights get` puts segmenter weights and where they are looked for.
        photos_dir: where opened photos are kept while the app runs.
        data_dir: where projects, their photos and everything labelled are kept.
        database_url: of a PostgreSQL database to keep them in, also read from DATABASE_URL; empty is SQLite in
            `data_dir`.
        import_dir: folder whose photos may be taken into a project; empty is every folder where the page is served to
            this machine only, and none elsewhere.
        hub_dataset: dataset repository on the Hugging Face Hub, "owner/name", in which a copy of all that is labelled
            is kept, and from which it is brought back; empty keeps none.
        max_photo_mb: largest accepted file, in megabytes (10^6 bytes).
        max_photo_megapixels: largest accepted photo, in 10^6 pixels.
        embedding_cache_mb: memory for embeddings, in megabytes.
        host, port: where the page is served.

    Raises:
        ConfigError: an option has a value it cannot have.
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
        """The folder whose photos may be taken into a project, None where there is none."""
        if self.import_dir:
            return Path(self.import_dir).expanduser()
        return Path(Path.home().anchor) if self.host in LOOPBACK else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> AppConfig:
        """Options from RVERNET_* variables; what is not set keeps its default.

        On Hugging Face Spaces, where SPACE_ID is set, the page is served to the outside by default.

        Raises:
            ConfigError: a variable cannot be read as its field's type.
        """
        kinds = get_type_hints(cls)
        values: dict[str, object] = {"host": "0.0.0.0"} if "SPACE_ID" in environ else {}
        if "DATABASE_URL" in environ:
            values["database_url"] = environ["DATABASE_URL"]
        for field in fields(cls):
            text = environ.get(variable := f"RVERNET_{field.name.upper()}")
            if text is None:
                continue
            kind = kinds[field.name]
            try:
                values[field.name] = kind(text) if isinstance(kind, type) else text
            except ValueError as error:
                raise ConfigError(f"{variable} must be a number, got {text!r}.") from error
        return cls(**values)  # type: ignore[arg-type]
