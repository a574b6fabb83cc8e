"""How fast the frontier grows: over which window, by which method, and whether that changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.errors import InputError, Problem
from densing_bayes.intervals import Interval, growth_summary, summary
from densing_bayes.joint.quantities import growth_between
from densing_bayes.questions.windows import NAMES, Window, window_of


@dataclass(frozen=True, eq=False)
class Growth:
    """Growth of the frontier, averaged over calendar time.

    Parameters
    ----------
    rate
        Draws, 1/year, of (f(end) - f(start)) / (end - start).
    window
        From when to when.
    models, axis
        Number of models of the fit, and the size that counts.
    spec, seed, diagnostics
        The fit it belongs to.
    """

    rate: np.ndarray
    interval: Interval
    window: Window
    models: int
    axis: str
    spec: str
    seed: int
    diagnostics: dict[str, Any]

    def summary(self) -> dict[str, Any]:
        """Rate per day and per year, and the doubling time as a set."""
        return growth_summary(self.rate, self.interval)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the draws, as plain values."""
        return {
            "spec": self.spec, "seed": self.seed,
            "interval": {"prob": self.interval.prob, "kind": self.interval.kind},
            "growth": self.summary(), "window": self.window.to_dict(), "models": self.models,
            "size": self.axis, "diagnostics": self.diagnostics,
        }


def growth(context: Context, window: str | tuple[Any, Any] | None = None) -> Growth:
    """Growth of the frontier of a fit.

    Parameters
    ----------
    window
        As in `densing_bayes.questions.windows.window_of`; None: since LLaMA-1, or since the
        first model where that is later.

    Raises
    ------
    InputError
        A window that is none, or that lies outside the data.
    """
    derived = context.derived
    first, last = ends(derived)
    asked = window_of(window or "since-llama-1", last)
    if window in (None, "since-llama-1", "paper-window") and asked.start < first:
        asked = replace(asked, start=first)
    if asked.start >= asked.end or asked.start < first or asked.end > last:
        raise InputError(Problem(
            "the window reaches beyond the models of the fit", given=asked.name,
            allowed=f"within {first}:{last}"))
    rate = growth_between(derived, *asked.years).values.ravel()
    return Growth(rate, context.interval, asked, derived.sizes["model"],
                  context.spec.options["size"], context.spec.name,
                  context.spec.sampling.seed, context.diagnostics)


def ends(derived: xr.Dataset) -> tuple[dt.date, dt.date]:
    """Release days of the first and of the last eligible model."""
    days = derived["date"].values[derived["eligible"].values].astype("datetime64[D]")
    return days.min().item(), days.max().item()


def windows(context: Context) -> list[Growth]:
    """Growth over the named windows, and those of the report's spec, that the data reach."""
    found = []
    for name in dict.fromkeys((*NAMES, *context.windows)):
        try:
            found.append(growth(context, name))
        except InputError:
            continue
    return found


def methods(context: Context) -> list[dict[str, Any]]:
    """Yearly rate by joint, cut and plug-in, with what the interval of each holds."""
    interval = context.interval
    rows = []
    for name, derived, holds in (
            ("joint", context.derived, "ruler, scores, sources, frontier, together"),
            ("cut", context.cut, "as joint, the ruler from ladder and pairs only")):
        rows.append({"method": name, **summary(derived["rate"].values, interval),
                     "holds": holds})
    plugin = context.plugin
    rows.append({"method": "plugin", "mean": plugin.rate, "median": plugin.rate, "sd": np.nan,
                 "low": plugin.low, "high": plugin.high, "r_squared": plugin.r_squared,
                 "records": int(plugin.record.sum()), "dropped": plugin.dropped,
                 "holds": "scatter of the records about their line; nothing else"})
    return rows


RULER = {"alpha": "exponent of size", "beta": "exponent of tokens",
         "gamma": "slope of the performance law", "midpoint": "loss at half its range",
         "scale": "range between chance and ceiling"}


def moved_ruler(joint: xr.Dataset, cut: xr.Dataset) -> dict[str, Any]:
    """The constant of the first ruler that the scores move most, in its sd without them.

    Returns
    -------
    dict
        ``what`` in words, ``cut`` and ``joint`` (medians), ``shift`` (joint less cut, in sd of
        the cut).

    Examples
    --------
    >>> draws = lambda *values: (("chain", "draw"), [[*values]])
    >>> cut = xr.Dataset({"alpha": draws(0.08, 0.10), "gamma": draws(-7.0, -5.0)})
    >>> found = moved_ruler(xr.Dataset({"alpha": draws(0.09), "gamma": draws(-8.0)}), cut)
    >>> found["what"], found["shift"]
    ('slope of the performance law', -2.0)
    """
    found = []
    for name, words in RULER.items():
        if name in joint and name in cut:
            ours, alone = (part[name].isel(anchor=0, missing_dims="ignore")
                           for part in (joint, cut))
            apart = float(ours.median() - alone.median())
            found.append({"what": words, "cut": float(alone.median()),
                          "joint": float(ours.median()), "shift": apart / float(alone.std())})
    return max(found, key=lambda one: abs(one["shift"]))


def error_of_cut(rate: xr.DataArray, seed: int) -> tuple[int, float]:
    """Number of rulers behind the cut posterior, and the Monte Carlo error of its median.

    By resampling the rulers, each of which has two chains. They lie evenly over their posterior,
    so the error is smaller than among rulers drawn at random, of which this is the estimate.

    Examples
    --------
    Two rulers at 0 and 1: the median of two drawn again is 0, 1/2 or 1 with probabilities 1/4,
    1/2, 1/4, of which the standard deviation is 0.354.

    >>> rate = xr.DataArray([[0.0], [0.0], [1.0], [1.0]], dims=("chain", "draw"))
    >>> rulers, error = error_of_cut(rate, seed=1)
    >>> rulers, abs(error - 0.354) < 0.03
    (2, True)
    """
    by_ruler = rate.transpose("chain", "draw").values.reshape(rate.sizes["chain"] // 2, -1)
    again = np.random.default_rng(seed).integers(len(by_ruler), size=(500, len(by_ruler)))
    return len(by_ruler), float(np.median(by_ruler[again].reshape(500, -1), axis=1).std())
