"""Options from YAML and the command line, tested with example options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from rvernet_app.errors import ConfigError
from training.shared.configuration import options_from, put, read_options, require, to_json


@dataclass(frozen=True)
class Oven:
    heat: float
    fan: bool = False
    trays: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.heat > 0, f"heat must be above 0, got {self.heat}")


@dataclass(frozen=True)
class Spice:
    name: str
    grams: int = 1


@dataclass(frozen=True)
class Kitchen:
    folder: Path
    oven: Oven | None = None
    ovens: tuple[Oven, ...] = ()
    minutes: int = 5
    dish: str = "soup"
    spice: Spice | None = None
    anything: Any = None

    def __post_init__(self) -> None:
        if self.minutes > 60:
            raise ValueError(f"expected an hour at most, got {self.minutes} minutes")


def test_values_are_converted_to_the_option_types() -> None:
    values = {
        "folder": "a/b",
        "oven": {"heat": 200, "trays": ["upper", "lower"], "names": {"one": "two"}},
        "ovens": [{"heat": 1.5, "fan": True}],
        "anything": [1, "x"],
    }
    assert options_from(values, Kitchen) == Kitchen(
        Path("a/b"),
        Oven(200.0, trays=("upper", "lower"), names={"one": "two"}),
        (Oven(1.5, fan=True),),
        anything=[1, "x"],
    )
    oven = options_from(values, Kitchen).oven
    assert oven is not None
    assert isinstance(oven.heat, float)
    assert options_from({"folder": "~"}, Kitchen).folder == Path.home()
    assert options_from({"folder": "a", "oven": None}, Kitchen).oven is None


def test_string_sets_the_first_option_of_a_group() -> None:
    assert options_from({"folder": "a", "spice": "salt"}, Kitchen).spice == Spice("salt")
    assert read_options(["--folder", "a", "--spice", "{name: salt, grams: 2}"], Kitchen).spice == Spice(
        "salt", 2
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"foldr": "a"},
            "Unknown option foldr; known are folder, oven, ovens, minutes, dish, spice, anything.",
        ),
        ({1: 2, "b": 3}, "Unknown option 1, b; known"),
        ({"oven": {"heat": 1, "gas": 2}}, "Unknown option oven.gas; known are heat, fan, trays, names."),
        ({"ovens": [{"heat": 1}, {"gas": 2}]}, "Unknown option ovens[1].gas; known"),
        ({"oven": {}}, "Missing required options: oven.heat."),
        ({"minutes": 2.5}, "minutes cannot be 2.5: expected int, got float."),
        ({"minutes": True}, "minutes cannot be True: expected int, got bool."),
        ({"minutes": None}, "minutes cannot be None: expected int, got NoneType."),
        ({"minutes": 61}, "expected an hour at most, got 61 minutes."),
        ({"dish": 3}, "dish cannot be 3: expected str, got int."),
        ({"folder": 3}, "folder cannot be 3: expected str, got int."),
        ({"oven": {"heat": "1"}}, "oven.heat cannot be '1': expected float, got str."),
        ({"oven": {"heat": True}}, "oven.heat cannot be True: expected float, got bool."),
        ({"oven": {"heat": float("inf")}}, "oven.heat cannot be inf: expected a finite number."),
        ({"oven": {"heat": float("nan")}}, "oven.heat cannot be nan: expected a finite number."),
        ({"oven": {"heat": 0}}, "oven: heat must be above 0, got 0.0."),
        ({"ovens": [{"heat": 1}, {"heat": 0}]}, "ovens[1]: heat must be above 0, got 0.0."),
        ({"oven": {"heat": 1, "trays": "upper"}}, "oven.trays cannot be 'upper': expected list, got str."),
        ({"oven": {"heat": 1, "trays": [1]}}, "oven.trays[0] cannot be 1: expected str, got int."),
        ({"oven": {"heat": 1, "names": {"a": 1}}}, "oven.names.a cannot be 1: expected str, got int."),
        ({"oven": {"heat": 1, "names": {1: "a"}}}, "oven.names cannot be 1: expected str, got int."),
        ({"oven": {"heat": 1, "names": ["a"]}}, "oven.names cannot be ['a']: expected dict, got list."),
        ({"oven": 3}, "oven cannot be 3: expected dict, got int."),
        ({"ovens": {"heat": 1}}, "ovens cannot be {'heat': 1}: expected list, got dict."),
    ],
)
def test_error_names_the_path_of_the_wrong_option(changes: dict[Any, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        options_from({"folder": "a", **changes}, Kitchen)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_error_names_the_missing_option() -> None:
    with pytest.raises(ConfigError, match=r"^Missing required options: folder\.$"):
        options_from({}, Kitchen)


def test_options_survive_a_json_round_trip() -> None:
    kitchen = Kitchen(Path("a"), Oven(200, trays=("x",)), (Oven(1),), anything={"b": (1, 2)})
    plain = to_json(kitchen)
    assert plain["folder"] == "a"
    assert plain["oven"]["trays"] == ["x"]
    assert options_from(yaml.safe_load(yaml.safe_dump(plain)), Kitchen) == Kitchen(
        Path("a"), Oven(200, trays=("x",)), (Oven(1),), anything={"b": [1, 2]}
    )


FILE = """
folder: a
dish: no        # YAML 1.1 would have a boolean here,
minutes: 7
oven: {heat: 1e2, fan: true}    # and text there
"""


def test_command_line_overrides_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(FILE)
    assert read_options(["--config", str(file)], Kitchen) == Kitchen(
        Path("a"), Oven(100.0, fan=True), minutes=7, dish="no"
    )
    arguments = ["--oven.heat", "5e-1", "--dish", "off", "--minutes", "8", "--ovens", "[{heat: 2}]"]
    options = read_options([*arguments, "--config", str(file)], Kitchen)
    assert options == Kitchen(Path("a"), Oven(0.5, fan=True), (Oven(2),), 8, "off")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-1.5E+2", -150.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("7", 7),
        ("true", True),
        ("yes", "yes"),
        ("1e", "1e"),
        ("e3", "e3"),
        ("1.2.3", "1.2.3"),
        ("null", None),
        ("-", [None]),
        ("[1e3]", [1000.0]),
    ],
)
def test_values_follow_yaml_1_2(text: str, value: Any) -> None:
    read = read_options(["--folder", "a", "--anything", text], Kitchen).anything
    assert read == value
    assert type(read) is type(value)


def test_nested_option_creates_its_parent() -> None:
    assert read_options(["--folder", "a", "--oven.heat", "3"], Kitchen).oven == Oven(3.0)


def test_put_does_not_change_the_original_values() -> None:
    inner: dict[str, Any] = {"heat": 1}
    values: dict[str, Any] = {"oven": inner}
    put(values, "oven.fan", True)
    assert values == {"oven": {"heat": 1, "fan": True}}
    assert inner == {"heat": 1}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config"], "--key value, got '--config'"),
        (["--verbose"], "--key value, got '--verbose'"),
        (["minutes", "3"], "--key value"),
        (["--config", "nowhere.yaml"], "The options file nowhere.yaml cannot be read"),
        (["--minutes", "[3"], "--minutes '[3' is not a value"),
        (["--minutes", "!!python/object:os.system x"], "is not a value"),
        (["--folder", "a", "--folder.b", "3"], "--folder.b is not an option: folder is 'a'"),
        (
            ["--folder", "a", "--ovens", "[{heat: 1}]", "--ovens.0.heat", "3"],
            "--ovens.0.heat is not an option",
        ),
        (["--folder", "a", "--oven.gas.pressure", "3"], "Unknown option oven.gas;"),
    ],
)
def test_unreadable_command_line_fails(arguments: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_options(arguments, Kitchen)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"- a\n", b"a: [\n", b"\x00", b"\xff\xfe\xff"])
def test_file_without_options_fails(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"^The options file .*a\.yaml .*\.$"):
        read_options(["--config", str(tmp_path / "a.yaml")], Kitchen)
