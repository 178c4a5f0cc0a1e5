"""What a run under load gave: times, errors, wrong answers, lost saves, refusals and memory."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SHOWN = 20
"""How many errors, wrong answers and lost saves are told one by one."""


@dataclass
class Tally:
    """Counts of one run.

    Attributes:
        seconds: by operation, how long each answer took.
        errors: answers that did not come, or came as an error that no visitor caused, by kind.
        refusals: answers that say no for a reason a person can read, by that reason.
        wrong: what each wrong answer got wrong.
        lost: what each lost save had been told.
        memory_mb: by moment of the run, the memory of the server process.
        cpu_seconds: of the server process during the visits; None where it is not known.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    memory_mb: dict[str, float] = field(default_factory=dict)
    cpu_seconds: float | None = None

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Count how long the block takes; nothing if it raises."""
        start = time.perf_counter()
        yield
        self.seconds[operation].append(time.perf_counter() - start)

    def require(self, holds: bool, what: str) -> None:
        """Count a wrong answer unless the condition holds."""
        if not holds:
            self.wrong.append(what)

    @property
    def is_clean(self) -> bool:
        """Whether there was an answer at all, and none was wrong, lost or an error."""
        return bool(self.seconds) and not (self.errors or self.wrong or self.lost)

    def to_json(self) -> dict[str, Any]:
        """Return all counts, times as p50 and p95 in seconds."""
        return {
            "seconds": {
                operation: {"count": len(took), "p50": _percentile(took, 50), "p95": _percentile(took, 95)}
                for operation, took in sorted(self.seconds.items())
            },
            "errors": dict(self.errors),
            "refusals": dict(self.refusals),
            "wrong": self.wrong,
            "lost": self.lost,
            "memory_mb": self.memory_mb,
            "cpu_seconds": self.cpu_seconds,
        }

    def __str__(self) -> str:
        lines = [f"{'operation':<28}{'count':>8}{'p50 s':>9}{'p95 s':>9}"]
        for operation, took in sorted(self.seconds.items()):
            p50, p95 = _percentile(took, 50), _percentile(took, 95)
            lines.append(f"{operation:<28}{len(took):>8}{p50:>9.2f}{p95:>9.2f}")
        if self.cpu_seconds is not None:
            evidence = len(self.seconds.get("evidence: maps", ()))
            each = f", {self.cpu_seconds / evidence:.2f} for each complete evidence" if evidence else ""
            lines.append(f"CPU seconds of the server: {self.cpu_seconds:.0f}{each}, all else included")
        if self.memory_mb:
            told = ", ".join(f"{moment} {size:.0f}" for moment, size in self.memory_mb.items())
            lines.append(f"memory of the server in MB: {told}")
        for title, counted in (("refusals", self.refusals), ("errors", self.errors)):
            lines.append(f"{title}: {counted.total()}")
            lines += [f"  {number} x {kind}" for kind, number in counted.most_common(SHOWN)]
        for title, told_each in (("wrong answers", self.wrong), ("lost saves", self.lost)):
            lines.append(f"{title}: {len(told_each)}")
            lines += [f"  {one}" for one in told_each[:SHOWN]]
        return "\n".join(lines)


def _percentile(seconds: list[float], percent: int) -> float:
    return float(np.percentile(seconds, percent))
