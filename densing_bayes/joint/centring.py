"""Where a model's own scores put it, roughly: from which the sampled coordinates are chosen.

A model's effective size follows from its scores and from what its family, date and size say of
it. Sampled as a distance from the mean of the two, in units of what is left open, it hardly
depends on the spreads, the rate and the level, whether scores are many or none. For that place
and precision of every model's own scores need only be about right: the posterior does not depend
on them, the number of steps to sample it does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logit

Columns = dict[str, dict[str, Any]]

# Scores are taken as logits of their share of the range: its top as typical for benchmarks with
# some wrong labels, and shares kept off both ends.
TOP, EDGE = 0.95, 0.02
ENOUGH = 5  # models seen by two benchmarks, to tell one's scale by the other's
# Sd of benchmarks about a model's place, in units of z, with the weight of so many residuals: the
# shipped tables' is 0.16
SPREAD, RESIDUALS = 0.16, 10.0


def own_places(tables: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Place in z that the models' own scores speak for, and its precision; 0 and 0 without any.

    Logits of scores are about straight in z. The first anchored benchmark has z = 0 and 1 at its
    reference scores; others are brought to its scale by mean and sd of the models that both see
    (linear equating). Rows of weight 0 do not count.

    Parameters
    ----------
    tables
        Columns of the joint model (`densing_bayes.joint.data`).

    Returns
    -------
    tuple
        Place and precision, shape (model,).

    Examples
    --------
    Two benchmarks that agree about the first model, where the first has its upper reference:

    >>> cells = {"model": [0, 1], "benchmark": [0, 0], "score": [0.7, 0.3], "weight": [1, 1]}
    >>> place, precision = own_places({
    ...     "setting": {"low_score": [0.3], "high_score": [0.7]}, "anchors": {"chance": [0.0]},
    ...     "linked_benchmarks": {"chance": []}, "models": {"time": [0.0, 1.0, 2.0]},
    ...     "anchored": cells, "linked_cells": {name: [] for name in cells}})
    >>> place.round(2), (1 / np.sqrt(precision[:2])).round(2), precision[2]
    (array([1., 0., 0.]), array([0.16, 0.16]), np.float64(0.0))
    """
    number = len(tables["models"]["time"])
    chance = np.concatenate([np.asarray(tables[name]["chance"], float)
                             for name in ("anchors", "linked_benchmarks")])

    def both(column: str) -> np.ndarray:
        return np.concatenate([np.asarray(tables[name][column], float)[
            np.asarray(tables[name]["weight"], float) == 1]
            for name in ("anchored", "linked_cells")])

    def logits(score: Any, chance: Any) -> Any:
        return logit(np.clip((score - chance) / (TOP * (1 - chance)), EDGE, 1 - EDGE))

    model, benchmark = both("model").astype(int), both("benchmark").astype(int)
    low, high = (logits(float(tables["setting"][name][0]), chance[0])
                 for name in ("low_score", "high_score"))
    place = (logits(both("score"), chance[benchmark]) - low) / (high - low)
    first = np.full(number, np.nan)
    first[model[benchmark == 0]] = place[benchmark == 0]
    for other in range(1, len(chance)):
        cells = np.flatnonzero(benchmark == other)
        known = cells[np.isfinite(first[model[cells]])]
        if len(known) >= ENOUGH and place[known].std() > 0:
            there, here = first[model[known]], place[known]
            place[cells] = there.mean() + (place[cells] - here.mean()) * there.std() / here.std()
    count = np.bincount(model, minlength=number)
    mean = np.bincount(model, place, minlength=number) / np.maximum(count, 1)
    residual = place - mean[model]
    variance = (RESIDUALS * SPREAD**2 + residual @ residual) / (
        RESIDUALS + np.maximum(count - 1, 0).sum())
    return mean, count / variance
