from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from rvernet_app.errors import CheckpointError
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.segment.registry import load_segmenter
from training.segmenter.__main__ import main, train
from training.segmenter.data import read_scenes
from training.segmenter.engine import SegmenterTrainer
from training.segmenter.options import SegmenterOptions

CPU = torch.device("cpu")


def trainer_of(options: SegmenterOptions) -> SegmenterTrainer:
    split = [read_scenes(source, GrabCutSegmenter(), options.mask_cache) for source in options.sources]
    return SegmenterTrainer([scenes["train"] for scenes in split], options, CPU)


def finish(trainer: SegmenterTrainer, stop_after: int | None = None) -> dict[str, Tensor]:
    for _ in trainer.run(stop_after):
        pass
    return dict(trainer.sam.state_dict())


def test_resumed_run_reaches_the_same_weights(options: SegmenterOptions, tmp_path: Path) -> None:
    whole = finish(trainer_of(options))
    parts = dataclasses.replace(options, run_folder=tmp_path / "parts")
    finish(trainer_of(parts), stop_after=1)
    again = trainer_of(parts)
    assert again.resume()
    assert again.step == 1
    resumed = finish(again)
    assert [record["step"] for record in again.history] == [0, 1, 2]
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)


def test_frozen_parts_stay_and_the_rest_learns(options: SegmenterOptions) -> None:
    trainer = trainer_of(options)
    before = {name: value.clone() for name, value in trainer.sam.state_dict().items()}
    after = finish(trainer)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith("image_encoder.backbone.conv_stem") for name in changed)
    assert not any("running_" in name for name in changed)
    assert {"image_encoder.backbone.blocks.5.0.conv_pw.weight", "mask_decoder.mask_tokens.weight"} <= changed


def test_resuming_with_other_options_fails(options: SegmenterOptions) -> None:
    finish(trainer_of(options), stop_after=1)
    with pytest.raises(CheckpointError, match="other options"):
        trainer_of(dataclasses.replace(options, paste=0.1)).resume()
    (options.run_folder / "state.pt").write_bytes(b"no state")
    with pytest.raises(CheckpointError, match="damaged"):
        trainer_of(options).resume()


def test_command_writes_weights_that_the_app_opens(options: SegmenterOptions, tmp_path: Path) -> None:
    train(options)
    state = load_file(options.export)
    assert {value.dtype for value in state.values()} == {torch.float16}
    segmenter = load_segmenter("small_sam", options.export, CPU)
    assert segmenter.name == "small_sam"
    validation = [
        json.loads(line) for line in (options.run_folder / "validation.jsonl").read_text().splitlines()
    ]
    assert [record["step"] for record in validation] == [2, 3]
    assert validation[0]["scenes"]["foods"] == 4
    for name in ("curves.png", "sheet.jpg", "state.pt"):
        assert (options.run_folder / name).stat().st_size > 1000
    started = dataclasses.replace(options, start=options.export, run_folder=tmp_path / "next")
    torch.testing.assert_close(
        trainer_of(started).sam.state_dict()["mask_decoder.iou_token.weight"],
        state["mask_decoder.iou_token.weight"].float(),
    )


def test_validation_during_training_does_not_change_the_weights(
    options: SegmenterOptions, tmp_path: Path
) -> None:
    train(options)
    alone = finish(trainer_of(dataclasses.replace(options, run_folder=tmp_path / "alone")))
    looked_at = torch.load(options.run_folder / "state.pt", weights_only=True)["model"]
    for name, value in alone.items():
        torch.testing.assert_close(looked_at[name], value, rtol=0, atol=0)


def test_incompatible_weights_fail(options: SegmenterOptions, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    assert options.backbone_weights is not None
    other.write_bytes(options.backbone_weights.read_bytes())
    with pytest.raises(CheckpointError):
        trainer_of(dataclasses.replace(options, start=other))
    with pytest.raises(CheckpointError, match="freeze"):
        trainer_of(dataclasses.replace(options, frozen=("wings",)))


@pytest.mark.parametrize(
    "arguments",
    [["--steps", "3"], ["--sources", "[]", "--stages", "[]", "--run_folder", "a", "--export", "b"]],
    ids=["unknown option", "no source"],
)
def test_wrong_options_fail_with_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
