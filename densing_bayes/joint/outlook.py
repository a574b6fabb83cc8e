"""What will be available: releases to come, drawn below the frontier."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.joint.growth import years_behind
from densing_bayes.joint.predict import thin
from densing_bayes.joint.quantities import years_of

RECENT = 1.0  # years over which the families that come are counted
NAMES = ("level", "growth", "gap_family", "gap_model", "spread_growth", "noise", "log_density")


def best_to_come(derived: xr.Dataset, now: float, years: Any, rng: np.random.Generator,
                 draws: int = 400) -> np.ndarray:
    """Draws of the best available ln density at times to come, shape (sample, time).

    The best of the known models, and of those that will come: families enter as often as in the
    last year, with as many models as the known ones have; each lies below the frontier by a gap
    of its own, and so does each of its models, on the scales that the posterior has for its day.

    Parameters
    ----------
    derived
        From `densing_bayes.joint.quantities.derive`, of what was known at ``now``.
    now, years
        Years since LLaMA-1; ``years`` are later than ``now``.
    """
    years = np.asarray(years, float)
    at = thin(derived[list(NAMES)], draws)
    counts = derived["eligible"].values
    time, family = years_of(derived["date"].values)[counts], derived["family"].values[counts]
    known, models_of = np.unique(family, return_counts=True)
    last = np.array([time[family == one].max() for one in known])
    count = at.sizes["sample"]
    best = at["log_density"].values[:, counts].max(axis=1)
    # reference prior 1/sqrt(rate) on how many families come in a year
    rate = rng.gamma(0.5 + (last > now - RECENT).sum(), 1 / RECENT, count)
    coming = rng.poisson(rate * (years.max() - now))
    sample = np.repeat(np.arange(count), coming)
    entry = rng.uniform(now, years.max(), sample.size)
    table = {name: derived[f"segment_{name}"].values for name in ("start", "width")}
    spread = np.exp(at["spread_growth"].values[sample] * (entry - time.mean()))
    below = at["gap_family"].values[sample] * spread * rng.exponential(size=sample.size)
    line = at["level"].values[sample] + (
        years_behind(table, entry) * at["growth"].values[sample]).sum(axis=1)
    # the models of each family
    size = rng.choice(models_of, sample.size)
    of = np.repeat(np.arange(sample.size), size)
    one = sample[of]
    density = (line - below)[of] + at["noise"].values[one] * rng.standard_normal(of.size) - (
        at["gap_model"].values[one] * spread[of] * np.abs(rng.standard_normal(of.size)))
    out = np.empty((count, years.size))
    for k, end in enumerate(years):
        out[:, k] = best
        there = entry[of] <= end
        np.maximum.at(out[:, k], one[there], density[there])
    return out
