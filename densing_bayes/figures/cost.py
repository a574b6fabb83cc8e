"""Figures of costs and compression: several medians with intervals per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from densing_bayes.figures.house import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE
from densing_bayes.figures.parts import log_axis, shorten
from densing_bayes.intervals import Interval

COLORS = (BLUE, ORANGE, GREEN, PURPLE, MUTED)
MARKERS = ("o", "s", "D", "^", "v")


def dodged_rows(ax: Any, names: Sequence[str],
                series: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], xlabel: str,
                interval: Interval, *, reference: float | None = None, log: bool = True,
                limit: int = 26) -> None:
    """Rows of names, each with one median and interval per series, one above the other.

    Parameters
    ----------
    series
        Label to (median, low, high), one value per name; an empty label makes no legend.
    reference
        Where a thin vertical line stands, such as equal density.
    """
    place = np.arange(len(names), dtype=float)
    step = 0.66 / max(len(series), 1)
    for k, (label, (median, low, high)) in enumerate(series.items()):
        y = place + (k - (len(series) - 1) / 2) * step
        color, marker = COLORS[k % len(COLORS)], MARKERS[k % len(MARKERS)]
        ax.hlines(y, low, high, color=color, lw=1.6, alpha=0.75)
        ax.plot(median, y, marker, color=color, ms=4.5, label=label or None)
    if log:
        log_axis(ax, "x")
    if reference is not None:
        ax.axvline(reference, color=INK, lw=0.8, zorder=1)
    ax.set_yticks(place, [shorten(name, limit) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(f"{xlabel}\nmedian and {interval}")
    if any(series):
        ax.get_figure().legend(loc="outside upper center", ncols=2)


def bits_against_ratio(ax: Any, rows: Sequence[Mapping[str, Any]], interval: Interval) -> None:
    """Density ratio of child over parent against bits per weight, in plain size and by cost.

    Parameters
    ----------
    rows
        Per method: ``method``, ``bits``, and ``pooled`` and ``cost`` with median, low, high.
    """
    bits = sorted({row["bits"] for row in rows})
    place = {b: float(i) for i, b in enumerate(bits)}
    groups = {b: [row for row in rows if row["bits"] == b] for b in bits}
    for b, members in groups.items():
        step = min(0.8 / (2 * len(members)), 0.11)
        for k, row in enumerate(members):
            for offset, key, color, marker in ((0, "pooled", BLUE, "o"), (1, "cost", ORANGE, "s")):
                x = place[b] + (2 * k + offset - len(members) + 0.5) * step
                value = row[key]
                ax.vlines(x, value["low"], value["high"], color=color, lw=1.8, alpha=0.75)
                ax.plot(x, value["median"], marker, color=color, ms=5)
            ax.annotate(row["method"].split()[0], (
                place[b] + (2 * k - len(members) + 1) * step, row["cost"]["high"]),
                xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9)
    ax.plot([], [], "o", color=BLUE, label="plain size")
    ax.plot([], [], "s", color=ORANGE, label="by cost")
    log_axis(ax, "y")
    ax.axhline(1.0, color=INK, lw=0.8, zorder=1)
    ax.set_xticks(list(place.values()), [f"{b:g}" for b in bits])
    ax.set_xlim(-0.6, len(bits) - 0.4)
    ax.margins(y=0.12)
    ax.grid(axis="x", visible=False)
    ax.set(xlabel=f"bits per weight of the child\nmedian and {interval}",
           ylabel="density, child over parent")
    ax.get_figure().legend(loc="outside upper center", ncols=2)
