"""Each operation on a disk that is full, or that can only be read.

The disk is a small tmpfs, which root may mount. Other accounts get a limit on the size of each file instead,
and folders without the right to write.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rvernet_app.errors import RvernetError
from tests.chaos import dying
from tests.chaos.deaths import Row
from tests.chaos.operation import Findings, Operation, Place
from tests.chaos.starting import age, be_at, check_database, leftovers, start

DISK_BYTES = 64 << 20
FREE = (0, 8 << 10, 64 << 10, 256 << 10)
"""Bytes that are free when an operation begins."""
FILLER = "filler"


def can_mount(folder: Path) -> bool:
    """Return whether this account may mount a disk."""
    try:
        with mounted(folder):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Mount a small disk on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


class Troubled:
    """One operation on disks that fail.

    Args:
        mounts: whether the disk is mounted; else the size of files is limited.
    """

    def __init__(self, operation: Operation, folder: Path, mounts: bool) -> None:
        self._operation = operation
        self._folder = folder
        self._mounts = mounts
        self._prepared = Place(folder / "prepared")
        self._said = folder / "said.txt"
        self.row = Row(operation.name)
        self._prepared.folder.mkdir(parents=True)
        operation.prepare(self._prepared)

    def full(self, free: int) -> None:
        """Do the operation with so many bytes free, make room, and start again."""
        with self._disk() as place:
            filler = place.folder / FILLER
            if self._mounts:
                _fill(filler, free)

            def work(tell: dying.Tell) -> None:
                be_at(place)
                if not self._mounts:
                    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                    resource.setrlimit(resource.RLIMIT_FSIZE, (free, resource.RLIM_INFINITY))
                self._try(place, tell)

            death = dying.finish(work, self._said)
            filler.unlink(missing_ok=True)
            self._after(place, death, f"{free} bytes free")

    def read_only(self) -> None:
        """Do the operation on a disk that can only be read, make it writable, and start again."""
        with self._disk() as place:
            _read_only(place.folder, self._mounts)
            death = dying.finish(lambda tell: (be_at(place), self._try(place, tell))[1], self._said)
            _read_only(place.folder, self._mounts, back=True)
            self._after(place, death, "read only")

    @contextmanager
    def _disk(self) -> Iterator[Place]:
        place = Place(self._folder / "place")
        shutil.rmtree(place.folder, ignore_errors=True)
        self._said.unlink(missing_ok=True)
        if not self._mounts:
            yield self._laid_out(place)
            return
        with mounted(place.folder):
            yield self._laid_out(place)

    def _laid_out(self, place: Place) -> Place:
        shutil.copytree(self._prepared.folder, place.folder, dirs_exist_ok=True)
        place.temporary.mkdir(exist_ok=True)
        return place

    def _try(self, place: Place, tell: dying.Tell) -> None:
        """Do the operation, which may be refused with a sentence."""
        try:
            self._operation.work(place, tell)
        except (RvernetError, OSError) as error:  # a command says both on one line
            print(error)

    def _after(self, place: Place, death: dying.Death, what: str) -> None:
        self.row.deaths += 1
        self.row.told += len(death.told)
        after = dying.finish(lambda tell: self._check(place, death.told, tell), self._said)
        found = Findings(**json.loads(after.told[-1])) if after.told else Findings()
        found.failed.extend(text for text in (death.problem, after.problem) if text)
        for text in found.all():
            print(f"{self._operation.name}, {what}: {text}", flush=True)
        for name, texts in asdict(found).items():
            getattr(self.row.found, name).extend(texts)

    def _check(self, place: Place, told: Sequence[str], tell: dying.Tell) -> None:
        be_at(place)
        found = Findings()
        age(place.folder)
        start(place.config, whole=False)
        found.leftover.extend(leftovers(place, self._operation.kept))
        check_database(place.data, found)
        self._operation.check(place, told, found)
        tell(json.dumps(asdict(found)))


def _fill(filler: Path, free: int) -> None:
    """Fill a disk until only so many bytes are free."""
    with filler.open("wb") as file:
        block = b"\0" * 4096
        try:
            while True:
                os.write(file.fileno(), block)
        except OSError:
            os.truncate(filler, max(0, filler.stat().st_size - free))


def _read_only(folder: Path, mounts: bool, *, back: bool = False) -> None:
    if mounts:
        _mount("-o", f"remount,{'rw' if back else 'ro'}", str(folder))
        return
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o700 if back else 0o500)


def fail(operations: Sequence[Operation], folder: Path) -> list[Row]:
    """Do each operation on full disks and on one that can only be read."""
    folder.mkdir(parents=True)
    mounts = can_mount(folder / "try")
    print(f"The disk is {'a tmpfs' if mounts else 'a limit on the size of files'}.", flush=True)
    rows = []
    for number, operation in enumerate(operations):
        troubled = Troubled(operation, folder / str(number), mounts)
        for free in FREE:
            troubled.full(free)
        troubled.read_only()
        rows.append(troubled.row)
    return rows
