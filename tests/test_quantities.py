"""The four quantities in draws: by hand, by their definitions, and what must not move them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes.joint.quantities import (
    MEAN_HALF,
    best_available,
    derive,
    frontier_path,
    growth_between,
    rate_path,
    record_share,
    typical_release,
    years_of,
)

DATES = np.array(["2023-02-24", "2023-08-24", "2024-02-24", "2024-08-24"], "datetime64[D]")


def hand_made(density, eligible=(True, True, True, True)) -> xr.Dataset:
    """A frontier of two segments (growth 1 and 3 per year from level 0.5) and four models."""
    return xr.Dataset(
        {"level": (("chain", "draw"), [[0.5]]),
         "growth": (("chain", "draw", "segment"), [[[1.0, 3.0]]]),
         "segment_start": ("segment", [0.0, 1.0]), "segment_width": ("segment", [1.0, 0.5]),
         "gap_family": (("chain", "draw"), [[0.4]]), "gap_model": (("chain", "draw"), [[0.5]]),
         "spread_growth": (("chain", "draw"), [[0.0]]),
         "log_density": (("chain", "draw", "model"), [[density]])},
        coords={"model": list("abcd"), "date": ("model", DATES),
                "eligible": ("model", list(eligible))})


def test_the_frontier_by_hand():
    path = frontier_path(hand_made([0, 0, 0, 0]), [-1.0, 0.0, 0.5, 1.0, 1.25, 2.0]).values[0, 0]
    np.testing.assert_allclose(path, [-0.5, 0.5, 1.0, 1.5, 2.25, 3.0])


def test_growth_is_an_average_over_calendar_time():
    derived = hand_made([0, 0, 0, 0])
    assert float(growth_between(derived, 0.0, 1.5).squeeze()) == pytest.approx(2.5 / 1.5)
    np.testing.assert_allclose(rate_path(derived, [0.2, 1.2]).values[0, 0], [1.0, 3.0])


def test_the_best_available_never_falls_and_counts_the_eligible_only():
    derived = hand_made([0.1, 2.0, 0.3, 1.0], eligible=(True, False, True, True))
    years = [-0.1, 0.0, 0.5, 1.0, 1.5]
    np.testing.assert_allclose(best_available(derived, years).values[0, 0],
                               [-np.inf, 0.1, 0.1, 0.3, 1.0])


def test_a_typical_release_lies_below_by_the_mean_gaps():
    derived = hand_made([0, 0, 0, 0])
    gap = frontier_path(derived, [0.7]) - typical_release(derived, [0.7])
    assert float(gap.squeeze()) == pytest.approx(0.4 + 0.5 * MEAN_HALF)


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(-9, -4))
def test_a_weak_newcomer_moves_no_best_and_no_record(values, weak):
    derived = hand_made(values)
    more = xr.concat([derived, hand_made([weak] * 4).isel(model=[3]).assign_coords(model=["e"])],
                     "model", data_vars="minimal", coords="minimal", compat="override")
    years = np.linspace(0, 1.5, 7)
    np.testing.assert_array_equal(best_available(more, years), best_available(derived, years))
    time = years_of(derived["date"].values)
    record = record_share(derived["log_density"], time).values[0, 0]
    with_weak = record_share(more["log_density"], years_of(more["date"].values)).values[0, 0]
    np.testing.assert_array_equal(with_weak[:4], record)


def test_records_by_hand():
    value = xr.DataArray([[[1.0, 3.0, 2.0, 2.5]]], dims=("chain", "draw", "model"))
    found = record_share(value, np.array([0.0, 1.0, 1.0, 2.0])).values[0, 0]
    assert found.tolist() == [1, 1, 0, 0]


def test_draws_of_a_fit_keep_their_dims_and_hold_together(small_world, small_fit):
    derived = derive(small_fit.posterior, small_world.observations, small_world.columns, 3)
    for name in ("rate", "log_density", "gap", "record", "growth", "trend", "noise"):
        assert derived[name].dims[:2] == ("chain", "draw"), name
    assert (derived["gap"] >= 0).all()
    assert (derived["growth"] >= 0).all()
    np.testing.assert_allclose(derived["trend"].sum("benchmark"), 0, atol=1e-9)
    time = small_world.observations.data["time"].values
    path = frontier_path(derived, time, "model")
    inside = derived["gap"] > 0
    np.testing.assert_allclose(
        (path - derived["log_density"]).where(inside, 0).transpose(*derived["gap"].dims),
        derived["gap"].where(inside, 0), atol=1e-9)
