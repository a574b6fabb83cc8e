"""The stochastic frontier: its density against scipy and against its parts, its draws, its gaps."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytensor.compile.mode import Mode
from scipy import integrate, stats

from densing_bayes.families.frontier import _random, frontier, skew_normal_logp

PLAIN = Mode(linker="py", optimizer=None)  # no compilation


def logp(value, mu, omega, q):
    graph = skew_normal_logp(pt.as_tensor(np.asarray(value, float)), mu, omega, q)
    return graph.eval(mode=PLAIN)


@given(st.floats(-5, 5), st.floats(-3, 3), st.floats(0.05, 4), st.floats(0.01, 0.99))
def test_density_is_scipys_skew_normal(value, mu, omega, q):
    want = stats.skewnorm.logpdf(value, -np.sqrt(q / (1 - q)), loc=mu, scale=omega)
    got = float(logp(value, mu, omega, q))
    if want > -500:  # scipy's own loses its digits in the far tail
        assert got == pytest.approx(want, rel=1e-6, abs=1e-8)


def test_far_tails_stay_finite_and_right():
    """Far above: both normals fall together, e^2 (1 + lambda^2) / 2; far below: only one."""
    q, skew2 = 0.8, 0.8 / 0.2
    e = np.array([20.0, 40.0, 80.0])
    above, below = logp(e, 0.0, 1.0, q), logp(-e, 0.0, 1.0, q)
    assert np.isfinite(above).all()
    assert np.isfinite(below).all()
    np.testing.assert_allclose(below, np.log(2) + stats.norm.logpdf(e), rtol=1e-10)
    tail = np.sqrt(skew2) * e  # Mills' ratio: ln Phi(-x) = -x^2/2 - ln(x sqrt(2 pi)) - 1/x^2 + ...
    np.testing.assert_allclose(
        above, np.log(2) + stats.norm.logpdf(e) + stats.norm.logpdf(tail) - np.log(tail),
        rtol=1e-5)


@pytest.mark.parametrize("q", [0.1, 0.6, 0.95])
def test_density_is_the_sum_of_gap_and_noise(q):
    """f - u + v by convolution, u half-normal and v normal."""
    mu, omega, at = 0.4, 0.9, -0.7
    gap, noise = omega * np.sqrt(q), omega * np.sqrt(1 - q)
    want, _ = integrate.quad(
        lambda u: stats.halfnorm.pdf(u, scale=gap) * stats.norm.pdf(at, mu - u, noise), 0, 12)
    assert float(logp(at, mu, omega, q)) == pytest.approx(np.log(want), rel=1e-6)


def test_draws_follow_the_density():
    """Kolmogorov-Smirnov on 20,000 draws; false alarms: one in 10,000, and the seed is fixed."""
    mu, omega, q = 1.5, 0.8, 0.7
    draws = _random(mu, omega, q, rng=np.random.default_rng(3), size=20_000)
    law = stats.skewnorm(-np.sqrt(q / (1 - q)), loc=mu, scale=omega)
    assert stats.kstest(draws, law.cdf).pvalue > 1e-4
    assert draws.mean() == pytest.approx(mu - omega * np.sqrt(2 * q / np.pi), abs=0.02)
    # and a frontier without gap would be found out
    assert stats.kstest(draws, stats.norm(mu, omega).cdf).pvalue < 1e-4


def test_the_random_variable_has_this_density():
    with pm.Model() as model:
        frontier("y", np.array([0.0, 1.0]), 0.9, 0.6, shape=2)
    value = np.array([-0.5, 1.3])
    got = model.compile_logp(mode=PLAIN)({"y": value})
    want = stats.skewnorm.logpdf(value, -np.sqrt(0.6 / 0.4), loc=[0, 1], scale=0.9).sum()
    assert float(got) == pytest.approx(want)
