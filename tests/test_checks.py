"""The gate: good draws pass; stuck, drifting, few, divergent or broken ones are refused."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from densing_bayes.checks import diagnostics


def tree_of(draws: np.ndarray, divergences: int = 0, **more: np.ndarray) -> xr.DataTree:
    dims = ("chain", "draw", "model")
    posterior = xr.Dataset({name: (dims[:value.ndim], value)
                            for name, value in {"x": draws, **more}.items()})
    diverging = np.zeros(draws.shape[:2], bool)
    diverging.flat[:divergences] = True
    return xr.DataTree.from_dict({
        "posterior": posterior,
        "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), diverging)})})


@pytest.fixture
def good():
    return np.random.default_rng(1).normal(size=(4, 500))


def test_independent_draws_pass(good):
    found = diagnostics(tree_of(good), ["x"])
    assert found["passed"] is True
    assert found["rhat_max"] < 1.01
    assert 1000 < found["ess_bulk_min"] < 3000  # 2,000 independent draws
    assert found["divergences"] == 0


def test_one_divergence_is_enough(good):
    found = diagnostics(tree_of(good, divergences=1), ["x"])
    assert (found["divergences"], found["passed"]) == (1, False)


def test_a_chain_of_its_own_is_refused(good):
    good[2] += 3
    found = diagnostics(tree_of(good), ["x"])
    assert found["rhat_max"] > 1.1
    assert found["passed"] is False


def test_few_draws_are_refused(good):
    found = diagnostics(tree_of(good[:, :50]), ["x"])
    assert found["ess_bulk_min"] < 400
    assert found["passed"] is False


def test_the_worst_of_all_entries_counts_and_is_named(good):
    rng = np.random.default_rng(2)
    slow = rng.normal(size=(4, 500, 3))
    slow[..., 1] = np.cumsum(slow[..., 1], axis=1)
    found = diagnostics(tree_of(good, y=slow), ["x", "y"])
    assert found["passed"] is False
    assert found["worst"] == {"rhat": "y", "ess_bulk": "y", "ess_tail": "y"}
    assert diagnostics(tree_of(good, y=slow), ["x"])["passed"] is True


def test_a_constant_is_left_out(good):
    found = diagnostics(tree_of(good, c=np.ones((4, 500))), ["x", "c"])
    assert found["passed"] is True


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_draws_that_are_no_numbers_are_refused(good, broken):
    bad = good.copy()
    bad[1, 7] = broken
    found = diagnostics(tree_of(good, y=bad), ["x", "y"])
    assert found["passed"] is False
    assert found["worst"]["rhat"] == "y"


def test_nothing_that_varies_is_refused():
    assert diagnostics(tree_of(np.ones((4, 500))), ["x"])["passed"] is False
