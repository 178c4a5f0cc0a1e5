"""Options of any run: a YAML file, then `--key value` on the command line over it, into a frozen dataclass."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from rvernet_app.errors import ConfigError

Options = TypeVar("Options")


def read_options(arguments: Sequence[str], kind: type[Options]) -> Options:
    """`["--config", FILE, "--key", "value", …]` -> options; values on the command line are read as YAML.

    Raises:
        ConfigError: the file cannot be read, a key is unknown or missing, or a value is not of its type.
    """
    pairs = _pairs(arguments)
    values: dict[str, Any] = {}
    if "config" in pairs:
        values.update(_read_yaml(Path(pairs.pop("config"))))
    for key, text in pairs.items():
        try:
            values[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--{key} {text!r} is not a value: {error}.") from error
    return options_from(values, kind)


def options_from(values: Mapping[str, Any], kind: type[Options]) -> Options:
    """A mapping as read from YAML -> options of this dataclass; mappings inside become the dataclasses inside.

    Raises:
        ConfigError: a key is unknown or missing, or a value is not of its type.
    """
    kinds = get_type_hints(kind)
    if unknown := sorted(values.keys() - kinds.keys()):
        raise ConfigError(f"Unknown option {', '.join(unknown)}; known are {', '.join(kinds)}.")
    required = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
    if missing := [name for name in required if name not in values]:
        raise ConfigError(f"An option without a default is not given; not given are {', '.join(missing)}.")
    return kind(**{key: _convert(key, value, kinds[key]) for key, value in values.items()})


def to_json(options: Any) -> dict[str, Any]:
    """A dataclass of options as JSON can hold it."""
    return {key: _plain(value) for key, value in asdict(options).items()}


def require(holds: bool, sentence: str) -> None:
    """Raise ConfigError with this sentence, given without its full stop, unless it holds."""
    if not holds:
        raise ConfigError(f"{sentence}.")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    if len(arguments) % 2 or not all(key.startswith("--") for key in arguments[::2]):
        raise ConfigError(f"Options are given as --key value, got {' '.join(arguments)!r}.")
    return {key[2:]: text for key, text in zip(arguments[::2], arguments[1::2], strict=True)}


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"The options file {path} cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"The options file {path} does not hold `key: value` lines.")
    return values


def _convert(key: str, value: Any, kind: Any) -> Any:
    if kind is Any:
        return value
    if get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        kind = next(part for part in get_args(kind) if part is not type(None))
    try:
        if is_dataclass(kind):
            only_name = {fields(kind)[0].name: value} if isinstance(value, str) else value
            return options_from(_typed(dict, only_name), kind)  # type: ignore[arg-type]
        if get_origin(kind) is tuple:
            return tuple(_convert(key, part, get_args(kind)[0]) for part in _typed(list, value))
        if get_origin(kind) in (dict, Mapping):
            of = get_args(kind)[1]
            return {_typed(str, k): _convert(key, v, of) for k, v in _typed(dict, value).items()}
        if kind is Path:
            return Path(_typed(str, value)).expanduser()
        # YAML 1.1 reads 1e-3 as text
        return float(value) if kind is float and not isinstance(value, bool) else _typed(kind, value)
    except (TypeError, ValueError, ConfigError) as error:
        raise ConfigError(f"{key} cannot be {value!r}: {str(error).rstrip('.')}.") from error


def _typed(kind: type, value: Any) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value
