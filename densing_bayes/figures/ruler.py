"""Figures of the ruler: the ladder's losses, and the way from loss to score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np

from densing_bayes.figures.house import BLUE, INK, MUTED, ORANGE
from densing_bayes.figures.parts import log_axis
from densing_bayes.intervals import Interval


def ladder(ax: Any, *, params: Any, loss: Any, group: Sequence[str], grid: Any,
           bands: dict[str, Any], loss_unit: str, interval: Interval) -> None:
    """Losses of the reference runs over size, with the fitted law per group of runs.

    Parameters
    ----------
    params, loss, group
        Per run: parameters, loss, and its group (such as "20 tokens per parameter").
    grid
        Sizes at which the law is drawn; it may reach beyond the ladder, which is shaded.
    bands
        Group -> the law's low, median and high on the grid, shape (3, grid), in the order in
        which groups are coloured and named.
    """
    params, loss, group = np.asarray(params), np.asarray(loss), np.asarray(group)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.05, 0.8, len(bands)))
    markers = "osD^vPX*"
    for i, (label, band) in enumerate(bands.items()):
        ax.fill_between(grid, band[0], band[2], color=colours[i], alpha=0.18, lw=0)
        ax.plot(grid, band[1], color=colours[i], lw=1.4)
        mine = group == label
        ax.plot(params[mine], loss[mine], markers[i % len(markers)], color=colours[i],
                markeredgecolor="white", markeredgewidth=0.5, label=label)
    end = params.max()
    if np.max(grid) > 1.5 * end:
        ax.axvspan(end, np.max(grid), color=INK, alpha=0.05, lw=0, zorder=0)
        ax.annotate("beyond the ladder", (end, 1), xycoords=("data", "axes fraction"),
                    xytext=(5, -4), textcoords="offset points", va="top", color=MUTED, fontsize=9)
    ax.set_xlim(np.min(grid), np.max(grid))
    log_axis(ax, "x", most=7)
    log_axis(ax, "y")
    ax.set(xlabel="parameters", ylabel=f"loss ({loss_unit})")
    ax.legend(loc="lower left", title=f"law: median and {interval}", title_fontsize=9,
              alignment="left", handletextpad=0.2)


def score_curve(ax: Any, *, loss: Any, score: Any, held_out: Any, grid: Any, band: Any,
                chance: float, ceiling: float, loss_unit: str, interval: Interval) -> None:
    """Scores over losses of the same models, with the fitted curve; better is to the left.

    Parameters
    ----------
    loss, score, held_out
        Per model; ``held_out`` marks those that the fit did not see.
    grid, band
        Losses, and the curve's low, median and high there, shape (3, grid).
    chance, ceiling
        The curve's floor (known) and median ceiling, as fractions.
    """
    loss, score, held_out = np.asarray(loss), np.asarray(score), np.asarray(held_out, dtype=bool)
    ax.fill_between(grid, band[0], band[2], color=BLUE, alpha=0.2, lw=0)
    ax.plot(grid, band[1], color=BLUE, label=f"fit: median and {interval}")
    ax.plot(loss[~held_out], score[~held_out], "o", color=BLUE, alpha=0.75, markeredgecolor="white",
            markeredgewidth=0.5, label="models fitted")
    if held_out.any():
        ax.plot(loss[held_out], score[held_out], "D", color=ORANGE, markeredgecolor="white",
                markeredgewidth=0.5, label="models held out")
    for value, label, side in ((chance, "chance", "bottom"), (ceiling, "ceiling (median)", "top")):
        ax.axhline(value, color=MUTED, lw=0.9, ls=(0, (4, 3)))
        ax.annotate(label, (0.01, value), xycoords=("axes fraction", "data"),
                    xytext=(0, 2 if side == "bottom" else -2), textcoords="offset points",
                    va=side, color=MUTED, fontsize=9)
    ax.set_xlim(np.min(grid), np.max(grid))
    ax.set(xlabel=f"loss ({loss_unit})", ylabel="score (fraction correct)")
    ax.legend(loc="best")
