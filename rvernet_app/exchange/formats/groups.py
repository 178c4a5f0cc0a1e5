"""`groups.jsonl`, in layouts that have no place for it: what must not be parted between training and measuring.

A line for each name of files, {"name": without the ending, "group": the meal}.
"""

from __future__ import annotations

import json

GROUPS_NAME = "groups.jsonl"


def group_line(name: str, group: str) -> str:
    """A line of the file."""
    return json.dumps({"name": name, "group": group}) + "\n"
