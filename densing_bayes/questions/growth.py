"""How fast the frontier grows: over which window, by which method, and whether that changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.errors import InputError, Problem
from densing_bayes.intervals import Interval, growth_summary, summary
from densing_bayes.joint.quantities import end_rates, frontier_path
from densing_bayes.questions.windows import Window, window_of


@dataclass(frozen=True, eq=False)
class Growth:
    """Growth of the frontier, averaged over a window of time.

    Parameters
    ----------
    rate
        Draws, 1/year, of the growth of ln density.
    window
        Over which it is averaged; None: the fit's own average.
    spec, seed, diagnostics
        The fit it belongs to.
    """

    rate: np.ndarray
    interval: Interval
    window: Window | None
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
            "growth": self.summary(), "diagnostics": self.diagnostics,
            **({} if self.window is None else {"window": self.window.to_dict()}),
        }


def growth(context: Context, window: str | tuple[Any, Any] | None = None) -> Growth:
    """Growth of the frontier of a fit.

    Parameters
    ----------
    window
        As in `densing_bayes.questions.windows.window_of`; None: the fit's own average.

    Raises
    ------
    InputError
        A window that is none, or that lies outside the data.
    """
    derived, asked = context.derived, None
    rate = derived["rate"].values.ravel()
    if window is not None:
        dates = derived["date"].values
        asked = window_of(window, dates.max())
        days = np.array([asked.start, asked.end], "datetime64[D]")
        if days[0] < dates.min().astype("datetime64[D]") or days[1] > dates.max():
            raise InputError(Problem(
                "the window reaches beyond the models of the fit", given=asked.name,
                allowed=f"within {str(dates.min())[:10]}:{str(dates.max())[:10]}"))
        rate = average_growth(derived, *asked.years).values.ravel()
    return Growth(rate, context.interval, asked, context.spec.name, context.spec.sampling.seed,
                  context.diagnostics)


def average_growth(derived: xr.Dataset, start: float, end: float) -> xr.DataArray:
    """Growth of the frontier (1/year) between two times in years since LLaMA-1, by draw."""
    path = frontier_path(derived, [start, end])
    return (path.isel(time=1) - path.isel(time=0)) / (end - start)


def over_time(context: Context) -> dict[str, Any] | None:
    """Rate in the first and the last half year of the models; None for a straight line."""
    if context.spec.options["constant_rate"]:
        return None
    start, end = end_rates(context.derived, context.observations.data["time"].values)
    interval = context.interval
    return {"first": summary(start, interval), "last": summary(end, interval),
            "p_slowing": float((end < start).mean())}


def methods(context: Context) -> list[dict[str, Any]]:
    """Yearly rate by joint, cut and plug-in, with what the interval of each holds."""
    interval = context.interval
    rows = []
    for name, derived, holds in (
            ("joint", context.derived, "ruler, scores, sources, frontier, together"),
            ("cut", context.cut, "as joint, the ruler from ladder and pairs only")):
        if derived is None:
            continue
        rows.append({"method": name, **summary(derived["rate"].values, interval),
                     "holds": holds})
    plugin = context.plugin
    rows.append({"method": "plugin", "mean": plugin.rate, "median": plugin.rate, "sd": np.nan,
                 "low": plugin.low, "high": plugin.high, "r_squared": plugin.r_squared,
                 "records": int(plugin.record.sum()), "dropped": plugin.dropped,
                 "holds": "scatter of the records about their line; nothing else"})
    return rows


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
