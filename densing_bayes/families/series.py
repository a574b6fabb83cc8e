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
    Every point is given, symmetric about the trend: Student t, with measurement error. Points
    that follow one another may scatter to the same side (one laboratory, one wave of releases):
    a share ``memory`` of a point's deviation is carried over to the next. Taken as independent,
    such points would find breaks in one series of ten that has none.
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
from scipy import special

from densing_bayes.families.blocks import pack_priors, rv
from densing_bayes.priors import Prior

LIKELIHOODS = ("all", "frontier", "records")
KNOTS = 10  # hinges of the random walk of the rate
SHARED = 4  # directions of shared measurement error

# the functions of which `log_likelihood` is made, so that it is written once
NUMPY = SimpleNamespace(gammaln=special.gammaln, erfc=special.erfc, log_ndtr=special.log_ndtr,
                        roll=np.roll)
GRAPH = SimpleNamespace(gammaln=pt.gammaln, erfc=pt.erfc, roll=pt.roll,
                        log_ndtr=lambda x: _log_ndtr(pt.minimum(x, 30.0)))


def _log_ndtr(x: Any) -> Any:
    """Log of the normal's cdf for x up to 30 (where it is 0), stable below.

    PyMC's own evaluates two branches and keeps one; over a matrix that is half of the time.
    """
    return pt.log(0.5 * pt.erfcx(-x / np.sqrt(2))) - 0.5 * x**2


def log_likelihood(likelihood: str, *, mean: Any, rows: dict[str, Any], noise: Any,
                   tail: Any = 1.0, memory: Any = 0.0, share: Any = 0.5, crowd: Any = 1.0,
                   use: Any = NUMPY) -> Any:
    """Log likelihood of each row given its mean path (and the row before it).

    Parameters
    ----------
    likelihood
        One of ``LIKELIHOODS``.
    mean
        f at the rows, any leading shape.
    rows
        ``value`` (for a silence: the standing record), ``error`` (sd of measurement); for all
        points ``follows`` (0 the first, 1 the others); for records ``seen`` (1 a record, 0 a
        silence) and ``silence`` (length of time, in spans).
    noise
        Scale about the path; for a frontier omega.
    tail, memory, share, crowd
        Degrees of freedom of the t; correlation of a deviation with the one before; share q of
        the gap in omega^2; candidates per span.
    use
        ``NUMPY``, or ``GRAPH`` for PyTensor.

    Examples
    --------
    A standard Cauchy at its centre has density 1/pi:

    >>> row = {"value": np.zeros(1), "error": np.zeros(1), "follows": np.zeros(1)}
    >>> at_zero = log_likelihood("all", mean=np.zeros(1), rows=row, noise=1.0, tail=1.0)
    >>> round(float(np.exp(-at_zero[0])), 4)
    3.1416

    A silence of half a span while 8 candidates per span each have an even chance:

    >>> row |= {"seen": 0.0, "silence": 0.5}
    >>> float(log_likelihood("records", mean=0.0, rows=row, noise=1.0, crowd=8.0)[0])
    -2.0
    """
    variance = noise**2 + rows["error"] ** 2
    if likelihood == "all":
        # best linear prediction of the deviation from the one before, whose error is its own
        carried = memory * noise**2 / use.roll(variance, 1, axis=-1) * rows["follows"]
        mean = mean + carried * use.roll(rows["value"] - mean, 1, axis=-1)
        variance = variance - memory * carried * noise**2
        e2 = (rows["value"] - mean) ** 2 / variance
        return (
            use.gammaln((tail + 1) / 2) - use.gammaln(tail / 2)
            - 0.5 * np.log(np.pi * tail * variance) - (tail + 1) / 2 * np.log1p(e2 / tail)
        )
    e = (rows["value"] - mean) / np.sqrt(variance)
    normal = -0.5 * np.log(2 * np.pi * variance) - 0.5 * e**2
    if likelihood == "frontier":
        gap = noise**2 * share  # measurement error widens the symmetric part only
        skew = np.sqrt(gap / (variance - gap))
        return np.log(2) + normal + use.log_ndtr(-skew * e)
    beaten = 0.5 * use.erfc(e / np.sqrt(2))
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
            noise["memory"] = rv("memory", packed["memory"])
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
                              use=GRAPH)
        candidates = pm.math.logsumexp(each.sum(axis=1))
        pm.Potential("given_the_series", candidates - pt.log(shapes.shape[0]))
    return model


def row_names(likelihood: str) -> tuple[str, ...]:
    """Covariates of a row that the likelihood reads."""
    extra = {"all": ("follows",), "frontier": (), "records": ("seen", "silence")}[likelihood]
    return ("time", "value", "error", *extra)


def rows_matrix(likelihood: str, rows: dict[str, Any], walk: Any | None = None) -> np.ndarray:
    """Rows as the one matrix of the graph: covariates, shared errors, hinges of the walk."""
    columns = [np.asarray(rows[name], dtype=float)[:, None] for name in row_names(likelihood)]
    hinges = np.zeros((len(columns[0]), KNOTS)) if walk is None else walk
    return np.concatenate([*columns, rows["shared"], hinges], axis=1)
