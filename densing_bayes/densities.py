"""Capability density: effective size over actual size.

Pure functions; draws (xarray) keep their dims.
"""

from __future__ import annotations

import numpy as np

from densing_bayes.laws import Array


def log_density(*, log_effective: Array, params: Array) -> Array:
    """Natural log of the density rho = N^ / N (paper, eq. 1).

    Parameters
    ----------
    log_effective
        ln N^, the effective parameter size.
    params
        Actual size, a count. For a sparse or quantised model give the cost-equivalent dense
        size of `densing_bayes.costs`.

    Examples
    --------
    >>> round(float(np.exp(log_density(log_effective=np.log(12e9), params=4e9))), 3)
    3.0
    """
    return log_effective - np.log(params)


def extrapolation(*, log_effective: Array, largest_params: Array) -> Array:
    """How many e-folds a model's effective size lies beyond the largest run of the ladder.

    0 inside the ladder. The sd of ln N^ grows about linearly with it.

    Examples
    --------
    >>> round(float(extrapolation(log_effective=np.log(70e9), largest_params=7e9)), 2)
    2.3
    """
    beyond = log_effective - np.log(largest_params)
    return beyond * (beyond > 0)
