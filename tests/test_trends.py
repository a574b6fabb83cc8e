"""Rates and doubling times: the published pairs, sets, and one text on three kinds of array."""

from __future__ import annotations

import math

import numpy as np
import pytensor.tensor as pt
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes.trends import (
    DAYS_PER_MONTH,
    DAYS_PER_YEAR,
    combined_time,
    doubling_set,
    doubling_time,
    hinge,
)

RATES = st.floats(-0.1, 0.1).filter(lambda rate: abs(rate) > 1e-9)


@pytest.mark.parametrize(("rate", "days"), [
    (0.007, 99.0), (0.0073, 95.0), (0.0066, 105.0), (0.0048, 144.4), (-0.007, -99.0)])
def test_published_doubling_times(rate, days):
    assert doubling_time(rate) == pytest.approx(days, abs=0.06)


def test_no_growth_never_doubles():
    assert doubling_time(np.array([0.0]))[0] == math.inf


def test_density_and_chips_together():
    """88 days follows from A = 0.007 and chips that double in 2.1 years; 3.5 months gives 93.5."""
    chips = 2.1 * DAYS_PER_YEAR
    assert combined_time(math.log(2) / 0.007, chips) == pytest.approx(87.7, abs=0.05)
    assert combined_time(3.5 * DAYS_PER_MONTH, chips) == pytest.approx(93.5, abs=0.05)


@given(RATES, RATES)
def test_rates_add(one, two):
    if abs(one + two) > 1e-9:
        together = combined_time(doubling_time(one), doubling_time(two))
        assert math.log(2) / together == pytest.approx(one + two, rel=1e-6, abs=1e-12)


# -- sets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high", "parts"), [
    (0.005, 0.007, [[99.02, 138.63]]),
    (-0.007, -0.005, [[-138.63, -99.02]]),
    (-0.001, 0.004, [[-math.inf, -693.15], [173.29, math.inf]]),
    (0.0, 0.004, [[173.29, math.inf]]),
    (-0.001, 0.0, [[-math.inf, -693.15]]),
    (0.0, 0.0, [[math.inf, math.inf]]),
])
def test_the_set_of_an_interval(low, high, parts):
    assert doubling_set(low, high) == [pytest.approx(part, abs=0.01) for part in parts]


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.1), (math.nan, 0.1), (0.1, math.nan)])
def test_bounds_in_order(low, high):
    with pytest.raises(ValueError, match="low <= high"):
        doubling_set(low, high)


@given(RATES, RATES, st.floats(0, 1))
def test_the_set_holds_the_times_of_the_interval_and_no_others(one, two, share):
    low, high = sorted((one, two))
    parts = doubling_set(low, high)

    def inside(rate: float) -> bool:
        time = doubling_time(rate)
        return any(a - 1e-9 * abs(a) <= time <= b + 1e-9 * abs(b) for a, b in parts)

    rate = low + share * (high - low)
    assert rate == 0 or inside(rate)
    assert not inside(high + 0.01 * abs(high) + 1e-6) or high < 0 < high + 0.01 * abs(high) + 1e-6
    assert all(a <= b for a, b in parts)


# -- one text, three kinds of array -----------------------------------------------------------

CALLS = {
    "doubling_time": (doubling_time, (np.array([0.5, -0.25, 3.0]),)),
    "combined_time": (combined_time, (np.array([100.0, 90.0, 5.0]), np.array([700.0, 3.0, 5.0]))),
    "hinge": (hinge, (np.array([0.0, 1.5, 2.0]), np.array([1.0, 1.0, 2.0]))),
}


@pytest.mark.parametrize("name", CALLS)
def test_numpy_xarray_and_pytensor_agree(name):
    call, arguments = CALLS[name]
    plain = call(*arguments)
    labelled = call(*(xr.DataArray(a, dims="draw") for a in arguments))
    assert labelled.dims == ("draw",)
    np.testing.assert_allclose(labelled.values, plain, rtol=1e-14)
    graph = call(*(pt.constant(a) for a in arguments))
    np.testing.assert_allclose(graph.eval(), plain, rtol=1e-14)


def test_hinge_by_hand():
    assert hinge(np.array([-1.0, 1.0, 1.25]), 1.0).tolist() == [0.0, 0.0, 0.25]
