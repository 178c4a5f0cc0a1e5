"""Run one input and say how it ended."""

from __future__ import annotations

import time
import traceback
from contextlib import suppress
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
    """Have the system count the most memory of this process anew, where a system does so."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def place_of(error: BaseException) -> str:
    """Return what tells a fault from others: its class, and where in this project and at all it came from."""
    if isinstance(error, UnnamedError):
        return error.place
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _is_ours(frame.filename)]
    named = [f"{_short(frame.filename)}:{frame.name}" for frame in (*ours[-1:], *frames[-1:])]
    return " in ".join((type(error).__name__, *dict.fromkeys(named)))


def _short(filename: str) -> str:
    """Return a path from the project or from where packages lie."""
    path = Path(filename)
    return str(path.relative_to(ROOT)) if _is_ours(filename) else "/".join(path.parts[-2:])


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
    """Return a field of /proc/self/status in bytes; 0 on a system without it."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("ascii").splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0
