"""Importance sampling: against closed forms, against NUTS, and told when it fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from densing_bayes.breakpoints.chains import by_nuts
from densing_bayes.breakpoints.designs import regimes_for
from densing_bayes.breakpoints.fits import carried, fit
from densing_bayes.breakpoints.series import Series, as_days
from densing_bayes.importance import DENSITIES, SCALES, Coordinates, importance, stream
from densing_bayes.priors import DISTRIBUTIONS, Prior
from densing_bayes.specs import load_model


def series(count=30, kind="all", shared=None):
    rng = np.random.default_rng(3)
    years = np.linspace(0, 4, count)
    values = years + 0.8 * np.maximum(years - 2, 0) + 0.4 * rng.normal(size=count)
    dates = np.datetime64("2020-01-01") + np.round(years * 365.25).astype("timedelta64[D]")
    return Series("y", dates, values, np.full(count, 0.1),
                  np.zeros((count, 0)) if shared is None else shared, True, kind)


@pytest.mark.parametrize("dist", DENSITIES)
def test_densities_are_those_of_the_priors(dist):
    """Up to a constant; the way from the real line and its slope by differences."""
    prior = Prior(dist, dict.fromkeys(DISTRIBUTIONS[dist], 1.7))
    x = np.linspace(-2, 2, 9)
    at, slope = SCALES[dist](x)
    constant = prior.logpdf(at) - DENSITIES[dist](at, prior.args)
    np.testing.assert_allclose(constant, constant[0])
    step = (SCALES[dist](x + 1e-5)[0] - SCALES[dist](x - 1e-5)[0]) / 2e-5
    np.testing.assert_allclose(np.log(step), np.broadcast_to(slope, x.shape), atol=1e-8)


def test_a_mixture_of_candidates():
    """Two correlated normals of known mass, far apart: masses, means and spreads come back."""
    mass, middle = np.array([0.3, 0.7]), np.array([[0.0, 0.0, 0.0], [5.0, -2.0, 1.0]])
    covariance = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 0.5]])

    def log_posterior(x, candidate):
        return np.log(mass[candidate]) + stats.multivariate_normal(
            np.zeros(3), covariance).logpdf(x - middle[candidate])

    found = importance(log_posterior, np.zeros(3), 2, stream(1, "mixture"))
    assert found.passed
    assert found.ess > 3000
    share = np.bincount(found.candidate, found.weight)
    # weighted shares have an sd of about 0.006, means of 0.02
    np.testing.assert_allclose(share, mass, atol=0.03)
    second = found.candidate == 1
    weight = found.weight[second] / found.weight[second].sum()
    mean = weight @ found.x[second]
    np.testing.assert_allclose(mean, middle[1], atol=0.1)
    off = found.x[second] - mean
    np.testing.assert_allclose((weight[:, None] * off).T @ off, covariance, atol=0.12)


def test_a_posterior_that_proposals_cannot_follow_is_refused():
    """Neal's funnel in ten dimensions, of which one bell sees the mouth or the neck."""
    def log_posterior(x, candidate):
        width = x[:, :1]
        return (-0.5 * (width / 3) ** 2 - 0.5 * (x[:, 1:] / np.exp(width)) ** 2 - width).sum(axis=1)

    found = importance(log_posterior, np.zeros(10), 1, stream(1, "funnel"))
    assert not found.passed


@pytest.mark.parametrize("prior", [
    Prior("Normal", {"mu": 1.0, "sigma": 2.0}), Prior("HalfNormal", {"sigma": 2.0}),
    Prior("LogNormal", {"mu": 0.5, "sigma": 0.7}), Prior("Gamma", {"alpha": 2.0, "beta": 0.5}),
    Prior("Beta", {"alpha": 2.0, "beta": 5.0}), Prior("Exponential", {"lam": 0.4})], ids=str)
def test_the_prior_alone_comes_back(prior):
    """Without data the weighted draws have the prior's quantiles (scipy's)."""
    a = prior.args
    want = {"Normal": lambda: stats.norm(a["mu"], a["sigma"]),
            "HalfNormal": lambda: stats.halfnorm(0, a["sigma"]),
            "LogNormal": lambda: stats.lognorm(a["sigma"], 0, np.exp(a["mu"])),
            "Gamma": lambda: stats.gamma(a["alpha"], 0, 1 / a["beta"]),
            "Beta": lambda: stats.beta(a["alpha"], a["beta"]),
            "Exponential": lambda: stats.expon(0, 1 / a["lam"])}[prior.dist]()
    coordinates = Coordinates({"x": prior}, {"x": 1})
    found = importance(lambda x, _: coordinates.unpack(x)[1], np.zeros(1), 1, stream(2, prior.dist))
    keep = found.resample(4000, stream(3, "resample"))
    values = coordinates.unpack(found.x[keep])[0]["x"][:, 0]
    for p in (0.05, 0.5, 0.95):  # shares of some 4,000 draws: sd 0.008
        assert (values < want.ppf(p)).mean() == pytest.approx(p, abs=0.04)


@pytest.mark.parametrize("name", ["kink", "kink_unknown", "walk"])
def test_nuts_says_the_same(name):
    """Another sampler, another way of writing the same model: the same posterior.

    Means of two times 2,000 draws differ by 0.05 sd or so: 0.2 is passed once in 10,000 runs.
    """
    given = series(kind="frontier")
    regime = next(one for one in regimes_for(given, [float(as_days("2022-01-01"))])
                  if one.name == name)
    full = load_model("series").with_options(likelihood="frontier")
    spec = replace(full, sampling=replace(full.sampling, draws=1000, tune=500, chains=2))
    one = fit(given, regime, spec)
    assert one.diagnostics["method"] == "importance"
    other = by_nuts(replace(one, draws={}, seen={}), spec.sampling)
    assert other.diagnostics["rhat"] < 1.02
    for part in ("level", "rate", "noise", "share"):
        a, b = one.draws[part], other.draws[part]
        assert a.mean() == pytest.approx(b.mean(), abs=0.2 * b.std()), part
        assert a.std() == pytest.approx(b.std(), rel=0.2), part
    for a, b in zip(one.before_after, other.before_after, strict=True):
        assert a.mean() == pytest.approx(b.mean(), abs=0.2 * b.std())
        assert a.std() == pytest.approx(b.std(), rel=0.2)
    np.testing.assert_allclose(one.chances, other.chances, atol=0.06)


def test_what_looks_like_a_change_is_carried_into_the_change():
    """A shared error that is 0.3 of the kink's own column adds 0.3 to the change's spread."""
    plain = series(60)
    regime = next(one for one in regimes_for(plain, [float(as_days("2022-01-01"))])
                  if one.name == "kink")
    spec = load_model("series").with_options(likelihood="all")
    alone = fit(plain, regime, spec)
    column = alone.design.values(alone.units.time(plain.days))[0, 0]
    blurred = replace(plain, shared=0.9 * alone.units.scale * column[:, None])
    got = fit(blurred, regime, spec)
    np.testing.assert_allclose(carried(got)[0][:, 0], [0, 0, 0.9], atol=1e-9)
    assert got.draws["sizes"].std() == pytest.approx(
        np.hypot(alone.draws["sizes"].std(), 0.9), rel=0.1)
    assert got.seen["sizes"].std() == pytest.approx(alone.draws["sizes"].std(), rel=0.1)
    np.testing.assert_allclose(got.left_out, alone.left_out)


def test_evidence_is_the_integral():
    """Normals of known mass: 0.3 and 0.5 of a unit each, candidates equally likely beforehand."""
    def log_posterior(x, candidate):
        return np.log(np.array([0.3, 0.5])[candidate]) + stats.multivariate_normal(
            np.ones(2), [[1.0, 0.5], [0.5, 2.0]]).logpdf(x - candidate[:, None])

    found = importance(log_posterior, np.zeros(2), 2, stream(4, "evidence"))
    assert np.exp(found.log_evidence) == pytest.approx((0.3 + 0.5) / 2, rel=0.05)
