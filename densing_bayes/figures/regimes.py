"""Figures of growth regimes: the series with its paths, date, rate over time, evidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.figures.house import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE
from densing_bayes.figures.parts import doubling_side, log_axis, number, time_axis
from densing_bayes.intervals import Interval

LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))


def series_paths(ax: Any, *, dates: Any, values: Any, low: Any, high: Any, path_dates: Any,
                 paths: dict[str, np.ndarray], ylabel: str, log: bool,
                 interval: Interval) -> None:
    """Points of a series with the band of each regime's path.

    Parameters
    ----------
    dates, values, low, high
        Points with the interval of their measurement.
    paths
        Name -> low, median and high at ``path_dates``, shape (3, dates).
    """
    for (color, line), (name, band) in zip(LINES, paths.items(), strict=False):
        ax.fill_between(path_dates, band[0], band[2], color=color, alpha=0.16, lw=0)
        ax.plot(path_dates, band[1], color=color, ls=line, label=name)
    ax.vlines(dates, low, high, color=INK, lw=0.8, alpha=0.6, zorder=2.5)
    ax.scatter(dates, values, s=20, color=INK, edgecolor="white", linewidth=0.5, zorder=3)
    if log:
        log_axis(ax, "y")
    time_axis(ax)
    ax.set(ylabel=ylabel, xlabel="date")
    ax.legend(loc="upper left", title=f"median and {interval}", title_fontsize="small")


def break_dates(ax: Any, *, dates: Any, chances: Any, given: Any = ()) -> None:
    """Posterior probability of each candidate date, beside what was even beforehand.

    Parameters
    ----------
    dates, chances
        Candidates, evenly spaced, and their posterior probabilities.
    given
        Dates that were suspected beforehand.
    """
    width = np.diff(dates).mean()
    ax.bar(dates, chances, width=width * 0.92, color=BLUE, alpha=0.75, label="posterior")
    ax.hlines(1 / len(chances), dates[0] - width / 2, dates[-1] + width / 2, color=INK, lw=1.2,
              ls="--", label="prior")
    for day in given:
        ax.axvline(day, color=ORANGE, lw=2, label=f"given date, {day}")
    time_axis(ax)
    ax.set_ylim(0, max(float(np.max(chances)), 1 / len(chances)) * 1.3)
    ax.set(ylabel="probability", xlabel="date at which the rate changed, if it did")
    ax.legend(loc="upper left")


def rate_fan(ax: Any, *, dates: Any, bands: Any, others: dict[str, Any], ylabel: str,
             doubling: bool, interval: Interval) -> None:
    """Rate over time as a fan, with medians of single regimes, and doubling times at the side.

    Parameters
    ----------
    bands
        Stacked rate per year at ``dates``: low, 25%, median, 75% and high, shape (5, dates).
    others
        Name -> median rate of one regime.
    doubling
        Whether the values are logarithms, so that rates are doubling times too.
    """
    ax.fill_between(dates, bands[0], bands[4], color=BLUE, alpha=0.15, lw=0, label=str(interval))
    ax.fill_between(dates, bands[1], bands[3], color=BLUE, alpha=0.3, lw=0, label="50% interval")
    ax.plot(dates, bands[2], color=BLUE, label="median of stacked regimes")
    for (color, line), (name, median) in zip(LINES[1:], others.items(), strict=False):
        ax.plot(dates, median, color=color, ls=line, lw=1.5, label=name)
    low, high = min(float(np.min(bands)), 0.0), max(float(np.max(bands)), 0.0)
    ax.set_ylim(low - 0.05 * (high - low) * (low < 0), high + 0.45 * (high - low))
    if low < 0:
        ax.axhline(0, color=INK, lw=0.8)
    time_axis(ax)
    ax.set(ylabel=ylabel, xlabel="date")
    ax.legend(loc="upper left", ncols=2, fontsize="small")
    if doubling:
        doubling_side(ax)


def savage_dickey_curve(ax: Any, *, width: Any, ratio: Any, at: float, rule: float,
                        xlabel: str) -> None:
    """Evidence for a change over the prior width of the change, with the rule's line.

    Parameters
    ----------
    width, ratio
        Prior sd of the change; Bayes factor of a change over none.
    at
        The width of the spec.
    rule
        Ratio from which a change is claimed.
    """
    ax.axhspan(1 / rule, rule, color=MUTED, alpha=0.12, lw=0)
    ax.axhline(1, color=INK, lw=0.8)
    ax.axhline(rule, color=ORANGE, lw=1.2, ls="--", label=f"the rule: {number(rule)} : 1")
    ax.plot(width, ratio, color=BLUE, label="one change over a constant rate")
    ax.plot(at, np.interp(at, width, ratio), "o", color=BLUE, markersize=8,
            markeredgecolor="white", label="at the prior of the spec")
    log_axis(ax, "x", most=6)
    log_axis(ax, "y", most=7)
    ax.set_ylim(min(float(np.min(ratio)) / 1.5, 0.5 / rule),
                max(float(np.max(ratio)) * 1.5, 2.0 * rule))
    ax.set(xlabel=xlabel, ylabel="evidence for a change : for none")
    ax.legend(loc="best")
