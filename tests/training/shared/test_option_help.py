"""The help lists every option of a tree with its default and description."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from training.shared.configuration import read_options
from training.shared.option_help import help_text


@dataclass(frozen=True)
class Oven:
    """An oven.

    Attributes:
        heat: in degrees Celsius,
            0 to 300.
        top, bottom: whether this side heats.
    """

    heat: float
    top: bool = True
    bottom: bool = True


@dataclass(frozen=True)
class Kitchen:
    """A kitchen.

    Attributes:
        oven: the oven; None cooks cold.
        pots: their names.

    Raises:
        ValueError: never.
    """

    oven: Oven | None = None
    pots: list[str] = field(default_factory=list)


def test_help_lists_every_option() -> None:
    assert help_text(Kitchen, "config").splitlines()[2:] == [
        "--oven (default: None)",
        "    the oven; None cooks cold.",
        "--oven.heat (required)",
        "    in degrees Celsius, 0 to 300.",
        "--oven.top (default: True)",
        "    whether this side heats.",
        "--oven.bottom (default: True)",
        "    whether this side heats.",
        "--pots (default: [])",
        "    their names.",
    ]


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_option_prints_the_help_and_exits(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(["--oven.heat", "3", flag], Kitchen)
    assert ended.value.code == 0
    assert capsys.readouterr().out == help_text(Kitchen, "config") + "\n"
