"""What single benchmarks say of a model, and what matching it then takes."""

from __future__ import annotations

import numpy as np
import pytest

from densing_bayes.corollaries.draws import pool
from densing_bayes.corollaries.run import posterior_of
from densing_bayes.corollaries.targets import target
from densing_bayes.errors import InputError
from densing_bayes.joint.predict import cells_at, thin
from densing_bayes.joint.views import log_size_of_score


@pytest.mark.parametrize("benchmark", [0, 1, 2])
def test_the_curve_at_the_size_of_a_score_has_that_score(small_joint, small_fit, benchmark):
    few = small_fit.posterior.isel(draw=slice(0, 5))
    size = log_size_of_score(few, small_joint.columns, benchmark, 0.55)
    post = thin(few)
    seen = cells_at(post, small_joint.columns, benchmark=np.array([benchmark]),
                    log_size=size.values.reshape(-1, 1), items=100, replicates=1)
    np.testing.assert_allclose(seen.expected, 0.55, atol=1e-9)


def test_guessing_takes_no_size_and_the_ceiling_is_out_of_reach(small_joint, small_fit):
    few = small_fit.posterior.isel(draw=slice(0, 5))
    for benchmark in range(3):
        chance = np.concatenate([small_joint.columns[name]["chance"] for name in (
            "anchors", "linked_benchmarks")])[benchmark]
        size = {score: log_size_of_score(few, small_joint.columns, benchmark, score)
                for score in (chance, 1.0)}
        assert (size[chance] == -np.inf).all()
        assert (size[1.0] == np.inf).all()


@pytest.fixture(scope="module")
def draws(small_context):
    return pool(posterior_of(small_context), 400)


def test_over_all_benchmarks_their_own_trends_cancel(small_context, draws):
    """A model that all benchmarks have seen: the mean of their trends is zero."""
    data = small_context.observations.data
    count = np.bincount(data["cell_model"].values, minlength=data.sizes["model"])
    name = str(data["model"].values[count == data.sizes["benchmark"]][0])
    seen = draws.seen(name)
    assert len(seen) == data.sizes["benchmark"]
    np.testing.assert_allclose(np.sum([one.trend for one in seen], axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.sum([one.tilt for one in seen], axis=0), 0, atol=1e-9)


def test_a_domain_counts_its_benchmarks_alone(small_context, draws):
    name = draws.models[0]
    seen = draws.seen(name)
    domain = seen[0].domain
    aim = target(draws, match=name, domain=domain)
    assert aim.benchmarks == tuple(one.benchmark for one in seen if one.domain == domain)
    # what the benchmark sees of a model of this size and date is the effective size and its moves
    years, size = np.array([1.0]), np.array([[np.log(8e9)]])
    own = [one for one in seen if one.domain == domain]
    moves = np.mean([one.trend * (1.0 - one.where["centre"])
                     + one.tilt * (size[0, 0] - one.where["mean_size"]) for one in own], axis=0)
    np.testing.assert_allclose(aim.needed(size, years)[:, 0] + moves, aim.log_size)
    at = aim.size_at(np.full(draws.size, 2.0), 1.0)
    np.testing.assert_allclose(at + 2.0, aim.needed(at[:, None], years)[:, 0])


def test_a_domain_that_has_not_seen_the_model_is_refused(draws):
    with pytest.raises(InputError, match="no score of this domain"):
        target(draws, match=draws.models[0], domain="astrology")
