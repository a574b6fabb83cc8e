"""Rates, doubling times, breaks: what follows from a growth rate.

The rate is the primary quantity. A doubling time is a ratio: it is not monotone in the rate
through zero, so its uncertainty is a *set*, never a sorted or averaged list of draws.
"""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.laws import Array

DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = 30.4375


def doubling_time(rate: Array) -> Array:
    """Time in which density doubles when its logarithm grows at ``rate``: ln 2 / rate.

    Parameters
    ----------
    rate
        Growth rate of log density, per unit of time (nats per day gives days).

    Returns
    -------
    scalar or array
        Negative where density falls (its size is the halving time), infinite at zero.

    Examples
    --------
    >>> round(float(doubling_time(0.0073)))
    95
    >>> round(float(doubling_time(0.007)))
    99
    """
    with np.errstate(divide="ignore"):
        return np.log(2) / rate


def doubling_set(low: float, high: float) -> list[list[float]]:
    """The set of doubling times that an interval [low, high] of the rate stands for.

    A rate interval inside one sign gives one interval. One that holds zero gives the two rays
    that meet at infinity: (-inf, ln2/low] and [ln2/high, inf). Negative times are halving
    times.

    Examples
    --------
    >>> [[round(x) for x in part] for part in doubling_set(0.005, 0.007)]
    [[99, 139]]
    >>> doubling_set(-0.001, 0.004)
    [[-inf, -693.147...], [173.286..., inf]]
    """
    if not low <= high:
        raise ValueError(f"an interval needs low <= high (given {low}, {high})")
    if low > 0 or high < 0:
        return [[math.log(2) / high, math.log(2) / low]]
    parts = []
    if low < 0:
        parts.append([-math.inf, math.log(2) / low])
    if high > 0:
        parts.append([math.log(2) / high, math.inf])
    return parts or [[math.inf, math.inf]]


def combined_time(*times: Array) -> Array:
    """Doubling time of a product whose factors double in ``times``: rates add.

    Within draws, e.g. density on a fixed-price chip: 1/T = 1/T_density + 1/T_chip.

    Examples
    --------
    >>> round(float(combined_time(np.log(2) / 0.007, 2.1 * DAYS_PER_YEAR)), 1)
    87.7
    """
    return 1 / sum(1 / time for time in times)


def hinge(time: Array, at: Array) -> Array:
    """max(time - at, 0), in operators that also run on PyTensor.

    Examples
    --------
    >>> [float(x) for x in hinge(np.array([1.5, 2.0]), 1.0)]
    [0.5, 1.0]
    """
    return (time > at) * (time - at)
