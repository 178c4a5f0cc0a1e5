"""Segmenter weights: known files, their place on this machine, and how to download them.

File names and addresses are those of the authors. Meta and the authors of MobileSAM publish no SHA-256; only
the names of SAM's files contain the first six digits of their MD5. The SHA-256 and sizes here are those that
independent projects (micro-sam, 3D Slicer's SegmentWithSAM and others) record for the same files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from rvernet_app.config import AppConfig
from rvernet_app.errors import WeightsError
from rvernet_app.segment.download import Progress, download


@dataclass(frozen=True)
class Weights:
    """A published file.

    Attributes:
        name: name of the segmenter.
        file_name: name of the published file.
        url: official address.
        size: bytes.
        sha256: 64 hex digits.
        hub_repo, hub_file: a copy on the Hugging Face Hub; only the local cache is searched for it.
    """

    name: str
    file_name: str
    url: str
    size: int
    sha256: str
    hub_repo: str
    hub_file: str


def _sam(name: str, tag: str, size: int, sha256: str) -> Weights:
    file_name = f"sam_{name}_{tag}.pth"
    return Weights(
        name=name,
        file_name=file_name,
        url=f"https://dl.fbaipublicfiles.com/segment_anything/{file_name}",
        size=size,
        sha256=sha256,
        hub_repo="ybelkada/segment-anything",
        hub_file=f"checkpoints/{file_name}",
    )


MOBILE_SAM = "https://github.com/ChaoningZhang/MobileSAM/raw/f706ad9c4eb7f219c00d9050e46328518ffb65d2"
KNOWN = {
    weights.name: weights
    for weights in (
        _sam(
            "vit_h",
            "4b8939",
            2_564_550_879,
            "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        ),
        _sam(
            "vit_l",
            "0b3195",
            1_249_524_607,
            "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        ),
        _sam(
            "vit_b",
            "01ec64",
            375_042_383,
            "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        ),
        Weights(
            name="mobile_sam",
            file_name="mobile_sam.pt",
            url=f"{MOBILE_SAM}/weights/mobile_sam.pt",
            size=40_728_226,
            sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
            hub_repo="dhkim2810/MobileSAM",
            hub_file="mobile_sam.pt",
        ),
    )
}
"""Known weights by segmenter name, best first."""


@dataclass(frozen=True)
class Listed:
    """One line of `weights list`.

    Attributes:
        name: name of the segmenter.
        path: the file on this machine, or None.
        size: bytes of the published file.
        url: official address.
    """

    name: str
    path: Path | None
    size: int
    url: str


def find(name: str, config: AppConfig) -> Path | None:
    """Find weights on this machine, in `weights_dir` and then in the Hugging Face cache. Uses no network.

    In `weights_dir`, a `.safetensors` file with the same stem is accepted as well.

    Raises:
        WeightsError: the name is unknown.
    """
    weights = _known(name)
    own = config.weights_dir / weights.file_name
    for path in (own, own.with_suffix(".safetensors")):
        if path.is_file():
            return path
    cached = try_to_load_from_cache(weights.hub_repo, weights.hub_file)
    return Path(cached) if isinstance(cached, str) else None


def require(name: str, config: AppConfig) -> Path:
    """Find weights on this machine, see `find`.

    Raises:
        WeightsError: the name is unknown, or the file is missing; the message says how to get it.
    """
    path = find(name, config)
    if path is None:
        weights = _known(name)
        raise WeightsError(
            f"The weights of {name} are not on this machine. Run `python -m rvernet_app weights get {name}`, "
            f"or put {weights.file_name} from {weights.url} into {config.weights_dir}."
        )
    return path


def get(name: str, config: AppConfig, progress: Progress | None = None) -> Path:
    """Find weights on this machine, or download them to `weights_dir`.

    Args:
        name: name of the segmenter.
        config: gives `weights_dir`.
        progress: called with the number of bytes received and the total.

    Raises:
        WeightsError: the name is unknown, or the download failed; the message says how to get the file by
            hand.
    """
    weights = _known(name)
    found = find(name, config)
    if found is not None:
        return found
    target = config.weights_dir / weights.file_name
    return download(weights.url, target, weights.sha256, weights.size, progress)


def listing(config: AppConfig) -> list[Listed]:
    """List all known weights, best first."""
    return [Listed(w.name, find(w.name, config), w.size, w.url) for w in KNOWN.values()]


def _known(name: str) -> Weights:
    if name not in KNOWN:
        raise WeightsError(f"No weights are named {name!r}; known names are {', '.join(KNOWN)}.")
    return KNOWN[name]
