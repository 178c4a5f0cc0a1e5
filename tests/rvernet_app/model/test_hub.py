"""Checkpoints by folder and by Hub id, with a fake Hub and a local cache; nothing leaves the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from rvernet_app.config import AppConfig
from rvernet_app.errors import CheckpointError, WeightsError
from rvernet_app.model import hub
from rvernet_app.model.checkpoint import save_checkpoint
from rvernet_app.model.classify import load_classifier
from rvernet_app.model.hub import checkpoint_folder, open_checkpoint
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from tests.rvernet_app.hub_answers import (
    Answer,
    Handler,
    answering,
    behind_a_broken_proxy,
    file_reply,
    httpx,
    tree,
    unreachable,
)

COMMIT, OLDER = "c" * 40, "d" * 40
SPEC = ModuleSpec("mobilenetv2_035")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of a repository: a checkpoint and more."""
    folder = tmp_path_factory.mktemp("made")
    model = RveRNet(RveRNetConfig(SPEC, SPEC, 2, fusion="features", hidden=4, input_size=64))
    save_checkpoint(folder, model, ("rice", "soup"))
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return {**files, "README.md": b"card", "pytorch_model.bin": b"\x80pickle", "run.py": b"raise SystemExit"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty local cache and an empty working directory."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "hub"


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answer]:
    """Answers requests to the Hub by a function; returns the list that collects the requested paths."""

    yield from answering(monkeypatch)


def serving(files: dict[str, bytes], revisions: dict[str, str]) -> Handler:
    """A Hub with the repository ann/meals and no other."""

    def handler(request: Any) -> Any:
        repository, _, rest = request.url.path.removeprefix("/api/models").strip("/").partition("/meals")
        if repository != "ann":
            return httpx.Response(404, headers={"X-Error-Code": "RepoNotFound"})
        kind, _, rest = rest.strip("/").partition("/")
        if kind == "revision":
            if rest not in revisions:
                return httpx.Response(404, headers={"X-Error-Code": "RevisionNotFound"})
            return httpx.Response(200, json={"id": "ann/meals", "sha": revisions[rest]})
        if kind == "tree":
            return tree(files)
        commit, _, name = rest.partition("/")
        return file_reply(request, files[name], commit)

    return handler


def down(request: Any) -> Any:
    return httpx.Response(503)


def put_into(cache: Path, files: dict[str, bytes], commit: str = COMMIT, revision: str = "main") -> Path:
    """Put a snapshot into the cache as huggingface_hub does."""
    repository = cache / "models--ann--meals"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for name in hub.FILES:
        (snapshot / name).write_bytes(files[name])
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / revision).write_text(commit)
    return snapshot


def test_a_folder_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checkpoint_folder(tmp_path) == tmp_path
    assert checkpoint_folder("~/work") == tmp_path / "work"


def test_a_folder_that_exists_wins_over_a_repository_of_the_same_name(
    answer: Answer,
) -> None:
    asked = answer(unreachable)
    Path("ann/meals").mkdir(parents=True)
    assert checkpoint_folder("ann/meals") == Path("ann/meals")
    assert asked == []


def test_only_a_checkpoints_files_are_fetched(made: dict[str, bytes], answer: Answer) -> None:
    asked = answer(serving(made, {"main": COMMIT}))

    folder = checkpoint_folder("ann/meals")

    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        name: made[name] for name in hub.FILES
    }
    assert {path.rsplit("/", 1)[1] for path in asked if "/resolve/" in path} == set(hub.FILES)


def test_a_revision_is_asked_for(made: dict[str, bytes], answer: Answer) -> None:
    asked = answer(serving(made, {"main": COMMIT, "v1": OLDER}))
    assert checkpoint_folder("ann/meals@v1").name == OLDER
    assert asked[0] == "/api/models/ann/meals/revision/v1"


@pytest.mark.parametrize(
    "failing", [unreachable, behind_a_broken_proxy, down], ids=lambda handler: handler.__name__
)
def test_the_earlier_copy_is_used_if_the_hub_does_not_answer(
    failing: Handler, made: dict[str, bytes], cache: Path, answer: Answer
) -> None:
    snapshot = put_into(cache, made)
    answer(failing)
    assert checkpoint_folder("ann/meals").samefile(snapshot)


def test_a_cached_checkpoint_is_classified_with_offline(
    made: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_into(cache, made, OLDER, "v1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert open_checkpoint("ann/meals@v1").classes == ("rice", "soup")
    assert load_classifier(AppConfig(checkpoint="ann/meals@v1", device="cpu")).name == "ann/meals@v1"
    with pytest.raises(WeightsError, match="cannot be reached, and the repository ann/meals was not fetched"):
        checkpoint_folder("ann/meals")


@pytest.mark.parametrize(
    "failing", [unreachable, behind_a_broken_proxy, down], ids=lambda handler: handler.__name__
)
def test_without_a_copy_and_without_an_answer_it_is_a_weights_error(failing: Handler, answer: Answer) -> None:
    answer(failing)
    with pytest.raises(WeightsError, match="There is no checkpoint folder ann/meals, the Hugging Face Hub"):
        checkpoint_folder("ann/meals")


def test_a_missing_repository_is_a_checkpoint_error(made: dict[str, bytes], answer: Answer) -> None:
    answer(serving(made, {"main": COMMIT}))
    with pytest.raises(CheckpointError, match="no checkpoint folder bob/meals, and no repository bob/meals"):
        checkpoint_folder("bob/meals")


def test_a_missing_revision_is_a_checkpoint_error(made: dict[str, bytes], answer: Answer) -> None:
    answer(serving(made, {"main": COMMIT}))
    with pytest.raises(CheckpointError, match="ann/meals on the Hugging Face Hub has no revision v9"):
        checkpoint_folder("ann/meals@v9")


@pytest.mark.parametrize(
    "where",
    ["/nowhere", "meals", "a/b/c", "ann/meals@", "../meals", "ann/me als", "ann--x/meals", "ann/meals.git"],
)
def test_neither_a_folder_nor_an_id_is_refused(where: str, answer: Answer) -> None:
    asked = answer(unreachable)
    with pytest.raises(CheckpointError, match=r"There is no checkpoint folder .*Hugging Face Hub id"):
        checkpoint_folder(where)
    assert asked == []


def test_a_cache_that_cannot_be_written_is_a_weights_error(
    made: dict[str, bytes], cache: Path, answer: Answer
) -> None:
    answer(serving(made, {"main": COMMIT}))
    cache.write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="cannot be kept in the local cache"):
        checkpoint_folder("ann/meals")


def test_a_damaged_checkpoint_of_the_hub_is_refused(made: dict[str, bytes], answer: Answer) -> None:
    config = json.loads(made["config.json"]) | {"weights_sha256": "0" * 64}
    answer(serving({**made, "config.json": json.dumps(config).encode()}, {"main": COMMIT}))
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        open_checkpoint("ann/meals")
