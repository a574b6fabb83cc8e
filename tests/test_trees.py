"""The tree of an answer for ArviZ, and the joint model for PyMC."""

from __future__ import annotations

import warnings

import arviz_stats as azs
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy import stats

from densing_bayes.errors import InputError, SpecError
from densing_bayes.joint import graph
from densing_bayes.joint.quantities import years_of
from densing_bayes.priors import Prior
from densing_bayes.trees import RENAMED
from densing_bayes.verbs.answer import Answer
from densing_bayes.verbs.growth import growth
from densing_bayes.verbs.model import model


@pytest.fixture(scope="module")
def answer(small_world, small_fit):
    return growth(small_world.tables, spec=small_world.report.with_name("small.toml"),
                  fit=small_world.report.with_name("fit.nc"))


@pytest.fixture(scope="module")
def tree(answer):
    return answer.tree


def test_the_groups_are_those_of_arviz_and_the_samplers_own(tree):
    assert set(tree.children) == {
        "posterior", "prior", "log_prior", "log_likelihood", "posterior_predictive",
        "observed_data", "constant_data", "sample_stats", "sampler"}
    told = set(tree["posterior"].data_vars)
    assert {"rate", "level", "density", "best_available", "frontier", "trend", "ceiling", "alpha",
            "beta"} <= told
    assert not [name for name in told if name.endswith(("_z", "_coordinate", "_contrast"))]
    assert "model_coordinate" in tree["sampler"].data_vars


def test_its_rate_is_the_answers(tree, answer):
    np.testing.assert_array_equal(np.ravel(tree["posterior"]["rate"]), answer.values.rate)
    row = azs.summary(tree, var_names=["rate"], round_to="none").iloc[0]
    assert float(row["mean"]) == pytest.approx(float(answer.values.rate.mean()))


def test_best_available_is_the_densest_model_so_far(tree):
    post = tree["posterior"].to_dataset()
    at = post["time"].values[20]
    before = tree["constant_data"]["eligible"].values & (post["date"].values <= at)
    np.testing.assert_allclose(post["best_available"].sel(time=at),
                               post["density"].isel(model=before).max("model"))
    assert years_of(post["time"].values).max() > years_of(post["date"].values).max()


def test_the_likelihood_of_a_cell_is_the_students_by_hand(tree, small_world):
    """A linked cell, from the natural names and the sampler's two units alone."""
    post, raw = tree["posterior"].isel(chain=0, draw=3), tree["sampler"].isel(chain=0, draw=3)
    benchmark = np.asarray(small_world.coords["linked"])[0]
    k = int(np.flatnonzero(tree["observed_data"]["cell_benchmark"].values == benchmark)[0])
    cell = tree["constant_data"].isel(cell=k)
    who = str(tree["observed_data"]["cell_model"].values[k])
    at = list(small_world.coords["model"]).index(who)
    column = small_world.columns["models"]
    moved = (float(post["trend"].sel(benchmark=benchmark)) * column["time"][at]
             + float(post["tilt"].sel(benchmark=benchmark)) * column["tilt_size"][at])
    slope = np.exp(float(post["log_kappa"].sel(linked=benchmark)))
    middle = float(post["linked_midpoint"].sel(linked=benchmark))
    size = np.log(float(post["effective_size"].sel(model=who))) + moved
    chance = float(small_world.columns["linked_benchmarks"]["chance"][0])
    room = float(post["ceiling"].sel(benchmark=benchmark)) - chance
    share = 1 / (1 + np.exp(-slope * (size - middle)))
    expected, gain = chance + room * share, room * share * (1 - share) * slope
    spread = expected * (1 - expected)
    items, sources = float(cell["items"]), float(cell["replicates"])
    variance = ((gain * float(post["sd_benchmark"].sel(benchmark=benchmark))) ** 2
                + spread / items + 4 * spread / sources
                * float(post["sd_source"].sel(benchmark=benchmark)) ** 2
                + (0.5 / items) ** 2 + 0.0003**2)
    by_hand = stats.t.logpdf(float(tree["observed_data"]["score"][k]), 2 + float(raw["nu"]),
                             expected, np.sqrt(variance))
    assert float(tree["log_likelihood"]["score"][0, 3, k]) == pytest.approx(by_hand)


def test_loo_and_power_scaling_take_it(tree):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # cells given their own model: high Pareto k
        found = azs.loo(tree, var_name="score", pointwise=True)
    assert found.n_data_points == tree.observed_data.sizes["cell"]
    assert np.isfinite(found.elpd)
    with pytest.raises(TypeError, match="Found several"):
        azs.loo(tree)
    table = azs.psense_summary(tree, var_names=["rate", "alpha"])
    assert set(table.columns) == {"prior", "likelihood", "diagnosis"}
    assert (table["likelihood"] > 0).all()


def test_replicated_scores_are_spread_as_the_observed_ones(tree):
    """Within what 60 models allow; scores of another benchmark's curve would be far outside."""
    seen = tree["observed_data"]["score"].values
    drawn = tree["posterior_predictive"]["score"].values.reshape(-1, len(seen))
    inside = ((seen > np.quantile(drawn, 0.05, axis=0))
              & (seen < np.quantile(drawn, 0.95, axis=0))).mean()
    assert 0.8 < inside <= 1
    wrong = ((np.roll(seen, 40) > np.quantile(drawn, 0.05, axis=0))
             & (np.roll(seen, 40) < np.quantile(drawn, 0.95, axis=0))).mean()
    assert wrong < 0.6


def test_prior_draws_follow_the_priors(tree, small_world):
    for name in ("rate", "log_alpha", "trend_spread"):
        drawn = tree["prior"][RENAMED.get(name, name)].values.ravel()
        assert stats.kstest(drawn, small_world.spec.priors[name].cdf).pvalue > 1e-4
        values = tree["posterior"][RENAMED.get(name, name)].values
        np.testing.assert_allclose(
            tree["log_prior"][RENAMED.get(name, name)],
            small_world.spec.priors[name].logpdf(values).reshape(*values.shape[:2], -1).sum(2))
    floor = np.asarray(small_world.columns["anchors"]["floor"])
    assert (tree["prior"]["headroom"].values >= floor).all()


@pytest.mark.slow
def test_a_tree_is_written_and_read(tree, tmp_path):
    tree.to_netcdf(tmp_path / "tree.nc")
    back = xr.load_datatree(tmp_path / "tree.nc")
    np.testing.assert_array_equal(back["posterior"]["rate"], tree["posterior"]["rate"])


def test_an_answer_without_a_joint_fit_has_no_tree():
    with pytest.raises(InputError, match="comes from no joint fit"):
        _ = Answer("Two.", None, {}, 2).tree


# -- the model in PyMC -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(small_world):
    return model(small_world.report.with_name("small.toml"), small_world.tables)


def test_the_model_has_observed_variables_and_no_potentials(made):
    assert {one.name for one in made.observed_RVs} == {
        "ladder_losses", "pair_scores", "sources", "anchored_scores", "linked_scores"}
    assert made.potentials == []


def test_a_prior_is_replaced_by_one_argument(small_world):
    spec = small_world.report.with_name("small.toml")
    narrow = Prior("Normal", {"mu": 1.0, "sigma": 0.01})
    other = model(spec, small_world.tables, priors={"rate": narrow})
    value = other["priors"].get_value()
    assert 0.01 in value
    with pytest.raises(SpecError, match="no parameter of family"):
        model(spec, small_world.tables, priors={"rat": narrow})


def drawn(variable, count):
    return np.asarray(pm.draw(variable, count, random_seed=1, mode="FAST_COMPILE"), float)


def test_drawn_gaps_of_families_are_exponential_wherever_scores_put_them():
    """The coordinates follow the scores; what they stand for has the prior all the same."""
    with pm.Model(coords={"family": ["a", "b"]}):
        gap = graph._family_gaps(pt.constant([0.5, 2.0]), pull=pt.constant([3.0, -20.0]),
                                 precision=pt.constant([4.0, 0.0]))
    values = drawn(gap, 1000)
    for k, scale in enumerate((0.5, 2.0)):
        assert stats.kstest(values[:, k], "expon", args=(0, scale)).pvalue > 1e-3
        assert stats.kstest(values[:, k], "expon", args=(0, 1.3 * scale)).pvalue < 1e-6


def test_drawn_places_of_models_lie_below_the_frontier():
    """Skew normal: a half-normal gap below the frontier and symmetric noise about it."""
    gap, noise, mean = 0.8, 0.3, 1.0
    with pm.Model(coords={"model": ["a", "b"]}):
        z = graph._places(pt.constant([mean, mean]), pt.constant([0.6, 0.6]),
                          pt.constant([gap, gap]), pt.constant([noise, noise]),
                          pt.constant([5.0, -4.0]), pt.constant([9.0, 0.0]))
    values, frontier = drawn(z, 1000), mean + graph.MEAN_HALF * gap
    for k in range(2):
        whole = np.hypot(gap, noise)
        assert stats.kstest(values[:, k], "skewnorm", args=(
            -gap / noise, frontier, whole)).pvalue > 1e-3
        assert stats.kstest(values[:, k], "skewnorm", args=(
            -gap / noise, frontier + 0.2, whole)).pvalue < 1e-6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Numba will use object mode")
def test_pymc_samples_it(made):
    tree = pm.sample(20, tune=20, chains=1, cores=1, model=made, progressbar=False, random_seed=1,
                     compute_convergence_checks=False)
    assert np.isfinite(tree["posterior"]["rate_z"].values).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Numba will use object mode")
def test_the_whole_model_is_drawn_from_its_prior(made):
    """Scores are finite wherever the drawn ruler reaches the upper reference score."""
    drawn = pm.sample_prior_predictive(draws=40, model=made, random_seed=1)
    ruled = np.isfinite(drawn["prior"]["c1"].values)
    assert ruled.mean() > 0.7
    found = drawn["prior_predictive"].to_dataset()
    assert set(found) == {one.name for one in made.observed_RVs}
    for name, value in found.items():
        finite = np.isfinite(value.values.reshape(*ruled.shape, -1)).all(axis=-1)
        assert finite[ruled].all(), name
    scores = found["anchored_scores"].values[ruled]
    assert np.median(scores) > 0
    assert np.median(scores) < 1
