"""A series of one capability in time: level, rate, one change, and the noise about it.

One graph serves every regime. In standard units (time in spans of the series, values in its
standard deviations) the mean path is

    f(t) = level + rate t + change h_g(t) + wander (X steps)(t) + (V errors)(t)

where the columns are data: ``h_g`` is the shape of the change for the g-th candidate (its date
and sign; zeros: no change), ``X`` the hinges of a random walk of the rate, and ``V`` directions
of measurement error that the points share. A regime is a set of columns, so ten regimes need
one compilation. ``change`` is a size, and date and sign are summed out: what is left to sample
has neither kinks nor a mode on either side of zero.

Three likelihoods:

``all``
    Every point is given, symmetric about the trend: Student t, with measurement error.
``frontier``
    Every point is given, and the trend is the best possible: a skew normal below f (Aigner,
    Lovell & Schmidt 1977), as in `densing_bayes.families.frontier`.
``records``
    Only the points that beat all earlier ones are given. Candidates appear at a constant,
    unknown frequency ``crowd`` and lie normally about f. Each record counts with its density,
    and each silence with the probability that no candidate passed the standing record:
    crowd phi(y_j) exp(-crowd integral of P(y > y_{j-1}) dt), a Poisson process of records.
    The first point has no known predecessor and only sets the standing record.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.dist_math import normal_lcdf

from densing_bayes.families.blocks import pack_priors, rv
from densing_bayes.priors import Prior

LIKELIHOODS = ("all", "frontier", "records")
KNOTS = 10  # hinges of the random walk of the rate
SHARED = 4  # directions of shared measurement error

# PyTensor under the names that scipy.special uses, so that `log_likelihood` is written once
GRAPH = SimpleNamespace(
    gammaln=pt.gammaln, erfc=pt.erfc, log_ndtr=lambda x: normal_lcdf(0.0, 1.0, x)
)


def log_likelihood(likelihood: str, *, mean: Any, rows: dict[str, Any], noise: Any, tail: Any = 1.0,
                   share: Any = 0.5, crowd: Any = 1.0, special: Any) -> Any:
    """Log likelihood of each row given its mean path; runs on numpy and on PyTensor.

    Parameters
    ----------
    likelihood
        One of ``LIKELIHOODS``.
    mean
        f at the rows, any leading shape.
    rows
        ``value`` (for a silence: the standing record), ``error`` (sd of measurement), and for
        records ``seen`` (1 a record, 0 a silence) and ``silence`` (length of time, in spans).
    noise
        Scale about the path; for a frontier omega.
    tail, share, crowd
        Degrees of freedom of the t; share q of the gap in omega^2; candidates per span.
    special
        ``scipy.special``, or ``GRAPH`` for PyTensor.

    Examples
    --------
    A standard Cauchy at its centre has density 1/pi:

    >>> from scipy import special
    >>> row = {"value": 0.0, "error": 0.0}
    >>> at_zero = log_likelihood("all", mean=0.0, rows=row, noise=1.0, tail=1.0, special=special)
    >>> round(float(np.exp(-at_zero)), 4)
    3.1416

    A silence of half a span while 8 candidates per span each have an even chance:

    >>> row |= {"seen": 0.0, "silence": 0.5}
    >>> float(log_likelihood("records", mean=0.0, rows=row, noise=1.0, crowd=8.0,
    ...                      special=special))
    -2.0
    """
    variance = noise**2 + rows["error"] ** 2
    e = (rows["value"] - mean) / np.sqrt(variance)
    if likelihood == "all":
        return (
            special.gammaln((tail + 1) / 2) - special.gammaln(tail / 2)
            - 0.5 * np.log(np.pi * tail * variance) - (tail + 1) / 2 * np.log1p(e**2 / tail)
        )
    normal = -0.5 * np.log(2 * np.pi * variance) - 0.5 * e**2
    if likelihood == "frontier":
        gap = noise**2 * share  # measurement error widens the symmetric part only
        skew = np.sqrt(gap / (variance - gap))
        return np.log(2) + normal + special.log_ndtr(-skew * e)
    beaten = 0.5 * special.erfc(e / np.sqrt(2))
    return rows["seen"] * (np.log(crowd) + normal) - rows["silence"] * crowd * beaten


def build(likelihood: str, priors: Mapping[str, Prior]) -> pm.Model:
    """The graph, on placeholder data.

    Data: ``rows``, the matrix of `rows_matrix`; ``shapes``, the columns h (candidate, row), all
    candidates alike beforehand; ``priors`` (`densing_bayes.families.blocks.prior_vector`).
    """
    names = row_names(likelihood)
    with pm.Model() as model:
        packed = pack_priors(priors)
        matrix = pm.Data("rows", np.ones((8, len(names) + SHARED + KNOTS)))
        shapes = pm.Data("shapes", np.zeros((3, 8)))
        rows = {name: matrix[:, i] for i, name in enumerate(names)}
        shared_and_walk = matrix[:, len(names):]

        noise = {"noise": rv("noise", packed["noise"])}
        if likelihood == "all":
            noise["tail"] = rv("tail", packed["tail"])
            above = 0.0
        elif likelihood == "frontier":
            noise["share"] = rv("share", packed["share"])
            above = -0.8 * noise["noise"] * pt.sqrt(noise["share"])
        else:
            per_record = rv("crowd", packed["crowd"])
            noise["crowd"] = per_record * rows["seen"].sum()
            above = noise["noise"] * pt.sqrt(2 * pt.log1p(per_record))
        # sampled where the points are: below a frontier, or above the crowd behind records
        centre = rv("centre", packed["level"], shift=above)
        level = pm.Deterministic("level", centre - above)

        change = rv("change", packed["change"])
        steps = pm.Normal("steps", 0, 1, shape=KNOTS) * rv("wander", packed["wander"])
        errors = pm.Normal("errors", 0, 1, shape=SHARED)
        path = (level + rv("rate", packed["rate"]) * rows["time"]
                + (shared_and_walk * pm.math.concatenate([errors, steps])).sum(axis=1))

        each = log_likelihood(likelihood, mean=path + change * shapes, rows=rows, **noise,
                              special=GRAPH)
        candidates = pm.math.logsumexp(each.sum(axis=1))
        pm.Potential("given_the_series", candidates - pt.log(shapes.shape[0]))
    return model


def row_names(likelihood: str) -> tuple[str, ...]:
    """Covariates of a row that the likelihood reads."""
    return ("time", "value", "error") + (("seen", "silence") if likelihood == "records" else ())


def rows_matrix(likelihood: str, rows: dict[str, Any], walk: Any | None = None) -> np.ndarray:
    """Rows as the one matrix of the graph: covariates, shared errors, hinges of the walk."""
    columns = [np.asarray(rows[name], dtype=float)[:, None] for name in row_names(likelihood)]
    hinges = np.zeros((len(columns[0]), KNOTS)) if walk is None else walk
    return np.concatenate([*columns, rows["shared"], hinges], axis=1)
