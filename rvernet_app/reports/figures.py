"""The look of report figures: the colors of the page, no frames, and thin rows even if there are few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

COLORS = ("#1e6b4a", "#d98e04", "#3f7fb5", "#a8321b", "#7a6aa8", "#5c655f")
INK, MUTED, LINE = "#1f2622", "#5c655f", "#dad6ca"
LEAST_ROWS = 4
"""A panel leaves room for at least this many rows."""


def four_panels() -> tuple[Figure, list[Axes]]:
    """Return a figure and its four empty panels, row by row."""
    figure = Figure(figsize=(11, 8), layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15))
    panels = list(figure.subplots(2, 2).flat)
    for axes in panels:
        axes.set_prop_cycle(color=COLORS)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, colors=MUTED)
        axes.xaxis.label.set_color(MUTED)
        axes.yaxis.label.set_color(MUTED)
        axes.set_axisbelow(True)
    return figure, panels


def entitle(axes: Axes, title: str, grid: Literal["x", "y", "both"]) -> None:
    """Give a panel its title and the grid lines of one axis or both."""
    axes.set_title(title, loc="left", fontweight="bold", color=INK, pad=10)
    axes.grid(axis=grid, color=LINE, linewidth=0.8)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows 0, 1, … from the top down."""
    axes.set_yticks(range(len(names)), names, fontsize=7 if len(names) > 2 * LEAST_ROWS else None)
    axes.set_ylim(max(len(names), LEAST_ROWS) - 0.5, -0.5)
