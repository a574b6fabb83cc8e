"""A frontier or records in time: level, rate, a change of the path, and the noise about it.

One graph serves every regime. In standard units (time in spans of the series, values in its
standard deviations) the mean path is

    f(t) = level + rate t + sum over d of sizes_d h_gd(t)

where the columns are data: ``h_g`` is the shape of the change for the g-th candidate (its date,
width or scale, in which the prior sd of the sizes is; zeros: no change). A regime is a set of
columns, so ten regimes need one compilation. Which candidate it is is summed out: what is left
to sample has no kinks.

The likelihoods are those of `densing_bayes.families.points`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from densing_bayes.families.blocks import pack_priors, rv
from densing_bayes.families.points import OWN, ROW_NAMES, SIZES, above, log_likelihood
from densing_bayes.priors import Prior


def _log_ndtr(x: Any) -> Any:
    """Log of the normal's cdf for x up to 30 (where it is 0), stable below.

    PyMC's own evaluates two branches and keeps one; over a matrix that is half of the time.
    """
    return pt.log(0.5 * pt.erfcx(-x / np.sqrt(2))) - 0.5 * x**2


GRAPH = SimpleNamespace(erfc=pt.erfc, log_ndtr=lambda x: _log_ndtr(pt.minimum(x, 30.0)))


def build(likelihood: str, priors: Mapping[str, Prior]) -> pm.Model:
    """The graph, on placeholder data.

    Data: ``rows``, the matrix of `rows_matrix`; ``shapes``, the columns h (candidate, size, row),
    and ``log_prior``, the log probability of each candidate beforehand; ``priors``
    (`densing_bayes.families.blocks.prior_vector`).
    """
    names = ROW_NAMES[likelihood]
    with pm.Model() as model:
        packed = pack_priors(priors)
        matrix = pm.Data("rows", np.ones((8, len(names))))
        shapes = pm.Data("shapes", np.zeros((3, SIZES, 8)))
        log_prior = pm.Data("log_prior", np.full(3, -np.log(3)))
        rows = {name: matrix[:, i] for i, name in enumerate(names)}

        noise = {"noise": rv("noise", packed["noise"])}
        noise |= {name: rv(name, packed[name]) for name in OWN[likelihood]}
        shift = above(likelihood, **noise)
        if likelihood == "records":
            noise["crowd"] = noise["crowd"] * rows["seen"].sum()
        # sampled where the points are: below a frontier, or above the crowd behind records
        centre = rv("centre", packed["level"], shift=shift)
        level = pm.Deterministic("level", centre - shift)

        sizes = pm.Normal("sizes", 0, 1, shape=SIZES)
        path = (level + rv("rate", packed["rate"]) * rows["time"]
                + (sizes[None, :, None] * shapes).sum(axis=1))

        each = log_likelihood(likelihood, mean=path, rows=rows, **noise, use=GRAPH)
        pm.Potential("given_the_series", pm.math.logsumexp(each.sum(axis=1) + log_prior))
    return model
