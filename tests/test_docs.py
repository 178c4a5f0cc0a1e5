"""README and docs are short, and their links, commands, options, settings and snippets are correct."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import NamedTuple, get_args, get_type_hints

import pytest

from rvernet_app.cli.training import COMMANDS as TRAINING_COMMANDS
from rvernet_app.config import AppConfig

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "assets/**/*.md", ".github/**/*.md")
    for path in ROOT.glob(pattern)
)
MAX_WORDS = 900
"""The limit for the README without its header."""

OF_TESTS = {"RVERNET_PHOTOS"}
"""Environment variables that only the tests read."""
WITH_OPTION_TREES = {
    "training.train": "training.loop.options:TrainOptions",
    "training.segmenter": "training.segmenter.options:SegmenterOptions",
    "training.compare": "training.loop.grid:Grid",
}
"""Commands that take `--key value` for every field of a tree of dataclasses."""
IN_BLENDER = {"training.meals.showpieces"}
"""Commands that run in Blender's Python only."""
SERVES = "rvernet_app"
"""The module behind `rvernet COMMAND`."""
WITH_ACTIONS = ("weights", "accounts")
"""Commands of `rvernet` whose first word says what to do."""
PLACEHOLDER = "--key"

STILTED = (
    r"\banew\b",
    r"\bthere is none\b",
    r"\bwhat is (?:asked|labelled|labeled|waited for)\b",
    r"\bis of no\b",
    r"\bnot given are\b",
    r"\bmeals that never were\b",
    r"\bwhere there is none\b",
    r"\bas one likes\b",
)
"""Unidiomatic phrases that the pages must not contain."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SCHEME = re.compile(r"[a-z]+:")
MODULE = re.compile(r"(?:training|bench|rvernet_app)(?:\.\w+)*")
OPTION = re.compile(r"--[A-Za-z][\w.-]*")


def ids(path: Path) -> str:
    """Return the name of a page, which is also the id of its tests."""
    return str(path.relative_to(ROOT))


class Command(NamedTuple):
    """A command that a page mentions.

    Attributes:
        page: relative to the repository.
        module: the module that Python runs, e.g. "training.train"; `rvernet` runs SERVES.
        words: its arguments.
    """

    page: str
    module: str
    words: tuple[str, ...]

    @property
    def options(self) -> list[str]:
        """The names of the options, without values."""
        return [name for word in self.words for name in OPTION.findall(word.split("=")[0])]

    @property
    def subcommand(self) -> str | None:
        """The name after `rvernet`; None for `rvernet` alone and for the placeholder COMMAND."""
        name = self.words[0] if self.module == SERVES and self.words else ""
        return name if name.isidentifier() and not name.isupper() else None


def texts(page: Path) -> tuple[str, list[tuple[str, str]], list[str]]:
    """Split a page into its prose, its fenced blocks as (language, content), and its code spans."""
    text = page.read_text("utf-8")
    prose = FENCE.sub("", text)
    return prose, FENCE.findall(text), SPAN.findall(prose)


def command_lines(page: Path) -> Iterator[str]:
    """Yield each line of code on a page, continued lines joined."""
    _, blocks, spans = texts(page)
    for language, content in blocks:
        if language != "python":
            usage = re.sub(r"\n\s+(?=\[?--)", " ", content)  # options of a usage text, indented
            yield from usage.replace("\\\n", " ").splitlines()
    yield from spans


def commands() -> list[Command]:
    """Return every `rvernet …` and `python -m …` on all pages."""
    found = []
    for page in PAGES:
        for line in command_lines(page):
            for words in map(_words, line.split(";")):
                for place in range(len(words)):
                    if module := _module(words[: place + 1]):
                        found.append(Command(ids(page), module, words[place + 1 :]))
    return [_as_module(command) for command in found]


def _module(words: Sequence[str]) -> str | None:
    """Return the module that the last of these words starts; None if it starts no module of ours."""
    *before, last = words
    if last == "rvernet":
        return SERVES
    return last if before[-1:] == ["-m"] and MODULE.fullmatch(last) else None


def _as_module(command: Command) -> Command:
    """Replace `rvernet train …` by the `python -m training.train …` that it starts."""
    name = command.subcommand
    if name not in TRAINING_COMMANDS:
        return command
    return Command(command.page, f"training.{name}", command.words[1:])


def _words(line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(line, comments=True))
    except ValueError:  # prose in a code span, such as a single quotation mark
        return tuple(line.split())


COMMANDS = commands()
MODULES = sorted({command.module for command in COMMANDS})


@pytest.fixture(scope="module")
def helps() -> dict[tuple[str, ...], str]:
    """The help text of every named module and of every subcommand of `rvernet`, by module and subcommand."""
    asked: set[tuple[str, ...]] = {
        (command.module,) for command in COMMANDS if command.module not in IN_BLENDER
    }
    asked |= {(SERVES, command.subcommand) for command in COMMANDS if command.subcommand}
    wanted = sorted(asked)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "print_helps.py")],
        input=json.dumps(wanted),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(wanted, json.loads(done.stdout), strict=True))


def option_names(kind: type, prefix: str = "") -> set[str]:
    """Return the names of all options in a tree of dataclasses, with dots."""
    names = set()
    hints = get_type_hints(kind)
    for field in fields(kind):
        name = prefix + field.name
        names.add(name)
        hint = hints[field.name]
        inside = get_args(hint) if isinstance(hint, types.UnionType) or get_args(hint) else (hint,)
        for part in inside:
            if isinstance(part, type) and is_dataclass(part):
                names |= option_names(part, f"{name}.")
    return names


def tree_of(module: str) -> set[str]:
    """Return the options of a command with an option tree, each as `--name`."""
    place, name = WITH_OPTION_TREES[module].split(":")
    return {f"--{option}" for option in option_names(getattr(importlib.import_module(place), name))}


def slugs(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    prose, _, _ = texts(page)
    headings = re.findall(r"^#+ +(.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def reference() -> str:
    """Return the text of the reference."""
    return (ROOT / "docs" / "reference.md").read_text("utf-8")


def test_the_readme_is_short() -> None:
    body = README.read_text("utf-8").split("---\n", 2)[2]
    assert len(body.split()) <= MAX_WORDS


def test_the_readme_names_the_test_command() -> None:
    assert "make test" in [line.split("  ")[0] for line in command_lines(README)]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_has_a_target(page: Path) -> None:
    prose, _, _ = texts(page)
    broken = []
    for link in LINK.findall(prose):
        if SCHEME.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.exists() and target.is_relative_to(ROOT)
        if not inside or (anchor and anchor not in slugs(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_the_english_is_plain(page: Path) -> None:
    prose, _, _ = texts(page)
    words = " ".join(prose.split())
    assert [phrase for phrase in STILTED if re.search(phrase, words, re.IGNORECASE)] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_named_module_exists(module: str) -> None:
    assert importlib.util.find_spec(module) is not None


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    named = {
        words[1]
        for page in PAGES
        for line in command_lines(page)
        if len(words := _words(line)) > 1 and words[0] == "make"
    }
    assert {"run", "test"} <= named
    assert named - targets == set()


@pytest.mark.parametrize("module", [module for module in MODULES if module not in {SERVES, *IN_BLENDER}])
def test_every_option_of_a_module_is_known(module: str, helps: dict[tuple[str, ...], str]) -> None:
    known = set(OPTION.findall(helps[module,]))
    if module in WITH_OPTION_TREES:
        known |= {*tree_of(module), PLACEHOLDER, "--config"}
    named = {(c.page, option) for c in COMMANDS if c.module == module for option in c.options}
    assert known
    assert sorted(each for each in named if each[1] not in known) == []


def test_every_subcommand_with_its_action_and_options_is_known(helps: dict[tuple[str, ...], str]) -> None:
    wrong = []
    for command in COMMANDS:
        if command.subcommand is None:
            continue
        helped = helps[SERVES, command.subcommand]
        actions = command.words[1:2] if command.subcommand in WITH_ACTIONS else ()
        known = {*OPTION.findall(helped), *re.findall(r"\w+", helped)}
        if not helped or not {*command.options, *actions} <= known:
            wrong.append(command)
    assert wrong == []


def test_options_with_a_dot_are_training_options() -> None:
    named = {span.split()[0] for page in PAGES for span in texts(page)[2] if re.match(r"--\w+\.\w", span)}
    assert named
    assert named - tree_of("training.train") == set()


def test_the_reference_lists_every_training_option() -> None:
    options = {option for option in tree_of("training.train") if option.count(".") < 2}
    groups = {option.split(".")[0] for option in options if "." in option}
    table = reference().split("| group of `training.train` |")[1].split("\n\n")[0]
    listed = set()
    for group, names in re.findall(r"^\| (`\w+`|top level) \| (`.*`) \|$", table, re.MULTILINE):
        prefix = "--" if group == "top level" else f"--{group.strip('`')}."
        listed |= {prefix + name for name in re.findall(r"\w+", names)}
    assert listed == options - groups


def test_the_architecture_lists_the_layers_of_the_import_contracts() -> None:
    contracts = (ROOT / "pyproject.toml").read_text("utf-8")
    held: list[str] = ast.literal_eval(
        re.findall(r"^layers = (\[.*?\])", contracts, re.MULTILINE | re.DOTALL)[0]
    )
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    listed = re.findall(r"^\d+\. ((?:`\w+`(?:, )?)+)$", page, re.MULTILINE)
    assert [line.split(" | ") for line in held if line != "__main__"] == [
        re.findall(r"\w+", line) for line in listed
    ]


def test_the_reference_names_every_setting_and_no_page_an_unknown_one() -> None:
    settings = {f"RVERNET_{field.name.upper()}" for field in fields(AppConfig)}
    named = {page: set(re.findall(r"\bRVERNET_[A-Z_]*[A-Z]", page.read_text("utf-8"))) for page in PAGES}
    assert set().union(*named.values()) == settings | OF_TESTS
    assert settings <= named[ROOT / "docs" / "reference.md"]


def snippets() -> list[tuple[str, str]]:
    """Return the Python blocks of all pages, each with the name of its page."""
    return [
        (ids(page), content) for page in PAGES for language, content in texts(page)[1] if language == "python"
    ]


def test_python_snippets_parse_and_their_imports_exist() -> None:
    missing = []
    for page, code in snippets():
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                missing += [(page, name.name) for name in node.names if not hasattr(module, name.name)]
            elif isinstance(node, ast.Import):
                missing += [
                    (page, name.name) for name in node.names if importlib.util.find_spec(name.name) is None
                ]
    assert len(snippets()) >= 2
    assert missing == []


def test_every_promise_of_security_names_a_test_that_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    promises = text.partition("## What the app promises")[2].partition("\n## ")[0]
    rows = [line for line in promises.splitlines() if line.startswith("| ")][2:]
    assert rows
    for row in rows:
        named = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", row.rpartition(" | ")[2])
        assert named, f"no test holds: {row}"
        for file, test in named:
            lines = (ROOT / file).read_text("utf-8")
            find = r"^def |^test\(" if not test else rf"^\s*def {test}\("
            assert re.search(find, lines, re.M), f"{file} has no {test or 'test'}"
