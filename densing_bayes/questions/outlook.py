"""What comes next: frontier and best available some months on, beside the rivals of the back-test.

Every method starts from the same fit. Which of them has forecast better is in the certificate's
back-test, of which `scores` gives the mean errors.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.calibration.backtest import (
    DRAWS,
    HORIZONS,
    QUANTITIES,
    flat,
    published_rate,
    rivals,
)
from densing_bayes.calibration.editions import published
from densing_bayes.context import Context
from densing_bayes.corollaries.backtest import gpt4
from densing_bayes.corollaries.capacity import FixedSize
from densing_bayes.corollaries.draws import pool
from densing_bayes.corollaries.forecast import HORIZON, date_of, when, years_of
from densing_bayes.corollaries.run import newest, posterior_of
from densing_bayes.joint.outlook import best_to_come
from densing_bayes.joint.quantities import frontier_path
from densing_bayes.questions.growth import ends

FEW = 2000  # draws: a Monte Carlo error of a probability of at most 0.011
MATCHED_BY = 8e9  # parameters of the model that is to match


def forecasts(context: Context) -> list[dict[str, Any]]:
    """Density of frontier and best available at 3, 6 and 12 months after the last model.

    Returns
    -------
    list of dict
        ``what``, ``months``, ``date``, ``method``; ``median``, ``low``, ``high`` (density).
    """
    derived = thinned(context.derived)
    last = ends(derived)[1]
    now = years_of(last)
    ahead = now + np.array(HORIZONS) / 12
    rng = np.random.default_rng(context.seed("outlook"))
    joint = {"frontier": flat(frontier_path(derived, ahead)),
             "best available": best_to_come(derived, now, ahead, rng, DRAWS)}
    rows = []
    for what in QUANTITIES:
        told = {"joint": joint[what],
                **rivals(derived, what, now, ahead, published_rate(context.tables), rng)}
        for method, draws in told.items():
            low, high = context.interval.of(np.exp(draws), axis=0)
            median = np.exp(np.median(draws, axis=0))
            rows += [{"what": what, "months": months, "date": date_of(ahead[k]).isoformat(),
                      "method": method, "median": float(median[k]), "low": float(low[k]),
                      "high": float(high[k])} for k, months in enumerate(HORIZONS)]
    return rows


def thinned(derived: xr.Dataset) -> xr.Dataset:
    """As many draws as the forecasts use, evenly spaced."""
    step = max(1, derived.sizes["chain"] * derived.sizes["draw"] // DRAWS)
    return derived.isel(draw=slice(None, None, step))


def scores() -> list[dict[str, Any]]:
    """Mean CRPS of each method by horizon (0: all) in the published back-test; empty: none."""
    found = published()
    return [] if found is None else [
        {name: row[name] for name in ("what", "horizon", "method", "forecasts", "crps", "against",
                                      "against_se", "coverage_50%")} for row in found["backtest"]]


def matches(context: Context) -> list[dict[str, Any]]:
    """When the frontier at 8B parameters matches GPT-4: by all its scores, and by domain."""
    as_of = newest(context.tables)
    draws = pool(posterior_of(context)).thin(FEW)
    horizon: dt.date = date_of(years_of(as_of) + HORIZON)
    out = []
    for aim in gpt4(draws, context.tables):
        found = when(draws, FixedSize(MATCHED_BY), aim, as_of=as_of, horizon=horizon)
        out.append({"match": aim.label, "rests_on": aim.rests_on,
                    **found.to_dict(context.interval)})
    return out
