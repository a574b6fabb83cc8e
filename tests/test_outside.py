"""Effective sizes of models outside the fit, read off known curves."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from densing_bayes.compressed import run_compression
from densing_bayes.joint.data import inputs
from densing_bayes.joint.outside import admitted, all_sizes, curve_slopes, outside_sizes
from densing_bayes.joint.predict import cells_at, moved, thin
from densing_bayes.joint.quantities import ruler_parameters
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

DRAWS = 60
# a ruler and curves like those of the shipped fit
ANCHOR = {"log_size_slope": -2.78, "log_token_slope": -2.67, "log_loss_at_centre": 0.135,
          "log_steepness": 2.63, "log_midpoint": -0.36, "size_share": 0.695, "headroom": 0.9}
LINKED = {"log_kappa_z": 1.0, "middle_z": 0.8, "linked_headroom": 0.9}
BENCHMARK = {"sd_source": 0.005, "sd_benchmark_z": 0.03}
# own trends, of whole tenths of a nat per year and per nat of size
CONTRASTS = {"trend_contrast": [0.0, 0.3, -0.2, 0.1, 0.2],
             "tilt_contrast": [0.0, 0.2, 0.1, -0.2, 0.1]}


@pytest.fixture(scope="module")
def world():
    from densing_bayes.joint.fit import choose

    tables, spec = load_tables(), load_model("densing")
    observations = choose(tables, spec)
    columns, _ = inputs(observations, spec)
    anchors = len(columns["anchors"]["chance"])
    linked = observations.data.sizes["benchmark"] - anchors

    def constant(value, *size):
        dims = {anchors: ("anchor",), linked: ("linked",)}.get(size[0]) if size else ()
        return (("chain", "draw", *dims), np.full((1, DRAWS, *size), value))

    posterior = xr.Dataset({
        **{name: constant(value, anchors) for name, value in ANCHOR.items()},
        **{name: constant(value, linked) for name, value in LINKED.items()},
        **{name: (("chain", "draw", "benchmark"), np.full((1, DRAWS, anchors + linked), value))
           for name, value in BENCHMARK.items()},
        **{name: (("chain", "draw", "benchmark"), np.tile(value, (1, DRAWS, 1)))
           for name, value in CONTRASTS.items()},
        "c0": constant(19.8), "c1": constant(4.5), "nu": constant(30.0)})
    rng = np.random.default_rng(1)
    size = rng.normal(23, 1.5, (1, DRAWS, observations.data.sizes["model"]))
    derived = xr.Dataset({"log_effective": (("chain", "draw", "model"), size)},
                         coords={"model": observations.data["model"].values,
                                 "log_params": ("model", observations.data["log_params"].values)})
    return tables, spec, observations, columns, posterior, derived


def exactly_on_the_curves(world, truth, time, log_params):
    """Observations of models of known sizes, dates and parameters, a cell on every benchmark."""
    _, _, observations, columns, posterior, derived = world
    count, number = observations.data.sizes["benchmark"], len(truth)
    model, benchmark = np.tile(np.arange(number), count), np.repeat(np.arange(count), number)
    post = thin(posterior, 1)
    own = moved(post, benchmark=benchmark,
                time=time[model] - columns["setting"]["centre_time"][0],
                tilt_size=log_params[model] - float(derived["log_params"].mean()))
    at = cells_at(post, columns, benchmark=benchmark, log_size=truth[model] + own, items=5000.0,
                  replicates=1.0)
    return xr.Dataset({
        "cell_model": ("cell", model), "cell_benchmark": ("cell", benchmark),
        "cell_score": ("cell", at.expected[0]), "cell_replicates": ("cell", np.ones(len(model))),
        "cell_items": ("cell", np.full(len(model), 5000.0)), "time": ("model", time),
        "log_params": ("model", log_params),
    }, coords={"model": [f"m{i}" for i in range(number)],
               "benchmark": observations.data["benchmark"].values})


def test_known_sizes_are_found_again_whatever_their_dates_and_sizes(world):
    """Models with a cell on every benchmark, scored exactly on the curve."""
    _, _, _, columns, posterior, derived = world
    truth = np.linspace(21, 25, 9)
    for time, log_params in ((np.zeros(9), np.full(9, 23.0)),
                             (np.linspace(-2, 3, 9), np.linspace(26, 20, 9))):
        every = exactly_on_the_curves(world, truth, time, log_params)
        found = outside_sizes(posterior, derived, columns, list(every["benchmark"].values), every,
                              list(every["model"].values), seed=3)
        assert found.shape == (DRAWS, 9)
        np.testing.assert_allclose(found.mean(axis=0), truth, atol=0.12)
        assert (found.std(axis=0) < 0.3).all()
        assert (found.std(axis=0) > 0.01).all()


def test_own_trends_that_are_not_known_move_the_size(world):
    """The check above sees them: told another date, a model is read as another size."""
    _, _, _, columns, posterior, derived = world
    truth = np.linspace(21, 25, 9)
    every = exactly_on_the_curves(world, truth, np.zeros(9), np.full(9, 23.0))
    wrong = every.assign(log_params=every["log_params"] + 6.0)
    found = outside_sizes(posterior, derived, columns, list(every["benchmark"].values), wrong,
                          list(every["model"].values), seed=3)
    assert abs(found.mean(axis=0) - truth).max() > 0.12


def test_every_scored_model_gets_a_size(world):
    tables, _spec, observations, columns, posterior, derived = world
    sizes = all_sizes(posterior, derived, columns, observations, tables, seed=1)
    fitted = [str(name) for name in observations.data["model"].values]
    assert list(sizes["model"].values[:len(fitted)]) == fitted
    np.testing.assert_allclose(sizes.values[0, :, :len(fitted)],
                               derived["log_effective"].values[0])
    scored = set(tables.scores["model"][tables.scores["benchmark"].isin(
        observations.data["benchmark"].values)])
    known = tables.models[tables.models["params_total"].notna()]  # a size tilts the benchmarks
    assert set(sizes["model"].values) == scored & set(known["model"])
    assert np.isfinite(sizes).all()
    # post-trained models are outside; a strong one lies above a weak one
    outside = tables.models["model"][(tables.models["type"] == "instruct")
                                     & tables.models["model"].isin(sizes["model"].values)]
    assert len(outside) > 5
    assert not set(outside) & set(fitted)


def test_admitted_models_pass_the_other_filters(world):
    tables, spec, observations, *_ = world
    found = set(admitted(tables, spec.options))
    assert set(observations.data["model"].values) <= found
    table = tables.models.set_index("model").loc[sorted(found)]
    assert (table["compression"] != "").sum() > 5
    assert (table["release_date"] >= spec.options["since"]).all()
    assert (table["type"] != "instruct").all()
    closed = table[table["weights"] == "closed"]
    assert (closed["release_date"] <= spec.options["closed_until"]).all()


def test_slopes_are_the_derivative_of_the_logit(world):
    _, _, observations, columns, posterior, derived = world
    law, curve = ruler_parameters(posterior, columns)
    both = derived.assign({**law, **curve})
    found = np.exp(curve_slopes(posterior, both, columns, observations))
    linked = found.sel(benchmark=str(observations.data["benchmark"].values[-1]))
    assert float(linked.mean()) == pytest.approx(np.e / 4.5)
    # anchored: by finite differences of the predicted scores around the midpoint
    name = str(observations.data["benchmark"].values[0])
    points = np.linspace(15, 30, 3001)
    score = cells_at(thin(posterior, 1), columns, benchmark=np.zeros(3001, int),
                     log_size=points[None], items=1.0, replicates=1.0).expected[0]
    share = (score - 0.25) / float(curve["scale"].mean())
    slope = np.gradient(np.log(share / (1 - share)), points)
    middle = np.argmin(abs(share - 0.5))
    assert float(found.sel(benchmark=name).mean()) == pytest.approx(slope[middle], rel=1e-3)


@pytest.mark.slow
def test_compression_with_curves_of_a_fit(world):
    tables, _, observations, columns, posterior, derived = world
    law, curve = ruler_parameters(posterior, columns)
    slopes = curve_slopes(posterior, derived.assign({**law, **curve}), columns, observations)
    slopes = slopes + xr.DataArray(0.1 * np.random.default_rng(1).normal(size=slopes.shape),
                                   dims=slopes.dims)
    spec = load_model("compression")
    spec = replace(spec, sampling=replace(spec.sampling, draws=500))
    result = run_compression(tables, spec, curves=slopes)
    assert result.ladders == 0
    assert result.diagnostics["rhat_max"] < 1.03
    given = slopes.mean(("chain", "draw")).sel(benchmark="MMLU")
    found = result.posterior["log_slope"].sel(benchmark="MMLU").mean()
    assert abs(float(found - given)) < 0.3


