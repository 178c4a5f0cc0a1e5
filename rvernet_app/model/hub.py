"""Where a checkpoint is kept: a folder, or a repository on the Hugging Face Hub and its copy in the local cache."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from rvernet_app.errors import CheckpointError, WeightsError
from rvernet_app.model.checkpoint import CONFIG_NAME, WEIGHTS_NAME, Checkpoint, load_checkpoint

CARD_NAME = "README.md"
FILES = (CONFIG_NAME, WEIGHTS_NAME, CARD_NAME)
"""What makes up a checkpoint; nothing else of a repository is fetched."""

_HUB_ID = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>.+))?", re.ASCII)


def open_checkpoint(where: str | Path) -> Checkpoint:
    """The checkpoint in a folder, named as the folder, or on the Hub, named as its id.

    Raises:
        CheckpointError, WeightsError: as `checkpoint_folder` and `load_checkpoint`.
    """
    folder = checkpoint_folder(where)
    return load_checkpoint(folder, name=None if folder == Path(where).expanduser() else str(where))


def checkpoint_folder(where: str | Path) -> Path:
    """The folder of a checkpoint on this machine, fetched from the Hub when need be.

    Without a network, or when the Hub does not answer, what an earlier call has fetched is used.

    Args:
        where: a folder, or else a Hub id, "owner/name" or "owner/name@revision".

    Raises:
        CheckpointError: there is no such folder and it is no Hub id, or the Hub has no such repository or
            revision.
        WeightsError: the Hub cannot be reached and the repository was not fetched before, or it cannot be
            kept here.
    """
    folder = Path(where).expanduser()
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
                f"the repository {repository} was not fetched before."
            ) from error
    except OSError as error:
        raise WeightsError(
            f"The repository {repository} cannot be kept in the local cache: {error}."
        ) from error
