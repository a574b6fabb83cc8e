"""What the posterior predicts: expected scores against the laws, slopes, drifts, coverage."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.special import gamma

from densing_bayes import laws
from densing_bayes.intervals import Interval
from densing_bayes.joint.predict import (
    benchmark_rates,
    cell_predictions,
    log_likelihood,
    rate_of_another_benchmark,
    replicated_records,
    residual_trends,
    score_coverage,
    thin,
)
from densing_bayes.joint.quantities import derive, ruler_parameters
from densing_bayes.observations import helmert
from densing_bayes.worlds import expected_scores


@pytest.fixture
def predicted(small_world, true_draws):
    derived = derive(true_draws, small_world.observations, small_world.columns)
    return cell_predictions(true_draws, derived, small_world.columns)


def test_thin_takes_evenly_spaced_draws():
    draws = xr.Dataset({"x": (("chain", "draw"), np.arange(1000.0).reshape(2, 500)),
                        "y": (("chain", "draw", "model"), np.zeros((2, 500, 3)))})
    few = thin(draws, 4)
    assert few["x"].values.tolist() == [0, 333, 666, 999]
    assert few["y"].dims == ("sample", "model")
    assert thin(draws, 5000).sizes["sample"] == 1000


def test_expected_scores_are_those_of_the_laws(small_world, true_draws, predicted):
    """At the truth, cell by cell, with own trends; the slope is the derivative there."""
    columns, truth = small_world.columns, small_world.truth
    derived = derive(true_draws, small_world.observations, columns)
    size = derived["log_effective"].values[0, 0]
    turn = helmert(len(small_world.coords["benchmark"]))
    trend, tilt = (truth[f"{name}_contrast"][1:] @ turn for name in ("trend", "tilt"))
    assert abs(trend).min() > 0.001  # else the test says nothing of them
    models, at = columns["models"], 0
    for group in ("anchored", "linked_cells"):
        cells = {name: np.asarray(value) for name, value in columns[group].items()}
        model, benchmark = cells["model"].astype(int), cells["benchmark"].astype(int)
        seen = (size[model] + trend[benchmark] * models["time"][model]
                + tilt[benchmark] * models["tilt_size"][model])
        score, slope = expected_scores(truth, columns, cells, seen)
        further, _ = expected_scores(truth, columns, cells, seen + 1e-6)
        np.testing.assert_allclose(slope, (further - score) / 1e-6, rtol=1e-3, atol=1e-8)
        own = predicted.isel(cell=slice(at, at + len(model)), sample=0)
        np.testing.assert_allclose(own["expected"], score, rtol=1e-8)
        np.testing.assert_allclose(own["slope"], slope, rtol=1e-5)
        np.testing.assert_allclose(
            own["own"], slope * np.broadcast_to(truth["sd_benchmark"], 3)[benchmark], rtol=1e-5)
        spread = score * (1 - score)
        variance = (spread / cells["items"] + 4 * spread / cells["replicates"]
                    * np.broadcast_to(truth["sd_source"], 3)[benchmark] ** 2
                    + (0.5 / cells["items"]) ** 2 + 0.0003**2)
        np.testing.assert_allclose(own["noise"], np.sqrt(variance), rtol=1e-6)
        at += len(model)
    assert at == predicted.sizes["cell"]
    np.testing.assert_allclose(predicted["nu"], 2 + truth["nu"])


def test_the_log_likelihood_is_the_students_by_hand(predicted):
    cells = predicted.isel(cell=[0, 40])
    for k in (0, 1):
        one = cells.isel(cell=k, sample=0)
        sd = float(np.hypot(one["own"], one["noise"]))
        e, nu = float(one["score"] - one["expected"]) / sd, float(one["nu"])
        density = gamma((nu + 1) / 2) / gamma(nu / 2) / np.sqrt(nu * np.pi) / sd * (
            1 + e**2 / nu) ** (-(nu + 1) / 2)
        assert log_likelihood(cells)[0, k] == pytest.approx(np.log(density))


def test_one_score_by_hand(small_world, true_draws):
    """The first anchored cell, from the constants of the ruler and nothing else."""
    columns = small_world.columns
    derived = derive(true_draws, small_world.observations, columns)
    law, curve = ruler_parameters(true_draws, columns)
    law, curve = ({k: float(np.ravel(v)[0]) for k, v in part.items()} for part in (law, curve))
    model = int(columns["anchored"]["model"][0])
    seen = float(derived["log_effective"].values[0, 0, model]
                 + derived["trend"].values[0, 0, 0] * columns["models"]["time"][model]
                 + derived["tilt"].values[0, 0, 0] * columns["models"]["tilt_size"][model])
    size = np.exp(seen)
    loss = law["irreducible"] + np.exp(law["log_a"]) * size ** -law["alpha"] + np.exp(
        law["log_b"]) * 5e12 ** -law["beta"]
    score = curve["chance"] + curve["scale"] / (1 + np.exp(-curve["gamma"] * (
        loss - curve["midpoint"])))
    cells = cell_predictions(true_draws, derived, columns)
    assert float(cells["expected"].values[0, 0]) == pytest.approx(score)
    assert score == pytest.approx(laws.score(loss=loss, **curve))


# -- benchmarks ------------------------------------------------------------------------------


def test_own_rates_average_to_the_rate_and_another_one_is_less_certain(small_world, true_draws):
    derived = derive(true_draws, small_world.observations, small_world.columns)
    rates = benchmark_rates(derived)
    assert float(rates.mean()) == pytest.approx(float(derived["rate"].mean()))
    assert float(rates.std("benchmark").min()) > 0
    many = derived.isel(draw=np.zeros(4000, int))
    spread = xr.full_like(many["rate"], 0.3)
    another = rate_of_another_benchmark(many, spread, seed=1)
    # three benchmarks: 0.3 sqrt(4/3) = 0.346; the sd of 4,000 is known to 1.1%
    assert float(another.std()) == pytest.approx(0.3 * np.sqrt(4 / 3), rel=0.05)
    assert float(another.mean()) == pytest.approx(float(derived["rate"].mean()), abs=0.02)


def cells_with(drift: float, tilt: float, seed: int = 0, sd: float = 0.02,
               ) -> tuple[xr.Dataset, dict]:
    """Cells of two benchmarks on forty models; the second has a trend that no fit knows."""
    rng = np.random.default_rng(seed)
    time, size = rng.uniform(-1, 1, 40), rng.normal(0, 1.5, 40)
    slope, model, benchmark = 0.05, np.tile(np.arange(40), 2), np.repeat([0, 1], 40)
    lift = (benchmark == 1) * slope * (drift * time + tilt * size)[model]
    shape = (6, 80)
    cells = xr.Dataset({
        **{name: (("sample", "cell"), np.full(shape, value)) for name, value in (
            ("expected", 0.5), ("slope", slope), ("own", 0.6 * sd), ("noise", 0.8 * sd))},
        "score": ("cell", 0.5 + lift + sd * rng.standard_normal(80)), "model": ("cell", model),
        "benchmark": ("cell", benchmark), "nu": ("sample", np.full(6, 1e6))})
    return cells, {"models": {"time": time, "tilt_size": size}, "anchors": {"chance": [0.25]},
                   "linked_benchmarks": {"chance": [0.0]}}


def test_a_trend_that_the_fit_does_not_know_is_found_with_its_error():
    found = residual_trends(*cells_with(drift=0.7, tilt=-0.3))
    for name, truth in (("date", 0.7), ("size", -0.3)):
        np.testing.assert_array_less(abs(found[name] - [0, truth]), 4 * found[f"{name}_error"])
    assert abs(found["date"][1]) > 2 * found["date_error"][1]
    # least squares by hand: residuals of 0.4 nats
    _, columns = cells_with(drift=0.7, tilt=-0.3)
    design = np.column_stack([np.ones(40), columns["models"]["time"],
                              columns["models"]["tilt_size"]])
    error = 0.4 * np.sqrt(np.linalg.inv(design.T @ design)[1, 1])
    assert found["date_error"][0] == pytest.approx(error, rel=1e-4)


def test_without_a_trend_two_errors_are_passed_in_one_case_of_twenty():
    """400 cases at 4.6% give 18 +- 4; above 36 or below 5 is a false alarm below 1 in 1,000."""
    passed = 0
    for seed in range(100):
        found = residual_trends(*cells_with(0.0, 0.0, seed))
        passed += sum(int((abs(found[name]) > 2 * found[f"{name}_error"]).sum())
                      for name in ("date", "size"))
    assert 5 <= passed <= 36


def test_a_benchmark_with_three_models_has_no_residual_trend():
    cells, columns = cells_with(0.0, 0.0)
    few = cells.isel(cell=np.r_[np.arange(40), 40:43])
    found = residual_trends(few, columns)
    assert np.isnan(found["date"][1])
    assert np.isfinite(found["date"][0])


def test_coverage_of_the_truths_own_scores(small_world, predicted):
    """Scores drawn at the truth: the 50% interval holds half of them.

    Binomial sd of the share over about 70 cells is 0.06; four of them is a false alarm in
    16,000, and the seed is fixed.
    """
    many = predicted.isel(sample=np.zeros(400, int))
    coverage, pit = score_coverage(many, Interval(0.5), seed=3)
    assert coverage == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(pit)))
    assert ((pit >= 0) & (pit <= 1)).all()
    shifted = many.assign(score=many["score"] + 0.3)
    coverage, pit = score_coverage(shifted, Interval(0.5), seed=3)
    assert coverage < 0.1
    assert pit.mean() > 0.9


def test_replicated_worlds_look_like_the_one_they_came_from(small_world, true_draws):
    """At the truth the number of records is one of those that the frontier makes."""
    derived = derive(true_draws, small_world.observations, small_world.columns)
    many = derived.isel(draw=np.zeros(400, int))
    many = many.assign({name: derived[name] for name in ("segment_start", "segment_width")})
    worlds = replicated_records(many, small_world.columns, seed=2)
    assert all(len(worlds[name]) == 400 for name in worlds)
    observed = worlds["observed_count"]
    assert (observed == float(derived["record"].sum())).all()
    share = (worlds["count"] >= observed).mean()
    assert 0.005 < share < 1  # false alarm one in 200 worlds, and the seed is fixed
    still = many.assign(growth=many["growth"] * 0, gap_model=many["gap_model"] + 5)
    assert replicated_records(still, small_world.columns, seed=2)["count"].mean() < (
        worlds["count"].mean())


def test_a_frontier_that_outruns_its_gaps_has_a_record_at_each_date(small_world, true_draws):
    derived = derive(true_draws, small_world.observations, small_world.columns)
    fast = derived.assign(growth=derived["growth"] + 1e6)
    counts = np.asarray(small_world.columns["models"]["eligible"]) > 0
    dates = len(np.unique(derived["date"].values[counts]))
    assert (replicated_records(fast, small_world.columns, seed=2)["count"] == dates).all()


