"""Half years of growth: what they do to the frontier, by hand and by properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_bayes.joint.growth import effects, segments, softplus, turns, years_behind

dates = st.lists(st.floats(0, 6), min_size=3, max_size=40).filter(
    lambda days: max(days) - min(days) > 0.3)


@given(dates)
def test_segments_tile_the_dates_of_the_models(time):
    table = segments(time)
    assert table["start"][0] == pytest.approx(min(time))
    assert table["start"][-1] + table["width"][-1] == pytest.approx(max(time))
    np.testing.assert_allclose(np.diff(table["start"]), table["width"][:-1])
    assert 0.25 <= table["width"][0] <= 0.75 or len(table["width"]) == 1


@given(dates, st.floats(0, 4))
def test_equal_growth_is_a_straight_line(time, rate):
    path = effects(segments(time), time).sum(axis=1) * rate
    np.testing.assert_allclose(path, rate * (np.array(time) - np.mean(time)), atol=1e-9)


@given(dates)
def test_positive_growth_never_falls(time):
    rng = np.random.default_rng(0)
    table = segments(time)
    path = years_behind(table, np.sort(time)) @ rng.exponential(size=len(table["start"]))
    assert (np.diff(path) >= -1e-12).all()


def test_those_that_do_not_count_neither_set_the_ends_nor_the_mean():
    time = np.array([-3.0, 0.0, 1.0, 2.0, 9.0])
    counts = np.array([0, 1, 1, 1, 0])
    table, alone = segments(time, counts), segments(time[1:4])
    for name, value in alone.items():
        np.testing.assert_allclose(table[name], value)


def test_growth_may_come_near_zero_and_is_itself_above():
    assert softplus(np.array([-3.0]))[0] < 1e-5
    np.testing.assert_allclose(softplus(np.array([1.5, 3.0])), [1.5, 3.0], atol=1e-3)


def test_turning_keeps_the_prior_and_orders_by_evidence():
    time = np.linspace(0, 3, 30)
    weight, turn = turns(effects(segments(time), time))
    np.testing.assert_allclose(turn.T @ turn, np.eye(len(weight)), atol=1e-12)
    assert (np.diff(weight) <= 1e-12).all()
    assert ((weight >= 0) & (weight < 1)).all()
