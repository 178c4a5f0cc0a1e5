"""Kill the program many times and check that nothing is lost: `python -m tests.chaos N [SEED]`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.chaos.deaths import die, table  # Gradio reads the variables when it is imported
from tests.chaos.store_operations import OPERATIONS


def main() -> int:
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        rows = die([operation() for operation in OPERATIONS], count, seed, Path(folder))
    print(table(rows))
    return 1 if any(row.found.all() for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
