"""Weights, discrepancy, rehearsal and pooling, against what can be worked out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from densing_bayes.priors import Prior
from densing_bayes.scaling_laws import weights
from densing_bayes.scaling_laws.pooling import pool
from densing_bayes.scaling_laws.predict import largest_hidden
from densing_bayes.scaling_laws.rehearse import cuts, same_size
from densing_bayes.scaling_laws.tables import ladder

PRIOR = Prior("HalfNormal", {"sigma": 0.01})


def test_a_law_that_fails_at_a_distance_loses_its_weight():
    """Equal left out one by one, 4% off at one e-fold: the rehearsals decide."""
    near = weights.bootstrap_weights(np.zeros((30, 2)), seed=1)
    rows = np.array([[weights.distant_density(
        error=np.array([error] * 3), spread=np.full(3, 0.003), distance=np.ones(3))
        for error in (0.002, 0.04)] for _ in range(2)])
    w = weights.combined(near, weights.bootstrap_weights(rows, seed=1))
    assert near[0] == pytest.approx(0.5)
    assert w[0] > 0.95


def test_one_failed_run_does_not_rule_out_a_law():
    """A hidden run 30% off for one law and 1% for the other, at one of three places."""
    off = [weights.distant_density(error=np.array([0.0, 0.0, error]), spread=np.full(3, 0.003),
                                   distance=np.ones(3)) for error in (0.01, 0.3)]
    w = weights.bootstrap_weights(np.array([off, [0.0, 0.0]]), seed=1)
    assert w[1] > 1e-6


def test_mixture_draws_in_proportion():
    z = weights.mixture([np.zeros((10, 1)), np.ones((7, 1))], np.array([0.25, 0.75]), seed=1)
    assert len(z) == 4000
    assert z.mean() == pytest.approx(0.75)


def errors(error, count=4, distance=1.0, spread=1e-3):
    return weights.Errors(np.full(count, error), np.full(count, spread),
                          np.full(count, distance))


def test_drift_has_the_prior_without_rehearsals():
    """scale ~ HalfNormal(0.01), common ~ Normal(0, scale): means 0.008 and 0."""
    drift = weights.drift_draws(PRIOR, [], seed=1, size=20_000)
    assert drift.scale.mean() == pytest.approx(0.01 * np.sqrt(2 / np.pi), rel=0.04)
    assert drift.common.mean() == pytest.approx(0, abs=3e-4)  # 4 standard errors


def test_drift_learns_size_and_sign():
    right = weights.drift_draws(PRIOR, [errors(1e-4), errors(-2e-4), errors(1e-4)], seed=1)
    short = weights.drift_draws(PRIOR, [errors(-0.03), errors(-0.02), errors(-0.025)], seed=1)
    both = weights.drift_draws(PRIOR, [errors(-0.03), errors(0.03), errors(-0.03),
                                       errors(0.03)], seed=1)
    assert np.median(right.scale) < np.median(short.scale)
    assert np.median(short.common) < -0.01
    assert abs(np.median(both.common)) < 0.01
    assert np.median(both.scale) > 2 * np.median(right.scale)


def test_drift_grows_with_distance_and_is_shared_by_a_group():
    drift = weights.drift_draws(PRIOR, [], seed=1)
    draws = drift.of(np.array([0.0, 1.0, 1.0, 3.0]), np.array([0, 1, 1, 2]), seed=3)
    assert not draws[:, 0].any()
    assert np.array_equal(draws[:, 1], draws[:, 2])
    assert draws[:, 3].std() == pytest.approx(3 * draws[:, 1].std(), rel=0.05)


def grid_of_runs(sizes=6, budgets=4):
    params = np.repeat(np.geomspace(1e8, 3.2e9, sizes), budgets)
    tokens = params * np.tile(np.geomspace(10, 80, budgets), sizes)
    return ladder("grid", pd.DataFrame({
        "run": [f"r{i}" for i in range(len(params))], "params": params, "tokens": tokens,
        "loss": 1.7 + 400 * params**-0.34 + 400 * tokens**-0.28}))


def test_rehearsals_hide_the_runs_of_most_compute_and_the_largest_size():
    one = grid_of_runs()
    found = cuts(one)
    compute = one.size + one.token
    assert [int(keep.sum()) for keep in found.values()] == [18, 20, 20]
    for name, keep in found.items():
        if name.startswith("compute"):
            assert compute[keep].max() < compute[~keep].min()
    largest = found["sizes but the largest"]
    assert one.size[~largest].min() > one.size[largest].max()
    assert not cuts(grid_of_runs(4, 1))  # five runs of three sizes could not be kept
    assert "sizes but the largest" not in cuts(grid_of_runs(12, 4))


def test_largest_sizes_hidden_and_mid_schedule_runs_dropped():
    one = grid_of_runs(8, 3)
    small, hidden = largest_hidden(one)
    assert hidden["params"].min() > small.frame["params"].max()
    assert same_size(np.log(hidden["params"])).max() + 1 == 2
    marked = ladder("grid", one.frame.assign(lr_decayed=["no", "no", "yes"] * 8))
    small, hidden = largest_hidden(marked)
    assert set(small.frame["lr_decayed"]) | set(hidden["lr_decayed"]) == {"yes"}


# -- pooling -----------------------------------------------------------------------------------

PRIORS = {"log_alpha": Prior("Normal", {"mu": -1.6, "sigma": 0.7}),
          "log_beta": Prior("Normal", {"mu": -1.4, "sigma": 0.7}),
          "spread": Prior("LogNormal", {"mu": -1.2, "sigma": 0.5})}


def fake_draws(rng, log_alpha, error, count=4000):
    """Posterior of a ladder that measured ln alpha with a normal error, under the prior."""
    def posterior(measured, prior):
        precision = 1 / error**2 + 1 / prior.args["sigma"] ** 2
        mean = (measured / error**2 + prior.args["mu"] / prior.args["sigma"] ** 2) / precision
        return rng.normal(mean, precision**-0.5, (4, count // 4))
    return xr.Dataset({
        "alpha": (("chain", "draw"), np.exp(posterior(log_alpha, PRIORS["log_alpha"]))),
        "beta": (("chain", "draw"), np.exp(posterior(-1.0, PRIORS["log_beta"])))})


def test_pooling_agrees_with_the_exact_hierarchical_posterior():
    """Normal errors: integrate mean and spread on a grid, and compare a ladder's mean."""
    rng = np.random.default_rng(5)
    measured, errors = np.array([-1.8, -1.5, -1.6, -0.4]), np.array([0.05, 0.05, 0.05, 0.5])
    fits = {f"l{i}": fake_draws(rng, m, e)
            for i, (m, e) in enumerate(zip(measured, errors, strict=True))}
    pooled = pool(fits, PRIORS, seed=2, chains=2)
    mu, tau = np.meshgrid(np.linspace(-4, 1, 401), np.geomspace(0.02, 3, 301), indexing="ij")
    density = -0.5 * ((mu + 1.6) / 0.7) ** 2 - 0.5 * ((np.log(tau) + 1.2) / 0.5) ** 2
    for m, e in zip(measured, errors, strict=True):  # grid uniform in ln tau
        density = density - 0.5 * np.log(e**2 + tau**2) - 0.5 * (m - mu) ** 2 / (e**2 + tau**2)
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    last = (measured[3] / errors[3] ** 2 + mu / tau**2) / (1 / errors[3] ** 2 + 1 / tau**2)
    exact = {"mean_log_alpha": (weight * mu).sum(), "spread_log_alpha": (weight * tau).sum()}
    # Monte Carlo error below 0.01 each: a tolerance of 0.04 has a false-alarm rate below 1e-4
    for name, value in exact.items():
        assert float(pooled.common[name].mean()) == pytest.approx(value, abs=0.04), name
    assert np.log(pooled.ladders["l3"]["alpha"]).values.mean() == pytest.approx(
        (weight * last).sum(), abs=0.04)
    alone = np.log(fits["l3"]["alpha"]).values.mean()
    assert np.log(pooled.ladders["l3"]["alpha"]).values.mean() < alone - 0.1  # it is drawn in
    assert np.log(pooled.ladders["l0"]["alpha"]).values.mean() == pytest.approx(-1.8, abs=0.03)
