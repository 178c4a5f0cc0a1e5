"""What the server still has of a photo beside the store, and how it goes when the photo is deleted."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from rvernet_app.exchange.exporting import MARK as EXPORT_MARK
from rvernet_app.pipeline import Pipeline
from rvernet_app.segment.download import sha256_of
from rvernet_app.ui.access import uploads_folder
from rvernet_app.ui.visitor.handlers import NAME_DIGITS, Handlers


def forget(handlers: Handlers, pipeline: Pipeline, photos: Collection[str]) -> None:
    """Drop all that memory, the cache of opened photos and the uploads folder hold of photos.

    Args:
        photos: SHA-256 of the file of each photo.
    """
    for sha256 in photos:
        handlers.forget(sha256)
        pipeline.forget(sha256)
    if photos:
        forget_files(photos)


def forget_files(photos: Collection[str]) -> None:
    """Remove what the uploads folder holds of photos: uploads, display copies, downloads and exports.

    Args:
        photos: SHA-256 of the file of each photo.
    """
    for path in uploads_folder().rglob("*"):
        with suppress(OSError):  # Gradio, or another request, was faster
            if path.is_file() and not path.is_symlink() and _shows(path, photos):
                path.unlink()


def _shows(path: Path, photos: Collection[str]) -> bool:
    """Return whether a file of the uploads folder is one of these photos, or was made of one."""
    if any(path.name.startswith(sha256[:NAME_DIGITS]) for sha256 in photos):
        return True
    if zipfile.is_zipfile(path):  # an export names a photo by the beginning of its SHA-256
        marks = tuple(f"-{sha256[:EXPORT_MARK]}" for sha256 in photos)
        with suppress(zipfile.BadZipFile, NotImplementedError), zipfile.ZipFile(path) as archive:
            return any(mark in name for name in archive.namelist() for mark in marks)
        return False
    return sha256_of(path) in photos
