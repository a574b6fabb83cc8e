"""Forecasts of a series by stacking its regimes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from densing_bayes.breakpoints.designs import NODES, WEIGHTS
from densing_bayes.breakpoints.fits import Fit
from densing_bayes.breakpoints.series import as_date, as_days
from densing_bayes.breakpoints.verdict import Verdict
from densing_bayes.errors import InputError, Problem
from densing_bayes.importance import stream
from densing_bayes.trends import DAYS_PER_MONTH

HORIZONS = (6, 12, 24)  # months after the last point


def forecast(verdict: Verdict, dates: Sequence[Any]) -> pd.DataFrame:
    """The trend and a new point at coming dates, with the uncertainty of the regime in them.

    Draws of all regimes are mixed by their stacking weights (of leave-future-out, which scores
    what a forecast does). No regime foresees a change that has not begun, but the random walk
    goes on wandering, and so do deviations that stay.

    Parameters
    ----------
    dates
        Days on or after the last point.

    Returns
    -------
    DataFrame
        Indexed by date: ``trend`` and ``point`` with ``_median``, ``_low`` and ``_high``, in the
        scale of analysis (natural logs of a series read with ``log``). The trend is the mean
        path with the deviation that lasts, or the frontier. A point is one more observation
        without measurement error; of records, the record standing at that date.
    """
    days = as_days(dates)
    if len(days) == 0 or days.min() < verdict.series.days[-1]:
        raise InputError(Problem("a forecast needs dates on or after the last point",
                                 given=None if len(days) == 0 else str(min(dates)),
                                 allowed=f"{verdict.series.dates[-1]} or later"))
    rng = stream(verdict.spec.sampling.seed, "forecast")
    mixture = verdict.mixture_ahead
    paths = {name: verdict.fits[name].ahead(days, rng) for name in mixture}
    trend = np.concatenate([paths[name][pick] for name, pick in mixture.items()])
    points = np.concatenate([_points(verdict.fits[name], paths[name], days, rng)[pick]
                             for name, pick in mixture.items()])
    frame = pd.DataFrame(index=pd.DatetimeIndex(np.asarray(dates, dtype="datetime64[D]"),
                                                name="date"))
    for name, draws in (("trend", trend), ("point", points)):
        low, high = verdict.interval.of(draws, axis=0)
        frame[f"{name}_median"] = np.median(draws, axis=0)
        frame[f"{name}_low"], frame[f"{name}_high"] = low, high
    return frame


def ahead(verdict: Verdict) -> list[dict[str, Any]]:
    """The forecast some months after the last point, in the unit in which the values came.

    Returns
    -------
    list
        Per horizon ``months``, ``date``, and ``trend`` and ``point`` with median, low and high.
    """
    last = verdict.series.days[-1]
    dates = [as_date(last + months * DAYS_PER_MONTH) for months in HORIZONS]
    frame = forecast(verdict, dates)
    if verdict.series.log:
        frame = pd.DataFrame(np.exp(frame.to_numpy()), frame.index, frame.columns)
    return [{"months": months, "date": date, **{
        what: {key: float(row[f"{what}_{key}"]) for key in ("median", "low", "high")}
        for what in ("trend", "point")}}
        for months, date, (_, row) in zip(HORIZONS, dates, frame.iterrows(), strict=True)]


def _points(found: Fit, path: np.ndarray, days: np.ndarray,
            rng: np.random.Generator) -> np.ndarray:
    """Draws of a new point about each draw of the path, in the unit of the series."""
    noise = found.draws["noise"][:, None] * found.units.scale
    if found.series.kind == "all":
        white = np.sqrt(1 - found.draws["share"])[:, None]
        return path + noise * white * rng.normal(size=path.shape)
    if found.series.kind == "frontier":
        share = found.draws["share"][:, None]
        gap = np.abs(rng.normal(size=path.shape)) * np.sqrt(share)
        scatter = rng.normal(size=path.shape) * np.sqrt(1 - share) - gap
        return path + found.units.sign * noise * scatter
    return _standing_records(found, days, rng)


def _standing_records(found: Fit, days: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws of the record at each date: the best of a Poisson crowd, or the last record.

    P(record <= y at t) = exp(-integral of crowd(t) P(candidate > y) from the last record to t),
    solved for y at a uniform draw by bisection. Until the date to which the list was watched the
    last record stands.
    """
    units = found.units
    end = float(units.time(found.series.watched if found.series.end is not None else units.last))
    ahead = np.maximum(units.time(days) - end, 0)  # (day,)
    nodes = end + ahead[:, None] * (NODES + 1) / 2  # (day, node)
    path = found.path(units.first + (nodes.ravel() + 0.5) * units.span)
    mean = units.value(path).reshape(len(path), len(days), -1)
    crowd = found.draws["crowd"][:, None, None] * (len(found.series) - 1)
    crowd = crowd * np.exp(found.draws["growth"][:, None, None] * nodes)
    noise = found.draws["noise"][:, None]
    # one uniform per draw for all dates: a record that stands today stands tomorrow
    target = -np.log(rng.uniform(size=(len(path), 1)))
    low = np.full(mean.shape[:2], units.value(found.series.values[-1]))
    high = np.maximum(low, mean.max(axis=-1)) + 12 * noise

    def mass(y: np.ndarray) -> np.ndarray:
        beaten = special.ndtr((mean - y[..., None]) / noise[..., None])
        return (crowd * beaten * WEIGHTS).sum(axis=-1) * ahead / 2

    for _ in range(50):
        middle = (low + high) / 2
        beyond = mass(middle) > target
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return units.back(low)
