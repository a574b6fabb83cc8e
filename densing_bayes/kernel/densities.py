"""Special functions, and the densities of priors with their derivatives."""

from __future__ import annotations

import math

import numba
import numpy as np

from densing_bayes.kernel.layout import GAMMA, HALF_NORMAL, LOG_NORMAL

HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
TINY = np.finfo(np.float64).tiny
# products of many factors are kept within these bounds and their logarithm taken then: one
# logarithm for dozens of rows
SMALL, LARGE = 1e-150, 1e150

compiled = numba.njit(error_model="numpy")


@compiled
def digamma(x):
    """Derivative of ln gamma, x > 0: recurrence up to 10, then the asymptotic series."""
    out = 0.0
    while x < 10:
        out -= 1 / x
        x += 1
    u = 1 / (x * x)
    return out + math.log(x) - 0.5 / x - u * (
        1 / 12 - u * (1 / 120 - u * (1 / 252 - u * (1 / 240 - u / 132))))


@compiled
def upper_tail(x):
    """P(Z > x) of a standard normal, and its hazard phi(x) / P(Z > x); for x up to 25."""
    tail = 0.5 * math.erfc(x / math.sqrt(2.0))
    return tail, math.exp(-0.5 * x * x - HALF_LOG_TAU) / tail


@compiled
def far_hazard(x):
    """The hazard of a standard normal far out (x > 25), by its continued fraction."""
    fraction = x
    for k in range(10, 0, -1):
        fraction = x + k / fraction
    return fraction


@compiled
def normal(value, mu, sd):
    """Log density of a normal; derivatives to ``value`` (minus that to ``mu``) and ln ``sd``."""
    r = (value - mu) / sd
    return -HALF_LOG_TAU - math.log(sd) - 0.5 * r * r, -r / sd, r * r - 1


@compiled
def positive(x, value, priors, which):
    """Log density of x = ln value under a prior of a positive value; derivative to x."""
    kind, a, b = priors[0, which], priors[1, which], priors[2, which]
    if kind == HALF_NORMAL:
        r = value / a
        return 0.5 * math.log(2 / math.pi) - math.log(a) - 0.5 * r * r + x, 1 - r * r
    if kind == LOG_NORMAL:
        r = (x - a) / b
        return -HALF_LOG_TAU - math.log(b) - 0.5 * r * r, -r / b
    if kind == GAMMA:
        return a * math.log(b) - math.lgamma(a) + a * x - b * value, a - b * value
    return math.log(a) - a * value + x, 1 - a * value


@compiled
def share(value, priors, which):
    """Log density of the log odds of a share under its Beta prior; derivative to them."""
    a, b = priors[1, which], priors[2, which]
    const = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return const + a * math.log(value) + b * math.log(1 - value), a - (a + b) * value
