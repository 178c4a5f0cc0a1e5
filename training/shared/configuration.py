"""Options of any run: a YAML file, then `--key value` on the command line, into a tree of frozen dataclasses.

Dots name nested options: `--optimization.epochs 3`.
"""

from __future__ import annotations

import math
import re
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from rvernet_app.errors import ConfigError
from rvernet_app.reading import read_text
from training.shared.option_help import help_text

Options = TypeVar("Options")


class _Loader(yaml.SafeLoader):
    """Reads YAML with the booleans and numbers of version 1.2; 1.1 reads `no` as false and `1e-3` as text."""


_BOOL, _FLOAT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in (_BOOL, _FLOAT)]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile("(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"),
    list("-+.0123456789"),
)


def read_options(arguments: Sequence[str], kind: type[Options], file: str = "config") -> Options:
    """Read options: `["--config", FILE, "--key", "value", …]`. Values on the command line are parsed as YAML.

    Args:
        file: name of the argument for the options file, if "config" is itself an option.

    `--help` prints all options and exits with status 0.

    Raises:
        ConfigError: the file cannot be read, a key is unknown or missing, or a value has the wrong type.
    """
    if {"--help", "-h"} & set(arguments):
        print(help_text(kind, file))
        sys.exit(0)
    pairs = _pairs(arguments)
    values: dict[str, Any] = {}
    if file in pairs:
        values.update(read_yaml(Path(pairs.pop(file))))
    for key, text in pairs.items():
        try:
            value = _load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--{key} {text!r} is not a value: {_in_one_line(error)}.") from error
        put(values, key, value)
    return options_from(values, kind)


def options_from(values: Mapping[str, Any], kind: type[Options], name: str = "") -> Options:
    """Make options of a mapping that was read from YAML; nested mappings become the nested dataclasses.

    Args:
        name: of these options in errors, with dots; "" is the root.

    Raises:
        ConfigError: a key is unknown or missing, or a value has the wrong type or is impossible.
    """
    kinds, prefix = get_type_hints(kind), f"{name}." if name else ""
    if unknown := sorted(prefix + str(key) for key in values if key not in kinds):
        raise ConfigError(f"Unknown option {', '.join(unknown)}; known are {', '.join(kinds)}.")
    required = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
    if missing := [prefix + key for key in required if key not in values]:
        raise ConfigError(f"Missing required options: {', '.join(missing)}.")
    converted = {key: _convert(prefix + key, value, kinds[key]) for key, value in values.items()}
    try:
        return kind(**converted)
    except (ConfigError, ValueError) as error:
        sentence = f"{name}: {error}" if name else str(error)
        raise ConfigError(f"{sentence.rstrip('.')}.") from error


FREE = {"free": True}
"""Metadata of a field that changes how a run is made, but not its result."""


def to_json(options: Any, without_free: bool = False) -> dict[str, Any]:
    """Return a dataclass of options as JSON.

    Args:
        without_free: leave out the fields marked with FREE.
    """
    kept = (f for f in fields(options) if not (without_free and f.metadata.get("free")))
    return {f.name: _plain(getattr(options, f.name), without_free) for f in kept}


def require(holds: bool, sentence: str) -> None:
    """Raise ConfigError with this sentence, given without its full stop, unless `holds`."""
    if not holds:
        raise ConfigError(f"{sentence}.")


def require_within(options: Any, names: str, low: float, high: float) -> None:
    """Raise ConfigError unless all options in `names`, separated by spaces, are in low..high."""
    for name in names.split():
        value = getattr(options, name)
        require(low <= value <= high, f"{name} must be in {low:g}..{high:g}, got {value:g}")


def require_one_of(options: Any, name: str, known: Sequence[str]) -> None:
    """Raise ConfigError unless the value of this option is known."""
    value = getattr(options, name)
    require(value in known, f"{name} is one of {', '.join(known)}; got {value!r}")


def _plain(value: Any, without_free: bool) -> Any:
    if is_dataclass(value):
        return to_json(value, without_free)
    if isinstance(value, dict):
        return {key: _plain(part, without_free) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part, without_free) for part in value]
    return str(value) if isinstance(value, Path) else value


def put(values: dict[str, Any], key: str, value: Any) -> None:
    """Set an option by its name with dots. Raises ConfigError if an outer name is not a group of options."""
    *outer, last = key.split(".")
    for name in outer:
        inner = values.get(name)
        if not isinstance(inner, (dict, type(None))):
            raise ConfigError(f"--{key} is not an option: {name} is {inner!r}.")
        inner = values[name] = dict(inner or {})
        values = inner
    values[last] = value


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    if len(arguments) % 2 or not all(key.startswith("--") for key in arguments[::2]):
        raise ConfigError(f"Options are given as --key value, got {' '.join(arguments)!r}.")
    return {key[2:]: text for key, text in zip(arguments[::2], arguments[1::2], strict=True)}


def read_yaml(path: Path) -> dict[str, Any]:
    """Read the options in a file. Raises ConfigError if it cannot be read or holds no options."""
    try:
        values = _load(read_text(path))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"The options file {path} cannot be read: {_in_one_line(error)}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"The options file {path} does not hold `key: value` lines.")
    return values


def _load(text: str) -> Any:
    return yaml.load(text, _Loader)  # nosec B506  # it is a SafeLoader


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _convert(name: str, value: Any, kind: Any) -> Any:
    """Convert a value from YAML to a type; `name` is its name in errors."""
    if kind is Any:
        return value
    if get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        kind = next(part for part in get_args(kind) if part is not type(None))
    if is_dataclass(kind):
        only_first = {fields(kind)[0].name: value} if isinstance(value, str) else value
        return options_from(_typed(name, only_first, dict), kind, name)  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        parts = enumerate(_typed(name, value, list))
        return tuple(_convert(f"{name}[{i}]", part, get_args(kind)[0]) for i, part in parts)
    if get_origin(kind) in (dict, Mapping):
        items = _typed(name, value, dict).items()
        return {_typed(name, k, str): _convert(f"{name}.{k}", v, get_args(kind)[1]) for k, v in items}
    if kind is Path:
        return Path(_typed(name, value, str)).expanduser()
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _typed(name, value, kind)


def _typed(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        got = type(value).__name__
        raise ConfigError(f"{name} cannot be {value!r}: expected {kind.__name__}, got {got}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name} cannot be {value}: expected a finite number.")
    return value
