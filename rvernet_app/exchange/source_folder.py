"""Find the files that a source names, without ever leaving the folder that is imported."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath

from rvernet_app.exchange.plan import NotTakenError


class SourceFolder:
    """The folder that is imported.

    Attributes:
        root: its path, with links resolved.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

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

    def file(self, name: str, *places: Path) -> Path:
        """Find a file by its path relative to one of several places, or by its bare name anywhere in the
        folder.

        Args:
            name: as the source gives it, perhaps with folders of another computer in front.
            places: folders to look in first, in this order.

        Raises:
            NotTakenError: there is no such file, or several of this name, or it lies outside the folder.
        """
        posix = name.replace("\\", "/")
        refused = NotTakenError(f"The file {name!r} is missing.")
        for place in places:
            try:
                found = self.inside(place / posix)
            except NotTakenError as error:  # such as an absolute path on another computer
                refused = error
                continue
            if found.is_file():
                return found
        same_name = self._by_name[PurePosixPath(posix).name]
        if len(same_name) == 1:
            return self.inside(same_name[0])
        raise refused

    @cached_property
    def _by_name(self) -> defaultdict[str, list[Path]]:
        found: defaultdict[str, list[Path]] = defaultdict(list)
        for path in self.root.rglob("*"):
            if path.is_file():
                found[path.name].append(path)
        return found
