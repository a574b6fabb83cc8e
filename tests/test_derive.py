"""Derived quantities: from sampled coordinates back to the truth; gaps and records by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from densing_bayes.joint.growth import KNOTS, LATER, STEP, effects, knots
from densing_bayes.joint.quantities import _gap, derive, frontier_path, mean_gap, record_share
from densing_bayes.trends import DAYS_PER_YEAR


def one(value: float) -> xr.DataArray:
    return xr.DataArray(np.full((1, 1), value), dims=("chain", "draw"))


# -- back from the sampled coordinates --------------------------------------------------------


def test_the_truth_comes_back_in_natural_units(small_world, true_draws):
    out = derive(true_draws, small_world.observations, small_world.columns)
    truth = small_world.truth
    for name in ("rate", "omega", "q", "omega_family", "q_family"):
        np.testing.assert_allclose(out[name], truth[name], rtol=1e-10, err_msg=name)
    # the truth's level is at the mean date, the told one at LLaMA-1's release
    centre = small_world.columns["setting"]["centre_time"][0]
    np.testing.assert_allclose(out["level"] + truth["rate"] * centre, truth["level"], rtol=1e-9)
    for name in ("log_density", "log_effective"):
        np.testing.assert_allclose(out[name].isel(chain=0, draw=0), truth[name], rtol=1e-9)
    np.testing.assert_allclose(out["alpha"].values.ravel()[0], np.exp(truth["log_alpha"]))
    np.testing.assert_allclose(out["beta"].values.ravel()[0], np.exp(truth["log_beta"]))
    np.testing.assert_allclose(out["scale"].values.ravel()[0], truth["headroom"] * 0.75)


def test_every_quantity_keeps_its_draws(small_world, true_draws):
    out = derive(true_draws, small_world.observations, small_world.columns)
    for name, value in out.data_vars.items():
        if name not in ("chance", "irreducible") and not name.startswith("knot_"):
            assert value.dims[:2] == ("chain", "draw"), name
    assert set(out["on_frontier"].values.ravel()) <= {0.0, 1.0}
    assert (out["gap"] >= 0).all()
    names = small_world.observations.data["model"].values
    assert list(out["model"].values) == list(names)


def test_the_same_seed_gives_the_same_gaps(small_world, true_draws):
    def gaps(seed: int) -> np.ndarray:
        return derive(true_draws, small_world.observations, small_world.columns, seed)["gap"].values

    np.testing.assert_array_equal(gaps(5), gaps(5))
    assert (gaps(5) != gaps(6)).any()


def test_ceiling_and_extrapolation(small_world, true_draws):
    """A model pushed far up is near the ceiling and as far beyond the ladder as it was pushed."""
    pushed = true_draws.copy(deep=True)
    pushed["z"][..., 0] += 60.0 / pushed["c1"]
    before = derive(true_draws, small_world.observations, small_world.columns)
    after = derive(pushed, small_world.observations, small_world.columns)
    assert after["near_ceiling"][..., 0].values == 1
    largest = float(small_world.observations.data["run_log_params"].max())
    np.testing.assert_allclose(after["beyond"][..., 0],
                               before["log_effective"][..., 0] + 60 - largest)
    np.testing.assert_allclose(after["log_density"][..., 0], before["log_density"][..., 0] + 60)


# -- the frontier: a line about which the rate wanders ---------------------------------------


def test_the_average_line_comes_back_whatever_the_steps(small_world, bent_draws):
    """Rate and level are those of the least-squares line over the models, as the truth has it."""
    out = derive(bent_draws, small_world.observations, small_world.columns)
    time, truth = small_world.observations.data["time"].values, small_world.truth
    path = frontier_path(out, time).values[0, 0]
    slope, at_zero = np.polyfit(time, path, 1)
    assert slope == pytest.approx(truth["rate"])
    assert at_zero == pytest.approx(float(out["level"].squeeze()))
    assert float(out["rate"].squeeze()) == pytest.approx(truth["rate"])
    # and it bends: by the steps of the draw, at the knots in years since LLaMA-1
    columns = small_world.columns
    step = bent_draws["rate_step"].values[0, 0]
    bend = effects(columns["knots"], columns["models"]["time"]) @ step
    np.testing.assert_allclose(path - at_zero - slope * time, bend, atol=1e-9)
    assert np.abs(bend).max() > 0.05


def test_gaps_are_measured_from_the_bent_frontier(small_world, bent_draws):
    """With next to no noise (q near 1) gaps of family and model add up to the whole distance."""
    sharp = bent_draws.assign(q=bent_draws["q"] * 0 + 1 - 1e-9,
                              q_family=bent_draws["q_family"] * 0 + 1 - 1e-9)
    lowered = sharp.assign(z=sharp["z"] - 8.0 / sharp["c1"])  # every model below the frontier
    out = derive(lowered, small_world.observations, small_world.columns)
    path = frontier_path(out, small_world.observations.data["time"].values, "model")
    np.testing.assert_allclose(out["gap"], path - out["log_density"], rtol=1e-4)


def test_knots_go_on_at_equal_steps(small_world, bent_draws):
    out = derive(bent_draws, small_world.observations, small_world.columns)
    at, time = out["knot_at"].values, small_world.observations.data["time"].values
    assert at.size == KNOTS + LATER
    spacing = np.ptp(time) / (KNOTS + 1)
    np.testing.assert_allclose(np.diff(at[:KNOTS + 1]), spacing)
    assert at[KNOTS] == pytest.approx(time.max())  # the next of equal steps is the last model
    np.testing.assert_allclose(np.diff(at[KNOTS:]), STEP)
    np.testing.assert_allclose(out["rate_step"].values[0, 0, :KNOTS],
                               bent_draws["rate_step"].values[0, 0])


def test_knots_of_forecast_models_are_not_laid_twice(small_world, bent_draws):
    """A fit with knots ahead of its own: new ones begin half a year after the last of them."""
    time = small_world.columns["models"]["time"]
    columns = small_world.columns | {"knots": knots(time, ahead=2)}
    longer = bent_draws.drop_dims("knot").assign(
        rate_step=(("chain", "draw", "knot"), np.arange(8.0)[None, None]))
    out = derive(longer, small_world.observations, columns)
    np.testing.assert_allclose(np.diff(out["knot_at"].values[KNOTS:]), STEP)
    np.testing.assert_allclose(out["rate_step"].values[0, 0, :8], np.arange(8.0))


def test_later_steps_are_drawn_from_each_draws_own_drift(small_world, true_draws):
    """Sd of the rate's departure after one and after all steps, within four standard errors."""
    count = 2000
    many = true_draws.isel(draw=np.zeros(2 * count, int))
    drift = many["drift"] * 0 + np.where(np.arange(2 * count) < count, 0.5, 3.0)
    out = derive(many.assign(drift=drift), small_world.observations, small_world.columns)
    steps = out["rate_step"].values[0]
    assert (steps[:, :KNOTS] == 0).all()  # the truth's rate is constant within the data
    departure = steps[:, KNOTS:].cumsum(axis=1) * np.sqrt(STEP)
    memory = small_world.columns["setting"]["rate_memory"][0]
    tolerance = 4 / np.sqrt(2 * count)
    for at in (0, LATER - 1):
        faded = np.exp(-2 * (at + 1) * STEP / memory)
        unit = np.sqrt(memory / 2 * (1 - faded))  # of an Ornstein-Uhlenbeck process from zero
        assert departure[:count, at].std() == pytest.approx(0.5 * unit, rel=tolerance)
        assert departure[count:, at].std() == pytest.approx(3.0 * unit, rel=tolerance)
    np.testing.assert_allclose(out["drift"], drift)


def test_a_constant_rate_stays_constant(small_world, true_draws):
    time = small_world.columns["models"]["time"]
    columns = small_world.columns | {"knots": knots(time, constant=True)}
    out = derive(true_draws, small_world.observations, columns)
    years = np.array([0.0, 1.0, 100 / DAYS_PER_YEAR, 12.0])
    np.testing.assert_allclose(
        frontier_path(out, years), out["level"] + out["rate"] * xr.DataArray(years, dims="time"))


# -- gaps -------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", [-2.0, -0.5, 0.0, 0.7])
def test_the_mean_gap_given_the_place(below):
    """E[u | e] of Jondrow et al. (1982) by integration; tolerance five Monte Carlo errors."""
    omega, q = 0.9, 0.6
    gap, noise = omega * np.sqrt(q), omega * np.sqrt(1 - q)

    def weight(u):
        return stats.halfnorm.pdf(u, scale=gap) * stats.norm.pdf(below + u, 0, noise)

    mass, _ = integrate.quad(weight, 0, 12)
    mean = integrate.quad(lambda u: u * weight(u), 0, 12)[0] / mass
    at = xr.DataArray(np.full((1, 40_000), below), dims=("chain", "draw"))
    draws = _gap(at, one(omega).squeeze(), one(q).squeeze(), np.random.default_rng(4)).values
    assert draws.min() >= 0
    assert draws.mean() == pytest.approx(mean, abs=5 * draws.std() / 200)


def test_gaps_stay_finite_far_above_the_frontier():
    """20 sd above, the conditional normal lies below zero: nearly an exponential of mean sd/20."""
    omega, q = 1.0, 0.5
    above = xr.DataArray(np.full((1, 4000), 20.0), dims=("chain", "draw"))
    draws = _gap(above, one(omega).squeeze(), one(q).squeeze(), np.random.default_rng(1)).values
    assert np.isfinite(draws).all()
    mean = 0.5 / (20 * np.sqrt(0.25) / 0.5) * (1 - 1 / 20**2)  # Mills' ratio, first two terms
    assert draws.mean() == pytest.approx(mean, rel=0.1)


def test_the_mean_of_all_gaps():
    omega, q = 0.9, 0.6
    assert mean_gap(omega, q) == pytest.approx(stats.halfnorm(scale=omega * np.sqrt(q)).mean())


# -- records ----------------------------------------------------------------------------------

CASES = [
    # (days, values, records)
    ([0, 1, 2, 3], [1, 3, 2, 4], [1, 1, 0, 1]),
    ([0, 0, 0], [1, 3, 2], [0, 1, 0]),  # of one day only the highest
    ([0, 0, 1, 1, 2], [1, 2, 2.5, 3, 3], [0, 1, 0, 1, 0]),  # and to equal is not to exceed
    ([3, 2, 1, 0], [4, 2, 3, 1], [1, 0, 1, 1]),  # whatever the order of the rows
    ([0, 1, 1], [2, 1, 1.5], [1, 0, 0]),
    ([0], [-5], [1]),
]


@pytest.mark.parametrize(("days", "values", "expected"), CASES)
def test_records_by_hand(days, values, expected):
    value = xr.DataArray(np.array(values, float)[None, None], dims=("chain", "draw", "model"))
    found = record_share(value, np.array(days, float))
    assert found.dims == ("chain", "draw", "model")
    assert found.values[0, 0].tolist() == expected


def test_records_are_found_draw_by_draw():
    value = xr.DataArray([[[1.0, 2.0], [2.0, 1.0]]], dims=("chain", "draw", "model"))
    assert record_share(value, np.array([0.0, 1.0])).values.tolist() == [[[1, 1], [1, 0]]]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-4, 4)), min_size=1, max_size=12))
def test_records_by_their_definition(points):
    time = np.array([float(t) for t, _ in points])
    value = np.array([float(v) for _, v in points])
    found = record_share(xr.DataArray(value, dims="model"), time).values
    for i, (t, v) in enumerate(zip(time, value, strict=True)):
        beats_the_past = all(v > value[j] for j in range(len(points)) if time[j] < t)
        best_of_day = all(v >= value[j] for j in range(len(points)) if time[j] == t)
        assert found[i] == (beats_the_past and best_of_day)
