"""Training from the page: a process that is told of, stopped and taken into use, with a script in its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rvernet_app.checkpoint import save_checkpoint
from rvernet_app.classify import load_classifier
from rvernet_app.config import AppConfig
from rvernet_app.pipeline import Pipeline
from rvernet_app.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.store.database import Store
from rvernet_app.store.projects import create_project
from rvernet_app.ui import training_runs
from rvernet_app.ui.handlers import UNEXPECTED
from rvernet_app.ui.labeling import answered_to
from rvernet_app.ui.training_runs import TrainingRuns, checkpoint_in_use

REQUEST: Any = SimpleNamespace(app=SimpleNamespace(auth=None))
COMPARISON = {"regions": 4, "old_macro_f1": 0.5, "new_macro_f1": 0.75, "better": True}

BEGINNING = """
import json, os, shutil, sys
from pathlib import Path
from tqdm import tqdm
out, made, said = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
"""
WORKS = f"""{BEGINNING}
with tqdm(total=4, unit="step") as bar:
    bar.update(3)
    bar.set_postfix(loss="0.693")
    os.write(said, b"3")
    sys.stdin.read()
    bar.update(1)
for _ in tqdm(range(2), desc="measure", unit="batch"):
    pass
shutil.copytree(made, out / "checkpoint")
(out / "comparison.json").write_text(json.dumps({COMPARISON!r}))
"""
FAILS = f"""{BEGINNING}
print("train: 3 regions")
sys.exit("No region is held out to validate on.\\n\\n")
"""
BREAKS = f"""{BEGINNING}
(out / "comparison.json").write_text("{{}}")
print("The disk is full.")
sys.exit(2)
"""
FALLS_SILENT = f"{BEGINNING}\nos._exit(1)"
FORGETS = f"{BEGINNING}\nprint('All done.')"


@dataclass
class Processes:
    """Stands for the module's `subprocess`: runs a script in place of the training.

    Attributes:
        script: of the next one; it is given the folder of the run, a checkpoint, and a pipe to say that it has begun.
        commands: what would have been run.
        last: the process started last. It goes on where it waits when its standard input is closed.
    """

    made: Path
    script: str = WORKS
    commands: list[list[str]] = field(default_factory=list)
    last: subprocess.Popen[bytes] | None = None

    def Popen(self, command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        self.commands.append(command)
        self._hear, say = os.pipe()
        given = [command[command.index("--out") + 1], str(self.made), str(say)]
        self.last = subprocess.Popen(
            [sys.executable, "-c", self.script, *given], stdin=subprocess.PIPE, pass_fds=(say,), **how
        )
        os.close(say)
        return self.last

    def wait_until_begun(self) -> None:
        assert os.read(self._hear, 1) == b"3"

    def wait(self) -> None:
        assert self.last is not None
        assert self.last.stdin is not None
        self.last.stdin.close()
        self.last.wait()


def write_checkpoint(folder: Path, classes: tuple[str, ...]) -> Path:
    module = ModuleSpec("mobilenetv2_035")
    config = RveRNetConfig(module, module, len(classes), fusion="features", hidden=4, input_size=32)
    save_checkpoint(folder, RveRNet(config), classes)
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One in use, and one that a training makes."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return write_checkpoint(folder / "old", ("rice", "soup")), write_checkpoint(
        folder / "new", ("rice", "beans")
    )


@dataclass
class Page:
    """The handlers, asked as the browser asks them."""

    store: Store
    project: int
    runs: TrainingRuns
    pipeline: Pipeline
    processes: Processes

    def ask(self, name: str, /, **message: Any) -> dict[str, Any]:
        reply = answered_to(getattr(self.runs, name))({**message, "me": "Ann"}, REQUEST, None)
        return json.loads(json.dumps(reply))

    def start(self, script: str = WORKS, **message: Any) -> dict[str, Any]:
        self.processes.script = script
        return self.ask("start_training", **{"project": self.project, **message})

    def finish(self, script: str = WORKS) -> dict[str, Any]:
        """What is said of a training that has come to its end."""
        self.start(script)
        self.processes.wait()
        return self.ask("training")


@pytest.fixture
def page(tmp_path: Path, checkpoints: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.delenv("SPACE_ID", raising=False)
    old, new = checkpoints
    processes = Processes(new)
    monkeypatch.setattr(training_runs, "subprocess", processes)
    config = AppConfig(checkpoint=old, device="cpu", data_dir=tmp_path / "data")
    pipeline = Pipeline(config, GrabCutSegmenter(), load_classifier(config), EmbeddingCache(1))
    store = Store(config.data_dir)
    project = create_project(store, "Trays", [])
    runs = TrainingRuns(store, pipeline, lambda: {"classes": list(pipeline.classifier.labels)})
    yield Page(store, project, runs, pipeline, processes)
    if processes.last is not None:
        processes.last.kill()
        processes.wait()
    store.close()


def test_before_the_first_training_there_is_none(page: Page) -> None:
    assert page.ask("training") == {"state": "none"}
    assert page.ask("stop_training") == {"state": "none"}
    assert "no new checkpoint" in page.ask("use_checkpoint")["error"]
    assert page.processes.commands == []


def test_a_training_goes_from_the_checkpoint_in_use_to_a_folder_of_its_own(page: Page) -> None:
    page.start(epochs=3)
    (command,) = page.processes.commands
    out = Path(command[command.index("--out") + 1])
    assert out.parent == page.store.folder / "training"
    assert command == [
        *(sys.executable, "-m", "training.on_project", str(page.store.folder), "--project", "Trays"),
        *("--start", str(page.pipeline.config.checkpoint), "--out", str(out), "--epochs", "3"),
    ]


def test_a_training_under_way_says_how_far_it_is(page: Page) -> None:
    started = page.start()
    assert (started["state"], started["project"]) == ("running", "Trays")
    page.processes.wait_until_begun()
    assert page.ask("training") == {"state": "running", "project": "Trays", "share": 0.75}
    assert "no new checkpoint" in page.ask("use_checkpoint")["error"]


def test_one_training_at_a_time(page: Page) -> None:
    other = create_project(page.store, "Other", [])
    page.start()
    assert "'Trays' is under way" in page.start(project=other)["error"]
    assert len(page.processes.commands) == 1
    page.processes.wait()
    assert page.start(project=other)["project"] == "Other"
    first, second = (command[command.index("--out") + 1] for command in page.processes.commands)
    assert first != second


def test_a_training_that_is_done_tells_whether_it_is_better(page: Page) -> None:
    assert page.finish() == {"state": "done", "project": "Trays", "comparison": COMPARISON}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (FAILS, "No region is held out to validate on."),
        (BREAKS, "The disk is full."),
        (FALLS_SILENT, "It was stopped."),
        (FORGETS, "All done."),
    ],
)
def test_a_training_that_failed_has_the_last_word(page: Page, script: str, said: str) -> None:
    assert page.finish(script) == {"state": "failed", "project": "Trays", "said": said}
    assert "no new checkpoint" in page.ask("use_checkpoint")["error"]
    assert page.start()["state"] == "running"


def test_a_training_can_be_stopped(page: Page) -> None:
    page.start()
    page.processes.wait_until_begun()
    assert page.ask("stop_training")["state"] == "failed"
    assert page.processes.last is not None
    assert page.processes.last.returncode != 0
    assert "no new checkpoint" in page.ask("use_checkpoint")["error"]


def test_the_new_checkpoint_is_used_now_and_after_the_next_start(page: Page) -> None:
    assert checkpoint_in_use(page.store.folder) is None
    page.finish()
    assert page.pipeline.classifier.labels == ("rice", "soup")
    assert page.ask("use_checkpoint") == {"facts": {"classes": ["rice", "beans"]}}
    assert page.pipeline.classifier.labels == ("rice", "beans")
    chosen = checkpoint_in_use(page.store.folder)
    assert chosen == page.pipeline.config.checkpoint
    assert load_classifier(AppConfig(checkpoint=chosen, device="cpu")).labels == ("rice", "beans")
    # and the next training starts from it
    page.start()
    assert page.processes.commands[-1][page.processes.commands[-1].index("--start") + 1] == str(chosen)


def test_a_damaged_checkpoint_is_not_used(page: Page) -> None:
    page.finish()
    out = Path(page.processes.commands[0][page.processes.commands[0].index("--out") + 1])
    (out / "checkpoint" / "model.safetensors").write_bytes(b"damaged")
    reply = page.ask("use_checkpoint")
    assert set(reply) == {"error"}
    assert reply["error"] != UNEXPECTED
    assert page.pipeline.classifier.labels == ("rice", "soup")
    assert checkpoint_in_use(page.store.folder) is None


def test_a_checkpoint_that_is_gone_is_in_use_no_more(page: Page) -> None:
    page.finish()
    page.ask("use_checkpoint")
    chosen = checkpoint_in_use(page.store.folder)
    assert chosen is not None
    chosen.rename(chosen.with_name("elsewhere"))
    assert checkpoint_in_use(page.store.folder) is None


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"project": 999}, "no such project"),
        ({"project": None}, "project"),
        ({"project": "Trays"}, "project"),
        ({"epochs": 0}, "1 to 200 epochs"),
        ({"epochs": 201}, "1 to 200 epochs"),
        ({"epochs": "many"}, "epochs"),
        ({"epochs": 10**400}, "epochs"),
    ],
)
def test_what_cannot_be_trained_is_refused(page: Page, message: dict[str, Any], says: str) -> None:
    assert says in page.start(**message)["error"]
    assert page.processes.commands == []
    assert page.ask("training") == {"state": "none"}
