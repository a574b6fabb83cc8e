"""Where a model's own scores put it, roughly: from which the sampled coordinates are chosen.

A model's effective size follows from its scores and from what its family, date and size say of
it. Sampled as a distance from the mean of the two, in units of what is left open, it hardly
depends on the spreads, the growth and the level, whether scores are many or none; and as the
curves of the benchmarks move, all models move along. For that the places need only be about
right: the posterior does not depend on them, the number of steps to sample it does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import logit

Columns = dict[str, dict[str, Any]]

# Scores are taken as logits of their share of the range: its top as typical for benchmarks with
# some wrong labels, and shares kept off both ends.
TOP, EDGE = 0.95, 0.02
AT_CHANCE, BOUND = 0.06, 0.02  # share of the range below which a score counts so little
ENOUGH = 5  # models seen by two benchmarks, to tell one's scale by the other's
# Sd of a benchmark about a model's place, in units of z, with the weight of so many residuals: the
# shipped tables' is 0.16
SPREAD, RESIDUALS = 0.16, 10.0


class Seen(NamedTuple):
    """What scores say of places.

    A model's place is the sum over its cells of ``share`` times where the cell puts it: for an
    anchored benchmark ``value`` (z), for a linked one middle + ``value`` / kappa, less the
    benchmark's own trends.
    """

    precision: np.ndarray  # of the places, 1/z^2; 0 without any score; (model,)
    anchored: tuple[np.ndarray, np.ndarray]  # share and value, (anchored cell,)
    linked: tuple[np.ndarray, np.ndarray]  # share and value (logit), (linked cell,)


def own_places(tables: Columns) -> Seen:
    """What the models' own scores say of their places; rows of weight 0 do not count.

    Logits of scores are about straight in z. The first anchored benchmark has z = 0 and 1 at its
    reference scores; other anchored ones are brought to its scale by mean and sd of the models
    that both see (linear equating), which also tells how far each benchmark strays.

    Parameters
    ----------
    tables
        Columns of the joint model (`densing_bayes.joint.data`).

    Examples
    --------
    One benchmark; the first model has its upper reference score, the third none:

    >>> cells = {"model": [0, 1], "benchmark": [0, 0], "score": [0.7, 0.3], "weight": [1, 1]}
    >>> seen = own_places({
    ...     "setting": {"low_score": [0.3], "high_score": [0.7]}, "anchors": {"chance": [0.0]},
    ...     "linked_benchmarks": {"chance": []}, "models": {"time": [0.0, 1.0, 2.0]},
    ...     "anchored": cells, "linked_cells": {name: [] for name in cells}})
    >>> seen.anchored[1].round(2), (1 / np.sqrt(seen.precision[:2])).round(2), seen.precision[2]
    (array([1., 0.]), array([0.16, 0.16]), np.float64(0.0))
    """
    number = len(tables["models"]["time"])
    chance = np.concatenate([np.asarray(tables[name]["chance"], float)
                             for name in ("anchors", "linked_benchmarks")])

    def both(column: str) -> np.ndarray:
        return np.concatenate([np.asarray(tables[name][column], float)
                               for name in ("anchored", "linked_cells")])

    def logits(score: Any, chance: Any) -> Any:
        return logit(np.clip((score - chance) / (TOP * (1 - chance)), EDGE, 1 - EDGE))

    model, benchmark, kept = both("model").astype(int), both("benchmark").astype(int), both(
        "weight")
    low, high = (logits(float(tables["setting"][name][0]), chance[0])
                 for name in ("low_score", "high_score"))
    value = logits(both("score"), chance[benchmark])
    place = (value - low) / (high - low)
    first = np.full(number, np.nan)
    known = (benchmark == 0) & (kept == 1)
    first[model[known]] = place[known]
    for other in range(1, len(chance)):
        cells = np.flatnonzero((benchmark == other) & (kept == 1))
        common = cells[np.isfinite(first[model[cells]])]
        if len(common) >= ENOUGH and place[common].std() > 0:
            there, here = first[model[common]], place[common]
            place[benchmark == other] = there.mean() + (
                place[benchmark == other] - here.mean()) * there.std() / here.std()

    # how far each benchmark strays from the models' means
    count = np.bincount(model, kept, minlength=number)
    mean = np.bincount(model, kept * place, minlength=number) / np.maximum(count, 1)
    freedom = kept * (1 - 1 / np.maximum(count, 1))[model]
    squares = np.bincount(benchmark, kept * (place - mean[model]) ** 2, minlength=len(chance))
    weight = (RESIDUALS + np.bincount(benchmark, freedom, minlength=len(chance))) / (
        RESIDUALS * SPREAD**2 + squares)
    # at chance a score bounds the place from above only
    own = kept * weight[benchmark] * np.where(value > logit(AT_CHANCE), 1.0, BOUND)
    precision = np.bincount(model, own, minlength=number)
    share = own / np.maximum(precision, 1e-300)[model]
    split = len(tables["anchored"]["model"])
    return Seen(precision, (share[:split], place[:split]), (share[split:], value[split:]))
