"""Run as a program: saves foods until it is killed, and prints what is saved once the store has said so.

For each line that it reads, it starts a process that opens the store given as arguments (folder, URL or
nothing, item, annotator, label). That process first prints its process id, then a line "id revision note" for
each save. When it is dead, this program prints "gone". So killing a process costs no start of Python.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from rvernet_app.picture.masks import Rle
from rvernet_app.store.annotations import Draft, Saved, save
from rvernet_app.store.database import Store


def save_for_ever(
    folder: Path, url: str | None, item: int, annotator: int, label: int, rle: Rle, run: str
) -> None:
    tell(str(os.getpid()))
    store = Store(folder, url)
    number = 0
    saved = Saved(0, 0)
    while True:
        number += 1
        draft = Draft(rle, label_id=label, note=f"{run}.{number}")
        with store.writing() as session:
            if number % 3 == 1:
                saved = save(session, item, annotator, draft)
            else:
                saved = save(session, item, annotator, draft, id=saved.id, revision=saved.revision)
        tell(f"{saved.id} {saved.revision} {draft.note}")


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main() -> None:
    folder, url, item, annotator, label, height, width, counts = sys.argv[1:]
    rle = Rle(size=[int(height), int(width)], counts=counts)
    Store(Path(folder), url or None).close()  # so that what opening imports is there already
    for run in sys.stdin:
        if (child := os.fork()) == 0:
            try:
                save_for_ever(
                    Path(folder), url or None, int(item), int(annotator), int(label), rle, run.strip()
                )
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        tell("gone")


if __name__ == "__main__":
    main()
