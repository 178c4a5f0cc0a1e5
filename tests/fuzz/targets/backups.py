"""Back-ups, restored into empty data folders."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from rvernet_app.exchange.backup import MANIFEST, backup, restore
from rvernet_app.store.database import Store
from tests.fuzz import mutate
from tests.fuzz.target import FolderTarget
from tests.rvernet_app.store.desk import set_up


class Backups(FolderTarget):
    """Restores a folder."""

    name, weight, short = "backups", 1, 4

    def seeds(self) -> Sequence[bytes]:
        """Return the back-up of a small project."""
        return (_seed(),)

    def mended(self, rng: random.Random, folder: dict[str, bytes]) -> dict[str, bytes]:
        """Return the folder with a manifest that fits its files, mostly."""
        if rng.random() < 0.15 or MANIFEST not in folder:
            return folder
        try:
            manifest = json.loads(folder[MANIFEST])
            for name, data in folder.items():
                if name in manifest["files"]:
                    manifest["files"][name] = hashlib.sha256(data).hexdigest()
                table = Path(name).stem
                if table in manifest["rows"]:
                    manifest["rows"][table] = len(data.splitlines())
            return {**folder, MANIFEST: mutate.written_json(manifest)}
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError):
            return folder

    def run(self, data: bytes) -> str:
        """Write the folder, restore it, and open what was restored."""
        source, target = self.folder / "source", self.folder / "data"
        try:
            mutate.lay_out(mutate.unpacked(data), source)
            restore(source, target)
            Store(target).close()
            return "restored"
        finally:
            shutil.rmtree(source, ignore_errors=True)
            shutil.rmtree(target, ignore_errors=True)


@cache
def _seed() -> bytes:
    with TemporaryDirectory() as place:
        folder = Path(place)
        store = Store(folder / "data")
        desk = set_up(store)
        desk.save("a note")
        desk.edit(desk.save("another", left=3, label="soup"), "changed")
        backup(store, folder / "kept")
        store.close()
        kept = folder / "kept"
        return mutate.packed(
            {
                path.relative_to(kept).as_posix(): path.read_bytes()
                for path in sorted(kept.rglob("*"))
                if path.is_file()
            }
        )
