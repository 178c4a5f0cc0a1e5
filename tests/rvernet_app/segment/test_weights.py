"""Segmenter weights on this machine."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
from huggingface_hub import try_to_load_from_cache

from rvernet_app.config import AppConfig
from rvernet_app.errors import ConfigError, WeightsError
from rvernet_app.segment import registry, weights
from rvernet_app.segment.registry import available_segmenters, open_segmenter


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppConfig:
    """No weights and no network: opening a socket fails."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("touched the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    hub = tmp_path / "hub"
    monkeypatch.setattr(weights, "try_to_load_from_cache", partial(try_to_load_from_cache, cache_dir=hub))
    return AppConfig(weights_dir=tmp_path / "weights", device="cpu")


def place(config: AppConfig, file_name: str) -> Path:
    config.weights_dir.mkdir(exist_ok=True)
    path = config.weights_dir / file_name
    path.write_bytes(b"not weights")
    return path


def place_in_hub_cache(config: AppConfig, repo: str, file: str) -> Path:
    commit = "0" * 40
    folder = config.weights_dir.parent / "hub" / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    path = folder / "snapshots" / commit / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not weights")
    return path


@pytest.mark.parametrize("known", weights.KNOWN.values(), ids=lambda known: known.name)
def test_known_weights_are_described_completely(known: weights.Weights) -> None:
    assert known.name in weights.KNOWN
    assert known.url.startswith("https://")
    assert known.url.endswith("/" + known.file_name)
    assert re.fullmatch(r"[0-9a-f]{64}", known.sha256)
    assert known.size > 10_000_000


def test_an_empty_folder_holds_no_weights(config: AppConfig) -> None:
    assert weights.find("vit_b", config) is None
    assert [(line.name, line.path) for line in weights.listing(config)] == [
        ("vit_h", None),
        ("vit_l", None),
        ("vit_b", None),
        ("mobile_sam", None),
    ]
    assert available_segmenters(config) == ["small_sam", "grabcut"]


def test_own_folder_comes_before_the_hub_cache(config: AppConfig) -> None:
    cached = place_in_hub_cache(config, "ybelkada/segment-anything", "checkpoints/sam_vit_b_01ec64.pth")
    assert weights.find("vit_b", config) == cached
    own = place(config, "sam_vit_b_01ec64.safetensors")
    assert weights.find("vit_b", config) == own
    assert weights.get("vit_b", config) == own


def test_auto_is_the_bundled_sam_without_weights(config: AppConfig) -> None:
    assert open_segmenter(config).name == "small_sam"


def test_auto_takes_the_best_weights(config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    place(config, "mobile_sam.pt")
    place(config, "sam_vit_b_01ec64.pth")
    assert available_segmenters(config) == ["vit_b", "mobile_sam", "small_sam", "grabcut"]
    opened: list[tuple[str, str]] = []
    monkeypatch.setattr(registry, "load_sam", lambda name, path, *_: opened.append((name, path.name)))
    open_segmenter(config)
    assert opened == [("vit_b", "sam_vit_b_01ec64.pth")]


def test_a_named_segmenter_without_weights_says_how_to_get_them(config: AppConfig) -> None:
    asked = AppConfig(segmenter="vit_l", weights_dir=config.weights_dir)
    with pytest.raises(WeightsError) as raised:
        open_segmenter(asked)
    for part in ("weights get vit_l", "sam_vit_l_0b3195.pth", str(config.weights_dir)):
        assert part in str(raised.value)


@pytest.mark.parametrize("name", ["vit_b", "mobile_sam"])
def test_a_damaged_file_is_named(config: AppConfig, name: str) -> None:
    path = place(config, weights.KNOWN[name].file_name)
    with pytest.raises(WeightsError, match=re.escape(str(path))):
        open_segmenter(AppConfig(segmenter=name, weights_dir=config.weights_dir, device="cpu"))


def test_an_unknown_name_is_refused(config: AppConfig) -> None:
    with pytest.raises(ConfigError, match="vit_x"):
        open_segmenter(AppConfig(segmenter="vit_x", weights_dir=config.weights_dir))
    with pytest.raises(WeightsError, match="vit_x"):
        weights.find("vit_x", config)


def test_an_unknown_device_is_refused(config: AppConfig) -> None:
    place(config, "mobile_sam.pt")
    with pytest.raises(ConfigError, match="abacus"):
        open_segmenter(AppConfig(weights_dir=config.weights_dir, device="abacus"))
