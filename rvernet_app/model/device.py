"""Where models run."""

from __future__ import annotations

import torch

from rvernet_app.errors import ConfigError


def torch_device(name: str) -> torch.device:
    """A device that is here; "auto" takes CUDA, else Apple's GPU, else the CPU.

    Raises:
        ConfigError: no such device, or not on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch's ways to say it is not here
        raise ConfigError(f"device is auto or a torch device of this machine; got {name!r}.") from error
    return device
