"""Weights, discrepancy, rehearsal and pooling, against what can be worked out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from densing_bayes.priors import Prior
from densing_bayes.scaling import weights
from densing_bayes.scaling.pooling import pool
from densing_bayes.scaling.predict import largest_hidden
from densing_bayes.scaling.rehearse import kept_runs, same_size
from densing_bayes.scaling.tables import ladder

PRIOR = Prior("HalfNormal", {"sigma": 0.002})


def test_stacking_weights_of_complementary_laws_are_equal():
    """Each law good for half of the observations: neither dominates, and order is no matter."""
    good = np.array([0.0, -5.0])
    rows = np.array([good, good[::-1]] * 20)
    w = weights.stacking_weights(rows, seed=1)
    assert w.sum() == pytest.approx(1)
    assert w[0] == pytest.approx(0.5, abs=0.03)


def test_stacking_weight_of_two_laws_by_quadrature():
    """One observation with densities 1 and e^-2: posterior mean of w under a flat prior."""
    grid = np.linspace(0, 1, 20_001)
    likelihood = grid + (1 - grid) * np.exp(-2)
    exact = (grid * likelihood).sum() / likelihood.sum()
    # Monte Carlo error of 4,000 draws is 0.005: five of those, false-alarm rate 6e-7
    assert weights.stacking_weights(np.array([[0.0, -2.0]]), seed=3)[0] == pytest.approx(
        exact, abs=0.025)


def test_mixture_draws_in_proportion():
    z = weights.mixture([np.zeros((10, 1)), np.ones((7, 1))], np.array([0.25, 0.75]), seed=1)
    assert len(z) == 4000
    assert z.mean() == pytest.approx(0.75)


def test_discrepancy_by_hand_and_prior_without_errors():
    nothing = np.array([])
    prior = weights.discrepancy_draws(PRIOR, errors=nothing, spreads=nothing, distances=nothing,
                                      seed=1, size=20_000)
    assert prior.mean() == pytest.approx(0.002 * np.sqrt(2 / np.pi), rel=0.03)
    right = weights.discrepancy_draws(PRIOR, errors=np.array([1e-4, -1e-4, 2e-4]),
                                      spreads=np.full(3, 1e-4), distances=np.ones(3), seed=1)
    wrong = weights.discrepancy_draws(PRIOR, errors=np.array([0.02, -0.03, 0.02]),
                                      spreads=np.full(3, 1e-4), distances=np.ones(3), seed=1)
    assert np.median(right) < np.median(prior) < np.median(wrong)
    many = weights.discrepancy_draws(  # sd 0.02 at distance 1 means 0.01 per e-fold plus one
        Prior("HalfNormal", {"sigma": 0.05}), seed=1, spreads=np.full(400, 1e-5),
        errors=np.random.default_rng(1).normal(0, 0.02, 400), distances=np.ones(400))
    assert np.median(many) == pytest.approx(0.01, rel=0.15)


def grid_of_runs(sizes=6, budgets=4):
    params = np.repeat(np.geomspace(1e8, 3.2e9, sizes), budgets)
    tokens = params * np.tile(np.geomspace(10, 80, budgets), sizes)
    return ladder("grid", pd.DataFrame({
        "run": [f"r{i}" for i in range(len(params))], "params": params, "tokens": tokens,
        "loss": 1.7 + 400 * params**-0.34 + 400 * tokens**-0.28}))


def test_rehearsal_hides_the_largest_third_by_compute():
    one = grid_of_runs()
    keep = kept_runs(one)
    compute = one.size + one.token
    assert keep.sum() == 16
    assert compute[keep].max() < compute[~keep].min()
    assert kept_runs(grid_of_runs(5, 1)) is None  # nothing could be hidden


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
