from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from training.evidence.cost import measure_cost


class Two(nn.Module):
    """A model that sends two inputs through separate layers and joins them in a third."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(100, 1000)
        self.other = nn.Linear(200, 1000, bias=False)
        self.head = nn.Linear(1000, 10)
        self.register_buffer("unused", torch.zeros(50))
        self.calls = 0

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        self.calls += 1
        result: Tensor = self.head(self.one(one) + self.other(other))
        return result


class Attention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


def test_cost_gives_size_work_and_memory_of_a_two_input_model() -> None:
    model = Two()
    cost = measure_cost(model, (torch.rand(1, 100), torch.rand(1, 200)), repeats=5)
    parameters = 100 * 1000 + 1000 + 200 * 1000 + 1000 * 10 + 10
    assert cost.parameters == parameters
    assert cost.flops == 2 * (100 * 1000 + 200 * 1000 + 1000 * 10)
    held = 4 * (parameters + 50 + 300)
    three_hidden = 4 * 3 * 1000  # both layers' outputs and their sum
    assert cost.peak_memory_mb == pytest.approx((held + three_hidden) / 1e6, abs=1e-9)
    assert cost.latency_ms > 0
    assert not model.training


def test_attention_counts_as_two_matrix_products() -> None:
    cost = measure_cost(Attention(), (torch.rand(1, 3, 20, 8),), repeats=1)
    assert cost.flops == 2 * (2 * 3 * 20 * 20 * 8)
    assert cost.parameters == 0


def test_shared_parameters_count_once() -> None:
    layer = nn.Linear(4, 4)
    assert measure_cost(nn.Sequential(layer, layer), (torch.rand(1, 4),), repeats=1).parameters == 20


def test_latency_is_the_median_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Two()
    seconds = iter([0.0, 0.5, 1.0, 1.002, 2.0, 2.001])  # 500 ms, 2 ms, 1 ms
    monkeypatch.setattr("training.evidence.cost.time.perf_counter", lambda: next(seconds))
    monkeypatch.setattr("training.evidence.cost._peak_allocated", lambda model, inputs: 0)
    cost = measure_cost(model, (torch.rand(1, 100), torch.rand(1, 200)), repeats=3)
    assert cost.latency_ms == pytest.approx(2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_memory_equals_cpu_memory_plus_allocator_rounding() -> None:
    model, inputs = Two(), (torch.rand(1, 100), torch.rand(1, 200))
    on_cpu = measure_cost(model, inputs)
    on_gpu = measure_cost(model.cuda(), tuple(x.cuda() for x in inputs))
    assert on_gpu.flops == on_cpu.flops
    assert on_gpu.peak_memory_mb == pytest.approx(on_cpu.peak_memory_mb, abs=4 * 512 / 1e6)
