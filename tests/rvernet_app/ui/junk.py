"""What JSON can hold, and nobody should have sent."""

from __future__ import annotations

import math
from typing import Any

JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 2.5, -1e308, 10**400, -(10**400), math.nan, math.inf, -math.inf),
    *("", "x", "7", "\0", "\ud800", "é" * 9, [], [[]], [None], [[1, 2]], [["a", "b"]], [[1, 2, 3]]),
    *({}, {"kind": "paint"}, {"id": 1}, [{}], [[1, [2]]], [[10**400, 1]], [[math.nan, 1]]),
)
