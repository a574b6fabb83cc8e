"""The main job on many worlds of known truth, with the sampling of the shipped spec.

Unlike the calibration's short chains these are whole fits: the gate has to pass, and from folders
of several shapes the way goes through files.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from densing_bayes.calibration.coverage import NONE, covers, window
from densing_bayes.context import Context, gate
from densing_bayes.intervals import Interval
from densing_bayes.joint.quantities import derive, growth_between
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.worlds import TYPICAL, Twist, frontier, invent, simulate, write
from densing_bayes.worlds.simulation import STILL

pytestmark = pytest.mark.slow
WORLDS = 12


@pytest.fixture(scope="module", params=[(1.6, 0.0), (STILL, 0.0), (1.6, -0.4)],
                ids=["growth", "no growth", "slowing"])
def worlds(request, small_world, small_joint):
    """Fits of worlds on one design: (gate, draws of the average growth, the true one).

    As the main job does it: where the gate refuses, the chains are sampled once more, longer.
    """
    (rate, bend), found = request.param, []
    truth = TYPICAL | {"rate": rate}
    for k in range(WORLDS):
        outcomes, latent = simulate(small_world.columns, truth, np.random.default_rng(100 + k),
                                    Twist(bend=bend))
        joint = replace(small_joint, compiled=small_joint.compiled.with_data(**outcomes))
        fit = joint.fit({})
        if not gate(fit)["passed"]:
            fit = joint.fit({}, longer=True)
        derived = derive(fit.posterior, joint.observations, joint.columns | outcomes)
        since, until = window(derived)
        path = frontier(small_world.columns, latent, [since, until])
        found.append((gate(fit), derived["rate"].values.ravel(),
                      (path[1] - path[0]) / (until - since)))
    return found


def test_fits_pass_the_gate(worlds):
    """Worlds of sixty models often need the second look; then all but one pass."""
    refused = [one for one, _, _ in worlds if not one["passed"]]
    assert len(refused) <= 1, refused


def test_intervals_cover(worlds):
    """90% intervals of 12 worlds: fewer than 8 hits has probability 0.004 (Bin(12, 0.9))."""
    assert sum(covers(truth, *Interval(0.9).of(rate)) for _, rate, truth in worlds) >= 8


def test_a_world_without_growth_is_not_told_to_grow(worlds):
    """P(average above 0.1 per year) > 0.975: three of 12 has probability 0.003 at one in 40."""
    sure = sum((rate > NONE).mean() > 0.975 for _, rate, _ in worlds)
    if worlds[0][2] < NONE:
        assert sure <= 2
    else:
        assert sure >= 10  # growth of 1.6 is seen nearly always


def test_slowing_growth_is_seen(tmp_path):
    """Two worlds of one noise, 200 models and next to no scatter: one straight, one slowing.

    Growth falls from 2.8 to 0.4 per year over three years: the last year's is told to be less
    than the first's; in the straight world it is not. The average is covered in both (3.5 sd: 5e-4,
    two-sided).
    """
    truth = TYPICAL | {"family_gap": 0.3, "model_gap": 0.2, "sd_benchmark": 0.3, "level": 0.0}
    found = {}
    for bend in (0.0, -0.4):
        rng = np.random.default_rng(11)
        design = invent(rng, models=200, benchmarks=3, years=3.0, truth=truth)
        outcomes, latent = simulate(design, truth, rng, Twist(bend=bend))
        context = Context(load_tables(write(tmp_path / f"bend {bend}", design, outcomes)),
                          load_model("densing"))
        derived = context.derived
        since, until = window(derived)
        path = frontier(design, latent, [since, until])
        average = (path[1] - path[0]) / (until - since)
        assert abs(derived["rate"].mean() - average) < 3.5 * derived["rate"].std()
        early = growth_between(derived, since, since + 1)
        late = growth_between(derived, until - 1, until)
        found[bend] = float((late < early).mean())
    assert found[-0.4] > 0.99
    assert 0.005 < found[0.0] < 0.995


@pytest.mark.parametrize(("models", "benchmarks", "seed"), [(36, 1, 1), (60, 4, 2), (150, 5, 3)])
def test_folders_of_several_shapes(tmp_path, models, benchmarks, seed):
    """Through files: the fit passes, and the truth is within 3.5 sd (5e-4, two-sided)."""
    rng = np.random.default_rng(seed)
    design = invent(rng, models=models, benchmarks=benchmarks)
    outcomes, _ = simulate(design, TYPICAL, rng)
    context = Context(load_tables(write(tmp_path / "tables", design, outcomes)),
                      load_model("densing"))
    assert context.diagnostics["passed"], context.diagnostics
    rate = derive(context.posterior, context.observations, context.columns)["rate"].values
    assert abs(rate.mean() - TYPICAL["rate"]) < 3.5 * rate.std()
