"""Measure what a model costs: size, work, time and memory of a forward pass."""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

# Silences the profiler, which reports its own start and end, and missing GPUs.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

WARM_UP = 3
"""Forward passes before the first timed one, in which kernels are chosen and libraries loaded."""


@dataclass(frozen=True)
class Cost:
    """Cost of one forward pass in inference mode.

    Attributes:
        parameters: number of parameters, trained or not; shared ones count once.
        flops: floating-point operations of matrix products, convolutions and attention; a multiply-add counts
            as 2. Normalization, activations and softmax are not counted.
        latency_ms: median time in milliseconds on this machine, with torch's number of threads.
        peak_memory_mb: largest memory of tensors at one time, in 10^6 bytes: weights, buffers, inputs and
            allocations of the pass, as torch's allocator counts them. It does not include the interpreter,
            the libraries and what they allocate past torch (oneDNN's scratch and reordered weights, the CUDA
            context).
    """

    parameters: int
    flops: int
    latency_ms: float
    peak_memory_mb: float


def measure_cost(model: nn.Module, inputs: tuple[Tensor, ...], repeats: int = 20) -> Cost:
    """Measure a model on the device of its weights and inputs, a CPU or a CUDA GPU.

    Args:
        model: called as `model(*inputs)`; left in eval mode.
        inputs: of batch 1 for the cost of one click, or of any other batch.
        repeats: timed forward passes, at least 1.
    """
    model.eval()
    with torch.inference_mode():
        for _ in range(WARM_UP):
            model(*inputs)
        return Cost(
            parameters=sum(p.numel() for p in model.parameters()),
            flops=_flops(model, inputs),
            latency_ms=1e3 * median(_seconds(model, inputs) for _ in range(repeats)),
            peak_memory_mb=(_held(model, inputs) + _peak_allocated(model, inputs)) / 1e6,
        )


def _flops(model: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    # Attention is counted as plain matrix products: not every torch knows the fused kernels of every device
    # (pytorch/pytorch#195460).
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(*inputs)
    result: int = counter.get_total_flops()
    return result


def _seconds(model: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    _wait(inputs)
    start = time.perf_counter()
    model(*inputs)
    _wait(inputs)
    return time.perf_counter() - start


def _wait(inputs: tuple[Tensor, ...]) -> None:
    """Wait for a GPU, which works on while Python goes ahead, so that times are right."""
    if inputs[0].is_cuda:
        torch.cuda.synchronize(inputs[0].device)


def _held(model: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Return the bytes of weights, buffers and inputs."""
    return sum(t.nbytes for t in (*model.parameters(), *model.buffers(), *inputs))


def _peak_allocated(model: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Return the largest number of bytes that a forward pass holds at one time."""
    if inputs[0].is_cuda:
        device = inputs[0].device
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        model(*inputs)
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        model(*inputs)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiled.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    changes = sorted((e for e in events if e["name"] == "[memory]"), key=lambda e: e["ts"])
    result: int = max(accumulate((e["args"]["Bytes"] for e in changes), initial=0))
    return result
