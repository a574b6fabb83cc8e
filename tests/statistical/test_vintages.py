"""Ten quarters: what was said of the frontier at its own end, against what is said today.

The fits are those of the back-test, with the ruler held where ladder and pairs put it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from densing_bayes.calibration.backtest import Today, held_fit, known_at, origins
from densing_bayes.joint.quantities import frontier_path, growth_between, years_of
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

pytestmark = pytest.mark.slow
ORIGINS, FEWEST_INSIDE, MOST_FALSE = 10, 8, 1


@pytest.fixture(scope="module")
def vintages():
    """Per origin: the frontier then (80% interval), today's, and P(slower) then and today."""
    tables, spec = load_tables(), load_model("densing")
    sampling = replace(spec.sampling, draws=500, tune=500, chains=2)
    today = Today(tables, spec, sampling, cores=2)
    days = origins(known_at(tables, spec, "2026-12-31").observations.data)[-ORIGINS:]
    rows = []
    for day in days:
        joint = known_at(tables, spec, day)
        fit = held_fit(joint, today.ruler, f"vintage {day}", sampling, cores=2)
        dates = fit.derived["date"].values[fit.derived["eligible"].values]
        end = float(years_of(dates).max())
        then = frontier_path(fit.derived, [end]).values.ravel()
        rows.append({
            "origin": day, "low": np.quantile(then, 0.1), "high": np.quantile(then, 0.9),
            "median": np.median(then), "today": today.outcome("frontier", end),
            "slower then": slower(fit.derived, end), "slower today": slower(
                today.fit.derived, end)})
        print(rows[-1], flush=True)
    return rows


def slower(derived, end):
    """Probability that the last year before ``end`` grew slower than the time before it."""
    last, before = (growth_between(derived, *window).values.ravel()
                    for window in ((end - 1, end), (0.0, end - 1)))
    return float((last < before).mean())


def test_what_was_said_of_the_frontier_holds_today(vintages):
    inside = [row["low"] <= row["today"] <= row["high"] for row in vintages]
    assert sum(inside) >= FEWEST_INSIDE


def test_a_slowing_was_hardly_ever_told_that_is_none_today(vintages):
    false = [row["slower then"] > 0.95 and row["slower today"] < 0.5 for row in vintages]
    assert sum(false) <= MOST_FALSE
