"""The main job on many worlds of known truth, with the sampling of the shipped spec.

Unlike the calibration's short chains these are whole fits: the gate has to pass, and from folders
of several shapes the way goes through files.
"""

from __future__ import annotations

import numpy as np
import pytest

from densing_bayes.checks import diagnostics
from densing_bayes.context import Context
from densing_bayes.derive import derive
from densing_bayes.intervals import Interval
from densing_bayes.specs import load_model
from densing_bayes.tables import load_tables
from densing_bayes.worlds import TYPICAL, invent, simulate, write

pytestmark = pytest.mark.slow
WORLDS = 12


@pytest.fixture(scope="module", params=[1.6, 0.0], ids=["growth", "no growth"])
def worlds(request, small_world, small_joint):
    """Fits of worlds on one design: (passed, draws of the rate), and their true rate."""
    truth, found = TYPICAL | {"rate": request.param}, []
    for k in range(WORLDS):
        outcomes, _ = simulate(small_world.columns, truth, np.random.default_rng(100 + k))
        tree = small_joint.sample(case=f"world {k}", **outcomes)
        posterior = tree["posterior"].to_dataset()
        rate = (posterior["rate_z"] * posterior["c1"]).values.ravel()
        found.append((diagnostics(tree, list(posterior.data_vars)), rate))
    return found, request.param


def test_fits_pass_the_gate(worlds):
    """A world in ten may need a second look (R-hat of hundreds of quantities); not more."""
    refused = [gate for gate, _ in worlds[0] if not gate["passed"]]
    assert len(refused) <= 2, refused


def test_no_fit_diverges(worlds):
    assert sum(gate["divergences"] > 0 for gate, _ in worlds[0]) <= 1


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
