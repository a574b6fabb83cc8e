"""Likelihood of the points of a series given its path, without PyMC.

Written once for numpy (`densing_bayes.regimes`) and for the graph of
`densing_bayes.families.series`. Three likelihoods:

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
    The first point has no known predecessor and only sets the standing record; the silence after
    the last one counts too.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import special

LIKELIHOODS = ("all", "frontier", "records")
OWN = {"all": ("tail", "memory"), "frontier": ("share",), "records": ("crowd",)}
KNOTS = 10  # hinges of the random walk of the rate

# the functions of which `log_likelihood` is made, so that it is written once
NUMPY = SimpleNamespace(gammaln=special.gammaln, erfc=special.erfc, log_ndtr=special.log_ndtr,
                        roll=np.roll)


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


def above(likelihood: str, *, noise: Any, share: Any = 0.5, crowd: Any = 1.0, **_: Any) -> Any:
    """How far f lies from where the points are: above those of a frontier, below records.

    Path minus this is what the data pin down, so it is the coordinate that is sampled. (``crowd``
    is here counted per record.)
    """
    if likelihood == "frontier":
        return -0.8 * noise * np.sqrt(share)
    if likelihood == "records":
        return noise * np.sqrt(2 * np.log1p(crowd))
    return 0.0


def row_names(likelihood: str) -> tuple[str, ...]:
    """Covariates of a row that the likelihood reads."""
    extra = {"all": ("follows",), "frontier": (), "records": ("seen", "silence")}[likelihood]
    return ("time", "value", "error", *extra)


def rows_matrix(likelihood: str, rows: dict[str, Any], walk: Any | None = None) -> np.ndarray:
    """Rows as the one matrix of the graph: covariates, then hinges of the walk."""
    columns = [np.asarray(rows[name], dtype=float)[:, None] for name in row_names(likelihood)]
    hinges = np.zeros((len(columns[0]), KNOTS)) if walk is None else walk
    return np.concatenate([*columns, hinges], axis=1)
