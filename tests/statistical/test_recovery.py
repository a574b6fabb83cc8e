"""The main job on many worlds of known truth, with the sampling of the shipped spec.

Unlike the calibration's short chains these are whole fits: the gate has to pass, and from folders
of several shapes the way goes through files.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from densing_bayes.context import Context, gate
from densing_bayes.intervals import Interval
from densing_bayes.joint.quantities import derive, frontier_path
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.worlds import TYPICAL, Twist, invent, simulate, write

pytestmark = pytest.mark.slow
WORLDS = 12


@pytest.fixture(scope="module", params=[(1.6, 0.0), (0.0, 0.0), (1.6, -0.5)],
                ids=["growth", "no growth", "slowing"])
def worlds(request, small_world, small_joint):
    """Fits of worlds on one design: (gate, draws of the rate), and their true average rate.

    As the main job does it: where the gate refuses, the chains are sampled once more, longer.
    """
    (rate, bend), found = request.param, []
    truth = TYPICAL | {"rate": rate}
    for k in range(WORLDS):
        outcomes, _ = simulate(small_world.columns, truth, np.random.default_rng(100 + k),
                               Twist(bend=bend))
        joint = replace(small_joint, compiled=small_joint.compiled.with_data(**outcomes))
        fit = joint.fit({})
        if not gate(fit)["passed"]:
            fit = joint.fit({}, longer=True)
        rate = (fit.posterior["rate_z"] * fit.posterior["c1"]).values.ravel()
        found.append((gate(fit), rate))
    return found, request.param[0]


def test_fits_pass_the_gate(worlds):
    """Worlds of sixty models often need the second look (8 of 12); then all but one pass."""
    refused = [one for one, _ in worlds[0] if not one["passed"]]
    assert len(refused) <= 1, refused


def test_intervals_cover(worlds):
    """90% intervals of 12 worlds: fewer than 8 hits has probability 0.004 (Bin(12, 0.9))."""
    found, truth = worlds
    bounds = [Interval(0.9).of(rate) for _, rate in found]
    assert sum(low <= truth <= high for low, high in bounds) >= 8


def test_a_world_without_growth_does_not_grow(worlds):
    """P(growth) > 0.95 in one world of 20 by chance; four of 12 has probability 0.002."""
    found, truth = worlds
    sure = sum((rate > 0).mean() > 0.95 for _, rate in found)
    if truth == 0:
        assert sure <= 3
    else:
        assert sure >= 6  # at sd 0.5 a rate of 1.6 is seen nearly always


def test_slowing_growth_is_seen_as_drift(tmp_path):
    """Two worlds of one noise, 200 models and next to no scatter: one straight, one slowing.

    Slowing growth (from 3.1 to 0.1 per year over three years) moves the posterior of the drift
    up from its prior, straight growth moves it down; the rate at the end is told from that at
    the start; the average rate is covered in both (3.5 sd: 5e-4, two-sided).
    """
    truth = TYPICAL | {"omega": 0.3, "omega_family": 0.3, "sd_benchmark": 0.3, "level": 0.0}
    found = {}
    for bend in (0.0, -0.5):
        rng = np.random.default_rng(11)
        design = invent(rng, models=200, benchmarks=3, years=3.0, truth=truth)
        outcomes, _ = simulate(design, truth, rng, Twist(bend=bend))
        context = Context(load_tables(write(tmp_path / f"bend {bend}", design, outcomes)),
                          load_model("densing"))
        derived, time = context.derived, context.observations.data["time"].values
        assert abs(derived["rate"].mean() - truth["rate"]) < 3.5 * derived["rate"].std()
        ends = [time.min(), time.min() + 0.75, time.max() - 0.75, time.max()]
        path = frontier_path(derived, ends)
        early, late = (path[..., i + 1] - path[..., i] for i in (0, 2))
        found[bend] = derived["drift"].values.ravel(), (late < early).values.mean()
    prior = context.spec.priors["drift"].args
    median = np.exp(prior["mu"])
    (straight, no), (slowing, yes) = found[0.0], found[-0.5]
    assert np.median(straight) < median
    assert np.median(slowing) > np.median(straight)
    assert yes > 0.99
    assert 0.005 < no < 0.995


@pytest.mark.parametrize(("models", "benchmarks", "seed"), [(36, 1, 1), (60, 4, 2), (150, 5, 3)])
def test_folders_of_several_shapes(tmp_path, models, benchmarks, seed):
    """Through files: the fit passes, and the truth is within 3.5 sd (5e-4, two-sided)."""
    rng = np.random.default_rng(seed)
    design = invent(rng, models=models, benchmarks=benchmarks)
    outcomes, truth = simulate(design, TYPICAL, rng)
    context = Context(load_tables(write(tmp_path / "tables", design, outcomes)),
                      load_model("densing"))
    assert context.diagnostics["passed"], context.diagnostics
    rate = derive(context.posterior, context.observations, context.columns)["rate"].values
    assert abs(rate.mean() - truth["rate"]) < 3.5 * rate.std()
