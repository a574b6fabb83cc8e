"""Families and models integrated out: against brute force, differences, threads and NUTS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import special, stats

from densing_bayes.checks import of_weights, told
from densing_bayes.context import gate
from densing_bayes.fitting import Fit
from densing_bayes.joint import fit as module
from densing_bayes.joint import marginal
from densing_bayes.joint.engine import TOLD
from densing_bayes.joint.fit import Joint, choose, prepare
from densing_bayes.joint.growth import effects as effects_of
from densing_bayes.joint.integrated import Marginal
from densing_bayes.joint.kernel import tails
from densing_bayes.joint.marginal import points_of, sample_marginal
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.worlds import TYPICAL, invent, simulate, write


@pytest.fixture(scope="module")
def small(small_joint) -> Marginal:
    """The small world with nodes at the centre of the priors."""
    found = Marginal(small_joint.compiled)
    found.place_nodes(found.above.initial_point_func(0))
    return found


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Joint:
    """A world of 400 models: with sixty, the approximation is too rough to pass every time.

    (Effective shares of the weights over four seeds: 16 to 43% at 60 models, 67 to 73% here.)
    """
    rng = np.random.default_rng(5)
    design = invent(rng, models=400, benchmarks=3)
    outcomes, _ = simulate(design, TYPICAL, rng)
    folder = write(tmp_path_factory.mktemp("many") / "tables", design, outcomes)
    spec = load_model("densing")
    return prepare(choose(load_tables(folder), spec), spec)


@pytest.fixture(scope="module")
def by_nuts(many) -> Fit:
    """Its posterior by NUTS, in the end with chains that pass."""
    fit = many.fit({})
    return fit if gate(fit)["passed"] else many.fit({}, longer=True)


@pytest.fixture(scope="module")
def weighted(many) -> xr.DataTree:
    """Its posterior by weighted draws."""
    return sample_marginal(many.compiled, many.spec.sampling, times=2)


def test_tables_of_the_tail_are_those_of_its_formula():
    x = np.concatenate([np.linspace(-12, 40, 4001), tails.LOW + np.arange(3) / tails.PER_UNIT])
    log = special.log_ndtr(-x)
    np.testing.assert_allclose([tails.log_tail(one) for one in x], log, rtol=1e-9, atol=1e-10)
    hazard = np.exp(stats.norm.logpdf(x) - log)
    np.testing.assert_allclose([tails.hazard(one) for one in x], hazard, rtol=1e-8, atol=1e-9)


def test_quadrature_is_the_integral(small, small_joint):
    """The smallest family, by Gauss-Legendre sums of the laws, scipy's densities and the tables.

    Panels of 8 points, 200 to the integral over a place and 40 to that over the effect, over
    wider ranges than the nodes have: halving the panels changes the sum by less than 1e-9.
    """
    compiled = small_joint.compiled
    x = small.above.initial_point_func(0)
    at = small.natural(x)
    numbers, amounts, curves, anchors = small.code["globals_at"](x, small.tables)[:4]
    omega, q, gap, omega_family, q_family, gap_family, mean, rate, c1, nu = numbers
    models, nodes = compiled.columns["models"], small.latents
    family = np.asarray(models["family"], int)
    smallest = int(np.bincount(family).argmin())
    members = np.flatnonzero(family == smallest)
    effects = effects_of(compiled.columns["knots"], models["time"]) @ at["rate_step"]
    assert amounts.size == at["rate_step"].size

    def below(value, place, omega, q):  # scipy's skew normal, mirrored
        return stats.skewnorm.pdf((place - value) / omega, np.sqrt(q / (1 - q))) / omega

    def scores(model, z):
        total = np.zeros_like(z)
        for group in ("anchored", "linked_cells"):
            cells = compiled.columns[group]
            for i in np.flatnonzero(np.asarray(cells["model"]) == model):
                b = int(cells["benchmark"][i])
                curve = curves[b]
                size = np.exp(curve[0] - curve[1] * z)
                inner, slope = ((curve[3] * (curve[2] + size), -curve[3] * curve[1] * size)
                                if b < anchors else (curve[0] * (z - curve[1]), curve[0]))
                u = special.expit(inner)
                expected = curve[5] + curve[4] * u
                spread = expected * (1 - expected)
                sd = np.sqrt((curve[4] * u * (1 - u) * slope * at["sd_benchmark_z"][b]) ** 2
                             + spread / cells["items"][i]
                             + 4 * spread * at["sd_source"][b] ** 2 / cells["replicates"][i])
                total += stats.t.logpdf(cells["score"][i], nu, expected, sd)
        return np.exp(total)

    def panels(low, high, count):
        point, weight = np.polynomial.legendre.leggauss(8)
        edges = np.linspace(low, high, count + 1)
        half = np.diff(edges)[:, None] / 2
        return ((edges[:-1, None] + half * (1 + point)).ravel(),
                np.broadcast_to(half * weight, (count, 8)).ravel())

    last = nodes.low[smallest] + nodes.step[smallest] * (nodes.count[smallest] - 1)
    effect, per_effect = panels(nodes.low[smallest] - 1, last + 1, 40)
    total = below(effect, gap_family, omega_family, q_family) * per_effect
    for i in members:
        k = int(np.flatnonzero(small.order == i)[0])
        low = nodes.z_low[k]
        z, per_z = panels(low - 1, low + nodes.z_step[k] * (nodes.z_count[k] - 1) + 1, 200)
        size = models["log_params"][i] - compiled.columns["setting"]["mean_log_params"][0]
        place = (size + effects[i]) / c1 + mean + rate * models["time"][i] + gap
        total = total * (below(z, place + effect[:, None], omega, q) @ (scores(i, z) * per_z))
    cells = sum(np.isin(np.asarray(compiled.columns[group]["model"], int), members).sum()
                for group in ("anchored", "linked_cells"))
    ours = small.code["value"](smallest, smallest + 1, nodes, (numbers, amounts, curves, anchors))
    ours += cells * (special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2)
                     - 0.5 * np.log(np.pi * nu))
    assert ours == pytest.approx(np.log(total.sum()), abs=2e-5)


def test_more_nodes_change_nothing(small_joint):
    above = Marginal(small_joint.compiled).above
    point = above.initial_point_func(0)
    # 0.03 of every coordinate's unit; spreads of benchmarks, sampled as they are, by 3%
    as_is = np.concatenate([np.full(int(np.prod(shape)), name == "sd_benchmark_z")
                            for name, shape in above.shapes.items() if name not in TOLD])
    near = point + 0.03 * np.where(as_is, point, 1)
    found = []
    for spacing in (1.25, 0.5):
        one = Marginal(small_joint.compiled)
        one.place_nodes(point, spacing=spacing)
        found.append([one.log_density(x) for x in (point, near)])
    np.testing.assert_allclose(found[0], found[1], atol=2e-4)
    # what counts is the difference between points: errors common to both are constants
    np.testing.assert_allclose(*(np.diff(one) for one in found), atol=1e-4)


def test_gradient_is_that_of_the_value(small):
    rng = np.random.default_rng(5)
    x = small.above.initial_point_func(0)
    x = x + 0.02 * rng.normal(size=x.size)
    value, gradient = small.gradient(x)
    assert value == pytest.approx(small.log_density(x), rel=1e-12)
    step = 1e-5
    found = [(small.log_density(x + one) - small.log_density(x - one)) / (2 * step)
             for one in step * np.eye(x.size)]
    np.testing.assert_allclose(gradient, found, rtol=1e-5, atol=1e-7 * abs(gradient).max())


def test_threads_change_no_digit(small_joint):
    x = None
    found = []
    for threads in (1, 2):
        one = Marginal(small_joint.compiled, threads)
        x = one.above.initial_point_func(0)
        one.place_nodes(x)
        found.append([*one.gradient(x), one.log_density(x), *one.draw(
            x, np.random.default_rng(1))])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


GLOBALS = ("rate_z", "mean_z", "sd_model_z", "sd_family_z", "q", "q_family", "drift", "c0", "c1",
           "nu", "size_share", "headroom", "sd_source", "sd_benchmark_z", "middle_z",
           "log_kappa_z")


def test_posterior_is_that_of_nuts(by_nuts, weighted):
    """Means and sds of globals, effects and places agree within their Monte Carlo errors.

    A mean's error is sd sqrt(1/ESS) of either way; four and a half standard errors for some
    hundred quantities.
    """
    health = gate(by_nuts)
    assert health["passed"]
    theirs, ours = by_nuts.posterior, weighted["posterior"].to_dataset()
    ess = weighted.attrs["ess_importance"]
    assert weighted.attrs["pareto_k"] < 0.7
    for name in (*GLOBALS, "z", "family_effect", "rate_step"):
        a, b = theirs[name], ours[name].astype(float)
        sd = a.std(("chain", "draw"))
        error = np.sqrt(1 / health["ess_bulk_min"] + 1 / ess + 1 / (b.size / sd.size))
        off = abs(a.mean(("chain", "draw")) - b.mean(("chain", "draw"))) / sd
        assert float(off.max()) < 4.5 * error, name
        ratio = abs(np.log(b.std(("chain", "draw")) / sd))
        # kurtosis of scales' and shares' posteriors is up to twice a normal's
        assert float(ratio.max()) < 4.5 * np.sqrt(2) * error, name


def test_what_is_told_is_what_nuts_tells(by_nuts, weighted):
    theirs, ours = by_nuts.posterior, weighted["posterior"].to_dataset()
    missing = {"family_coordinate", "model_coordinate"}
    assert set(theirs.data_vars) - set(ours.data_vars) == missing
    for name in ours.data_vars:
        assert ours[name].dims == theirs[name].dims
        for dim in theirs[name].dims[2:]:
            assert list(ours[dim].values) == list(theirs[dim].values)


def test_the_gate_judges_the_weights(weighted):
    names = list(weighted["posterior"].data_vars)
    good = of_weights(weighted, names)
    assert good["passed"] is True
    assert np.isnan(good["rhat_max"])
    assert "Pareto k" in told(good)
    for attr, value in (("pareto_k", 0.71), ("ess_importance", 399.0)):
        bad = weighted.copy()
        bad.attrs = weighted.attrs | {attr: value}
        assert of_weights(bad, names)["passed"] is False
    broken = weighted.copy(deep=True)
    broken["posterior"]["z"].values[1, 3, 2] = np.nan
    assert of_weights(broken, names)["passed"] is False


def test_a_proposal_that_misses_is_refused(many, by_nuts):
    """Weights of an approximation that is far too narrow do not pass."""
    one = Marginal(many.compiled)
    near = marginal.approximate(one, points_of(one, by_nuts.posterior.isel(
        draw=slice(0, 100))))
    places, centre, slope, curvature = near.quadratic
    narrow = replace(near, quadratic=(places, centre, slope, 6 * curvature))
    assert marginal.weigh(one, near, many.spec.sampling, 1200).weighted.passed
    assert not marginal.weigh(one, narrow, many.spec.sampling, 1200).weighted.passed


def test_many_models_are_not_left_to_nuts(small_joint, small_world, monkeypatch):
    asked = []
    tree = xr.DataTree()
    monkeypatch.setattr(module, "sample_marginal", lambda compiled, sampling, times: (
        asked.append(times), tree)[1])
    assert not small_joint.many
    monkeypatch.setattr(module, "MOST_BY_NUTS", 59)
    assert small_joint.many
    fit = small_joint.fit(small_world.tables.sha256, longer=True)
    assert asked == [2]
    assert fit.tree.attrs["spec_name"] == small_joint.spec.name


def test_nothing_may_be_held(small_joint, small_fit):
    draw = small_fit.posterior.isel(chain=0, draw=0)
    with pytest.raises(ValueError, match="held"):
        Marginal(small_joint.compiled.holding({"nu": draw["nu"].values}))


@pytest.mark.slow
def test_a_bigger_world_agrees_with_nuts(monkeypatch):
    """A sparse leaderboard of 600 models, by the same measure as for the small world."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    from benchmarks import scale

    found = scale.against_nuts(600, draws=800, tune=300)
    assert found["pareto_k"] < 0.7
    for name, row in found["compared"].items():
        assert row["rhat_nuts"] < 1.01, name
        assert abs(row["difference_sd"]) < 4.5 * row["standard_error"], name
        assert abs(np.log(row["ratio_of_sds"])) < 4.5 * np.sqrt(2) * row["standard_error"], name
