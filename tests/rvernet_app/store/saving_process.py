"""Program that saves foods until it is killed, and prints each save after the store has committed it.

Arguments: folder, URL (may be empty), item, annotator, label, and the height, width and counts of the mask.
For each line on stdin, the program forks a process that opens the store. The child prints its process id,
then a line "id revision note" for each save. When the child is dead, the parent prints "gone". Thanks to the
fork, the test does not start Python for every kill.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from rvernet_app.picture.masks import Rle
from rvernet_app.store.annotations import Draft, Saved, save
from rvernet_app.store.database import Store


def save_forever(
    folder: Path, url: str | None, item: int, annotator: int, label: int, rle: Rle, run: str
) -> None:
    print_line(str(os.getpid()))
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
        print_line(f"{saved.id} {saved.revision} {draft.note}")


def print_line(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main() -> None:
    folder, url, item, annotator, label, height, width, counts = sys.argv[1:]
    rle = Rle(size=[int(height), int(width)], counts=counts)
    Store(Path(folder), url or None).close()  # import here what every child needs
    for run in sys.stdin:
        if (child := os.fork()) == 0:
            try:
                save_forever(
                    Path(folder), url or None, int(item), int(annotator), int(label), rle, run.strip()
                )
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        print_line("gone")


if __name__ == "__main__":
    main()
