"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """The folder of real photos: RVERNET_PHOTOS or ../shared/photos.

    The test is skipped if there is no such folder.
    """
    folder = Path(os.environ.get("RVERNET_PHOTOS", ROOT.parent / "shared" / "photos"))
    if not folder.is_dir():
        pytest.skip(f"no real photos at {folder}; set RVERNET_PHOTOS")
    return folder
