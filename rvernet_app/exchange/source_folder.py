"""Find the files that a source names, without ever leaving the folder that is imported."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from rvernet_app import stray
from rvernet_app.exchange.plan import NotTakenError, Plan

Parts = tuple[str, ...]
"""Folders and name of a file, outermost folder first."""

NAMED = 3
"""Files that a refusal names."""
_UPLOAD_MARK = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts in front of the name of an uploaded file."""


class SourceFolder:
    """The folder that is imported.

    Attributes:
        root: its path, with links resolved.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._names: dict[Path, list[str]] = {}

    @property
    def asked(self) -> Collection[Path]:
        """The files that `file` found."""
        return self._names.keys()

    def inside(self, place: Path) -> Path:
        """Return a path with links and ".." resolved.

        Raises:
            NotTakenError: it leads out of the folder, or cannot be the path of a file.
        """
        try:
            found = place.resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a null character
            raise NotTakenError(f"{place.name!r} is not a valid file name.") from error
        if not found.is_relative_to(self.root):
            raise NotTakenError(f"{place.name!r} lies outside the folder that is imported; copy it there.")
        return found

    def folder_of(self, path: Path) -> str:
        """Return the folder of a found file, relative to the root; "" for the root itself."""
        folder = path.relative_to(self.root).parent.as_posix()
        return "" if folder == "." else folder

    def file(self, name: str, *places: Path) -> Path:
        """Find the only file that a source can mean.

        A path relative to one of the places comes first. Else the file may lie anywhere in the folder, if the
        folders that the source names are those it lies in; a bare name fits in any folder. Then the same for
        other spellings, from the closest to the loosest: other case and composed accents, "%20" for a space,
        and the mark that Label Studio puts in front of a name.

        Args:
            name: as the source gives it, with "/" or back slashes, perhaps with folders of another computer
                in front.
            places: folders to look in first, in this order.

        Raises:
            NotTakenError: there is no such file, several files can be meant, other names led to
                this file, or the file lies outside the folder.
        """
        refused = NotTakenError(f"The file {name!r} is missing.")
        for place in places:
            try:
                found = self.inside(place / name.replace("\\", "/"))
            except NotTakenError as error:  # such as an absolute path on another computer
                refused = error
                continue
            if found.is_file():
                return self._claimed(found, name)
        for spell in _SPELLINGS:
            if fitting := self._fitting(_parts(name, spell), spell, places):
                return self._claimed(self.inside(_only(name, fitting, self.root)), name)
        if elsewhere := self._by_name(_SPELLINGS[1]).get((_parts(name, _SPELLINGS[1]) or ("",))[-1]):
            raise NotTakenError(
                f"{refused} {_listed(elsewhere, self.root)} has its name, but lies in another folder than "
                "the one named."
            )
        raise refused

    def take(self, path: Path) -> Path:
        """Return a file that a search of the folder found, as `file` does."""
        return self._claimed(self.inside(path), path.name)

    def find(self, name: str) -> Path | None:
        """Return the only file that a name can mean, as `file`, or None."""
        if not any(self._fitting(_parts(name, spell), spell, ()) for spell in _SPELLINGS):
            return None
        return self.file(name)

    def expect(self, names: Iterable[str], *places: Path) -> None:
        """Look up all names of a source first, so that `file` refuses every name that leads to the file of
        another one.
        """
        for name in names:
            with suppress(NotTakenError, OSError):
                self.file(name, *places)

    def _claimed(self, found: Path, name: str) -> Path:
        """Return a file, unless other names led to it and this one is not its own name."""
        called = _parts(name, _exact)[-1]
        names = self._names.setdefault(found, [])
        if called not in names:
            names.append(called)
        if len(names) > 1 and called != found.name:
            others = ", ".join(repr(other) for other in names if other != called)
            raise NotTakenError(
                f"The file {name!r} is missing: {_listed([found], self.root)} is like it, and like {others}."
            )
        return found

    def _fitting(self, wanted: Parts, spell: Callable[[str], str], places: Collection[Path]) -> list[Path]:
        """Return the files that a name can mean in one spelling."""
        namesakes = self._by_name(spell).get(wanted[-1] if wanted else "", [])
        return [path for path in namesakes if self._agrees(wanted, path, spell, places)]

    def _agrees(self, wanted: Parts, path: Path, spell: Callable[[str], str], places: Iterable[Path]) -> bool:
        """Return True if the folders of a named file and of a found file do not contradict each other.

        One path must end with the other. The found one counts from the root or a place, or from the folders
        above the root, which are of this computer and need not agree.
        """
        if len(wanted) == 1:
            return True
        whole = tuple(map(spell, path.parts))
        same = _common_end(wanted, whole)
        if same == len(wanted):
            return True
        known = [
            len(path.relative_to(place).parts) for place in (self.root, *places) if path.is_relative_to(place)
        ]
        return same >= 2 and same >= min(known)

    def _by_name(self, spell: Callable[[str], str]) -> dict[str, list[Path]]:
        if spell not in self._indices:
            index: defaultdict[str, list[Path]] = defaultdict(list)
            for path in self._files:
                # An unpacked ZIP of Windows can have files named "images\a.jpg".
                index[_parts(path.name, spell)[-1]].append(path)
            self._indices[spell] = dict(index)
        return self._indices[spell]

    @cached_property
    def _indices(self) -> dict[Callable[[str], str], dict[str, list[Path]]]:
        return {}

    @cached_property
    def _files(self) -> Sequence[Path]:
        return stray.walk(self.root).files


def leave_stray(plan: Plan, found: stray.Walk, root: Path) -> None:
    """Note what a search of a folder left out: stray copies, and what is no file."""
    for path in found.stray:
        plan.leave(path.relative_to(root).as_posix(), stray.WHY)
    for path in found.others:
        plan.leave(path.relative_to(root).as_posix(), stray.NOT_A_FILE)


def note_unnamed(plan: Plan, folder: SourceFolder, suffixes: Collection[str]) -> None:
    """Note the files of the folder that the source does not name, and the stray copies of such files."""
    found = stray.walk(folder.root, suffixes)
    leave_stray(plan, found, folder.root)
    plan.unnamed += [
        path.relative_to(folder.root).as_posix() for path in found.files if path.resolve() not in folder.asked
    ]


def _exact(part: str) -> str:
    return part


def _close(part: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())


def _decoded(part: str) -> str:
    return _close(unquote(part))


def _unmarked(part: str) -> str:
    return _UPLOAD_MARK.sub("", _decoded(part), count=1).replace(" ", "_")


_SPELLINGS = (_exact, _close, _decoded, _unmarked)
"""Ways to write one part of a path the same, from the strictest to the loosest."""


def _parts(name: str, spell: Callable[[str], str]) -> Parts:
    """Return the parts of a path as a source writes it, without a drive and without "." and ".."."""
    return tuple(spell(part) for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))


def _common_end(one: Parts, other: Parts) -> int:
    """Return how many last parts of two paths are equal."""
    same = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        same += 1
    return same


def _only(name: str, fitting: Sequence[Path], root: Path) -> Path:
    if len(fitting) > 1:
        raise NotTakenError(f"Several files can be {name!r}: {_listed(fitting, root)}.")
    return fitting[0]


def _listed(paths: Sequence[Path], root: Path) -> str:
    named = ", ".join(repr(path.relative_to(root).as_posix()) for path in paths[:NAMED])
    return named + ", …" * (len(paths) > NAMED)
