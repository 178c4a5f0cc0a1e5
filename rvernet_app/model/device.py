"""The torch device of the models."""

from __future__ import annotations

import torch

from rvernet_app.errors import ConfigError


def torch_device(name: str) -> torch.device:
    """Return a device of this machine; "auto" takes CUDA, else Apple's GPU, else the CPU.

    Raises:
        ConfigError: this machine has no device of that name.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # depends on the kind of device
        raise ConfigError(f"device is auto or a torch device of this machine; got {name!r}.") from error
    return device
