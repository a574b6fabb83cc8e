"""Intervals: probability and kind, hand-worked summaries, doubling sets in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval, doubled, growth_summary, summary, words_of_set


def test_an_interval_says_what_it_is():
    assert str(Interval()) == "90% equal-tailed interval"
    assert str(Interval(0.5)) == "50% equal-tailed interval"
    assert Interval(0.9).tails == pytest.approx((0.05, 0.95))


@pytest.mark.parametrize("prob", [0, 1, -0.1, 90, math.nan])
def test_a_probability_lies_between(prob):
    with pytest.raises(InputError, match="allowed: between 0 and 1"):
        Interval(prob)


def test_one_kind_only():
    with pytest.raises(InputError, match="given 'hdi'; allowed: equal-tailed"):
        Interval(kind="hdi")


@given(st.floats(0.01, 0.99))
def test_bounds_are_quantiles(prob):
    at = (np.arange(2001) + 0.5) / 2001
    low, high = Interval(prob).of(stats.norm.ppf(at))
    assert low == pytest.approx(-high, abs=1e-9)
    assert stats.norm.cdf(high) - stats.norm.cdf(low) == pytest.approx(prob, abs=1e-3)


def test_bounds_along_an_axis():
    draws = np.arange(12.0).reshape(4, 3)
    np.testing.assert_allclose(Interval(0.5).of(draws, axis=0),
                               [[2.25, 3.25, 4.25], [6.75, 7.75, 8.75]])


def test_summary_by_hand():
    out = summary([[1.0, 2.0], [3.0, 10.0]], Interval(0.5))
    assert out["mean"] == 4
    assert out["median"] == 2.5
    assert out["sd"] == pytest.approx(math.sqrt(50 / 3))  # squares 9 + 4 + 1 + 36 over n - 1
    assert (out["low"], out["high"]) == (1.75, 4.75)
    assert summary([7.0], Interval()) == {"mean": 7, "median": 7, "sd": 0, "low": 7, "high": 7}


def test_growth_of_the_paper():
    """A = 0.0073 per day is 95 days; 0.0048 before ChatGPT is 144 days."""
    out = growth_summary(np.array([0.0048, 0.0073, 0.0098]) * 365.25, Interval())
    assert out["rate_per_day"]["median"] == pytest.approx(0.0073)
    assert out["rate_per_year"]["median"] == pytest.approx(2.6663, abs=1e-4)
    time = out["doubling_time_days"]
    assert round(time["median"]) == 95
    assert time["p_growth"] == 1


def test_growth_through_zero_is_two_rays():
    rates = np.linspace(-1, 3, 401)
    out = growth_summary(rates, Interval(0.9))
    low, high = out["rate_per_day"]["low"], out["rate_per_day"]["high"]
    assert low < 0 < high
    assert out["doubling_time_days"]["set"] == [
        [-math.inf, pytest.approx(math.log(2) / low)],
        [pytest.approx(math.log(2) / high), math.inf]]
    assert out["doubling_time_days"]["p_growth"] == pytest.approx(300 / 401)
    assert math.isnan(out["doubling_time_days"]["median"])  # a ratio through zero has no middle
    # where it has one it is ln 2 over the median rate, not the median of draws of a ratio
    out = growth_summary(rates[rates > 0], Interval(0.9))
    assert out["doubling_time_days"]["median"] == pytest.approx(
        math.log(2) * 365.25 / np.median(rates[rates > 0]))
    said = doubled(growth_summary(rates, Interval(0.9)), Interval(0.9))
    assert said.endswith("a doubling in 3.0 months or more, or none")  # 12 ln 2 / 2.8


@pytest.mark.parametrize(("parts", "unit", "words"), [
    ([[94.6, 99.4]], "days", "95 to 99 days"),
    ([[1000.0, 2000.0]], "days", "1,000 to 2,000 days"),
    ([[91.3125, 106.53125]], "months", "3.0 to 3.5 months"),
    ([[-200.0, -100.0]], "days", "halving in 100 to 200 days"),
    ([[-math.inf, -693.1], [173.3, math.inf]], "days",
     "doubling in 173 days or more, no change, or halving in 693 days or more"),
    ([[173.3, math.inf]], "days", "doubling in 173 days or more, or no change"),
    ([[-math.inf, -693.1]], "days", "no change, or halving in 693 days or more"),
    ([[math.inf, math.inf]], "days", "no change"),
])
def test_a_doubling_set_in_words(parts, unit, words):
    assert words_of_set(parts, unit) == words
