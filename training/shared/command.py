"""What the commands of the training package share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps

from rvernet_app.errors import RvernetError
from rvernet_app.model.malloc import keep_memory
from training.shared.progress import one_line


def command(main: Callable[[Sequence[str]], None]) -> Callable[[Sequence[str]], int]:
    """A command's main function as one that returns an exit status.

    It is 0, or 2 with one line on stderr where options, data, a checkpoint or the disk are at fault.
    """

    @wraps(main)
    def with_status(arguments: Sequence[str]) -> int:
        keep_memory()
        try:
            main(arguments)
        except (RvernetError, OSError) as error:
            print(one_line(error), file=sys.stderr)
            return 2
        return 0

    return with_status
