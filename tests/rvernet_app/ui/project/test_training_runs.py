"""Training from the page: a process that is told of, stopped and taken into use, with a script in its place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from rvernet_app.config import AppConfig
from rvernet_app.model.checkpoint import save_checkpoint
from rvernet_app.model.classify import load_classifier
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.store.database import Store
from rvernet_app.store.projects import create_project
from rvernet_app.ui.answers import UNEXPECTED, answered_to
from rvernet_app.ui.project import training_runs
from rvernet_app.ui.project.training_runs import (
    CUT_SHORT,
    IN_USE_NAME,
    ROOT,
    TAIL_BYTES,
    TrainingRuns,
    _new_folder,
    checkpoint_in_use,
)
from tests.rvernet_app.store.desk import commit

REQUEST: Any = SimpleNamespace(app=SimpleNamespace(auth=None))
COMPARISON = {"regions": 4, "old_macro_f1": 0.5, "new_macro_f1": 0.75, "better": True}

BEGINNING = """
import json, os, shutil, sys
from pathlib import Path
from tqdm import tqdm
out, made, said, until = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
def wait():
    os.write(said, b"3")
    os.read(until, 1)
"""
WORKS = f"""{BEGINNING}
with tqdm(total=4, unit="step") as bar:
    bar.update(3)
    bar.set_postfix(loss="0.693")
    wait()
    bar.update(1)
for _ in tqdm(range(2), desc="measure", unit="batch"):
    pass
shutil.copytree(made, out / "checkpoint")
(out / "comparison.json").write_text(json.dumps({COMPARISON!r}))
"""
FAILS = f"""{BEGINNING}
print("train: 3 regions")
sys.exit("There is too little to train on.\\n\\n")
"""
FAILS_LATE = f"""{BEGINNING}
print("epoch 1")
print("The disk is full.", file=sys.stderr)
sys.exit(2)
"""
BREAKS = f"""{BEGINNING}
(out / "comparison.json").write_text("{{}}")
print("The disk is full.")
sys.exit(2)
"""
FALLS_SILENT = f"{BEGINNING}\nos._exit(1)"
IS_KILLED = f"""{BEGINNING}
for _ in tqdm(range(2), unit="step"):
    os.kill(os.getpid(), {signal.SIGKILL:d})
"""
FORGETS = f"{BEGINNING}\nprint('All done.')"


@dataclass
class Processes:
    """Stands for the module's `subprocess`: runs a script in place of the training.

    Attributes:
        script: of the next one; it is given the folder of the run, a checkpoint, a pipe to say that it has begun, and
            one to wait at.
        commands: what would have been run, and hows in which way.
        last: the process started last.
    """

    PIPE: ClassVar[int] = subprocess.PIPE

    made: Path
    script: str = WORKS
    commands: list[list[str]] = field(default_factory=list)
    hows: list[dict[str, Any]] = field(default_factory=list)
    last: subprocess.Popen[bytes] | None = None

    def Popen(self, command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        self.commands.append(command)
        self.hows.append(how)
        self._hear, say = os.pipe()
        until, self._end = os.pipe()
        given = [command[command.index("--out") + 1], str(self.made), str(say), str(until)]
        self.last = subprocess.Popen(
            [sys.executable, "-c", self.script, *given], pass_fds=(say, until), **how
        )
        os.close(say)
        os.close(until)
        return self.last

    def wait_until_begun(self) -> None:
        assert os.read(self._hear, 1) == b"3"

    def wait(self) -> None:
        assert self.last is not None
        if self.last.returncode is None:
            os.close(self._end)
        self.last.wait()

    @property
    def out(self) -> Path:
        """The folder of the run begun last."""
        return Path(self.commands[-1][self.commands[-1].index("--out") + 1])


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

    def next_start(self) -> Page:
        """The page of another server on the same data folder, this one having ended."""
        runs = TrainingRuns(
            self.store, self.pipeline, lambda: {"classes": list(self.pipeline.classifier.labels)}
        )
        return replace(self, runs=runs)


@pytest.fixture
def page(tmp_path: Path, checkpoints: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.delenv("SPACE_ID", raising=False)
    old, new = checkpoints
    processes = Processes(new)
    monkeypatch.setattr(training_runs, "subprocess", processes)
    config = AppConfig(checkpoint=old, device="cpu", data_dir=tmp_path / "data")
    pipeline = Pipeline(config, GrabCutSegmenter(), load_classifier(config), EmbeddingCache(1))
    store = Store(config.data_dir)
    project = commit(store, create_project, "Trays", [])
    runs = TrainingRuns(store, pipeline, lambda: {"classes": list(pipeline.classifier.labels)})
    yield Page(store, project, runs, pipeline, processes)
    if processes.last is not None:
        processes.last.kill()
        processes.last.wait()
        assert processes.last.stdin is not None
        processes.last.stdin.close()
    store.close()


def test_before_the_first_training_there_is_none(page: Page) -> None:
    assert page.ask("training") == {"state": "none"}
    assert page.ask("stop_training") == {"state": "none"}
    assert "no new checkpoint" in page.ask("use_checkpoint")["error"]
    assert page.processes.commands == []


def test_a_training_goes_from_the_checkpoint_in_use_to_a_folder_of_its_own(page: Page) -> None:
    page.start(epochs=3)
    (command,), out = page.processes.commands, page.processes.out
    assert out.parent == page.store.folder / "training"
    assert command == [
        *(sys.executable, "-m", "training.on_project", str(page.store.folder), "--project", "Trays"),
        *("--out", str(out), "--epochs", "3", "--attended"),
        *("--start", str(page.pipeline.config.checkpoint)),
    ]


def test_it_runs_where_the_package_lies_and_finds_all_from_there(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths may have been given relative to where the server was started."""
    monkeypatch.chdir(tmp_path)
    checkpoint = Path(page.pipeline.config.checkpoint)
    relative = os.path.relpath(checkpoint, tmp_path)
    page.pipeline.config = replace(
        page.pipeline.config, checkpoint=relative, database_url="sqlite:///elsewhere"
    )
    page.store.folder = Path("data")
    runs = TrainingRuns(page.store, page.pipeline, dict)
    replace(page, runs=runs).start()
    (command,), (how,) = page.processes.commands, page.processes.hows
    assert how["cwd"] == ROOT
    assert (ROOT / "training" / "on_project.py").is_file()
    assert command[3] == str(tmp_path / "data")
    assert page.processes.out.parent == tmp_path / "data" / "training"
    assert command[command.index("--start") + 1] == str(checkpoint)
    assert how["env"]["RVERNET_DATABASE_URL"] == "sqlite:///elsewhere"


def test_a_checkpoint_on_the_hub_is_started_from_by_its_id(page: Page) -> None:
    page.pipeline.config = replace(page.pipeline.config, checkpoint="ann/foods@v2")
    page.start()
    assert page.processes.commands[0][-2:] == ["--start", "ann/foods@v2"]


def test_the_real_training_is_found_from_any_folder(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training_runs, "subprocess", subprocess)
    assert page.start()["state"] == "running"
    assert page.runs._run is not None
    assert page.runs._run.process is not None
    page.runs._run.process.wait()
    reply = page.ask("training")
    assert reply["state"] == "failed"
    assert "0 meals with 0 foods: finish at least 2 more photos of other meals" in reply["said"]


def test_where_the_training_package_is_not_there_the_page_says_so(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_runs, "ROOT", tmp_path)
    assert "not installed here" in page.start()["error"]
    assert page.processes.commands == []
    assert page.ask("training") == {"state": "none"}


def test_a_training_under_way_says_how_far_it_is(page: Page) -> None:
    started = page.start()
    assert (started["state"], started["project"]) == ("running", "Trays")
    page.processes.wait_until_begun()
    assert page.ask("training") == {"state": "running", "project": "Trays", "share": 0.75}
    assert "no new checkpoint" in page.ask("use_checkpoint")["error"]


def test_how_far_it_is_never_falls_back(page: Page) -> None:
    """Other progress bars follow each other between the steps."""
    page.start()
    page.processes.wait_until_begun()
    assert page.ask("training")["share"] == 0.75
    for written in (
        "measure:  50%|##  | 1/2 [00:01<00:01,  1.00batch/s]\r",
        "masks by click:  90%|####| 9/10 [00:01<00:00,  2.00region/s]\r" * TAIL_BYTES,
        "  0%|    | 0/4 [00:00<?, ?step/s]\r",
    ):
        with (page.processes.out / "log.txt").open("a") as log:
            log.write(written)
        assert page.ask("training")["share"] == 0.75


def test_one_training_at_a_time(page: Page) -> None:
    other = commit(page.store, create_project, "Other", [])
    page.start()
    assert "'Trays' is under way" in page.start(project=other)["error"]
    assert len(page.processes.commands) == 1
    page.processes.wait()
    assert page.start(project=other)["project"] == "Other"
    first, second = (command[command.index("--out") + 1] for command in page.processes.commands)
    assert first != second


def test_a_training_that_is_done_tells_whether_it_is_better(page: Page) -> None:
    assert page.finish() == {"state": "done", "project": "Trays", "comparison": COMPARISON, "in_use": False}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (FAILS, "There is too little to train on."),
        (FAILS_LATE, "The disk is full."),
        (BREAKS, "The disk is full."),
        (FALLS_SILENT, CUT_SHORT),
        (IS_KILLED, CUT_SHORT),
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
    assert page.ask("stop_training") == {"state": "stopped", "project": "Trays"}
    assert page.processes.last is not None
    assert page.processes.last.returncode != 0
    assert "no new checkpoint" in page.ask("use_checkpoint")["error"]
    assert page.next_start().ask("training") == {"state": "stopped", "project": "Trays"}
    assert page.start()["state"] == "running"


def test_one_that_is_done_is_not_stopped_any_more(page: Page) -> None:
    page.finish()
    assert page.ask("stop_training")["state"] == "done"


# After the server's end


def test_the_server_alone_holds_the_other_end_of_its_standard_input(page: Page) -> None:
    page.start(f"{BEGINNING}\nos.write(said, b'3')\nsys.stdin.read()\nprint('It ended.')\nsys.exit(3)")
    page.processes.wait_until_begun()
    assert page.processes.last is not None
    assert page.processes.last.stdin is not None
    page.processes.last.stdin.close()  # as the system does, however the server ends
    page.processes.last.wait()
    assert page.next_start().ask("training") == {"state": "failed", "project": "Trays", "said": "It ended."}


def test_a_training_that_is_done_is_found_at_the_next_start(page: Page) -> None:
    page.finish(FAILS)
    done = page.finish()
    later = page.next_start()
    assert later.ask("training") == done
    assert later.ask("use_checkpoint") == {"facts": {"classes": ["rice", "beans"]}}
    assert later.ask("training")["in_use"] is True
    assert later.start()["state"] == "running"


def test_folders_of_trainings_sort_as_they_were_begun(tmp_path: Path) -> None:
    made = [_new_folder(tmp_path / "training") for _ in range(20)]
    assert made == sorted(made)


def test_the_last_training_is_found_also_where_its_log_is_gone_or_its_notes_are_damaged(page: Page) -> None:
    page.finish(FAILS)
    (page.processes.out / "log.txt").unlink()
    assert page.next_start().ask("training") == {"state": "failed", "project": "Trays", "said": CUT_SHORT}
    (page.processes.out / "run.json").write_text('{"proj')
    assert page.next_start().ask("training") == {"state": "none"}


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
    assert page.processes.commands[-1][-2:] == ["--start", str(chosen)]


def test_the_checkpoint_in_use_moves_with_the_data_folder(page: Page, tmp_path: Path) -> None:
    page.finish()
    page.ask("use_checkpoint")
    made = page.processes.out.relative_to(page.store.folder) / "checkpoint"
    moved = page.store.folder.rename(tmp_path / "moved")
    assert checkpoint_in_use(moved) == moved / made
    (moved / IN_USE_NAME).write_text(str(moved / made))  # as an absolute path was kept
    assert checkpoint_in_use(moved) == moved / made


def test_a_damaged_checkpoint_is_not_used(page: Page) -> None:
    page.finish()
    (page.processes.out / "checkpoint" / "model.safetensors").write_bytes(b"damaged")
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
