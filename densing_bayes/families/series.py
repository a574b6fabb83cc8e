"""A series of one capability in time: level, rate, one change, and the noise about it.

One graph serves every regime. In standard units (time in spans of the series, values in its
standard deviations) the mean path is

    f(t) = level + rate t + change h_g(t) + wander (X steps)(t)

where the columns are data: ``h_g`` is the shape of the change for the g-th candidate (its date
and sign; zeros: no change) and ``X`` the hinges of a random walk of the rate. A regime is a
set of columns, so ten regimes need one compilation. ``change`` is a size, and date and sign are
summed out: what is left to sample has neither kinks nor a mode on either side of zero.

The three likelihoods are those of `densing_bayes.families.points`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from densing_bayes.families.blocks import pack_priors, rv
from densing_bayes.families.points import KNOTS, OWN, above, log_likelihood, row_names
from densing_bayes.priors import Prior


def _log_ndtr(x: Any) -> Any:
    """Log of the normal's cdf for x up to 30 (where it is 0), stable below.

    PyMC's own evaluates two branches and keeps one; over a matrix that is half of the time.
    """
    return pt.log(0.5 * pt.erfcx(-x / np.sqrt(2))) - 0.5 * x**2


GRAPH = SimpleNamespace(gammaln=pt.gammaln, erfc=pt.erfc, roll=pt.roll,
                        log_ndtr=lambda x: _log_ndtr(pt.minimum(x, 30.0)))


def build(likelihood: str, priors: Mapping[str, Prior]) -> pm.Model:
    """The graph, on placeholder data.

    Data: ``rows``, the matrix of `rows_matrix`; ``shapes``, the columns h (candidate, row), all
    candidates alike beforehand; ``priors`` (`densing_bayes.families.blocks.prior_vector`).
    """
    names = row_names(likelihood)
    with pm.Model() as model:
        packed = pack_priors(priors)
        matrix = pm.Data("rows", np.ones((8, len(names) + KNOTS)))
        shapes = pm.Data("shapes", np.zeros((3, 8)))
        rows = {name: matrix[:, i] for i, name in enumerate(names)}
        hinges = matrix[:, len(names):]

        noise = {"noise": rv("noise", packed["noise"])}
        noise |= {name: rv(name, packed[name]) for name in OWN[likelihood]}
        shift = above(likelihood, **noise)
        if likelihood == "records":
            noise["crowd"] = noise["crowd"] * rows["seen"].sum()
        # sampled where the points are: below a frontier, or above the crowd behind records
        centre = rv("centre", packed["level"], shift=shift)
        level = pm.Deterministic("level", centre - shift)

        change = rv("change", packed["change"])
        steps = pm.Normal("steps", 0, 1, shape=KNOTS) * rv("wander", packed["wander"])
        path = (level + rv("rate", packed["rate"]) * rows["time"]
                + (hinges * steps).sum(axis=1))

        each = log_likelihood(likelihood, mean=path + change * shapes, rows=rows, **noise,
                              use=GRAPH)
        candidates = pm.math.logsumexp(each.sum(axis=1))
        pm.Potential("given_the_series", candidates - pt.log(shapes.shape[0]))
    return model
