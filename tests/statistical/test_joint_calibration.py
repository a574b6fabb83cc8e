"""The joint model's own calibration: minutes of refits."""

from dataclasses import replace

import numpy as np
import pytest

from densing_bayes.calibration import Plan, coverage, rounds, sbc
from densing_bayes.calibration.rig import invented
from densing_bayes.joint.fit import choose, cut, prepare
from densing_bayes.joint.quantities import derive
from densing_bayes.questions.growth import error_of_cut
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

PLAN = Plan(rounds=0, real_rounds=0, wrong_rounds=0, shared=0, twisted=0, origins=0)


@pytest.fixture(scope="module")
def joint():
    return invented(load_model("densing"), PLAN.models)


@pytest.fixture(scope="module")
def right(joint):
    sampling = PLAN.sampling(joint.spec)
    return [rounds.sbc_round(joint, f"test {k}", sbc.CENTRE, sampling) for k in range(40)]


def test_ranks_are_uniform(right):
    """False alarms: 1% over all quantities together."""
    verdict = rounds.judge_rounds(right)
    assert verdict["passed"], verdict["p"]
    assert verdict["false_alarms"] == sbc.FALSE_ALARMS


def test_the_same_rounds_spoilt_fail(right):
    assert not rounds.judge_rounds(right, narrow=0.5)["passed"]
    assert not rounds.judge_rounds(right, shift=0.7)["passed"]


def test_a_wrong_likelihood_fails(joint):
    """Twice the ladder's noise in the simulator: the ranks of sigma_loss must show it."""
    sampling = PLAN.sampling(joint.spec)
    wrong = [rounds.sbc_round(joint, f"wrong {k}", sbc.CENTRE, sampling, noise=2.0)
             for k in range(12)]
    assert "sigma_loss, first" in rounds.judge_rounds(wrong)["failed"]


def test_a_frontier_whose_gaps_are_held_constant_fails():
    """Gaps that widen in the simulator, under a spec that has them constant: growth must show it.

    The mean growth of the half years is then read too low: the truth ranks high.
    """
    spec = load_model("densing").with_options(constant_spread=True)
    wide = {"spread_growth": 0.8}
    sampling = PLAN.sampling(spec)
    rows = []
    for k in range(12):
        world = coverage.World("gaps widen", truth=wide)
        rows.append(_world(spec, world, k, sampling))
    low = sum(row["joint"]["high"] < row["truth"] for row in rows)
    # of right 90% intervals one in twenty lies below the truth: four of twelve once in 500 times
    assert low >= 4


def _world(spec, world, k, sampling):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(coverage.WORLDS, "gaps widen", world)
        return coverage.run_world(spec, "gaps widen", k, sampling, models=PLAN.models)


def test_intervals_cover_where_the_model_holds():
    """24 worlds; Bin(24, 0.9) is below 17 with probability 0.004."""
    spec = load_model("densing")
    rows = [coverage.run_world(spec, name, k, PLAN.sampling(spec), models=PLAN.models)
            for name in ("as assumed", "no growth") for k in range(12)]
    hits = [coverage.covers(row["truth"], row["joint"]["low"], row["joint"]["high"])
            for row in rows]
    assert sum(hits) >= 17


def test_the_cuts_median_varies_from_seed_to_seed_as_told():
    """Told by resampling the rulers of one seed; here five seeds on the shipped tables.

    Were the told error true, the sd of five medians exceeded 1.8 times it once in 100 times.
    """
    spec = load_model("densing")
    observations = choose(load_tables(None), spec)
    shipped = prepare(observations, spec)
    start = shipped.sample()["posterior"].to_dataset()
    median, told = [], []
    for seed in range(5):
        joint = prepare(observations, replace(spec, sampling=replace(spec.sampling, seed=seed)))
        draws = derive(cut(joint, start), joint.observations, joint.columns)
        rate = draws["rate"]
        median.append(float(rate.median()))
        told.append(error_of_cut(rate, seed)[1])
    assert np.std(median, ddof=1) < 1.8 * np.mean(told)
    rate = derive(start, observations, shipped.columns)["rate"]
    assert np.mean(told) < 0.2 * float(rate.std())
