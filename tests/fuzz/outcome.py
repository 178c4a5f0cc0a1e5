"""Run one input and say how it ended."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from rvernet_app.errors import RvernetError
from tests.fuzz.target import Target, UnnamedError

RESULT, NAMED, UNNAMED = "result", "named", "unnamed"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    """How one input ended.

    Attributes:
        kind: RESULT, NAMED or UNNAMED.
        what: a word for the result, the class of the named error, or what tells this fault from others.
        megabytes: the most memory that it needed beyond what the process had.
        seconds: how long the input took.
        detail: the traceback of an unnamed error.
    """

    kind: str
    what: str
    megabytes: float = 0.0
    seconds: float = 0.0
    detail: str = ""


def run(target: Target, data: bytes) -> Outcome:
    """Run one input on an opened target."""
    forget_peak()
    before = _status("VmRSS")
    start = time.monotonic()
    kind, what, detail = RESULT, "", ""
    try:
        what = target.run(data)
    except RvernetError as error:
        kind, what = NAMED, type(error).__name__
        if cause := _memory_error(error):
            kind, what, detail = UNNAMED, f"MemoryError as {what}", _traceback(cause)
    except Exception as error:
        kind, what, detail = UNNAMED, place_of(error), _traceback(error)
    seconds = time.monotonic() - start
    needed = max(0.0, _status("VmHWM") - before) / 1e6
    if kind != UNNAMED and needed > target.megabytes:
        kind, what, detail = UNNAMED, f"memory after {what or 'a result'}", f"{needed:.0f} MB"
    return Outcome(kind, what, needed, seconds, detail)


def forget_peak() -> None:
    """Have the system count the most memory of this process anew."""
    Path("/proc/self/clear_refs").write_text("5")


def place_of(error: BaseException) -> str:
    """Return what tells a fault from others: its class and the line of this project that it came from."""
    if isinstance(error, UnnamedError):
        return error.place
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame.filename)]
    if not ours:
        return type(error).__name__
    last = ours[-1]
    return f"{type(error).__name__} in {Path(last.filename).relative_to(ROOT)}:{last.name}"


def _is_ours(filename: str) -> bool:
    return filename.startswith((str(ROOT / "rvernet_app"), str(ROOT / "tests" / "fuzz" / "targets")))


def _memory_error(error: BaseException | None) -> BaseException | None:
    """Return the MemoryError that an error hides, if it hides one."""
    while error is not None:
        if isinstance(error, MemoryError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-6000:]


def _status(field: str) -> int:
    """Return a field of /proc/self/status in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123  # Path.open is half as fast
        for line in file:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0
