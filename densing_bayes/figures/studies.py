"""Figures of a sensitivity study: curve of variants, tornado, subsets, shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from densing_bayes.figures.house import BLUE, INK, ORANGE, PALE
from densing_bayes.figures.parts import MONTHS_PER_YEAR, doubling_axis, shorten
from densing_bayes.intervals import Interval
from densing_bayes.trends import doubling_time

XLABEL = "growth rate of log density (1/year)"


def specification_curve(fig: Any, *, median: Any, low: Any, high: Any, trusted: Any,
                        marks: Any, rows: Sequence[str], main: int, interval: Interval) -> None:
    """All variants sorted by their rate, and beneath each what it is.

    Parameters
    ----------
    median, low, high, trusted
        Per variant: rate (1/year), and whether its short run passed.
    marks
        Shape (rows, variants): whether a variant differs in that row's choice.
    rows
        Names of the choices.
    main
        Index of the main fit.
    """
    median, low, high = (np.asarray(values, float) for values in (median, low, high))
    trusted, marks = np.asarray(trusted, bool), np.asarray(marks, bool)
    order = np.argsort(median, kind="stable")
    place = np.arange(len(order))
    top, below = fig.subplots(2, 1, sharex=True, height_ratios=[3, 0.42 * len(rows) + 0.2])
    median, low, high, trusted, marks = (
        median[order], low[order], high[order], trusted[order], marks[:, order])
    at = int(np.flatnonzero(order == main)[0])
    top.axhspan(low[at], high[at], color=ORANGE, alpha=0.12, lw=0)
    top.vlines(place, low, high, color=PALE, lw=min(3.0, 260 / len(place)))
    top.plot(place[trusted], median[trusted], "o", color=BLUE, ms=3.5, label="variant")
    if not trusted.all():
        top.plot(place[~trusted], median[~trusted], "o", mfc="white", mec=BLUE, ms=4,
                 label="its short run is in doubt")
    top.plot(at, median[at], "D", color=ORANGE, ms=6, label="main fit (band: its interval)")
    _rate_on_y(top, low, high)
    row, column = np.nonzero(marks)
    below.plot(column, row, "|", color=BLUE, ms=7, mew=1.6)
    below.axvline(at, color=ORANGE, lw=1)
    below.set_yticks(range(len(rows)), rows)
    below.set_ylim(len(rows) - 0.4, -0.6)
    below.tick_params(axis="y", length=0)
    below.tick_params(axis="x", labelbottom=False, bottom=False)
    below.grid(axis="x", visible=False)
    below.set_xlim(-1, len(place))
    below.set_xlabel(f"{len(place)} variants, slowest growth to fastest")


def _rate_on_y(ax: Any, low: np.ndarray, high: np.ndarray) -> None:
    """Rates on the left axis, doubling times in months on the right one; legend above."""
    ax.set_ylabel("growth rate (1/year)")
    ax.tick_params(axis="x", bottom=False)
    ax.grid(axis="x", visible=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, fontsize=9,
              columnspacing=1.2, handletextpad=0.3)
    if low.min() < 0 < high.max():
        ax.axhline(0, color=INK, lw=0.8)
    bottom, top = ax.get_ylim()
    chosen: list[float] = []
    for months in (12, 6, 4, 3, 8, 24, 5, 2, 10, 3.5, 4.5, 7, 1, 18, 1.5, 2.5, 5.5):
        rate = float(doubling_time(months / MONTHS_PER_YEAR))
        if bottom <= rate <= top and all(
                abs(rate - float(doubling_time(other / MONTHS_PER_YEAR))) > 0.1 * (top - bottom)
                for other in chosen):
            chosen.append(months)
    right = ax.secondary_yaxis("right")
    right.set_yticks([float(doubling_time(months / MONTHS_PER_YEAR)) for months in chosen],
                     [f"{months:g}" for months in chosen])
    right.set_ylabel("doubling time (months)")


def tornado(ax: Any, *, name: Sequence[str], low: Any, high: Any, low_name: Sequence[str],
            high_name: Sequence[str], main: float) -> None:
    """How far each choice alone moves the median rate; the widest on top.

    Parameters
    ----------
    low, high
        Lowest and highest median over the variants of the choice, the main fit included.
    low_name, high_name
        The variants that give them.
    main
        Median of the main fit.
    """
    low, high = np.asarray(low, float), np.asarray(high, float)
    order = np.argsort(low - high, kind="stable")
    rows = np.arange(len(order))
    ax.barh(rows, main - low[order], left=low[order], color=BLUE, height=0.55)
    ax.barh(rows, high[order] - main, left=main, color=ORANGE, height=0.55)
    ax.axvline(main, color=INK, lw=0.8)
    span = max(high.max() - low.min(), 1e-9)
    ax.set_xlim(low.min() - 0.5 * span, high.max() + 0.5 * span)
    for row, i in zip(rows, order, strict=True):
        if low[i] < main:
            ax.text(low[i] - 0.01 * span, row, shorten(low_name[i], 20), ha="right", va="center",
                    fontsize=8)
        if high[i] > main:
            ax.text(high[i] + 0.01 * span, row, shorten(high_name[i], 20), ha="left",
                    va="center", fontsize=8)
    ax.set_yticks(rows, [shorten(name[i], 26) for i in order])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(f"median {XLABEL}")
    doubling_axis(ax)


def subset_matrix(fig: Any, *, member: Any, benchmark: Sequence[str], median: Any, low: Any,
                  high: Any, held: Any, interval: Interval) -> None:
    """Rate by subset of the benchmarks, the subset as dots beneath, slowest first.

    Parameters
    ----------
    member
        Shape (subsets, benchmarks): which benchmarks a subset has.
    held
        Per subset: whether it has no anchored benchmark, and is read off the fit of all.
    """
    member, held = np.asarray(member, bool), np.asarray(held, bool)
    median, low, high = (np.asarray(values, float) for values in (median, low, high))
    order = np.argsort(median, kind="stable")
    place = np.arange(len(order))
    top, below = fig.subplots(2, 1, sharex=True, height_ratios=[3, 0.42 * len(benchmark) + 0.2])
    for mask, color, label in ((~held[order], BLUE, "with an anchored benchmark"),
                               (held[order], ORANGE, f"without: own trends; {interval}")):
        if mask.any():
            at = order[mask]
            top.vlines(place[mask], low[at], high[at], color=color, lw=2.2, alpha=0.45)
            top.plot(place[mask], median[at], "o", color=color, ms=5, label=label)
    _rate_on_y(top, low, high)
    grid = np.argwhere(np.ones((len(order), len(benchmark)), bool))
    below.plot(*grid.T, "o", color=PALE, ms=4)
    for column, i in enumerate(order):
        rows = np.flatnonzero(member[i])
        below.plot(np.full(len(rows), column), rows, "-o", color=INK, ms=5, lw=1)
    below.set_yticks(range(len(benchmark)), [shorten(name, 18) for name in benchmark])
    below.set_ylim(len(benchmark) - 0.4, -0.6)
    below.tick_params(axis="y", length=0)
    below.tick_params(axis="x", labelbottom=False, bottom=False)
    below.grid(visible=False)
    below.set_xlim(-0.8, len(place) - 0.2)
    below.set_xlabel("subsets of the benchmarks, slowest growth to fastest")


def bars(ax: Any, *, name: Sequence[str], value: Any, error: Any = None, xlabel: str,
         reference: float | None = None, strong: Any = None) -> None:
    """Horizontal bars, first on top, with whiskers of one Monte Carlo standard error.

    ``strong`` marks the bars that stand for another kind.
    """
    rows = np.arange(len(name))
    strong = np.zeros(len(rows), bool) if strong is None else np.asarray(strong, bool)
    ax.barh(rows, value, color=np.where(strong, ORANGE, BLUE), height=0.6,
            xerr=error, error_kw={"ecolor": INK, "elinewidth": 1.2, "capsize": 2})
    if reference is not None:
        ax.axvline(reference, color=INK, lw=0.8, ls="--")
    ax.set_yticks(rows, [shorten(label, 34) for label in name])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.set_xlim(left=0)
    ax.set_xlabel(xlabel)
