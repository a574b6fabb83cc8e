"""A model with some of its variables held at given values: the second stage of a cut posterior.

The joint model learns ruler, curves and frontier at once. Held, the ruler and the curves are
data: scores then speak about the models and the frontier alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pymc as pm
import pytensor

# variables of family ``densing`` that stay free: the models and their frontier
FRONTIER = ("sd_family_z", "sd_model_z", "q_family", "q", "mean_z", "rate_z", "drift",
            "step_coordinate", "z", "family_effect",
            "model_coordinate", "family_coordinate")


def measurement_names(model: pm.Model) -> list[str]:
    """The other variables: ruler, curves of linked benchmarks, spreads of the scores."""
    return [rv.name for rv in model.free_RVs if rv.name not in FRONTIER]


def hold(model: pm.Model, names: Iterable[str]) -> pm.Model:
    """The model with the named variables replaced by entries of one vector, the data ``held``.

    One vector, because compilation slows with the number of data; fill it with `held_vector`.
    """
    names = list(names)
    shapes = model.eval_rv_shapes()
    sizes = [int(np.prod(shapes[name])) for name in names]
    vector = pytensor.shared(np.zeros(sum(sizes)), name="held")
    places: dict[str, Any] = {}
    start = 0
    for name, size in zip(names, sizes, strict=True):
        shape = shapes[name]
        places[name] = vector[start:start + size].reshape(shape) if shape else vector[start]
        start += size
    # PyMC does not rebuild models with starting values; whoever samples this one gives its own
    starts = dict(model.rvs_to_initial_values)
    model.rvs_to_initial_values.update(dict.fromkeys(starts))
    try:
        return pm.do(model, places)
    finally:
        model.rvs_to_initial_values.update(starts)


def held_vector(values: dict[str, Any], names: Iterable[str]) -> np.ndarray:
    """Values of the held variables as the vector that a held model takes."""
    return np.concatenate([np.ravel(np.asarray(values[name], float)) for name in names])
