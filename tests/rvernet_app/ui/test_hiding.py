"""Messages for visitors hold no path of the server."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from rvernet_app.ui.hiding import MAX_LENGTH, without_paths


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Cannot read /srv/foods/data/originals/ab/abcd: no such file.", "Cannot read abcd: no such file."),
        ("Nothing at '/srv/Ann B/meals/1.jpg' or /data.", "Nothing at '1.jpg' or data."),
        ("/a/b/c is moved to /d/e f/g", "c is moved to g"),
        (
            "[Errno 28] No space left on device: '/srv/x/.y.part'",
            "[Errno 28] No space left on device: '.y.part'",
        ),
        ('File "/usr/lib/python3/site.py", line 3', 'File "site.py", line 3'),
        (r"C:\Users\Ann\foods.db is locked", "foods.db is locked"),
        (r"\\clinic\share\foods.db is locked", "foods.db is locked"),
        ("The folder /srv/foods/ is full.", "The folder foods is full."),
        ("Get it from https://example.org/a/b and try again.",) * 2,
        ("Write 1/2 cup and/or ask / wait; meals/monday.jpg is 4/5.",) * 2,
    ],
)
def test_absolute_paths_become_names(said: str, told: str) -> None:
    assert without_paths(said) == told


def test_folders_that_the_environment_names_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "O'Brien; old (2)"
    monkeypatch.setenv("RVERNET_DATA_DIR", f"{folder}/")
    said = f"{folder}/photos/ab/x.jpg is missing in {folder}, see {tempfile.gettempdir()}/log {Path.home()}"
    assert without_paths(said) == f"photos/ab/x.jpg is missing in {folder.name}, see log {Path.home().name}"


def test_a_long_message_is_cut() -> None:
    assert without_paths("/ " * MAX_LENGTH) == f"{'/ ' * (MAX_LENGTH // 2)}…"
