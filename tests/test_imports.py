"""Imports go one way, read from the sources without running them."""

import ast
import graphlib
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# Parts of rvernet_app, lowest first. A part may import from its own layer and from those below it.
LAYERS = (
    {"types", "errors"},
    {
        "config",
        "device",
        "memory",
        "labels",
        "spreadsheet",
        "photos",
        "cutouts",
        "masks",
        "accounts",
        "mask_edit",
        "overlay",
        "rvernet",
        "baseline",
        "calibration",
        "preprocessing",
    },
    {"checkpoint", "hub", "segment", "explain", "store", "result", "shelf"},
    {"classify"},
    {"pipeline"},
    {"ui", "cli", "cli_store"},
    {"__main__"},
)
LAYER_OF = {part: height for height, parts in enumerate(LAYERS) for part in parts}
HIGHEST_FOR_TRAINING = LAYER_OF["checkpoint"]


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """Dotted names a module imports anywhere in its text; `from a import b` gives both a and a.b."""
    names: set[str] = set()
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names.add(origin)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return names


SOURCES = {
    module_name(path): path
    for pattern in ("app.py", "rvernet_app/**/*.py", "training/**/*.py", "bench/**/*.py")
    for path in sorted(REPOSITORY.glob(pattern))
}
IMPORTS = {
    module: imported(path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py")
    for module, path in SOURCES.items()
}
APP_MODULES = sorted(module for module in SOURCES if module.startswith("rvernet_app."))
TRAINING_MODULES = sorted(module for module in SOURCES if module.split(".")[0] == "training")


def parts_of_app(names: set[str]) -> set[str]:
    """The parts of rvernet_app among dotted names: the second component."""
    return {name.split(".")[1] for name in names if name.startswith("rvernet_app.")}


def test_every_way_to_import_is_seen() -> None:
    source = (
        "import a.b\n"
        "from c import d\n"
        "from . import e\n"
        "from ..f import g\n"
        "if TYPE_CHECKING:\n    import h\n"
        "def late():\n    from i.j import k as l\n"
    )
    by_hand = {"a.b", "c", "c.d", "p.q", "p.q.e", "p.f", "p.f.g", "h", "i.j", "i.j.k"}

    assert imported(source, "p.q.module") == by_hand
    assert imported(source, "p.q", is_package=True) == by_hand


def test_there_is_something_to_check() -> None:
    assert {"rvernet_app.types", "rvernet_app.cutouts", "rvernet_app.segment"} <= set(SOURCES)


@pytest.mark.parametrize("module", APP_MODULES)
def test_a_module_imports_nothing_above_its_layer(module: str) -> None:
    part = module.split(".")[1]
    assert part in LAYER_OF, f"rvernet_app/{part} has no layer: add it to LAYERS and to the design's list"
    above = {other for other in parts_of_app(IMPORTS[module]) if LAYER_OF.get(other, 0) > LAYER_OF[part]}
    assert not above, f"{module} may not import {', '.join(sorted(above))}"


def test_no_module_imports_itself_round_a_corner() -> None:
    graph = {module: (names & set(SOURCES)) - {module} for module, names in IMPORTS.items()}
    for module, names in graph.items():  # `from package import module` depends on the module alone
        graph[module] = {n for n in names if not any(other.startswith(f"{n}.") for other in names)}

    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError with the circle

    assert set(order) == set(SOURCES)


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_only_the_page_imports_gradio(module: str) -> None:
    roots = {name.split(".")[0] for name in IMPORTS[module]}
    assert "gradio" not in roots or module.startswith("rvernet_app.ui")


@pytest.mark.parametrize("module", [m for m in sorted(SOURCES) if m.split(".")[0] in ("app", "rvernet_app")])
def test_the_app_never_imports_training_bench_or_tests(module: str) -> None:
    assert not {name.split(".")[0] for name in IMPORTS[module]} & {"training", "bench", "tests"}


@pytest.mark.parametrize("module", TRAINING_MODULES)
def test_training_imports_nothing_above_the_checkpoint(module: str) -> None:
    above = {part for part in parts_of_app(IMPORTS[module]) if LAYER_OF[part] > HIGHEST_FOR_TRAINING}
    assert not above, f"{module} may not import {', '.join(sorted(above))}"


def test_types_and_errors_need_numpy_alone() -> None:
    ours = {"rvernet_app", "numpy", *sys.stdlib_module_names}
    for module in ("rvernet_app.types", "rvernet_app.errors"):
        assert {name.split(".")[0] for name in IMPORTS[module]} <= ours
