"""Initial weights of the backbones, and batch norm measured on their inputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rvernet_app.errors import CheckpointError, ConfigError, RvernetError, WeightsError
from rvernet_app.model.baseline import SinglePicture, SinglePictureConfig
from rvernet_app.model.checkpoint import save_checkpoint
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training.loop.models import build_model, load_backbone, measure_batch_norm, read_weights
from training.loop.options import ModelOptions

SPEC = ModuleSpec("mobilenetv2_035")
OTHER = ModuleSpec("mobilenetv2_050")
SCRATCH: dict[str, Any] = {
    "weights": "scratch",
    "batch_norm": "measured",
    "fusion": "features",
    "hidden": 8,
    "input_size": 32,
}


def same(module: nn.Module, other: nn.Module, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    others = other.state_dict()
    return all(torch.allclose(t, others[name], rtol, atol) for name, t in module.state_dict().items())


def test_pair_is_built_from_its_options() -> None:
    model = build_model(ModelOptions(SPEC, extra_roi_module=OTHER, **SCRATCH), 5)
    assert model.config == RveRNetConfig(SPEC, OTHER, 5, fusion="features", hidden=8, input_size=32)
    assert build_model(ModelOptions(SPEC, **SCRATCH), 5).config.modules == {"roi": SPEC, "extra_roi": SPEC}


@pytest.mark.parametrize(("kind", "backbones"), [("rvernet", 2), ("photo", 1)])
def test_unused_backbones_are_not_built(monkeypatch: pytest.MonkeyPatch, kind: str, backbones: int) -> None:
    built: list[str] = []
    create = timm.create_model

    def counting(name: str, **of: Any) -> Any:
        built.append(name)
        return create(name, **of)

    monkeypatch.setattr(timm, "create_model", counting)
    build_model(ModelOptions(SPEC, kind=kind, **SCRATCH), 5)
    assert built == ["mobilenetv2_035"] * backbones


@pytest.mark.parametrize("kind", ["photo", "roi", "extra_roi"])
def test_baseline_is_built_from_its_options(kind: str) -> None:
    model = build_model(ModelOptions(SPEC, kind=kind, **SCRATCH), 5)
    assert model.config == SinglePictureConfig(kind, SPEC, 5, fusion="features", hidden=8, input_size=32)


@pytest.mark.parametrize(
    ("options", "classes", "sentence"),
    [
        (ModelOptions(SPEC, **SCRATCH), 1, "num_classes as a whole number from 2 to 10000"),
        (
            ModelOptions(SPEC, **{**SCRATCH, "input_size": 16}),
            2,
            "input_size as a whole number from 32 to 10000",
        ),
        (ModelOptions(ModuleSpec("deit_tiny_patch16_224", {"depth": 1}), **SCRATCH), 2, "img_size=32"),
        (ModelOptions(ModuleSpec("mobilenetv2_035", {"wings": 2}), **SCRATCH), 2, "wings"),
    ],
)
def test_invalid_model_options_fail(options: ModelOptions, classes: int, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as error:
        build_model(options, classes)
    assert "\n" not in str(error.value)


# Weights from a file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    save_file(timm.create_model("mobilenetv2_035").state_dict(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize("fusion", ["features", "logits"])
def test_every_backbone_starts_from_the_file(fusion: str, file: Path) -> None:
    torch.manual_seed(5)
    source = timm.create_model("mobilenetv2_035")
    model = build_model(ModelOptions(SPEC, weights=str(file), fusion=fusion, input_size=32), 2)
    for backbone in model.backbones.values():
        assert ("classifier.weight" in backbone.state_dict()) == (fusion == "logits")
        assert same(backbone, source, rtol=0, atol=0)


def lack(tensors: dict[str, Tensor]) -> None:
    del tensors["conv_stem.weight"]


def surplus(tensors: dict[str, Tensor]) -> None:
    tensors["blocks.9.weight"] = torch.zeros(1)


def other_shape(tensors: dict[str, Tensor]) -> None:
    tensors["conv_stem.weight"] = torch.zeros(1)


def everything_else(tensors: dict[str, Tensor]) -> None:
    names = list(tensors)
    for name in names:
        tensors[f"features.{name}"] = tensors.pop(name)


@pytest.mark.parametrize("edit", [lack, surplus, other_shape, everything_else])
def test_weights_of_another_backbone_fail_with_one_line(edit: Callable[..., None]) -> None:
    backbone = timm.create_model("mobilenetv2_035", num_classes=0)
    tensors = dict(timm.create_model("mobilenetv2_035").state_dict())
    edit(tensors)
    with pytest.raises(WeightsError, match=r"w\.safetensors holds the weights of another backbone") as error:
        load_backbone(backbone, tensors, "w.safetensors")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("content", [None, b"", b"no weights", b"\x80\x04\x95"])
def test_error_names_a_file_without_weights(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"w\.safetensors cannot be read"):
        read_weights(str(tmp_path / "w.safetensors"), SPEC)


# Pretrained weights


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide an empty Hugging Face cache without network access."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_offline_error_suggests_a_remedy(hub_cache: Path) -> None:
    with pytest.raises(WeightsError) as error:
        build_model(ModelOptions(OTHER, fusion="features", input_size=32), 2)
    assert str(error.value).startswith(
        "The pretrained weights of mobilenetv2_050 are neither cached here nor"
    )
    assert "Give `weights` a safetensors file with timm's names, or `scratch`." in str(error.value)
    assert "\n" not in str(error.value)


def test_unpublished_weights_fail(hub_cache: Path) -> None:
    with pytest.raises(WeightsError, match="pretrained weights of mobilenetv2_035"):
        read_weights("pretrained", SPEC)


def test_cached_weights_load_without_a_network(hub_cache: Path) -> None:
    torch.manual_seed(5)
    source = timm.create_model("mobilenetv2_050")
    repository = timm.get_pretrained_cfg("mobilenetv2_050").hf_hub_id
    folder = hub_cache / f"models--{repository.replace('/', '--')}"
    for part in ("snapshots/abc", "refs"):
        (folder / part).mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    save_file(source.state_dict(), folder / "snapshots" / "abc" / "model.safetensors")
    model = build_model(ModelOptions(OTHER, fusion="features", input_size=32), 2)
    for backbone in model.backbones.values():
        assert same(backbone, source, rtol=0, atol=0)


# Checkpoints to start from


def saved(folder: Path, model: Any) -> Path:
    save_checkpoint(folder, model, tuple(f"food {i}" for i in range(model.config.num_classes)))
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, RveRNet]:
    torch.manual_seed(6)
    model = RveRNet(RveRNetConfig(SPEC, SPEC, 3, fusion="features", hidden=4, input_size=32))
    return saved(tmp_path / "pair", model), model


@pytest.fixture
def roi_only(tmp_path: Path) -> tuple[Path, SinglePicture]:
    torch.manual_seed(7)
    model = SinglePicture(SinglePictureConfig("roi", SPEC, 4, fusion="features", hidden=4, input_size=32))
    return saved(tmp_path / "roi_only", model), model


FLOAT16 = {"rtol": 1e-3, "atol": 1e-3}


def test_backbones_start_from_the_same_module_of_a_checkpoint_with_any_classes(
    pair: tuple[Path, RveRNet],
) -> None:
    folder, source = pair
    model = build_model(ModelOptions(SPEC, start={"roi": folder, "extra_roi": folder}, **SCRATCH), 2)
    assert same(model.backbones["roi"], source.roi_module, **FLOAT16)
    assert same(model.backbones["extra_roi"], source.extra_roi_module, **FLOAT16)
    assert not same(source.roi_module, source.extra_roi_module, **FLOAT16)
    assert all(p.requires_grad for p in model.parameters())
    single = build_model(ModelOptions(SPEC, kind="extra_roi", start={"extra_roi": folder}, **SCRATCH), 2)
    assert same(single.backbones["extra_roi"], source.extra_roi_module, **FLOAT16)


def test_backbones_start_from_a_single_module_and_the_rest_from_the_weights(
    roi_only: tuple[Path, SinglePicture], file: Path
) -> None:
    folder, source = roi_only
    model = build_model(
        ModelOptions(SPEC, start={"extra_roi": folder}, **{**SCRATCH, "weights": str(file)}), 2
    )
    assert same(model.backbones["extra_roi"], source.module, **FLOAT16)
    torch.manual_seed(5)
    assert same(model.backbones["roi"], timm.create_model("mobilenetv2_035"), rtol=0, atol=0)


def test_incompatible_start_checkpoint_fails(pair: tuple[Path, RveRNet], tmp_path: Path) -> None:
    folder, _ = pair
    with pytest.raises(CheckpointError, match="no backbone that sees the picture photo"):
        build_model(ModelOptions(SPEC, kind="photo", start={"photo": folder}, **SCRATCH), 2)
    with pytest.raises(CheckpointError, match="another backbone for roi than these options") as error:
        build_model(ModelOptions(OTHER, start={"roi": folder}, **SCRATCH), 2)
    assert "\n" not in str(error.value)
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        build_model(ModelOptions(SPEC, start={"roi": tmp_path / "nowhere"}, **SCRATCH), 2)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "weights_sha256": "0"}))
    with pytest.raises(CheckpointError, match="damaged"):
        build_model(ModelOptions(SPEC, start={"roi": folder}, **SCRATCH), 2)


# Batch norm


def backbone_with(kind: str) -> Any:
    """Return a backbone with folded batch norm (mean 0, variance 1) or with its own statistics."""
    torch.manual_seed(8)
    backbone = timm.create_model("mobilenetv2_035", num_classes=0).double()
    for norm in (m for m in backbone.modules() if isinstance(m, _BatchNorm)):
        nn.init.normal_(norm.weight, 1, 0.2)
        nn.init.normal_(norm.bias)
        if kind == "ordinary":
            assert norm.running_mean is not None
            assert norm.running_var is not None
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)
    return backbone


def batches() -> list[Tensor]:
    torch.manual_seed(9)
    return [3 * torch.randn(4, 3, 32, 32, dtype=torch.float64) + i for i in range(3)]


@pytest.mark.parametrize("kind", ["folded", "ordinary"])
def test_measuring_batch_norm_keeps_the_output_of_the_backbone(kind: str) -> None:
    backbone = backbone_with(kind).eval()
    with torch.no_grad():
        before = [backbone(batch) for batch in batches()]
        assert measure_batch_norm(backbone, batches()) == 52
        for batch, expected in zip(batches(), before, strict=True):
            torch.testing.assert_close(backbone(batch), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["folded", "ordinary"])
def test_measured_statistics_match_the_layer_inputs(kind: str) -> None:
    backbone = backbone_with(kind)
    inputs: dict[str, list[Tensor]] = {}
    for name, module in backbone.named_modules():
        if isinstance(module, _BatchNorm):
            module.register_forward_pre_hook(
                lambda _, args, name=name: inputs.setdefault(name, []).append(args[0])
            )
    measure_batch_norm(backbone, batches())
    for name, norm in ((n, m) for n, m in backbone.named_modules() if isinstance(m, _BatchNorm)):
        seen = torch.cat(inputs[name]).transpose(0, 1).flatten(1)  # (C, B h w)
        torch.testing.assert_close(norm.running_mean, seen.mean(dim=1), rtol=1e-9, atol=1e-9)
        expected = seen.var(dim=1, correction=0)
        torch.testing.assert_close(norm.running_var, expected, rtol=1e-6, atol=1e-9)


def test_training_mode_output_matches_eval_mode_after_measuring() -> None:
    backbone = backbone_with("folded")
    (batch,) = batches()[:1]
    measure_batch_norm(backbone, [batch])
    with torch.no_grad():
        in_use, in_training = backbone(batch), backbone.train()(batch)
    torch.testing.assert_close(in_training, in_use, rtol=1e-6, atol=1e-6)


def test_backbones_without_batch_norm_stay_unchanged() -> None:
    backbone = timm.create_model("deit_tiny_patch16_224", img_size=32, depth=1, num_classes=0)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    assert measure_batch_norm(backbone, [torch.randn(2, 3, 32, 32)]) == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())


def test_non_finite_activations_fail() -> None:
    backbone = timm.create_model("mobilenetv2_035", num_classes=0)
    with pytest.raises(RvernetError, match="not finite"):
        measure_batch_norm(backbone, [torch.full((1, 3, 32, 32), float("inf"))])
