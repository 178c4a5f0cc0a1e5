"""Publish a checkpoint on the Hugging Face Hub: `python -m training.push CHECKPOINT OWNER/NAME [--private]`.

This publishes the files that `RVERNET_CHECKPOINT=OWNER/NAME` fetches, and the pictures of the model card.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, EvalResult, HfApi, ModelCardData, get_token
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: see below
    HfHubHTTPError,
    HTTPError,  # the base of HfHubHTTPError, from httpx or httpx2 depending on the version
)
from huggingface_hub.repocard import REGEX_YAML_BLOCK

from rvernet_app.errors import RvernetError
from rvernet_app.model.checkpoint import CONFIG_NAME, WEIGHTS_NAME, Checkpoint, load_checkpoint
from rvernet_app.model.hub import CARD_NAME
from training.shared.command import command

PICTURES = ("*.png", "*.jpg")
TAGS = ("image-classification", "food", "segment-anything")
METRICS = {"macro_f1": ("f1", "macro F1"), "top1": ("accuracy", "top-1 accuracy")}
"""Figures of config.json -> the Hub's name of the metric, and its display name."""


class PushError(RvernetError):
    """A checkpoint could not be published."""


def push(
    folder: Path,
    repository: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
) -> str:
    """Publish a checkpoint folder in one commit; make the repository if it does not exist.

    Args:
        folder: config.json, model.safetensors and README.md, and pictures beside them; not changed.
        repository: "owner/name".
        private: make the repository private; refused for a repository that is already public.
        revision: branch to commit to, made if missing; None is the main one.
        message: of the commit; None names the checkpoint.

    Returns:
        The address of the published checkpoint.

    Raises:
        CheckpointError: the folder is not a sound checkpoint; nothing was sent.
        PushError: the folder has no model card, or the Hub cannot be reached or refuses.
    """
    checkpoint = load_checkpoint(folder)
    name = repository.rpartition("/")[2]
    contents: dict[str, Path | bytes] = {
        CONFIG_NAME: folder / CONFIG_NAME,
        WEIGHTS_NAME: folder / WEIGHTS_NAME,
        CARD_NAME: with_front_matter(_read_card(folder / CARD_NAME), checkpoint, name).encode(),
        **{picture.name: picture for pattern in PICTURES for picture in sorted(folder.glob(pattern))},
    }
    if repository.count("/") != 1:
        raise PushError(f"A repository is named owner/name, got {repository!r}.")
    if get_token() is None:
        raise PushError("There is no token for the Hugging Face Hub; set HF_TOKEN or run `hf auth login`.")
    api = HfApi()
    with _refusals_named(repository):
        url = str(api.create_repo(repository, private=private or None, exist_ok=True))
        if private and not api.repo_info(repository).private:
            raise PushError(f"{repository} is on the Hugging Face Hub already, and it is public.")
        if revision is not None:
            api.create_branch(repository, branch=revision, exist_ok=True)
            url = f"{url}/tree/{revision}"
        api.create_commit(
            repository,
            [CommitOperationAdd(path, content) for path, content in contents.items()],
            commit_message=message or f"Checkpoint {checkpoint.name}, {checkpoint.fingerprint}",
            revision=revision,
        )
    return url


def with_front_matter(card: str, checkpoint: Checkpoint, name: str) -> str:
    """Add the YAML header that the Hub sorts models by, unless the card has one.

    Args:
        card: Markdown.
        checkpoint: gives the metrics.
        name: of the model.
    """
    if REGEX_YAML_BLOCK.search(card):
        return card
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type="food-regions",
            dataset_name="validation regions",
            metric_type=kind,
            metric_name=title,
            metric_value=checkpoint.metrics[key],
        )
        for key, (kind, title) in METRICS.items()
        if isinstance(checkpoint.metrics.get(key), float)
    ]
    data = ModelCardData(library_name="rvernet", tags=list(TAGS))
    if results:
        data.model_name, data.eval_results = name, results
    return f"---\n{data.to_yaml()}\n---\n\n{card}"


def _read_card(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise PushError(f"{path} cannot be read; a checkpoint is published with its model card.") from error


@contextmanager
def _refusals_named(repository: str) -> Iterator[None]:
    """Raise errors of the Hub and of the network as a PushError of one sentence."""
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            raise PushError("The Hugging Face Hub does not accept the token; it may be expired.") from error
        if status == 403:
            raise PushError(f"The token may not write to {repository} on the Hugging Face Hub.") from error
        reason = error.server_message or f"status {status}"
        raise PushError(f"The Hugging Face Hub refuses {repository}: {reason}.") from error
    except (HTTPError, ConnectionError) as error:
        raise PushError("The Hugging Face Hub cannot be reached; try again later.") from error
    except (ValueError, RuntimeError) as error:  # a wrong name or model card, or an upload that broke off
        raise PushError(f"{repository} could not be published: {error}") from error


@command
def main(arguments: Sequence[str]) -> None:
    """Run the command; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m training.push", description="Publish a checkpoint.")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="checkpoint folder")
    parser.add_argument("repository", metavar="OWNER/NAME", help="on the Hugging Face Hub; made if missing")
    parser.add_argument("--private", action="store_true", help="make the repository private")
    parser.add_argument("--revision", metavar="BRANCH", help="branch to commit to; default: the main one")
    parser.add_argument("--message", metavar="TEXT", help="of the commit")
    chosen = parser.parse_args(arguments)
    url = push(
        chosen.checkpoint,
        chosen.repository,
        private=chosen.private,
        revision=chosen.revision,
        message=chosen.message,
    )
    print(url)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
