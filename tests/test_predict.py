"""What the posterior predicts: expected scores against the laws, slopes, drifts, coverage."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from densing_bayes import laws
from densing_bayes.intervals import Interval
from densing_bayes.joint.predict import (
    benchmark_rates,
    cell_predictions,
    replicated_records,
    score_coverage,
    thin,
)
from densing_bayes.joint.quantities import derive, ruler_parameters
from densing_bayes.worlds import Twist, expected_scores


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


def test_expected_scores_are_those_of_the_laws(small_world, predicted):
    """At the truth, cell by cell, and the slope is the derivative (by central differences)."""
    columns, truth = small_world.columns, small_world.truth
    at = 0
    for group in ("anchored", "linked_cells"):
        cells = columns[group]
        model = np.asarray(cells["model"], int)
        score, slope = expected_scores(truth, columns, cells, truth["log_effective"][model],
                                       Twist())
        own = predicted.isel(cell=slice(at, at + len(model)), sample=0)
        np.testing.assert_allclose(own["expected"], score, rtol=1e-8)
        np.testing.assert_allclose(own["slope"], slope, rtol=1e-5)
        benchmark = np.asarray(cells["benchmark"], int)
        np.testing.assert_allclose(
            own["own"], slope * np.asarray(truth["sd_benchmark"])[benchmark], rtol=1e-5)
        variance = (score * (1 - score) / cells["items"] + 4 * score * (1 - score)
                    * np.asarray(truth["sd_source"])[benchmark] ** 2 / cells["replicates"])
        np.testing.assert_allclose(own["noise"], np.sqrt(variance), rtol=1e-6)
        at += len(model)
    assert at == predicted.sizes["cell"]
    np.testing.assert_allclose(predicted["nu"], 2 + truth["nu"])


def test_one_score_by_hand(small_world, true_draws):
    """The first anchored cell, from the constants of the ruler and nothing else."""
    columns = small_world.columns
    derived = derive(true_draws, small_world.observations, columns)
    law, curve = ruler_parameters(true_draws, columns)
    law, curve = ({k: float(np.ravel(v)[0]) for k, v in part.items()} for part in (law, curve))
    model = int(columns["anchored"]["model"][0])
    size = np.exp(float(derived["log_effective"].values[0, 0, model]))
    loss = law["irreducible"] + np.exp(law["log_a"]) * size ** -law["alpha"] + np.exp(
        law["log_b"]) * 5e12 ** -law["beta"]
    score = curve["chance"] + curve["scale"] / (1 + np.exp(-curve["gamma"] * (
        loss - curve["midpoint"])))
    cells = cell_predictions(true_draws, derived, columns)
    assert float(cells["expected"].values[0, 0]) == pytest.approx(score)
    assert score == pytest.approx(laws.score(loss=loss, **curve))


def cells_with(drift: float, noise: float = 1e-6) -> tuple[xr.Dataset, np.ndarray]:
    """Cells of two benchmarks on ten models; the second's scores drift off by size per year."""
    time = np.linspace(0, 2, 10)
    slope = 0.05
    expected = np.full((1, 20), 0.5)
    benchmark = np.repeat([0, 1], 10)
    score = 0.5 + slope * drift * np.tile(time, 2) * (benchmark == 1)
    shape = (("sample", "cell"), np.full((1, 20), 1.0))
    return xr.Dataset({
        "expected": (("sample", "cell"), expected), "slope": (shape[0], slope * shape[1]),
        "sd": (shape[0], 2 * shape[1]), "own": (shape[0], 0.1 * shape[1]),
        "noise": (shape[0], noise * shape[1]),
        "score": ("cell", score), "model": ("cell", np.tile(np.arange(10), 2)),
        "benchmark": ("cell", benchmark), "nu": ("sample", [30.0]),
    }), time


def test_a_benchmark_that_drifts_shows_its_own_rate():
    cells, time = cells_with(drift=0.7)
    rates = benchmark_rates(cells, np.array([1.5]), time, 2, seed=1)
    np.testing.assert_allclose(rates, [[1.5, 2.2]], atol=1e-3)


def test_noise_is_not_taken_for_drift():
    """Where items scatter much more than the benchmark strays, deviations shrink to nothing."""
    cells, time = cells_with(drift=0.7, noise=10.0)
    rates = np.concatenate([benchmark_rates(cells, np.array([1.5]), time, 2, seed=s)
                            for s in range(400)])
    shrink = 0.1**2 / (0.1**2 + 10**2)
    # sd of a drift: own deviation 0.1 in score is 2 e-folds, over sqrt(sum of squared years)
    error = 2 / np.sqrt(((time - time.mean()) ** 2).sum() * 400)
    assert rates[:, 1].mean() == pytest.approx(1.5 + shrink * 0.7, abs=5 * error)


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
    worlds = replicated_records(many, seed=2)
    assert all(len(worlds[name]) == 400 for name in worlds)
    observed = worlds["observed_count"]
    assert (observed == float(derived["record"].sum())).all()
    share = (worlds["count"] >= observed).mean()
    assert 0.005 < share < 1  # false alarm one in 200 worlds, and the seed is fixed
    still = many.assign(rate=many["rate"] * 0, omega=many["omega"] + 5)
    assert replicated_records(still, seed=2)["count"].mean() < worlds["count"].mean()


def test_a_frontier_that_outruns_its_scatter_has_a_record_at_each_date(small_world, true_draws):
    derived = derive(true_draws, small_world.observations, small_world.columns)
    fast = derived.assign(rate=derived["rate"] + 1e6)
    dates = len(np.unique(derived["date"].values))
    assert (replicated_records(fast, seed=2)["count"] == dates).all()
