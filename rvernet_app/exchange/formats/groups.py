"""The group of a photo: photos of one group, such as a meal, belong to one split.

A photo without a meal is a group of its own, named by its SHA-256. Formats that have no field for the group
get a file `groups.jsonl`: a line for each name, {"name": file name without suffix, "group": group}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from rvernet_app.store.queue import MAX_MEAL

GROUPS_NAME = "groups.jsonl"


def group_line(name: str, group: str) -> str:
    """Return a line of `groups.jsonl`."""
    return json.dumps({"name": name, "group": group}) + "\n"


def meal_of(group: str | None, sha256: str | None, counts: Mapping[str, int]) -> str | None:
    """Return the meal of a photo from an export; None if it has no meal.

    Args:
        group, sha256: as the export gives them, or another program with another meaning.
        counts: group -> the number of its photos. A SHA-256 that several photos share stays, as it keeps them
            together.
    """
    if group is None or not 0 < len(group) <= MAX_MEAL:
        return None
    return None if group == sha256 and counts[group] == 1 else group
