"""Figures of growth: densities over time, the rate and what was published, forests, checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.dates import date2num
from scipy.stats import gaussian_kde

from densing_bayes.figures.house import BLUE, INK, MUTED, ORANGE, PALE
from densing_bayes.figures.parts import (
    doubling_axis,
    doubling_side,
    lines,
    log_axis,
    place_labels,
    shorten,
    time_axis,
)
from densing_bayes.intervals import Interval


def density_timeline(ax: Any, *, date: Any, median: Any, low: Any, high: Any, sparse: Any,
                     name: Sequence[str], record: Any, band_date: Any, band: Any,
                     best_date: Any, best: Any, interval: Interval, mark: Any = None) -> None:
    """Density of every model over release date, with the frontier's bands and the best available.

    Parameters
    ----------
    date, median, low, high
        Per model: datetime64, and density with its interval.
    sparse
        Per model: whether it is a mixture of experts, drawn hollow.
    name, record
        Per model: its name, and whether to label it (labels never overlap; the densest models
        come first, and one that finds no place goes without).
    band_date, band
        Dates (datetime64) and the frontier's low, lower quartile, median, upper quartile and
        high there, shape (5, dates).
    best_date, best
        Dates at which the best available rises, and its density from there on.
    mark
        A day and its label, drawn as a dotted line.
    """
    date = np.asarray(date, dtype="datetime64[D]")
    median, low, high, sparse, record = (
        np.asarray(values) for values in (median, low, high, sparse, record))
    ax.fill_between(band_date, band[0], band[4], color=ORANGE, alpha=0.15, lw=0, zorder=2)
    ax.fill_between(band_date, band[1], band[3], color=ORANGE, alpha=0.25, lw=0, zorder=2)
    ax.plot(band_date, band[2], color=ORANGE, zorder=2.1, label=f"frontier, 50% and {interval}")
    # a few models far below would squeeze all others: they stand at the edge
    floor = min(np.quantile(median, 0.02), band[0].min()) / 2
    median, low = np.maximum(median, floor), np.maximum(low, floor)
    ax.vlines(date, low, np.maximum(high, floor), color=PALE, lw=0.7, zorder=1,
              label=f"model, {interval}")
    ax.step(best_date, best, where="post", color=INK, lw=1.2, zorder=2.2, label="best available")
    for hollow in (False, True):
        chosen = sparse == hollow
        ax.scatter(date[chosen], median[chosen], s=22, edgecolor=BLUE, linewidth=1, zorder=3,
                   facecolor="white" if hollow else BLUE, alpha=0.8,
                   label="mixture of experts" if hollow else "dense")
    log_axis(ax, "y")
    time_axis(ax)
    if mark is not None:
        ax.axvline(mark[0], color=MUTED, lw=0.9, ls=":")
        ax.annotate(mark[1], (mark[0], 0.01), xycoords=("data", "axes fraction"), fontsize=9,
                    xytext=(3, 0), textcoords="offset points", color=MUTED, va="bottom")
    ax.set(ylabel="density (1 = reference family)", xlabel="release date")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.01, 1.0), fontsize=9)
    shown = np.flatnonzero(record)[np.argsort(-median[record])]
    place_labels(ax, date2num(date[shown]), median[shown],
                 [shorten(name[i], 20) for i in shown],
                 avoid=np.column_stack([date2num(date), median]))


def rate_posterior(fig: Any, *, draws: Any, published: Sequence[tuple[str, float, float, float]],
                   interval: Interval) -> None:
    """Posterior density of the yearly rate above the published rates, one to a row.

    Parameters
    ----------
    draws
        Rate of log density, 1/year.
    published
        (name, rate, low, high) in 1/year; low and high NaN where none was published.
    """
    draws = np.asarray(draws, dtype=float).ravel()
    heights = [3, 0.3 * len(published)] if published else [1]
    ax, *below = fig.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[
        :, 0]
    low, high = interval.of(draws)
    grid = np.linspace(*np.quantile(draws, [0.0005, 0.9995]), 300)
    height = gaussian_kde(draws)(grid)
    ax.plot(grid, height, color=BLUE)
    inside = (grid >= low) & (grid <= high)
    ax.fill_between(grid[inside], height[inside], color=BLUE, alpha=0.25, lw=0, label=str(interval))
    middle = np.median(draws)
    ax.vlines(middle, 0, np.interp(middle, grid, height), color=BLUE, label="median")
    ax.set_ylim(0, height.max() * 1.12)
    ax.set(ylabel="posterior density (years)")
    values = [value for row in published for value in row[1:] if np.isfinite(value)]
    span = np.array([*values, grid[0], grid[-1]])
    pad = 0.05 * np.ptp(span)
    ax.set_xlim(span.min() - pad, span.max() + pad)
    if grid[0] < 0 < grid[-1]:
        ax.axvline(0, color=INK, lw=0.8)
    ax.legend(loc="best")
    for lower in below:
        ax.tick_params(labelbottom=False)
        lower.axvspan(low, high, color=BLUE, alpha=0.12, lw=0)
        _rows(lower, [row[0] for row in published],
              *np.array([row[1:] for row in published], dtype=float).T, color=ORANGE)
    fig.axes[len(below)].set_xlabel("growth rate of log density (1/year)")
    doubling_axis(ax)


def rate_band(ax: Any, *, date: Any, band: Any, average: float, interval: Interval) -> None:
    """Growth rate over time as a band, beside its average; doubling times on the right.

    Parameters
    ----------
    date
        Dates (datetime64).
    band
        Low, quartiles, median between them and high rate there, 1/year, shape (5, dates).
    """
    ax.fill_between(date, band[0], band[4], color=BLUE, alpha=0.15, lw=0, label=str(interval))
    ax.fill_between(date, band[1], band[3], color=BLUE, alpha=0.25, lw=0, label="50%")
    ax.plot(date, band[2], color=BLUE, label="median")
    ax.axhline(average, color=ORANGE, ls="--", label="average, median")
    if band[0].min() < 0:
        ax.axhline(0, color=INK, lw=0.8)
    low, high = min(band[0].min(), 0.0), band[4].max()
    ax.set_ylim(low, high + 0.25 * (high - low))
    time_axis(ax)
    ax.set(ylabel="growth rate (1/year)", xlabel="date")
    ax.legend(loc="upper right", ncols=2, fontsize=9)
    doubling_side(ax)


def forest(ax: Any, *, name: Sequence[str], median: Any, low: Any, high: Any, xlabel: str,
           interval: Interval, reference: float | None = None) -> None:
    """A median and interval per row, first row on top; NaN bounds leave the bar out.

    ``reference`` draws a thin vertical line, such as no effect.
    """
    _rows(ax, name, np.asarray(median, float), np.asarray(low, float), np.asarray(high, float),
          color=BLUE)
    if reference is not None:
        ax.axvline(reference, color=INK, lw=0.8, zorder=1)
    ax.set_xlabel(f"{xlabel}\nmedian and {interval}")


def rate_forest(ax: Any, *, name: Sequence[str], median: Any, low: Any, high: Any,
                interval: Interval) -> None:
    """Growth rates (1/year) by benchmark, method or subset, doubling times on the upper axis."""
    forest(ax, name=name, median=median, low=low, high=high, interval=interval,
           xlabel="growth rate of log density (1/year)")
    left, right = ax.get_xlim()
    ax.set_xlim(left, right)
    if left < 0 < right:
        ax.axvline(0, color=INK, lw=0.8, zorder=1)
    doubling_axis(ax)


def predictive_check(ax: Any, *, replicated: Any, observed: float, xlabel: str) -> None:
    """Histogram of a statistic over replicated data, and its observed value as a line."""
    replicated = np.asarray(replicated, dtype=float).ravel()
    whole = np.all(replicated == np.round(replicated)) and np.ptp(replicated) <= 60
    bins = np.arange(replicated.min(), replicated.max() + 2) - 0.5 if whole else 30
    ax.hist(replicated, bins=bins, weights=np.full(replicated.size, 1 / replicated.size),
            color="#9dbcd4", edgecolor="white", linewidth=0.5, label="replicated")
    ax.axvline(observed, color=ORANGE, lw=2, label="observed")
    ax.set(xlabel=xlabel, ylabel="share of replications")
    ax.margins(x=0.05)
    ax.legend(loc="best")


def _rows(ax: Any, name: Sequence[str], median: Any, low: Any, high: Any, color: str) -> None:
    """Points with bars, one name to a row, the first on top."""
    rows = np.arange(len(name))
    ax.hlines(rows, low, high, color=color, lw=2.2, alpha=0.55)
    ax.plot(median, rows, "o", color=color, markeredgecolor="white", markeredgewidth=0.6,
            markersize=7)
    ax.set_yticks(rows, [lines(label) for label in name])
    ax.set_ylim(len(name) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
