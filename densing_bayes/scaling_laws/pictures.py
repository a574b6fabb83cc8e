"""Figures of the scaling laws: IsoFLOP curves, compute-optimal allocation, predicted and actual."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from densing_bayes.figures.house import BLUE, GREEN, INK, MUTED, ORANGE, PALE, PURPLE
from densing_bayes.figures.parts import log_axis, number, shorten
from densing_bayes.intervals import Interval
from densing_bayes.scaling_laws.classic import FLOP_PER_PARAM_TOKEN
from densing_bayes.scaling_laws.fit import LawFit
from densing_bayes.scaling_laws.optima import Optima, curve_minima, parabola_minima
from densing_bayes.scaling_laws.predict import Trial
from densing_bayes.scaling_laws.questions import allocation, loss_at

NEAR = 0.35  # of ln C: runs this near to a budget are drawn with its curve
CURVES = 5
POINTS = 60


def isoflop(fig: Figure, fit: LawFit, extra: float, interval: Interval, unit: str) -> None:
    """Loss over size at fixed compute: runs, the law's band, and the optimum.

    Parameters
    ----------
    extra
        A budget beyond the ladder, FLOP.
    """
    ax = fig.subplots()
    ladder, law = fit.ladder, fit.law()
    log_flop = np.log(FLOP_PER_PARAM_TOKEN) + ladder.size + ladder.token + sum(ladder.centre)
    ends = np.quantile(log_flop, [0.05, 0.97])
    budgets = [*np.exp(np.linspace(*ends, CURVES)), extra]
    colours = matplotlib.colormaps["viridis"](np.linspace(0.05, 0.85, len(budgets)))
    spread = np.log(30.0)
    for budget, colour in zip(budgets, colours, strict=True):
        best = allocation(law, budget, ladder)
        middle = np.log(np.median(best["params"]))
        params = np.exp(np.linspace(middle - spread / 2, middle + spread / 2, POINTS))
        loss = loss_at(law, params, budget / (FLOP_PER_PARAM_TOKEN * params), ladder)
        low, high = interval.of(loss, axis=0)
        ax.fill_between(params, low, high, color=colour, alpha=0.25, lw=0)
        ax.plot(params, np.median(loss, axis=0), color=colour, lw=1.4,
                label=number(float(f"{budget:.2g}")))
        ax.plot(np.exp(middle), np.median(best["loss"]), "D", color=colour, markersize=6,
                markeredgecolor="white", zorder=4)
        of = abs(log_flop - np.log(budget)) < NEAR
        off = np.exp(loss_shift(fit, of, np.log(budget) - log_flop))
        ax.plot(ladder.frame["params"].to_numpy()[of],
                ladder.frame["loss"].to_numpy()[of] * off, "o", color=colour, markersize=3.5,
                alpha=0.7, markeredgewidth=0)
    log_axis(ax, "x", most=7)
    ax.set(xlabel="parameters", ylabel=f"loss ({unit or 'unit of the table'})")
    ax.legend(title="compute (FLOP)", title_fontsize=9, fontsize=9, loc="upper right")


def loss_shift(fit: LawFit, of: np.ndarray, log_factor: np.ndarray) -> np.ndarray:
    """Change of ln loss when runs move to a budget by their tokens, under the median law."""
    law = {name: np.median(draws) for name, draws in fit.law().items()}
    frame = fit.ladder.frame[of]
    params, tokens = frame["params"].to_numpy(), frame["tokens"].to_numpy()
    moved = loss_at(law, params, tokens * np.exp(log_factor[of]), fit.ladder)
    return np.log(moved / loss_at(law, params, tokens, fit.ladder))


def allocation_band(fig: Figure, fit: LawFit, budget: float, interval: Interval) -> None:
    """Compute-optimal size over compute: band, what the other approaches read off, one budget."""
    ax = fig.subplots()
    ladder, law = fit.ladder, fit.law()
    log_flop = np.log(FLOP_PER_PARAM_TOKEN) + ladder.size + ladder.token + sum(ladder.centre)
    flop = np.exp(np.linspace(log_flop.min(), max(np.log(budget) + 1, log_flop.max()), POINTS))
    params = allocation(law, flop, ladder)["params"]
    low, high = interval.of(params, axis=0)
    ax.plot(np.exp(log_flop), ladder.frame["params"], "o", color=PALE, markersize=3,
            markeredgewidth=0, label="runs", zorder=1)
    ax.fill_between(flop, low, high, color=BLUE, alpha=0.25, lw=0, label=str(interval))
    ax.plot(flop, np.median(params, axis=0), color=BLUE, label="parametric law")
    twenty = np.sqrt(flop / (FLOP_PER_PARAM_TOKEN * 20))
    ax.plot(flop, twenty, color=MUTED, lw=1.1, ls="--", label="20 tokens per parameter")
    for optima, label, marker, colour in (
            (curve_minima(ladder), "minimum over curves", "^", ORANGE),
            (parabola_minima(ladder), "IsoFLOP parabolas", "s", GREEN)):
        _points(ax, optima, label, marker, colour)
    at = allocation(law, budget, ladder)["params"]
    ax.errorbar([budget], [np.median(at)], yerr=np.abs(interval.of(at)[:, None] - np.median(at)),
                fmt="D", color=INK, capsize=3, label=f"{number(budget)} FLOP", zorder=5)
    for which in "xy":
        log_axis(ax, which, most=7)
    ax.set(xlabel="training compute (FLOP)", ylabel="compute-optimal parameters")
    ax.legend(fontsize=9, loc="upper left")


def _points(ax: Any, optima: Optima, label: str, marker: str, colour: str) -> None:
    if len(optima.log_flop):
        ax.plot(np.exp(optima.log_flop), np.exp(optima.log_params), marker, color=colour,
                markersize=5, markeredgecolor="white", markeredgewidth=0.5, label=label)


def predicted_actual(fig: Figure, trials: list[Trial], interval: Interval,
                     most: int = 3) -> None:
    """Observed over predicted loss of the largest hidden runs of each trial, with intervals.

    Parameters
    ----------
    most
        Runs drawn per trial: those of most compute.
    """
    ax = fig.subplots()
    rows, labels = [], []
    for trial in trials:
        table = trial.table
        order = np.argsort((np.log(table["params"]) + np.log(table["tokens"])).to_numpy())
        for place in sorted(order[-most:]):
            row = table.iloc[place]
            rows.append((row["low"] / row["median"] - 1, row["high"] / row["median"] - 1,
                         row["error"], bool(row["covered"])))
            labels.append(f"{shorten(trial.name, 22)}: {number(float(f'{row.params:.3g}'))}")
    y = np.arange(len(rows))
    low, high, error, covered = (np.array(column) for column in zip(*rows, strict=True))
    ax.hlines(y, low, high, color=BLUE, lw=2.2, alpha=0.45, label=f"predicted, {interval}")
    for inside, colour, label in ((True, GREEN, "observed, inside"),
                                  (False, PURPLE, "observed, outside")):
        of = covered == inside
        if of.any():
            ax.plot(error[of], y[of], "o" if inside else "X", color=colour, markersize=6,
                    markeredgecolor="white", markeredgewidth=0.5, label=label)
    ax.axvline(0, color=INK, lw=0.8, zorder=1)
    ax.set_yticks(y, labels, fontsize=9)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_xlabel("loss relative to the median prediction")
    ax.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3,
              columnspacing=1.0, handletextpad=0.3)
