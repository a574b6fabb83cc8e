"""Effective sizes of models outside the fit, read off known curves."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from densing_bayes.compressed import run_compression
from densing_bayes.joint.data import inputs
from densing_bayes.joint.outside import admitted, all_sizes, curve_slopes, outside_sizes
from densing_bayes.joint.predict import cell_predictions
from densing_bayes.joint.quantities import ruler_parameters
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

DRAWS = 60
# a ruler and curves like those of the shipped fit
ANCHOR = {"log_size_slope": -2.78, "log_token_slope": -2.67, "log_loss_at_centre": 0.135,
          "log_steepness": 2.63, "log_midpoint": -0.36, "size_share": 0.695, "headroom": 0.9}
LINKED = {"log_kappa_z": 1.0, "middle_z": 0.8, "linked_headroom": 0.9}
BENCHMARK = {"sd_source": 0.005, "sd_benchmark_z": 0.03}


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
        "c0": constant(19.8), "c1": constant(4.5), "nu": constant(30.0)})
    rng = np.random.default_rng(1)
    size = rng.normal(23, 1.5, (1, DRAWS, observations.data.sizes["model"]))
    derived = xr.Dataset({"log_effective": (("chain", "draw", "model"), size)},
                         coords={"model": observations.data["model"].values})
    return tables, spec, observations, columns, posterior, derived


def test_known_sizes_are_found_again(world):
    """Models with a cell on every benchmark, scored exactly on the curve."""
    _, _, observations, columns, posterior, derived = world
    count = observations.data.sizes["benchmark"]
    anchors = len(columns["anchors"]["chance"])
    truth = np.linspace(21, 25, 9)

    def cells(benchmarks):
        model = np.tile(np.arange(9), len(benchmarks))
        return {"model": model, "benchmark": np.repeat(benchmarks, 9),
                "score": np.zeros(len(model)), "items": np.full(len(model), 5000.0),
                "replicates": np.ones(len(model))}

    pose = xr.Dataset({"log_effective": (("chain", "draw", "model"),
                                         np.tile(truth, (1, DRAWS, 1)))})
    on_curve = cell_predictions(posterior, pose, columns | {
        "anchored": cells(np.arange(anchors)), "linked_cells": cells(np.arange(anchors, count))})
    names = [f"m{i}" for i in range(9)]
    every = xr.Dataset({
        "cell_model": ("cell", on_curve["model"].values),
        "cell_benchmark": ("cell", on_curve["benchmark"].values),
        "cell_score": ("cell", on_curve["expected"].values[0]),
        "cell_replicates": ("cell", np.ones(on_curve.sizes["cell"])),
        "cell_items": ("cell", np.full(on_curve.sizes["cell"], 5000.0)),
    }, coords={"model": names, "benchmark": observations.data["benchmark"].values})
    found = outside_sizes(posterior, derived["log_effective"].values[0], columns,
                          list(every["benchmark"].values), every, names, seed=3)
    assert found.shape == (DRAWS, 9)
    np.testing.assert_allclose(found.mean(axis=0), truth, atol=0.12)
    assert (found.std(axis=0) < 0.3).all()
    assert (found.std(axis=0) > 0.01).all()


def test_every_scored_model_gets_a_size(world):
    tables, _spec, observations, columns, posterior, derived = world
    sizes = all_sizes(posterior, derived, columns, observations, tables, seed=1)
    fitted = [str(name) for name in observations.data["model"].values]
    assert list(sizes["model"].values[:len(fitted)]) == fitted
    np.testing.assert_allclose(sizes.values[0, :, :len(fitted)],
                               derived["log_effective"].values[0])
    scored = set(tables.scores["model"][tables.scores["benchmark"].isin(
        observations.data["benchmark"].values)])
    assert set(sizes["model"].values) == scored & set(tables.models["model"])
    assert np.isfinite(sizes).all()
    # a strong mixture of experts lies above a weak one
    mean = sizes.mean(("chain", "draw"))
    assert float(mean.sel(model="DeepSeek-V3-Base")) > float(mean.sel(model="Qwen1.5-MoE-A2.7B"))


def test_admitted_models_pass_the_other_filters(world):
    tables, spec, observations, *_ = world
    found = set(admitted(tables, spec.options))
    assert set(observations.data["model"].values) <= found
    table = tables.models.set_index("model").loc[sorted(found)]
    assert (table["architecture"] == "moe").sum() > 20
    assert (table["release_date"] >= "2023-02-24").all()
    assert (table["type"] != "instruct").all()
    assert (table["weights"] != "closed").all()


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
    pose = xr.Dataset({"log_effective": (("chain", "draw", "model"),
                                         np.tile(points, (1, DRAWS, 1)))})
    cell = {"model": np.arange(3001), "benchmark": np.zeros(3001, int), "score": np.zeros(3001),
            "items": np.ones(3001), "replicates": np.ones(3001)}
    nothing = {key: value[:0] for key, value in cell.items()}
    score = cell_predictions(posterior, pose, columns | {
        "anchored": cell, "linked_cells": nothing})["expected"].values[0]
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


