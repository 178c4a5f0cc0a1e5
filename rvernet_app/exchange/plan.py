"""The plan of an import: photos and annotations read from a source, and the parts that cannot be used."""

from __future__ import annotations

import filecmp
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rvernet_app.errors import LabelError, PhotoError, PromptError, RvernetError
from rvernet_app.exchange.exporting import Progress
from rvernet_app.labels import LabelName
from rvernet_app.picture.masks import Rle
from rvernet_app.reading import is_text
from rvernet_app.store.annotations import Portion
from rvernet_app.store.files import PhotoFiles

T = TypeVar("T")

MAX_FOODS = 1000
"""Foods of one photo."""


class NotTakenError(RvernetError):
    """A part of the source cannot be used; the import goes on without it."""


@dataclass(frozen=True)
class NotTaken:
    """A part of the source that was not imported.

    Attributes:
        what: the file, photo or annotation.
        why: a sentence.
    """

    what: str
    why: str


@dataclass(frozen=True)
class StoredPhoto:
    """A photo whose file is in the store: a `LoadedPhoto` without its pixels."""

    sha256: str
    format: str
    size_hw: tuple[int, int]


@dataclass(frozen=True)
class PlannedAnnotation:
    """An annotation to save.

    Attributes:
        label: its name in the source.
        rle: its mask, already checked against the photo.

    Raises:
        NotTakenError: the label or the note holds characters that a database cannot store.
    """

    label: str
    rle: Rle
    portion: Portion | None = None
    note: str = ""

    def __post_init__(self) -> None:
        _require_text(self.label, self.note)


@dataclass(frozen=True)
class PlannedPhoto:
    """A photo to add to the queue, with its annotations.

    Attributes:
        name: name of its file.
        meal: None if the source names no meal.
        key: what the source identifies the photo by; None if it does not.
        before: the key of the photo of the meal, if this photo shows its leftovers.
        folder: where the source keeps its file; "" if that says nothing.

    Raises:
        NotTakenError: the name or the meal holds characters that a database cannot store.
    """

    name: str
    photo: StoredPhoto
    annotations: tuple[PlannedAnnotation, ...]
    meal: str | None = None
    key: str | None = None
    before: str | None = None
    folder: str = ""

    def __post_init__(self) -> None:
        _require_text(self.name, self.meal or "", self.folder)


def _require_text(*texts: str) -> None:
    if not all(map(is_text, texts)):
        raise NotTakenError("Its name or its note holds characters that cannot be stored.")


class Plan:
    """Collects what a source holds. Reading a source writes photo files, but no rows.

    Attributes:
        photos: the photos to import.
        not_taken: the parts that cannot be used.
        labels: details of the labels that the source describes, by name.
        unnamed: photos that lie in the folder, but that the source does not name.

    Args:
        files: where photo files are kept.
        progress: called after each photo.
    """

    def __init__(self, files: PhotoFiles, progress: Progress | None = None) -> None:
        self.photos: list[PlannedPhoto] = []
        self.not_taken: list[NotTaken] = []
        self.labels: dict[str, LabelName] = {}
        self.unnamed: list[str] = []
        self._files = files
        self._progress = progress

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """Read one part of the source: if it cannot be used, note why and continue after the block."""
        try:
            yield
        except (NotTakenError, LabelError, PhotoError, PromptError) as error:
            self.leave(what, str(error))
        except OSError as error:
            self.leave(what, f"It cannot be read: {error.strerror or error}.")

    def foods(self, found: Sequence[T], what: str) -> Sequence[T]:
        """Return as many foods of a photo as a photo may have, and note that there are more.

        Args:
            what: the photo, or its file of labels.
        """
        if len(found) > MAX_FOODS:
            self.leave(what, f"It has {len(found)} foods; only the first {MAX_FOODS} are taken.")
        return found[:MAX_FOODS]

    def leave(self, what: str, why: str) -> None:
        """Note a part that is not imported."""
        self.not_taken.append(NotTaken(what, why))

    def tell_apart(self) -> None:
        """Put the folder in front of names that several photos have, so that each can be told from the
        others.
        """
        photos: defaultdict[str, set[str]] = defaultdict(set)
        for planned in self.photos:
            photos[planned.name.casefold()].add(planned.photo.sha256)
        self.photos = [
            replace(planned, name=f"{planned.folder}/{planned.name}")
            if planned.folder and len(photos[planned.name.casefold()]) > 1
            else planned
            for planned in self.photos
        ]

    def each(self, photos: Collection[T]) -> Iterator[T]:
        """Yield the photos one by one, and report the progress."""
        for done, photo in enumerate(photos, 1):
            yield photo
            if self._progress is not None:
                self._progress(done, len(photos))

    def keep(self, source: Path | bytes, original: object = None) -> StoredPhoto:
        """Store the file of a photo.

        Args:
            source: a path, or the bytes of a file.
            original: SHA-256 of the file that `source` is an upright copy of, as the source claims. If the
                store has that file and its upright copy is identical to `source`, the photo is that file.

        Raises:
            PhotoError: the file is not a readable photo, or is over a limit.
            StoreError: the data folder cannot be written.
            OSError: the file cannot be read.
        """
        known = self._original(source, original) if isinstance(source, Path) else None
        photo = self._files.add(known or source)
        return StoredPhoto(photo.sha256, photo.format, photo.size_hw)

    def _original(self, copy: Path, sha256: object) -> Path | None:
        if not (isinstance(sha256, str) and len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")):
            return None
        original = self._files.original(sha256)
        kept = [self._files.working_copy(sha256, kind) for kind in ("JPEG", "PNG")]
        same = any(one.is_file() and filecmp.cmp(one, copy, shallow=False) for one in kept)
        return original if same and original.is_file() else None


Read = Callable[[Path, Plan], None]
"""Read a source of one format into a plan. Raises StoreError if it is not of that format."""
