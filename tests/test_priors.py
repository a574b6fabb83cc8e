"""Priors as values: their text, their scaling against scipy, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from densing_bayes.priors import DISTRIBUTIONS, Prior, brief, check_names, parse_prior

GOOD = {"dist": "Normal", "mu": 0, "sigma": 2.5, "unit": "1/year", "why": "no growth expected"}


def wrong(**changes: object) -> list[str]:
    table = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    prior, problems = parse_prior("rate", table, "m.toml")
    assert (prior is None) == bool(problems)
    return [str(problem) for problem in problems]


def test_a_prior_is_a_value():
    prior, problems = parse_prior("rate", GOOD, "m.toml")
    assert problems == []
    assert prior == Prior("Normal", {"mu": 0.0, "sigma": 2.5}, "1/year", "no growth expected")
    assert str(prior) == "Normal(mu=0, sigma=2.5) [1/year]"


@pytest.mark.parametrize(("changes", "message"), [
    ({"dist": "Norml"}, "m.toml: prior 'rate': unknown distribution (given 'Norml'; allowed: "
     f"{', '.join(DISTRIBUTIONS)}; did you mean 'Normal'?)"),
    ({"dist": ["Normal"]}, "m.toml: prior 'rate': unknown distribution (given 'a list'; allowed: "
     f"{', '.join(DISTRIBUTIONS)})"),
    ({"dist": ...}, "m.toml: prior 'rate': unknown distribution (given 'None'; allowed: "
     f"{', '.join(DISTRIBUTIONS)})"),
    ({"sigma": ...}, "m.toml: prior 'rate': Normal needs the number 'sigma'"),
    ({"sigma": "2"}, "m.toml: prior 'rate': Normal needs the number 'sigma' (given '2')"),
    ({"sigma": True}, "m.toml: prior 'rate': Normal needs the number 'sigma' (given 'True')"),
    ({"mu": float("nan")}, "m.toml: prior 'rate': Normal needs the number 'mu' (given 'nan')"),
    ({"mu": 10**400}, "m.toml: prior 'rate': Normal needs the number 'mu' (given 'a whole number "
     "of more than 20 digits')"),
    ({"sigma": 0}, "m.toml: prior 'rate': 'sigma' must be positive (given '0'; allowed: > 0)"),
    ({"tau": 1}, "m.toml: prior 'rate': unknown key (given 'tau'; allowed: dist, mu, sigma, unit, "
     "why)"),
    ({"why": "  "}, "m.toml: prior 'rate' has no why (given '  '; every prior states its unit "
     "('1' for none) and its reason)"),
    ({"unit": ...}, "m.toml: prior 'rate' has no unit (every prior states its unit ('1' for none) "
     "and its reason)"),
])
def test_what_is_wrong_is_said(changes, message):
    assert wrong(**changes) == [message]


def test_a_prior_that_is_no_table():
    _, problems = parse_prior("rate", [GOOD], "m.toml")
    assert "prior 'rate' is not a table (given 'a list'" in str(problems[0])


def test_an_empty_uniform_is_refused():
    table = {"dist": "Uniform", "lower": 2, "upper": 1, "unit": "1", "why": "somewhere"}
    assert "'lower' is not below 'upper'" in str(parse_prior("x", table, "m.toml")[1][0])


def test_a_parameter_keeps_its_support():
    prior, problems = parse_prior("q", GOOD, "m.toml", kinds=("Beta",))
    assert prior is None
    assert str(problems[0]) == ("m.toml: prior 'q' cannot be a Normal (given 'Normal'; allowed: "
                                "Beta; the support has to be the parameter's)")


# a prior of each distribution, its support, mean and sd by hand
BY_HAND = [
    (Prior("Normal", {"mu": -1.0, "sigma": 3.0}), (-np.inf, np.inf), -1.0, 3.0),
    (Prior("LogNormal", {"mu": 0.5, "sigma": 0.4}), (0, np.inf), np.exp(0.58),
     np.exp(0.58) * np.sqrt(np.exp(0.16) - 1)),
    (Prior("HalfNormal", {"sigma": 2.0}), (0, np.inf), 2 * np.sqrt(2 / np.pi),
     2 * np.sqrt(1 - 2 / np.pi)),
    (Prior("Beta", {"alpha": 4.0, "beta": 4.0}), (0, 1), 0.5, 1 / 6),
    (Prior("Gamma", {"alpha": 4.0, "beta": 2.0}), (0, np.inf), 2.0, 1.0),
    (Prior("Uniform", {"lower": 2.0, "upper": 5.0}), (2, 5), 3.5, 3 / np.sqrt(12)),
    (Prior("Exponential", {"lam": 4.0}), (0, np.inf), 0.25, 0.25),
]


def test_every_distribution_has_its_mathematics():
    assert {prior.dist for prior, *_ in BY_HAND} == set(DISTRIBUTIONS)


@pytest.mark.parametrize(("prior", "support", "mean", "sd"), BY_HAND,
                         ids=[prior.dist for prior, *_ in BY_HAND])
def test_what_a_prior_says_of_itself(prior, support, mean, sd):
    assert prior.support == support
    assert prior.mean == pytest.approx(mean)
    assert prior.sd == pytest.approx(sd)
    inside = prior.ppf(np.linspace(0.001, 0.999, 2001))
    assert prior.cdf(inside) == pytest.approx(np.linspace(0.001, 0.999, 2001))
    # the density is the slope of the distribution function
    middle = (inside[1:] + inside[:-1]) / 2
    slope = np.diff(prior.cdf(inside)) / np.diff(inside)
    keep = slice(200, -200)
    assert np.exp(prior.logpdf(middle[keep])) == pytest.approx(slope[keep], rel=1e-3)
    assert prior.logpdf(support[0] - 1) == -np.inf
    draws = prior.rvs(np.random.default_rng(5), 40_000)
    assert draws.mean() == pytest.approx(mean, abs=5 * sd / 200)  # false alarm 6e-7
    assert isinstance(float(prior.rvs(np.random.default_rng(5))), float)
    assert prior == Prior(prior.dist, dict(prior.args))  # what was computed is no part of it


@pytest.mark.parametrize("prior", [prior for prior, *_ in BY_HAND], ids=lambda prior: prior.dist)
def test_the_sampler_means_the_same_by_it(prior):
    """PyMC's log density of the variable that a model would have."""
    import pymc as pm

    from densing_bayes.families.blocks import rv

    at = prior.ppf(np.array([0.05, 0.3, 0.9]))
    with pm.Model():
        assert pm.logp(rv("x", prior), at).eval() == pytest.approx(prior.logpdf(at), abs=1e-6)


def test_names_unknown_and_missing():
    said = [str(problem) for problem in check_names({"rat": 1}, ("rate",), "toy", "m.toml")]
    assert said == [
        "m.toml: prior 'rat' names no parameter of family 'toy' (given 'rat'; allowed: rate; did "
        "you mean 'rate'?)",
        "m.toml: family 'toy' has no prior for 'rate' (add [priors.rate])"]


# the spread that `scaled` doubles, per distribution, by scipy
SPREADS = {
    "Normal": lambda a: stats.norm(a["mu"], a["sigma"]).std(),
    "LogNormal": lambda a: np.log(stats.lognorm(a["sigma"]).ppf(0.9)),
    "HalfNormal": lambda a: stats.halfnorm(scale=a["sigma"]).std(),
    "Exponential": lambda a: stats.expon(scale=1 / a["lam"]).std(),
}


@pytest.mark.parametrize("dist", SPREADS)
def test_scaled_doubles_the_spread(dist):
    prior = Prior(dist, dict.fromkeys(DISTRIBUTIONS[dist], 0.7))
    spread = SPREADS[dist]
    assert spread(prior.scaled(2).args) == pytest.approx(2 * spread(prior.args))


@pytest.mark.parametrize(("dist", "of"), [
    ("Beta", lambda a: stats.beta(a["alpha"], a["beta"])),
    ("Gamma", lambda a: stats.gamma(a["alpha"], scale=1 / a["beta"]))])
def test_scaled_counts_keep_the_mean_and_widen(dist, of):
    prior = Prior(dist, {"alpha": 30.0, "beta": 2.0})
    assert of(prior.scaled(2).args).mean() == pytest.approx(of(prior.args).mean())
    # exactly twice for Gamma, nearly for Beta
    assert of(prior.scaled(2).args).std() / of(prior.args).std() == pytest.approx(2, rel=0.1)
    assert prior.args == {"alpha": 30.0, "beta": 2.0}


def test_a_uniform_has_no_scale():
    prior = Prior("Uniform", {"lower": 0.0, "upper": 1.0})
    assert prior.scaled(2) == prior


def test_brief_is_short_and_prints_anything():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert brief(deep) == "a list"
    assert brief(10**5000) == "a whole number of more than 20 digits"
    assert len(brief("x" * 500)) == 80
