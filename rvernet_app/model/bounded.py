"""A bound on the tensors that code from elsewhere makes, checked before their memory is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_FACTORIES = frozenset(
    (
        *(torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint),
        *(torch.arange, torch.linspace, torch.logspace, torch.eye, torch.randperm, torch.empty_strided),
        *(torch.tril_indices, torch.triu_indices, torch.hann_window, torch.hamming_window),
    )
)
SMALL = 4096
"""Elements of a tensor from which no other function makes one that matters."""


class TooLargeError(ValueError):
    """A tensor, or all tensors together, would pass the bound."""


class Bounded(TorchFunctionMode):
    """While it is entered, this thread makes no tensors beyond the bounds.

    Args:
        most_bytes: of all tensors made from nothing together, and of any other result alone.
        most_tensors: made from nothing.

    Raises:
        TooLargeError: on the call that would pass a bound.
    """

    def __init__(self, most_bytes: int, most_tensors: int) -> None:
        super().__init__()
        self._most_bytes = most_bytes
        self._bytes_left = most_bytes
        self._tensors_left = most_tensors

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a function of torch, after its result was found to be small enough."""
        given = dict(kwargs or {})
        if func in _FACTORIES:
            self._tensors_left -= 1
            self._bytes_left -= _bytes_of(func(*args, **{**given, "device": "meta"}))
            if self._bytes_left < 0 or self._tensors_left < 0:
                raise TooLargeError("it is larger than the file of its weights")
        elif _may_grow(func, (*args, *given.values())):
            self._require_small(func, args, given)
        return func(*args, **given)

    def _require_small(
        self, func: Callable[..., Any], args: tuple[Any, ...], given: Mapping[str, Any]
    ) -> None:
        try:
            made = func(*map(_on_meta, args), **{name: _on_meta(value) for name, value in given.items()})
        except (RuntimeError, NotImplementedError, TypeError):  # a function that needs the values
            return
        if _bytes_of(made) > self._most_bytes:
            raise TooLargeError("it is larger than the file of its weights")


def _may_grow(func: Callable[..., Any], values: Iterable[Any]) -> bool:
    name = getattr(func, "__name__", "")
    in_place = name.endswith("_") and not name.endswith("__")
    return not in_place and name != "__get__" and any(one.numel() > SMALL for one in _tensors(values))


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _on_meta(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to("meta")
    return type(value)(map(_on_meta, value)) if type(value) in (list, tuple) else value


def _bytes_of(made: Any) -> int:
    """Return the bytes of a result's memory; a view takes none of its own, however far it is expanded."""
    return sum(one.untyped_storage().nbytes() for one in _tensors((made,)))
