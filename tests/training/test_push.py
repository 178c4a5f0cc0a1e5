"""Publishing a checkpoint to a fake Hub that records its calls."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: see training.push
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
)

from rvernet_app.model.checkpoint import load_checkpoint, save_checkpoint
from rvernet_app.model.rvernet import ModuleSpec, RveRNet, RveRNetConfig
from training import push

CARD = "# meals\n\nIt knows rice and soup.\n"
METRICS = {"macro_f1": 0.75, "top1": 0.8, "without_context": {"macro_f1": 0.5}}


class Hub:
    """Fake HfApi that records every call and raises `fails` if it is set."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.public = False
        self.fails: Exception | None = None

    def create_repo(self, repo_id: str, **options: Any) -> str:
        self.calls.append(("create_repo", {"repo_id": repo_id, **options}))
        if self.fails:
            raise self.fails
        return f"https://hub.example/{repo_id}"

    def repo_info(self, repo_id: str) -> SimpleNamespace:
        return SimpleNamespace(private=not self.public)

    def create_branch(self, repo_id: str, **options: Any) -> None:
        self.calls.append(("create_branch", {"repo_id": repo_id, **options}))

    def create_commit(self, repo_id: str, operations: list[Any], **options: Any) -> None:
        self.calls.append(("create_commit", {"repo_id": repo_id, **options}))
        for operation in operations:
            with operation.as_file() as file:
                self.files[operation.path_in_repo] = file.read()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub()
    monkeypatch.setattr(push, "HfApi", lambda: made)
    monkeypatch.setattr(push, "get_token", lambda: "hf_secret")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    spec = ModuleSpec("mobilenetv2_035")
    model = RveRNet(RveRNetConfig(spec, spec, 2, fusion="features", hidden=4, input_size=64))
    save_checkpoint(tmp_path / "mine", model, ("rice", "soup"), metrics=METRICS)
    for name, content in {
        "README.md": CARD,
        "curves.png": "curves",
        "trays.jpg": "trays",
        "state.pt": "no",
        ".env": "no",
    }.items():
        (tmp_path / "mine" / name).write_text(content)
    return tmp_path / "mine"


def refused(status: int, message: str | None = None) -> HfHubHTTPError:
    response: Any = SimpleNamespace(status_code=status, headers={}, request=None)
    return HfHubHTTPError("many\nlines", response=response, server_message=message)


def test_checkpoint_is_published_in_one_commit(
    folder: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push.main([str(folder), "ann/meals"]) == 0

    assert capsys.readouterr().out == "https://hub.example/ann/meals\n"
    fingerprint = load_checkpoint(folder).fingerprint
    message = f"Checkpoint mine, {fingerprint}"
    assert hub.calls == [
        ("create_repo", {"repo_id": "ann/meals", "private": None, "exist_ok": True}),
        ("create_commit", {"repo_id": "ann/meals", "commit_message": message, "revision": None}),
    ]
    assert set(hub.files) == {"config.json", "model.safetensors", "README.md", "curves.png", "trays.jpg"}
    for name in set(hub.files) - {"README.md"}:
        assert hub.files[name] == (folder / name).read_bytes()


def test_published_card_has_front_matter_and_the_local_card_stays_unchanged(folder: Path, hub: Hub) -> None:
    push.push(folder, "ann/meals")

    assert (folder / "README.md").read_text() == CARD
    card = ModelCard(hub.files["README.md"].decode())
    assert card.text.strip() == CARD.strip()
    data: Any = card.data
    assert data.library_name == "rvernet"
    assert data.tags == ["image-classification", "food", "segment-anything"]
    assert data.model_name == "meals"
    assert [
        (result.task_type, result.metric_type, result.metric_name, result.metric_value)
        for result in data.eval_results
    ] == [
        ("image-classification", "f1", "macro F1", 0.75),
        ("image-classification", "accuracy", "top-1 accuracy", 0.8),
    ]


def test_card_without_figures_lists_none(folder: Path) -> None:
    made = load_checkpoint(folder)
    save_checkpoint(folder, made.model, made.classes, metrics={"top1": "unknown"})
    card = push.with_front_matter(CARD, load_checkpoint(folder), "meals")
    assert yaml.safe_load(card.split("---\n")[1]) == {
        "library_name": "rvernet",
        "tags": ["image-classification", "food", "segment-anything"],
    }


def test_card_with_front_matter_is_published_unchanged(folder: Path, hub: Hub) -> None:
    card = b"---\r\nlicense: mit\r\n---\r\n# meals\r\n"
    (folder / "README.md").write_bytes(card)
    push.push(folder, "ann/meals")
    assert hub.files["README.md"] == card


def test_private_branch_and_message_options_reach_the_hub(folder: Path, hub: Hub) -> None:
    arguments = ["--private", "--revision", "trial", "--message", "More soup"]
    assert push.main([str(folder), "ann/meals", *arguments]) == 0
    assert hub.calls == [
        ("create_repo", {"repo_id": "ann/meals", "private": True, "exist_ok": True}),
        ("create_branch", {"repo_id": "ann/meals", "branch": "trial", "exist_ok": True}),
        ("create_commit", {"repo_id": "ann/meals", "commit_message": "More soup", "revision": "trial"}),
    ]


def test_address_names_the_branch(folder: Path, hub: Hub) -> None:
    assert push.push(folder, "ann/meals", revision="trial") == "https://hub.example/ann/meals/tree/trial"


def test_private_push_to_a_public_repository_fails(folder: Path, hub: Hub) -> None:
    hub.public = True
    with pytest.raises(
        push.PushError, match="ann/meals is on the Hugging Face Hub already, and it is public"
    ):
        push.push(folder, "ann/meals", private=True)
    assert hub.files == {}


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"short"), "is damaged"),
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "README.md").unlink(), "is published with its model card"),
        (lambda folder: (folder / "README.md").write_bytes(b"\xff\xfe"), "is published with its model card"),
    ],
)
def test_damaged_checkpoint_is_not_uploaded(
    damage: Any, says: str, folder: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folder)
    assert push.main([str(folder), "ann/meals"]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert hub.calls == []


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (refused(401), "does not accept the token"),
        (refused(403), "may not write to ann/meals"),
        (refused(409, "Too many repositories"), "refuses ann/meals: Too many repositories."),
        (refused(500), "refuses ann/meals: status 500."),
        (HTTPError("no route"), "cannot be reached"),
        (OfflineModeIsEnabled("offline"), "cannot be reached"),
        (ValueError("Invalid metadata in README.md.\n- no"), "Invalid metadata in README.md. - no"),
        (RuntimeError("Error while uploading"), "could not be published: Error while uploading"),
    ],
)
def test_hub_error_prints_one_line_with_status_2(
    error: Exception, says: str, folder: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.fails = error
    assert push.main([str(folder), "ann/meals"]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.count("\n") == 1
    assert hub.files == {}


def test_missing_token_fails_before_any_request(
    folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "get_token", lambda: None)
    with pytest.raises(push.PushError, match="no token for the Hugging Face Hub; set HF_TOKEN"):
        push.push(folder, "ann/meals")
    assert hub.calls == []


@pytest.mark.parametrize("repository", ["meals", "a/b/c"])
def test_repository_without_owner_fails(repository: str, folder: Path, hub: Hub) -> None:
    with pytest.raises(push.PushError, match="named owner/name"):
        push.push(folder, repository)
    assert hub.calls == []
