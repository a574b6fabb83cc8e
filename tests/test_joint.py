"""The joint model: what it is given, its posterior on a small world, and the cut.

That the kernel says what the PyMC graph says is in test_kernel.py; what is told of the draws in
test_quantities.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from densing_bayes.checks import diagnostics
from densing_bayes.intervals import Interval
from densing_bayes.joint import graph
from densing_bayes.joint.data import eligible, floors, inputs, reference_scores, sizes
from densing_bayes.joint.fit import choose, cut, log_size_at, starting_point
from densing_bayes.joint.quantities import derive
from densing_bayes.joint.ruler import coordinates
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables


def test_the_shipped_tables_build_a_model():
    spec = load_model("densing")
    observations = choose(load_tables(None), spec)
    columns, coords = inputs(observations, spec)
    model = graph.build(columns, coords, spec)
    assert len(coords["model"]) > 250
    assert model.observed_RVs


# -- what the model is given ------------------------------------------------------------------


def test_columns_by_hand(small_world):
    columns, data = small_world.columns, small_world.observations.data
    time = data["time"].values
    counts = columns["models"]["eligible"] > 0
    assert columns["setting"]["centre_time"][0] == pytest.approx(time[counts].mean())
    np.testing.assert_allclose(np.mean(columns["models"]["time"][counts]), 0, atol=1e-12)
    assert columns["anchors"]["centre_log_params"][0] == pytest.approx(
        data["run_log_params"].values.mean())
    both = np.append(columns["anchored"]["benchmark"], columns["linked_cells"]["benchmark"])
    assert sorted(both) == sorted(data["cell_benchmark"].values)
    assert set(columns["anchored"]["benchmark"]) == {0}
    assert all((table.get("weight", np.ones(1)) == 1).all() for name, table in columns.items()
               if name != "contrasts")


def test_who_may_lie_on_the_frontier(small_world):
    """Base, uncompressed, open (or early), seen by enough benchmarks or domains."""
    data = small_world.observations.data.copy(deep=True)
    options = small_world.spec.options | {
        "eligible_benchmarks": 2, "eligible_domains": 9, "closed_until": "2023-03-01"}
    data["n_benchmarks"][:] = 3
    for name in ("compression", "weights"):
        data[name] = data[name].astype(object)
    assert eligible(data, options).all()
    data["n_benchmarks"][0], data["compression"][1], data["weights"][2] = 1, "pruned", "closed"
    found = eligible(data, options)
    assert not found[[0, 1]].any()
    assert found[2] == (data["date"].values[2] <= np.datetime64("2023-03-01"))
    assert found[3:].all()


def test_no_ceiling_lies_below_a_score_of_the_tables(small_world):
    data = small_world.observations.data.copy(deep=True)
    data["best_score"][:] = 0.9
    chance = data["chance"].values
    np.testing.assert_allclose(chance + floors(data) * (1 - chance), 0.9)


def test_sizes_by_axis(small_world):
    data = small_world.observations.data.copy(deep=True)
    data["log_active"][0] = data["log_params"][0] - 2.0
    data["precision_bits"][:] = 16.0
    for axis, held, used in (("total", 0, 0), ("active", -2, -2), ("cost", 0, -2)):
        found = [one[0] - float(data["log_params"][0]) for one in sizes(data, axis)]
        np.testing.assert_allclose(found, [held, used], err_msg=axis)


def test_sources_that_agree_on_nothing_or_all_are_left_out(small_world):
    """A repeated cell at 0 or 1 has no spread: weight 0, and a spread that divides."""
    observations = small_world.observations
    data = observations.data.copy(deep=True)
    data["contrast_score"][:3] = [0.0, 1.0, 0.25]
    columns, _ = inputs(replace(observations, data=data), small_world.spec)
    assert columns["contrasts"]["weight"][:3].tolist() == [0, 0, 1]
    np.testing.assert_allclose(columns["contrasts"]["spread"][:3], [1, 1, np.sqrt(0.75)])


@pytest.mark.parametrize(("scores", "low", "high"), [
    (np.linspace(0.3, 0.8, 101), 0.375, 0.725),
    (np.linspace(0.26, 0.98, 101), 0.368, 0.79),  # kept below 72% of the room above chance
    (np.full(50, 0.25), 0.4375, 0.775),  # no spread: fixed shares of the room
])
def test_reference_scores_by_hand(scores, low, high):
    data = xr.Dataset({"chance": ("benchmark", [0.25]), "cell_score": ("cell", scores),
                       "cell_benchmark": ("cell", np.zeros(len(scores), int))})
    assert reference_scores(data) == pytest.approx((low, high))


# -- the posterior of the small world ---------------------------------------------------------


def test_the_gate_passes(small_fit):
    found = diagnostics(small_fit.tree, list(small_fit.posterior.data_vars))
    assert found["passed"], found


def test_the_truth_is_recovered(small_world, small_fit):
    """One world, fixed seed: growth and constants within 4 posterior sd (two-sided 6e-5 each for
    a normal posterior), densities in their 90% intervals about as often as said.
    """
    derived = derive(small_fit.posterior, small_world.observations, small_world.columns)
    truth = small_world.truth
    expected = {"alpha": np.exp(truth["log_alpha"]), "beta": np.exp(truth["log_beta"])}
    for name, value in expected.items():
        draws = derived[name].values.ravel()
        assert abs(draws.mean() - np.ravel(value)[0]) < 4 * draws.std(), name
    low, high = Interval(0.9).of(derived["log_density"], axis=(0, 1))
    inside = ((low < truth["log_density"]) & (truth["log_density"] < high)).mean()
    assert inside > 0.7  # intervals of one world share the ruler's error


def test_the_reference_scores_stand_at_z_0_and_1(small_world, small_fit):
    posterior = small_fit.posterior
    low, high = (log_size_at(posterior, small_world.columns, f"{end}_score")
                 for end in ("low", "high"))
    np.testing.assert_allclose(low, posterior["c0"].values, rtol=1e-9)
    np.testing.assert_allclose(high - low, posterior["c1"].values, rtol=1e-9)


def test_chains_of_the_cut_start_at_the_posterior_mean(small_joint, small_fit):
    point = starting_point(small_joint.compiled, small_fit.posterior)
    assert point.shape == (small_joint.compiled.n_dim,)
    assert np.isfinite(point).all()
    means = small_fit.posterior.mean(("chain", "draw"))
    for value in (float(means["rate_z"]), np.log(float(means["nu"])),
                  *means["model_coordinate"].values):
        assert np.isclose(point, value).any()


def test_the_cut_posterior(small_world, small_joint, small_fit):
    """Rulers from ladder and pairs, models given each; the truth is not far."""
    joint = replace(small_joint, spec=small_world.spec.with_options(cut_draws=2))
    steps = []
    draws = cut(joint, small_fit.posterior, steps.append)
    assert draws.sizes["chain"] == 4  # two chains at each of two rulers
    assert len(steps) == 3
    for name in coordinates(False):
        value = draws[name].values
        assert (value == value[:, :1]).all()  # the ruler of a chain does not move
        assert (value[0] == value[1]).all()
        assert (value[0] != value[2]).any()
    np.testing.assert_allclose(log_size_at(draws, joint.columns, "low_score"), draws["c0"].values)
    derived = derive(draws, small_world.observations, small_world.columns)
    assert np.isfinite(derived["rate"]).all()
    assert 0 <= draws.attrs["unusable_rulers"] < 1
