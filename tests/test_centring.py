"""Where scores put models: coordinates depend on it; it must be finite and about right."""

from __future__ import annotations

import numpy as np

from densing_bayes.joint.centring import BOUND, TOP, own_places


def tables(score, benchmark, model, weight=None, models=6, linked=1):
    cells = {"model": model, "benchmark": benchmark, "score": score,
             "weight": np.ones(len(model)) if weight is None else weight}

    def part(rows):
        return {name: np.asarray(value, float)[rows] for name, value in cells.items()}

    first = np.asarray(benchmark) == 0
    return {"setting": {"low_score": [0.2], "high_score": [0.7]}, "anchors": {"chance": [0.0]},
            "linked_benchmarks": {"chance": np.zeros(linked)},
            "models": {"time": np.zeros(models)},
            "anchored": part(first), "linked_cells": part(~first)}


def place_of(seen, table, curve=lambda logit: logit):
    place = np.zeros(len(seen.precision))
    for name, (share, value) in (("anchored", seen.anchored), ("linked_cells", seen.linked)):
        at = table[name]["model"].astype(int)
        value = value if name == "anchored" else curve(value)
        place += np.bincount(at, share * value, minlength=len(place))
    return place


def test_reference_scores_stand_at_zero_and_one():
    table = tables([0.2, 0.7], [0, 0], [0, 1])
    np.testing.assert_allclose(place_of(own_places(table), table)[:2], [0, 1], atol=1e-12)


def test_shares_of_a_model_sum_to_one_and_none_without_scores():
    table = tables([0.3, 0.4, 0.5], [0, 1, 1], [0, 0, 1])
    seen = own_places(table)
    total = np.bincount(table["anchored"]["model"].astype(int), seen.anchored[0], minlength=6)
    total += np.bincount(table["linked_cells"]["model"].astype(int), seen.linked[0], minlength=6)
    np.testing.assert_allclose(total, [1, 1, 0, 0, 0, 0])
    assert (seen.precision[2:] == 0).all()


def test_rows_that_do_not_count_say_nothing():
    with_row = tables([0.3, 0.9], [0, 0], [0, 0], weight=[1, 0])
    without = tables([0.3], [0], [0])
    np.testing.assert_allclose(own_places(with_row).precision, own_places(without).precision)
    assert place_of(own_places(with_row), with_row)[0] == place_of(own_places(without), without)[0]


def test_a_score_at_chance_counts_little():
    seen = own_places(tables([0.01, 0.5], [0, 0], [0, 1]))
    np.testing.assert_allclose(seen.precision[0], BOUND * seen.precision[1])


def test_scores_at_both_ends_stay_finite():
    seen = own_places(tables([0.0, 1.0, 0.0, 1.0], [0, 0, 1, 1], [0, 1, 0, 1]))
    assert np.isfinite(np.concatenate([*seen.anchored, *seen.linked, seen.precision])).all()
    assert 0 < TOP < 1


def test_a_benchmark_that_strays_counts_less():
    rng = np.random.default_rng(1)
    model = np.tile(np.arange(30), 3)
    benchmark = np.repeat([0, 1, 2], 30)
    true = rng.uniform(0.2, 0.8, 30)
    score = np.concatenate([true, true + rng.normal(0, 0.005, 30), rng.permutation(true)])
    seen = own_places(tables(score.clip(0.1, 0.9), benchmark, model, models=30, linked=2))
    share = seen.linked[0].reshape(2, 30).mean(axis=1)
    assert share[0] > 2 * share[1]
