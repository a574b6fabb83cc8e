"""Rules for the frontier within draws: hand-worked selections, known slopes, no growth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from densing_bayes.frontiers import (
    QUANTILE,
    RULES,
    best_so_far,
    frontier_line,
    line_through,
    upper_quantile,
)
from densing_bayes.plugin import records

PRIOR = (0.0, 2.5)


def world(rate, *, models=180, draws=400, seed=0, gap=1.0, noise=0.2):
    """Draws of ln density about models that lie half-normally below a line."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 3.3, models))
    family = rng.integers(0, 60, models)
    true = rate * time - np.abs(gap * rng.normal(size=models)) + noise * rng.normal(size=models)
    return true + 0.1 * rng.normal(size=(draws, models)), time, family


def line(rule, rate, **kwargs):
    value, time, family = world(rate, **kwargs)
    return frontier_line(rule, value=value, time=time, family=family, rate=PRIOR, seed=1)


@pytest.mark.parametrize("rule", list(RULES))
def test_a_strong_trend_is_found(rule):
    slope, _ = line(rule, 1.6)
    # records of an even trend lie 2 to 13% too steep; no rule may be off by more than a fifth
    assert abs(slope.mean() - 1.6) < 0.32
    assert 0.02 < slope.std() < 0.3


def test_records_manufacture_growth_and_the_upper_quantile_does_not():
    """Without growth, as in science of records: the line through records rises."""
    slopes = {rule: np.array([line(rule, 0.0, models=60, seed=seed, draws=60)[0].mean()
                              for seed in range(12)]) for rule in RULES}
    assert slopes["records"].mean() > 0.25
    # twelve worlds, sd of a slope about 0.25: false alarm below 1 in 1,000
    assert abs(slopes["upper quantile"].mean()) < 0.25


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-3, 3)), min_size=2, max_size=25))
@settings(max_examples=60, deadline=None)
def test_records_are_those_of_the_plug_in_method(points):
    time, value = (np.array(side, dtype=float) for side in zip(*points, strict=True))
    value = value + 1e-6 * np.arange(len(value))  # no ties
    chosen = value[None] >= best_so_far(value[None], time)
    best_of_day = np.array([value[i] == value[time == time[i]].max() for i in range(len(value))])
    assert (chosen[0] & best_of_day).tolist() == records(time, value).tolist()


def test_the_line_is_least_squares_with_its_textbook_error():
    rng = np.random.default_rng(1)
    time = np.linspace(0, 3, 30)
    value = 1.2 * time + 0.4 * rng.normal(size=30)
    draws = np.broadcast_to(value, (20_000, 30))
    slope, level = line_through(draws, time, np.ones_like(draws, bool), (0.0, 1e6), rng)
    fit = np.polyfit(time, value, 1)
    residual = value - np.polyval(fit, time)
    # 28 degrees of freedom and the pseudo-model make 29
    scale2 = (residual @ residual + 0.25) / 27
    assert slope.mean() == pytest.approx(fit[0], abs=0.005)
    assert slope.var() == pytest.approx(scale2 / ((time - time.mean()) ** 2).sum(), rel=0.05)
    assert level.mean() == pytest.approx(fit[1], abs=0.01)


def test_two_records_say_what_the_prior_says_and_no_draw_is_lost():
    value = np.broadcast_to([0.0, 1.0, 0.5, 0.2], (4000, 4))
    slope, _ = frontier_line("records", value=value, time=[0, 1, 2, 3], family=range(4),
                             rate=(0.0, 2.5), seed=3)
    assert np.isfinite(slope).all()
    assert 0.5 < slope.std() < 2.5


def test_the_upper_quantile_is_the_one_of_linear_programming():
    """Koenker and Bassett's line of one draw, whatever the bootstrap's weights."""
    value, time, family = world(1.0, models=40, draws=1)
    for seed in range(3):
        slope, level = upper_quantile(value, time, family, PRIOR, np.random.default_rng(seed))
        weight = np.random.default_rng(seed).exponential(size=(1, family.max() + 1))[0][family]

        def loss(slope, level, weight=weight):
            below = level + slope * time - value[0]
            return (weight * np.where(below > 0, (1 - QUANTILE) * below, -QUANTILE * below)).sum()

        n = len(time)
        # minimise weight (tau u+ + (1 - tau) u-) with value = level + slope time + u+ - u-
        best = optimize.linprog(
            np.r_[0, 0, weight * QUANTILE, weight * (1 - QUANTILE)],
            A_eq=np.column_stack([np.ones(n), time, np.eye(n), -np.eye(n)]), b_eq=value[0],
            bounds=[(None, None)] * 2 + [(0, None)] * (2 * n))
        assert loss(slope[0], level[0]) == pytest.approx(best.fun, rel=1e-6)


def test_sizes_beyond_every_size_count_as_high_and_no_more():
    value, time, family = world(1.0, draws=50)
    beyond = value.copy()
    beyond[:, 3] = np.inf
    higher = value.copy()
    higher[:, 3] = value.max() + 5
    a, b = (frontier_line("upper quantile", value=v, time=time, family=family, rate=PRIOR, seed=1)
            for v in (beyond, higher))
    np.testing.assert_allclose(a, b)


def test_a_seed_decides_the_draws():
    a, b, c = (frontier_line("records", value=world(1.0)[0], time=world(1.0)[1],
                             family=world(1.0)[2], rate=PRIOR, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
