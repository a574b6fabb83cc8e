"""Designs that cannot tell size from tokens say so, and answer what they can."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from densing_bayes import laws
from densing_bayes.scaling_laws import classic
from densing_bayes.scaling_laws.envelope import envelope_loss
from densing_bayes.scaling_laws.run import scaling
from densing_bayes.scaling_laws.tables import ladder, read_runs

SIZES = np.geomspace(1e8, 3e9, 7)
DESIGNS = {
    "one ratio": (SIZES, 20 * SIZES, 6.7e9, 1.34e11),
    "one token count": (SIZES, np.full(7, 3e11), 6.7e9, 3e11),
    "one size": (np.full(7, 1e9), np.geomspace(2e9, 2e11, 7), 1e9, 5e11),
}


def runs(params, tokens, noise=0.003):
    error = noise * np.random.default_rng(2).standard_normal(len(params))
    return pd.DataFrame({"params": params, "tokens": tokens, "loss": np.exp(error) * laws.loss(
        params=params, tokens=tokens, **classic.CHINCHILLA_REFIT)})


@pytest.mark.parametrize("kind", DESIGNS)
def test_a_line_of_runs_tells_the_loss_along_it_and_nothing_across(kind):
    params, tokens, size, data = DESIGNS[kind]
    found = scaling(runs(params, tokens), laws=["chinchilla"], compute=[1e23],
                    predict=[{"params": size, "tokens": data},
                             {"params": 3e9, "tokens": 3e9}])
    (fit,) = found.fits.values()
    assert fit.ladder.design.kind == kind
    assert found.allocation.empty
    assert not found.parameters["identified"].any()
    along, across = found.predictions.to_dict("records")
    truth = laws.loss(params=size, tokens=data, **classic.CHINCHILLA_REFIT)
    assert along["low"] < truth < along["high"]
    assert not along["off_line"]
    assert across["off_line"]
    said = found.summary()["ladders"]["runs"]
    assert said["identified"] is False
    assert "allocation" not in said
    assert "alpha" not in said["laws"]["chinchilla"]["parameters"]
    text = "\n".join(found.lines())
    assert "the compute-optimal allocation rest on the prior and are not told" in text
    assert "warning: off the line of the runs" in text
    assert "tokens per parameter" not in text
    assert "alpha" not in text


def test_a_surface_is_no_line():
    frame = runs(np.repeat(SIZES, 2), np.tile([10, 40], 7) * np.repeat(SIZES, 2))
    (one,) = read_runs(frame).ladders.values()
    assert one.design.kind == "surface"
    assert not one.design.off_line(np.log(1e12), np.log(1e6))


def sweep(budgets, bend=0.0):
    """IsoFLOP sweep of the re-fitted law; ``bend`` lowers the loss of later budgets."""
    flop = np.repeat(budgets, 7)
    params = np.sqrt(flop / 120) * np.tile(np.geomspace(0.3, 3, 7), len(budgets))
    frame = runs(params, flop / 6 / params, noise=0.001)
    return ladder("sweep", frame.assign(loss=frame["loss"] * (flop / flop.min()) ** -bend))


def test_the_envelope_foretells_the_optimum_and_needs_four_budgets():
    best = envelope_loss(sweep(np.geomspace(1e18, 1e20, 6)), np.array([1e22]))
    size = classic.optimal_params(flop=1e22, **classic.CHINCHILLA_REFIT)
    truth = laws.loss(params=size, tokens=1e22 / 6 / size, **classic.CHINCHILLA_REFIT)
    assert best[0] == pytest.approx(truth, rel=0.02)
    assert envelope_loss(sweep(np.geomspace(1e18, 1e20, 3)), np.array([1e22])) is None


def test_distances_are_of_compute_and_of_the_hull():
    """33 times the compute of an IsoFLOP sweep is far, though its box in N and D is not left."""
    one = sweep(np.geomspace(1e18, 3e20, 5))
    largest = one.frame["params"].max(), one.frame["tokens"].max()
    found = scaling(one.frame, laws=["chinchilla"],
                    predict=[{"params": largest[0] * 0.99, "tokens": largest[1] * 0.99}])
    (row,) = found.predictions.to_dict("records")
    assert row["distance_compute"] > 2
    assert row["distance_hull"] > 1
    assert "(extrapolated: " in "\n".join(found.lines())
