"""Kill the program many times and check that nothing is lost: `python -m tests.chaos N [SEED]`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Gradio reads it when it is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.chaos import engine_operations, server_operations, store_operations, troubles
from tests.chaos.deaths import die, table

OPERATIONS = (
    *store_operations.OPERATIONS,
    *engine_operations.OPERATIONS,
    *server_operations.OPERATIONS,
)


def main() -> int:
    """Run all parts; return 1 if anything was lost, left half done or left over."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        rows = die([operation() for operation in OPERATIONS], count, seed, Path(folder))
        wrong = [text for row in rows for text in row.found.all()]
        print(table(rows))
        wrong += troubles.report(Path(folder, "troubles"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
