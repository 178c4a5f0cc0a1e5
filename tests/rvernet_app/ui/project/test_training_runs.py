"""Training from the page: start, watch and stop a process, and use the checkpoint it makes.

Most processes are small scripts in place of `training.on_project`. They report through the training's own
`Progress`, so the page reads real progress files.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rvernet_app.config import AppConfig
from rvernet_app.errors import CheckpointError
from rvernet_app.model.checkpoint import save_checkpoint
from rvernet_app.model.classify import load_classifier
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.cache import EmbeddingCache
from rvernet_app.segment.grabcut import GrabCutSegmenter
from rvernet_app.store.database import Store
from rvernet_app.store.projects import all_projects, create_project
from rvernet_app.ui.answers import UNEXPECTED, answered_to
from rvernet_app.ui.project import training_runs
from rvernet_app.ui.project.training_runs import (
    CUT_SHORT,
    IN_USE_NAME,
    PROGRAM,
    ROOT,
    TAIL_BYTES,
    TrainingRuns,
    _new_folder,
    checkpoint_in_use,
)
from tests.rvernet_app.store.desk import commit, nobody
from tests.training.test_on_project import food_store

REQUEST: Any = SimpleNamespace(app=SimpleNamespace(auth_dependency=None))
COMPARISON = {"regions": 4, "old_macro_f1": 0.5, "new_macro_f1": 0.75, "better": True}

BEGINNING = """
import json, os, shutil, signal, socket, sys
from pathlib import Path
from training.shared.exit_with_parent import exit_with_parent
from training.shared.progress import Progress
out = next(Path(text.removeprefix("--out=")) for text in sys.argv if text.startswith("--out="))
told = {"argv": sys.argv[1:], "cwd": os.getcwd(), "url": os.environ["RVERNET_DATABASE_URL"]}
(out / "told.json").write_text(json.dumps(told))
def wait():
    meeting = socket.socket(socket.AF_UNIX)
    meeting.connect(os.environ["MEETING"])
    meeting.sendall(b"3")
    meeting.recv(1)
"""
END = f"""
    shutil.copytree(os.environ["MADE"], out / "checkpoint")
    (out / "comparison.json").write_text(json.dumps({COMPARISON!r}))
"""
WORKS = f"{BEGINNING}\nwith Progress(out) as progress:\n    progress.stage('train', 4){END}"
HOLDS = f"""{BEGINNING}
with Progress(out) as progress:
    progress.stage("data")
    progress.stage("train", 4, unit="step")
    progress.step(3, loss=0.693)
    wait()
    progress.step(4, loss=0.5)
    progress.stage("compare")
    {END}
"""
"""Waits after three of four steps."""
FAILS = f"""{BEGINNING}
with Progress(out) as progress:
    progress.stage("data")
    print("train: 3 regions")
    sys.exit("There is too little to train on.\\n\\n")
"""
BREAKS = f"""{BEGINNING}
with Progress(out) as progress:
    progress.stage("data")
    (out / "comparison.json").write_text("{{}}")
    raise OSError("The disk is full.")
"""
FAILS_EARLY = f"{BEGINNING}\nimport package_of_dreams"
FALLS_SILENT = f"{BEGINNING}\nos._exit(1)"
IS_KILLED = f"""{BEGINNING}
with Progress(out) as progress:
    progress.stage("train", 2, unit="step")
    print("All is well.")
    progress.step(1)
    os.kill(os.getpid(), signal.SIGKILL)
"""
FORGETS = f"{BEGINNING}\nprint('All done.')"
IS_ATTENDED = f"""{BEGINNING}
with Progress(out) as progress:
    exit_with_parent(progress.failed)
    wait()
    signal.pause()
"""


def write_checkpoint(folder: Path, classes: tuple[str, ...]) -> Path:
    """Save a small untrained checkpoint and return its folder."""
    module = ModuleSpec("mobilenetv2_035")
    config = RveRNetConfig(module, module, len(classes), fusion="features", hidden=4, input_size=32)
    save_checkpoint(folder, RveRNet(config), classes)
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The checkpoint in use, and the one that a training creates."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return write_checkpoint(folder / "old", ("rice", "soup")), write_checkpoint(
        folder / "new", ("rice", "beans")
    )


@dataclass
class Page:
    """The handlers, called as the browser calls them.

    Attributes:
        script: the file that runs in place of the training.
        meeting: the socket that a waiting script connects to.
    """

    store: Store
    project: int
    runs: TrainingRuns
    pipeline: Pipeline
    script: Path
    meeting: socket.socket

    def ask(self, name: str, /, **message: Any) -> dict[str, Any]:
        """Return the reply to a message, as JSON carries it."""
        reply = answered_to(getattr(self.runs, name), nobody)({**message, "me": "Ann"}, REQUEST, None)
        told: dict[str, Any] = json.loads(json.dumps(reply))
        return told

    def start(self, script: str = WORKS, **message: Any) -> dict[str, Any]:
        """Start a training that runs this script, and return the reply."""
        self.script.write_text(script)
        return self.ask("start_training", **{"project": self.project, **message})

    def hold(self, **message: Any) -> socket.socket:
        """Start a training and return when its script waits; closing the connection lets it continue."""
        self.start(HOLDS, **message)
        return self.met()

    def met(self) -> socket.socket:
        """Return the connection of a waiting script."""
        connection, _ = self.meeting.accept()
        assert connection.recv(1) == b"3"
        return connection

    def finish(self, script: str = WORKS) -> dict[str, Any]:
        """Start a training, wait for its end, and return the state that the page then reports."""
        assert self.start(script)["project"] == "Trays"
        self.process.wait()
        return self.ask("training")

    def next_start(self) -> Page:
        """Return the page of the next server on the same data folder."""
        return replace(self, runs=self.serve(self.runs._program))

    def serve(self, program: Sequence[str]) -> TrainingRuns:
        """Build the handlers with a program that runs in place of the training."""

        def facts() -> dict[str, Any]:
            return {"classes": list(self.pipeline.classifier.labels)}

        return TrainingRuns(self.store, self.pipeline, facts, program)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process of the last run."""
        assert self.runs._run is not None
        assert self.runs._run.process is not None
        return self.runs._run.process

    @property
    def out(self) -> Path:
        """The folder of the last run."""
        assert self.runs._run is not None
        return self.runs._run.folder

    @property
    def folders(self) -> list[Path]:
        """The folders of all runs."""
        return sorted((self.store.folder / "training").glob("*"))

    def told(self) -> dict[str, Any]:
        """Return the arguments and settings of the last process, which waits or has ended."""
        told: dict[str, Any] = json.loads((self.out / "told.json").read_text())
        return told


@pytest.fixture
def page(tmp_path: Path, checkpoints: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.delenv("SPACE_ID", raising=False)
    old, new = checkpoints
    config = AppConfig(checkpoint=old, device="cpu", data_dir=tmp_path / "data")
    pipeline = Pipeline(config, GrabCutSegmenter(), load_classifier(config), EmbeddingCache(1))
    store = Store(config.data_dir)
    project = commit(store, create_project, "Trays", [])
    script = tmp_path / "script.py"
    with socket.socket(socket.AF_UNIX) as meeting, tempfile.TemporaryDirectory() as short:
        meeting.settimeout(60)  # a script that breaks before it waits fails the test
        meeting.bind(f"{short}/s")
        meeting.listen()
        monkeypatch.setenv("MEETING", f"{short}/s")
        monkeypatch.setenv("MADE", str(new))
        made = Page(store, project, TrainingRuns(store, pipeline, dict), pipeline, script, meeting)
        made.runs = made.serve((sys.executable, str(script)))
        yield made
        if made.runs._run is not None and made.runs._run.process is not None:
            made.process.kill()
            made.process.wait()
            made.runs._run.let_go()
    store.close()


def test_before_the_first_training_the_state_is_none(page: Page) -> None:
    assert page.ask("training") == {"state": "none"}
    assert page.ask("stop_training") == {"state": "none"}
    assert "no newly trained model" in page.ask("use_checkpoint")["error"]
    assert page.folders == []


def test_a_training_starts_from_the_checkpoint_in_use_in_a_new_folder(page: Page) -> None:
    page.hold(epochs=3).close()
    assert page.out.parent == page.store.folder / "training"
    assert page.told()["argv"] == [
        str(page.store.folder),
        "--project=Trays",
        f"--start={page.pipeline.config.checkpoint}",
        f"--out={page.out}",
        "--epochs=3",
        "--attended",
    ]


def test_relative_paths_start_at_the_servers_working_folder(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = Path(page.pipeline.config.checkpoint)
    relative = os.path.relpath(checkpoint, tmp_path)
    page.pipeline.config = replace(
        page.pipeline.config, checkpoint=relative, database_url="sqlite:///elsewhere"
    )
    page.store.folder = Path("data")
    page.runs = page.serve(page.runs._program)
    page.hold().close()
    told = page.told()
    assert told["argv"][0] == str(tmp_path / "data")
    assert told["argv"][2] == f"--start={checkpoint}"
    assert page.out.parent == tmp_path / "data" / "training"
    assert (told["cwd"], told["url"]) == (str(tmp_path), "sqlite:///elsewhere")


def test_a_checkpoint_on_the_hub_is_passed_by_its_id(page: Page) -> None:
    page.pipeline.config = replace(page.pipeline.config, checkpoint="ann/foods@v2")
    page.hold().close()
    assert page.told()["argv"][2] == "--start=ann/foods@v2"


def test_the_real_training_makes_a_checkpoint_from_any_folder(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of the same name in the working folder is ignored."""
    decoy = tmp_path / "elsewhere" / "training"
    decoy.mkdir(parents=True)
    (decoy / "__init__.py").write_text("raise SystemExit('The wrong package.')")
    monkeypatch.chdir(decoy.parent)
    for name in ("DATABASE_URL", "RVERNET_DATABASE_URL", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    page.store.close()
    food_store(tmp_path / "foods", [("a", "pesto"), ("b", "ketchup"), ("c", "pesto")])
    page.store = Store(tmp_path / "foods")
    with page.store.reading() as session:
        (project,) = all_projects(session)
        page.project = project.id
    page.runs = page.serve(PROGRAM)
    assert page.start(epochs=1) == {"state": "running", "project": "Sauces", "share": 0.0}
    assert page.process.wait() == 0
    done = page.ask("training")
    assert (done["state"], done["comparison"]["regions"], done["in_use"]) == ("done", 1, False)
    assert training_runs._share(page.runs._run.progress() if page.runs._run else []) == 1.0
    assert page.ask("use_checkpoint") == {"facts": {"classes": ["pesto", "ketchup"]}}


def test_the_real_training_reports_that_a_project_has_too_few_foods(page: Page) -> None:
    page.runs = page.serve(PROGRAM)
    page.start()
    assert page.process.wait() == 2
    reply = page.ask("training")
    assert reply["state"] == "failed"
    assert "0 meals with 0 foods: finish at least 2 more photos of other meals" in reply["said"]


def test_a_missing_training_package_is_reported(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_runs, "ROOT", tmp_path)
    assert "not installed here" in page.start()["error"]
    assert page.folders == []
    assert page.ask("training") == {"state": "none"}


def test_a_clone_comes_first_on_the_module_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert training_runs._environment("")["PYTHONPATH"] == f"{ROOT}{os.pathsep}/somewhere"
    monkeypatch.delenv("PYTHONPATH")
    assert training_runs._environment("")["PYTHONPATH"] == str(ROOT)


def test_an_installed_package_leaves_the_module_path_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(ROOT))
    assert "PYTHONPATH" not in training_runs._environment("")


def test_a_running_training_reports_its_progress(page: Page) -> None:
    with page.hold():
        assert page.ask("training") == {"state": "running", "project": "Trays", "share": 0.75}
        assert "no newly trained model" in page.ask("use_checkpoint")["error"]


def test_the_progress_never_decreases(page: Page) -> None:
    """Other stages may follow, and the last line of the file may be incomplete."""
    other = json.dumps({"event": "step", "stage": "masks", "done": 1, "total": 10, "at": ""})
    again = json.dumps({"event": "stage", "stage": "train", "done": 0, "total": 4, "at": ""})
    with page.hold():
        for written in (f"{other}\n", f"{other}\n" * TAIL_BYTES, f"{again}\n", again[:20]):
            with (page.out / "progress.jsonl").open("a") as file:
                file.write(written)
            assert page.ask("training")["share"] == 0.75


def test_only_one_training_runs_at_a_time(page: Page) -> None:
    other = commit(page.store, create_project, "Other", [])
    with page.hold():
        assert "'Trays' is under way" in page.start(project=other)["error"]
        assert len(page.folders) == 1
    page.process.wait()
    assert page.start(project=other)["project"] == "Other"
    assert len(page.folders) == 2


def test_a_finished_training_reports_the_comparison(page: Page) -> None:
    assert page.finish() == {"state": "done", "project": "Trays", "comparison": COMPARISON, "in_use": False}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (FAILS, "There is too little to train on."),
        (BREAKS, "The disk is full."),
        (FAILS_EARLY, "ModuleNotFoundError: No module named 'package_of_dreams'"),
        (FALLS_SILENT, CUT_SHORT),
        (IS_KILLED, CUT_SHORT),
        (FORGETS, CUT_SHORT),
    ],
)
def test_a_failed_training_reports_the_reason(page: Page, script: str, said: str) -> None:
    assert page.finish(script) == {"state": "failed", "project": "Trays", "said": said}
    assert "no newly trained model" in page.ask("use_checkpoint")["error"]
    assert page.start()["state"] in ("running", "done")


def test_a_training_can_be_stopped(page: Page) -> None:
    with page.hold():
        assert page.ask("stop_training") == {"state": "stopped", "project": "Trays"}
    assert page.process.returncode == -signal.SIGTERM
    assert "no newly trained model" in page.ask("use_checkpoint")["error"]
    assert page.next_start().ask("training") == {"state": "stopped", "project": "Trays"}


def test_a_finished_training_cannot_be_stopped(page: Page) -> None:
    page.finish()
    assert page.ask("stop_training")["state"] == "done"


# After the end of the server


def test_a_training_ends_with_its_server(page: Page) -> None:
    page.start(IS_ATTENDED)
    with page.met():
        assert page.process.stdin is not None
        page.process.stdin.close()  # the system does so however the server ends
        assert page.process.wait() == 3
    said = "The training ended with the program that started it; start it again."
    for later in (page, page.next_start()):
        assert later.ask("training") == {"state": "failed", "project": "Trays", "said": said}


def test_a_finished_training_is_found_at_the_next_start(page: Page) -> None:
    page.finish(FAILS)
    done = page.finish()
    later = page.next_start()
    assert later.ask("training") == done
    assert later.ask("use_checkpoint") == {"facts": {"classes": ["rice", "beans"]}}
    assert later.ask("training")["in_use"] is True


def test_training_folders_sort_by_their_start(tmp_path: Path) -> None:
    made = [_new_folder(tmp_path / "training") for _ in range(20)]
    assert made == sorted(made)


def test_the_last_training_is_found_by_its_record_not_its_log(page: Page) -> None:
    page.finish(FAILS)
    for name in ("log.txt", "progress.jsonl"):
        (page.out / name).unlink()
    assert page.next_start().ask("training") == {"state": "failed", "project": "Trays", "said": CUT_SHORT}
    (page.out / "run.json").write_text('{"proj')
    assert page.next_start().ask("training") == {"state": "none"}


def test_the_new_checkpoint_is_used_at_once_and_after_the_next_start(page: Page) -> None:
    assert checkpoint_in_use(page.store.folder) is None
    page.finish()
    assert page.pipeline.classifier.labels == ("rice", "soup")
    assert page.ask("use_checkpoint") == {"facts": {"classes": ["rice", "beans"]}}
    assert page.pipeline.classifier.labels == ("rice", "beans")
    chosen = checkpoint_in_use(page.store.folder)
    assert chosen == page.pipeline.config.checkpoint
    assert load_classifier(AppConfig(checkpoint=chosen, device="cpu")).labels == ("rice", "beans")
    # The next training starts from it.
    page.hold().close()
    assert page.told()["argv"][2] == f"--start={chosen}"


def test_the_checkpoint_in_use_moves_with_the_data_folder(page: Page, tmp_path: Path) -> None:
    page.finish()
    page.ask("use_checkpoint")
    made = page.out.relative_to(page.store.folder) / "checkpoint"
    moved = page.store.folder.rename(tmp_path / "moved")
    assert checkpoint_in_use(moved) == moved / made
    (moved / IN_USE_NAME).write_text(str(moved / made))  # an absolute path works as well
    assert checkpoint_in_use(moved) == moved / made


def test_a_damaged_checkpoint_is_not_used(page: Page) -> None:
    page.finish()
    (page.out / "checkpoint" / "model.safetensors").write_bytes(b"damaged")
    reply = page.ask("use_checkpoint")
    assert set(reply) == {"error"}
    assert reply["error"] != UNEXPECTED
    assert page.pipeline.classifier.labels == ("rice", "soup")
    assert checkpoint_in_use(page.store.folder) is None


def test_a_missing_checkpoint_is_not_in_use(page: Page) -> None:
    page.finish()
    page.ask("use_checkpoint")
    chosen = checkpoint_in_use(page.store.folder)
    assert chosen is not None
    chosen.rename(chosen.with_name("elsewhere"))
    with pytest.raises(CheckpointError, match="no training left a checkpoint"):
        checkpoint_in_use(page.store.folder)


@pytest.mark.parametrize("pointer", [b"", b"training", b"..", b"/", b"\xff\xfe", b"training/\0", b"x" * 5000])
def test_a_damaged_pointer_to_the_checkpoint_in_use_is_reported(tmp_path: Path, pointer: bytes) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / IN_USE_NAME).write_bytes(pointer)
    with pytest.raises(CheckpointError, match="choose a training again"):
        checkpoint_in_use(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"better"'])
def test_a_damaged_comparison_is_a_training_that_failed(page: Page, content: str) -> None:
    page.finish()
    (page.out / "comparison.json").write_text(content)
    assert page.ask("training") == {"state": "failed", "project": "Trays", "said": CUT_SHORT}


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"project": 999}, "no such project"),
        ({"project": None}, "project"),
        ({"project": "Trays"}, "project"),
        ({"epochs": 0}, "1 to 200 rounds"),
        ({"epochs": 201}, "1 to 200 rounds"),
        ({"epochs": "many"}, "epochs"),
        ({"epochs": 10**400}, "epochs"),
    ],
)
def test_a_bad_training_request_is_refused(page: Page, message: dict[str, Any], says: str) -> None:
    assert says in page.start(**message)["error"]
    assert page.folders == []
    assert page.ask("training") == {"state": "none"}
