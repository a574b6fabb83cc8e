"""Likelihood of points below a frontier, and of records, given their path; without PyMC.

Written once for numpy (`densing_bayes.breakpoints`) and for the graph of
`densing_bayes.families.series`. (Points that scatter on either side of their path are linear
in it: `densing_bayes.breakpoints.quadrature`.)

``frontier``
    Every point is given, and the trend is the best possible: a skew normal below f (Aigner,
    Lovell & Schmidt 1977).
``records``
    Only the points that beat all earlier ones are given. Candidates appear with an unknown
    intensity, crowd exp(growth t), that may grow, and lie normally about f. Each record counts
    with its density, and each silence with the probability that no candidate passed the
    standing record: crowd(t_j) phi(y_j) exp(-integral of crowd(t) P(y > y_{j-1}) dt), a Poisson
    process of records. The first point has no known predecessor and only sets the standing
    record; the silence after the last one counts too.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import special

LIKELIHOODS = ("frontier", "records")
OWN = {"frontier": ("share",), "records": ("crowd", "growth")}
SIZES = 10  # most sizes that a shape has: those of a wandering rate

# the functions of which `log_likelihood` is made, so that it is written once
NUMPY = SimpleNamespace(erfc=special.erfc, log_ndtr=special.log_ndtr)


def log_likelihood(likelihood: str, *, mean: Any, rows: dict[str, Any], noise: Any,
                   share: Any = 0.5, crowd: Any = 1.0, growth: Any = 0.0, use: Any = NUMPY) -> Any:
    """Log likelihood of each row given its mean path.

    Parameters
    ----------
    likelihood
        One of ``LIKELIHOODS``.
    mean
        f at the rows, any leading shape.
    rows
        ``value`` (for a silence: the standing record), ``error`` (sd of measurement); for records
        ``time`` (from the middle, in spans), ``seen`` (1 a record, 0 a silence) and ``silence``
        (length of time, in spans).
    noise
        Scale about the path; for a frontier omega.
    share, crowd, growth
        Share q of the gap in omega^2; candidates per span in the middle, and the rate per span
        at which they become more.
    use
        ``NUMPY``, or ``GRAPH`` for PyTensor.

    Examples
    --------
    A silence of half a span while 8 candidates per span each have an even chance:

    >>> row = {"value": 0.0, "error": 0.0, "time": 0.0, "seen": 0.0, "silence": 0.5}
    >>> round(float(log_likelihood("records", mean=0.0, rows=row, noise=1.0, crowd=8.0)), 9)
    -2.0
    """
    variance = noise**2 + rows["error"] ** 2
    e = (rows["value"] - mean) / np.sqrt(variance)
    normal = -0.5 * np.log(2 * np.pi * variance) - 0.5 * e**2
    if likelihood == "frontier":
        gap = noise**2 * share  # measurement error widens the symmetric part only
        skew = np.sqrt(gap / (variance - gap))
        return np.log(2) + normal + use.log_ndtr(-skew * e)
    beaten = 0.5 * use.erfc(e / np.sqrt(2))
    log_crowd = np.log(crowd) + growth * rows["time"]
    return rows["seen"] * (log_crowd + normal) - rows["silence"] * np.exp(log_crowd) * beaten


def above(likelihood: str, *, noise: Any, share: Any = 0.5, crowd: Any = 1.0,
          growth: Any = 0.0) -> Any:
    """How far f lies from where the points are: above those of a frontier, below records.

    Path minus this is what the data pin down, so it is the coordinate that is sampled. (``crowd``
    is here counted per record.)
    """
    if likelihood == "frontier":
        return -0.8 * noise * np.sqrt(share)
    return noise * np.sqrt(2 * np.log1p(crowd))


ROW_NAMES = {"frontier": ("time", "value", "error"),
             "records": ("time", "value", "error", "seen", "silence")}  # what a row must tell


def rows_matrix(likelihood: str, rows: dict[str, Any]) -> np.ndarray:
    """Rows as the one matrix of the graph, (row, name)."""
    return np.column_stack([np.asarray(rows[name], dtype=float) for name in ROW_NAMES[likelihood]])
