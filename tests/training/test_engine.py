import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from rvernet_app.errors import CheckpointError
from rvernet_app.preprocessing import Preprocessing
from rvernet_app.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training.augment import Augmentation
from training.configuration import to_json
from training.data import read_regions, region_masks
from training.engine import PairedRegions, Plan, Trainer
from training.optimization import freeze, learning_rate_share
from training.options import TrainOptions

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SPEC = ModuleSpec("mobilenetv2_035", {}, *HALF)


class WholeBox:
    name, fingerprint = "wholebox", "v1"

    def encode(self, photo):
        return photo

    def predict(self, embedding, prompt):
        from rvernet_app.types import Candidates

        x0, y0, x1, y1 = (int(v) for v in prompt.box_xyxy)
        mask = np.zeros(embedding.shape[:2], np.bool_)
        mask[y0:y1, x0:x1] = True
        return Candidates(mask[None], np.ones(1, np.float32), np.zeros((1, 2, 2), np.float32))


@pytest.fixture
def setting(made_data, tmp_path):
    """Makes equal trainers: 12 regions in batches of 5, so 3 steps an epoch, 2 epochs."""
    data = read_regions(made_data)
    rles = region_masks([*data.train, *data.val], data.fingerprint, WholeBox(), tmp_path / "masks")

    def make(run: str, **changes) -> Trainer:
        options = TrainOptions(
            data=made_data,
            run_folder=tmp_path / run,
            export=tmp_path / "export",
            roi_module=SPEC,
            extra_roi_module=SPEC,
            fusion="features",
            input_size=32,
            **{
                **{"epochs": 2, "batch_size": 5, "workers": 0, "save_every": 2},
                **{"min_crop": 0.7, "brightness": 0.2, "context_dropout": 0.2},
                **changes,
            },
        )
        torch.manual_seed(0)
        config = RveRNetConfig(SPEC, SPEC, 2, fusion="features", hidden=8, input_size=32)
        preprocessing = Preprocessing.of(config, 125)
        device = torch.device("cpu")
        return Trainer(RveRNet(config), preprocessing, data.train, data.val, rles, options, device)

    return make


def test_the_learning_rate_rises_at_every_step_and_then_falls_as_a_cosine():
    shares = [learning_rate_share(step, 20, 0.2) for step in range(20)]
    assert shares[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert shares[12] == pytest.approx(0.5 * (1 + math.cos(math.pi * 8 / 16)))
    assert min(shares) > 0  # the very first step learns already
    assert shares[4:] == sorted(shares[4:], reverse=True)
    assert shares[19] < 0.02


def test_without_warm_up_it_starts_at_the_peak():
    assert learning_rate_share(0, 10, 0) == 1


def test_the_schedule_moves_with_every_step_not_with_every_epoch(setting):
    trainer = setting("run", warmup=0.34)
    rates = []
    for stop in range(1, 7):
        trainer.run(stop_after=stop)
        rates.append(trainer._optimizer.param_groups[0]["lr"])
    peak = trainer._optimizer.param_groups[0]["peak"]
    assert rates == pytest.approx([peak * learning_rate_share(step, 6, 0.34) for step in range(6)])
    assert len(set(rates)) == 6


def test_every_epoch_has_every_region_once_in_an_order_of_its_own():
    plan = Plan(regions=7, batch_size=3, epochs=2, seed=1)
    batches = list(plan.batches_from(0))
    assert (plan.steps_per_epoch, plan.steps) == (3, 6)
    assert [len(batch) for batch in batches] == [3, 3, 1, 3, 3, 1]
    epochs = [[index for batch in batches[i : i + 3] for _, index in batch] for i in (0, 3)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(7))
    assert epochs[0] != epochs[1]
    assert {epoch for batch in batches[3:] for epoch, _ in batch} == {1}


@pytest.mark.parametrize("step", range(7))
def test_a_plan_continues_where_it_stopped(step):
    plan = Plan(regions=7, batch_size=3, epochs=2, seed=1)
    assert list(plan.batches_from(step)) == list(plan.batches_from(0))[step:]


def test_an_item_depends_on_seed_epoch_and_index_only(setting):
    trainer = setting("run")
    data = trainer._data
    first = data[0, 3]
    data[0, 5], data[1, 3]
    again = data[0, 3]
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert any(not np.array_equal(first[0], data[epoch, 3][0]) for epoch in (1, 2))


def test_without_augmentation_training_sees_what_the_app_sees(setting):
    from rvernet_app.cutouts import cut_out
    from rvernet_app.preprocessing import normalise
    from training.data import read_region

    trainer = setting("run")
    preprocessing, rles = trainer._preprocessing, trainer._rles
    data = PairedRegions(trainer._data.regions, rles, Augmentation(flip=0), preprocessing, 0)
    region = data.regions[4]
    served = preprocessing([cut_out(*read_region(region, rles[region.id]))])
    roi, extra_roi, class_index = data[0, 4]
    assert torch.equal(normalise(roi[None], SPEC), served[0])
    assert torch.equal(normalise(extra_roi[None], SPEC), served[1])
    assert class_index == region.class_index


@pytest.mark.parametrize("stop", [1, 2, 4], ids=["before a save", "at a save", "in the second epoch"])
def test_a_resumed_run_equals_an_uninterrupted_one(setting, stop):
    whole = setting("whole")
    whole.run()
    setting("parts").run(stop_after=stop)
    rest = setting("parts")
    for parameter in rest.model.parameters():  # nothing may be left over from how it was made
        nn.init.zeros_(parameter)
    assert rest.resume()
    assert rest.step == stop
    rest.run()
    assert rest.step == whole.step == 6
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(rest.model.state_dict()[name], tensor, rtol=0, atol=0, msg=name)
    for one, other in zip(rest.history, whole.history, strict=True):
        assert one == pytest.approx(other)
    lines = (whole._options.run_folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == whole.history


def test_worker_processes_change_nothing(setting):
    alone, helped = setting("alone"), setting("helped", workers=1)
    alone.run(stop_after=2)
    helped.run(stop_after=2)
    for one, other in zip(alone.model.parameters(), helped.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_there_may_be_nothing_to_resume(setting):
    assert setting("new").resume() is False


def test_a_state_of_other_options_is_refused(setting):
    setting("run").run(stop_after=1)
    with pytest.raises(CheckpointError, match="other options"):
        setting("run", learning_rate=0.5).resume()


def test_a_damaged_state_is_refused(setting):
    trainer = setting("run")
    trainer.run(stop_after=1)
    (trainer._options.run_folder / "state.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="damaged"):
        trainer.resume()


def test_the_loss_is_cross_entropy_of_logits(setting):
    trainer = setting("run", label_smoothing=0.0, context_dropout=0.0)
    batch = [trainer._data[0, index] for index in (0, 1, 2)]
    rois, extra_rois, true = zip(*batch, strict=True)
    with torch.no_grad():
        for parameter in trainer.model.integration_module.parameters():
            parameter.zero_()
        trainer.model.integration_module[2].bias.copy_(torch.tensor([0.0, math.log(3)]))
    loss = trainer._train_step(np.stack(rois), np.stack(extra_rois), torch.tensor(true))
    assert true == (1, 0, 1)
    assert loss == pytest.approx(-(2 * math.log(0.75) + math.log(0.25)) / 3, rel=1e-5)


def test_batch_norm_keeps_the_pretrained_statistics(setting):
    trainer = setting("run")
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    trainer.run(stop_after=2)
    after = trainer.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if "running" in name)
    assert not torch.equal(before["integration_module.2.weight"], after["integration_module.2.weight"])


def test_frozen_parameters_stay_and_the_others_learn(setting):
    trainer = setting("run")
    for backbone in (trainer.model.roi_module, trainer.model.extra_roi_module):
        freeze(backbone, ["conv_stem", "blocks.1"])
    before = {name: tensor.detach().clone() for name, tensor in trainer.model.named_parameters()}
    trainer.run(stop_after=2)
    for name, tensor in trainer.model.named_parameters():
        stays = name.split(".", 1)[1].startswith(("conv_stem.", "blocks.1.")) and "module" in name
        assert torch.equal(before[name], tensor.detach()) == stays, name


def test_a_prefix_that_freezes_nothing_is_an_error(setting):
    with pytest.raises(CheckpointError, match=r"blocks\.77"):
        freeze(setting("run").model.roi_module, ["blocks.77"])


def test_options_are_compared_as_a_whole(setting):
    options = setting("run")._options
    assert json.loads(json.dumps(to_json(options)))["roi_module"]["name"] == "mobilenetv2_035"
    assert to_json(dataclasses.replace(options, seed=1)) != to_json(options)
