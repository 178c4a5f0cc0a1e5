"""Find checkpoints in folders or on the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: see below
    HFValidationError,
    HTTPError,  # the base of HfHubHTTPError, from httpx or httpx2 depending on the version
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from rvernet_app.config import expanded
from rvernet_app.environment import proxy_problem
from rvernet_app.errors import CheckpointError, WeightsError
from rvernet_app.model.checkpoint import CONFIG_NAME, WEIGHTS_NAME, Checkpoint, load_checkpoint

CARD_NAME = "README.md"
FILES = (CONFIG_NAME, WEIGHTS_NAME, CARD_NAME)
"""Files of a checkpoint; other files of a repository are not downloaded."""

_HUB_ID = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>.+))?", re.ASCII)


def open_checkpoint(where: str | Path) -> Checkpoint:
    """Load a checkpoint from a folder, or from the Hub under its id as name.

    Raises:
        CheckpointError, WeightsError: see `checkpoint_folder` and `load_checkpoint`.
    """
    folder = checkpoint_folder(where)
    return load_checkpoint(folder, name=None if folder == expanded(where, "checkpoint") else str(where))


def checkpoint_folder(where: str | Path) -> Path:
    """Return the folder of a checkpoint on this machine; download it from the Hub if necessary.

    If the Hub does not answer, the copy from an earlier download is used.

    Args:
        where: a folder or, if no such folder exists, a Hub id: "owner/name" or "owner/name@revision".

    Raises:
        CheckpointError: `where` is neither a folder nor a Hub id, or the Hub has no such repository or
            revision.
        WeightsError: the Hub cannot be reached and no earlier copy exists, or the copy cannot be saved.
    """
    folder = expanded(where, "checkpoint")
    if folder.is_dir():
        return folder
    hub_id = _HUB_ID.fullmatch(str(where))
    if hub_id is None:
        raise CheckpointError(
            f"There is no checkpoint folder {where}, and it is no Hugging Face Hub id either "
            "(owner/name or owner/name@revision)."
        )
    repository, revision = hub_id["repository"], hub_id["revision"]
    fetch = partial(snapshot_download, repository, revision=revision, allow_patterns=list(FILES))
    try:
        if problem := proxy_problem(os.environ):  # the Hub's client would raise an error of another library
            raise ConnectionError(problem)
        return Path(fetch())
    except HFValidationError as error:
        raise CheckpointError(
            f"There is no checkpoint folder {where}, and no Hugging Face Hub id looks like this."
        ) from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(
            f"There is no checkpoint folder {where}, and no repository {repository} on the Hugging Face Hub "
            "that can be read from here."
        ) from error
    except RevisionNotFoundError as error:
        raise CheckpointError(
            f"The repository {repository} on the Hugging Face Hub has no revision {revision}."
        ) from error
    except (HTTPError, LocalEntryNotFoundError, ConnectionError) as error:
        try:
            return Path(fetch(local_files_only=True))
        except LocalEntryNotFoundError:
            raise WeightsError(
                f"There is no checkpoint folder {where}, the Hugging Face Hub cannot be reached, and "
                f"the repository {repository} was not fetched before." + (f" {problem}" if problem else "")
            ) from error
    except OSError as error:
        raise WeightsError(
            f"The repository {repository} cannot be kept in the local cache: {error}."
        ) from error
