"""Where scores put a model, roughly: the sampled coordinates follow it."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from densing_bayes.joint.centring import ENOUGH, SPREAD, TOP, own_places

CHANCE = 0.25
SLOPE = {0: 3.0, 1: 4.0}  # of the benchmarks' logits in z
MIDDLE = {0: 0.4, 1: 0.6}


def tables_of(rows, models):
    """Tables of cells (model, benchmark, place in z): the first benchmark anchored, one linked."""
    def score(benchmark, place):
        share = expit(SLOPE[benchmark] * (place - MIDDLE[benchmark]))
        return CHANCE + TOP * (1 - CHANCE) * share

    def cells(benchmark):
        kept = [row for row in rows if row[1] == benchmark]
        return {"model": [row[0] for row in kept], "benchmark": [benchmark] * len(kept),
                "score": [score(benchmark, row[2]) for row in kept], "weight": [1] * len(kept)}

    return {"setting": {"low_score": [score(0, 0.0)], "high_score": [score(0, 1.0)]},
            "anchors": {"chance": [CHANCE]}, "linked_benchmarks": {"chance": [CHANCE]},
            "models": {"time": np.zeros(models)}, "anchored": cells(0), "linked_cells": cells(1)}


def test_benchmarks_that_agree_give_every_models_place():
    """Straight logits of both: one linked benchmark is brought to the scale of the first."""
    z = np.linspace(0.0, 1.0, 8)
    rows = [(i, b, z[i]) for i in range(8) for b in (0, 1) if not (b == 0 and i == 7)]
    place, precision = own_places(tables_of(rows, 9))
    np.testing.assert_allclose(place[:8], z, atol=1e-9)
    # no residuals: the variance expected beforehand, less what 7 without any say
    variance = 10 * SPREAD**2 / (10 + 7)
    np.testing.assert_allclose(precision[:7], 2 / variance)
    np.testing.assert_allclose(precision[7], 1 / variance)
    assert (place[8], precision[8]) == (0.0, 0.0)


def test_rows_that_do_not_count_say_nothing():
    rows = [(i, b, 0.1 * i) for i in range(8) for b in (0, 1)]
    tables, without = tables_of(rows, 8), tables_of([row for row in rows if row[0] != 3], 8)
    for name in ("anchored", "linked_cells"):
        tables[name]["weight"][3] = 0
    for found, want in zip(own_places(tables), own_places(without), strict=True):
        np.testing.assert_array_equal(found, want)
    assert own_places(without)[1][3] == 0


def test_scores_at_both_ends_and_few_in_common_stay_finite():
    rows = [(0, 0, -9.0), (1, 0, 9.0), (2, 1, -9.0), (3, 1, 9.0)]
    tables = tables_of(rows, 4)
    tables["anchored"]["score"][0] = 0.1  # below chance
    place, precision = own_places(tables)
    assert len(rows) < 2 * ENOUGH
    assert np.isfinite(place).all()
    assert (abs(place) < 3).all()
    assert (precision > 0).all()


def test_benchmarks_that_disagree_count_less():
    rng = np.random.default_rng(1)
    near, far = ([(i, b, 0.05 * i + sd * rng.normal()) for i in range(40) for b in (0, 1)]
                 for sd in (0.05, 0.4))
    assert own_places(tables_of(near, 40))[1].max() > 4 * own_places(tables_of(far, 40))[1].max()
