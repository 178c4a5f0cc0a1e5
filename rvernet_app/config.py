"""Options of the app, set from Python, the environment or the command line."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import get_type_hints

from rvernet_app.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED_ASSETS = _PACKAGE / "assets"
ASSETS_DIR = _INSTALLED_ASSETS if _INSTALLED_ASSETS.is_dir() else _PACKAGE.parent / "assets"
"""Weights, samples and label sets: inside an installed package, beside the package in a clone."""
CAM_METHODS = ("gradcam", "gradcam++", "hirescam", "layercam", "eigencam")
NO_HOME = Path("/nonexistent")
"""Stands for the home folder of an account that has none. Debian gives such accounts this folder; what is
below it cannot be written, and the error then says which variable to set."""
POSITIVE = (
    "session_idle_hours",
    "session_hours",
    *("max_photo_mb", "max_photo_megapixels", "decoding_mb", "embedding_cache_mb"),
    *("visitor_upload_mb", "all_uploads_mb", "min_free_mb"),
)
MOST = 10**9
"""The largest number of an option in megabytes or megapixels."""
FOLDERS = ("data_dir", "photos_dir", "weights_dir")


def home() -> Path:
    """Return the home folder of this account, or NO_HOME."""
    try:
        return Path.home()
    except RuntimeError:
        return NO_HOME


def expanded(path: str | Path, option: str) -> Path:
    """Return a path with "~" replaced by the home folder.

    Raises:
        ConfigError: the account has no such home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{option} {path} cannot be found: this account has no such home folder. "
            f"Set RVERNET_{option.upper()} to a whole path."
        ) from error


def _below_home(*parts: str) -> Callable[[], Path]:
    return lambda: home().joinpath(*parts)


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
        photos_dir: folder below which opened photos are kept for a day, in a folder of their own.
        data_dir: folder of projects, their photos and annotations.
        database_url: URL of a PostgreSQL database for projects and annotations, also read from DATABASE_URL.
            Empty means SQLite in `data_dir`.
        import_dir: folder from which the page may add photos to a project. Empty allows no folder.
        hub_dataset: dataset repository on the Hugging Face Hub, "owner/name", that keeps a copy of all
            annotations and restores them. Empty keeps no copy.
        admins: names of the Hugging Face accounts that run a Space beside its owner, with commas between.
        session_idle_hours: hours without a request after which somebody has to log in again.
        session_hours: hours after which somebody has to log in again in any case.
        max_photo_mb: largest accepted file, in megabytes (10^6 bytes).
        max_photo_megapixels: largest accepted photo, in 10^6 pixels.
        decoding_mb: memory for all photos that are being decoded at once, in megabytes; others wait.
        embedding_cache_mb: memory for embeddings, in megabytes.
        host, port: address at which the page is served. An IPv6 address may stand in brackets. Port 0 takes
            any free port.
        hosts: names by which browsers reach the page, divided by commas; a name may have a port. The page
            also answers to `host`, to localhost and to its IP addresses, and on a Space to the Space's name.
        proxies: IP addresses or networks of reverse proxies, divided by commas, whose word counts for who
            asks and whether by HTTPS. On a Space it always counts.
        open_to_all: whether the page may be served to other machines without accounts.
        visitor_upload_mb, all_uploads_mb: most that one visitor and all visitors may upload within a day,
            in megabytes.
        min_free_mb: what uploads leave free on the disk, in megabytes.

    Raises:
        ConfigError: an option has an invalid value.
    """

    segmenter: str = "auto"
    checkpoint: str | Path = ASSETS_DIR / "weights" / "rvernet-mobilenetv2"
    cam_method: str = "gradcam"
    device: str = "auto"
    weights_dir: Path = field(default_factory=_below_home(".cache", "rvernet", "weights"))
    photos_dir: Path = field(default_factory=_below_home(".cache", "rvernet", "photos"))
    data_dir: Path = field(default_factory=_below_home(".local", "share", "rvernet"))
    database_url: str = field(default="", repr=False)  # it may hold a password
    import_dir: str = ""
    hub_dataset: str = ""
    admins: str = ""
    session_idle_hours: float = 12.0
    session_hours: float = 168.0
    max_photo_mb: float = 40.0
    max_photo_megapixels: float = 100.0
    decoding_mb: float = 1500.0
    embedding_cache_mb: float = 128.0
    host: str = "127.0.0.1"
    port: int = 7860
    hosts: str = ""
    proxies: str = ""
    open_to_all: bool = False
    visitor_upload_mb: float = 20_000.0
    all_uploads_mb: float = 100_000.0
    min_free_mb: float = 1000.0

    def __post_init__(self) -> None:
        for name in FOLDERS:
            if not str(getattr(self, name)):
                raise ConfigError(f"{name} is empty; name a folder.")
            object.__setattr__(self, name, expanded(getattr(self, name), name))
        object.__setattr__(self, "host", self.host.removeprefix("[").removesuffix("]"))
        if self.cam_method not in CAM_METHODS:
            raise ConfigError(f"cam_method is one of {', '.join(CAM_METHODS)}; got {self.cam_method!r}.")
        for name in POSITIVE:
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}.")
            if getattr(self, name) > MOST:
                raise ConfigError(f"{name} must be at most {MOST}, got {getattr(self, name)}.")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be in 0..65535, got {self.port}.")

    @property
    def import_root(self) -> Path | None:
        """Folder from which the page may add photos to a project; None allows no folder."""
        return expanded(self.import_dir, "import_dir") if self.import_dir else None

    @property
    def is_reachable(self) -> bool:
        """Whether other machines can reach the page: by its address, or through a proxy that has a name."""
        return bool(self.hosts.strip()) or not is_loopback(self.host)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> AppConfig:
        """Return the options set by RVERNET_* variables; the other fields keep their defaults.

        An empty variable counts as not set. On Hugging Face Spaces, where SPACE_ID is set, the default host
        serves the page to other machines. If data_dir is set and the home folder cannot be written, the
        other folders are by default below data_dir.

        Raises:
            ConfigError: a variable has an invalid value.
        """
        given = {name: text for name, text in environ.items() if text.strip()}
        values: dict[str, object] = {"host": "0.0.0.0"} if "SPACE_ID" in given else {}  # nosec B104
        if "DATABASE_URL" in given:
            values["database_url"] = given["DATABASE_URL"]
        kinds = get_type_hints(cls)
        for option in fields(cls):
            variable = f"RVERNET_{option.name.upper()}"
            if variable in given:
                values[option.name] = _parse(variable, given[variable], kinds[option.name])
        data_dir = values.get("data_dir")
        if isinstance(data_dir, Path) and not os.access(home(), os.W_OK):
            for name in ("weights", "photos"):
                values.setdefault(f"{name}_dir", data_dir / "cache" / name)
        try:
            return cls(**values)  # type: ignore[arg-type]  # each value was parsed as its field's type
        except ConfigError as error:
            name, _, rest = str(error).partition(" ")
            variable = f"RVERNET_{name.upper()}"
            raise ConfigError(f"{variable} {rest}" if variable in given else str(error)) from error


def is_loopback(host: str) -> bool:
    """Return whether a page served at this address can be opened from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parse(variable: str, text: str, kind: object) -> object:
    """Return the text as int, float, bool or Path if the field has that type, otherwise unchanged."""
    if kind is Path:
        return Path(text)
    if kind is bool:
        if text.strip().lower() not in ("yes", "no"):
            raise ConfigError(f"{variable} is yes or no, got {text!r}.")
        return text.strip().lower() == "yes"
    try:
        if kind is int:
            return int(text)
        if kind is float:
            return float(text)
    except ValueError as error:
        whole = "whole " if kind is int else ""
        raise ConfigError(f"{variable} must be a {whole}number, got {text!r}.") from error
    return text
