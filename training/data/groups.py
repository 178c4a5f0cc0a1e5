"""Read the groups that an export of the app stores beside a layout that has no place for them."""

from __future__ import annotations

import json
from pathlib import Path

from rvernet_app.exchange.formats.groups import GROUPS_NAME
from rvernet_app.reading import lines_of, read_text
from training.data.regions import DataError


def read_groups(folder: Path) -> dict[str, str]:
    """Read `groups.jsonl`: file names without ending -> group; empty if the folder has no such file.

    Raises:
        DataError: the file cannot be read, or is damaged.
    """
    path = folder / GROUPS_NAME
    try:
        rows = [json.loads(line) for line in lines_of(read_text(path)) if line.strip()]
        return {str(row["name"]): str(row["group"]) for row in rows}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged, or not a list of groups.") from error
