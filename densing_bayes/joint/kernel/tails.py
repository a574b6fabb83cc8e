"""The upper tail of a standard normal from a table: a fifth of the time of its formula.

Cubics between points 1/64 apart match ln P(Z > x), and the hazard, with their derivatives:
errors below 1e-10, of either, from x = -9 (below which both are 0 to 1e-18) to 25.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from densing_bayes.joint.kernel.densities import HALF_LOG_TAU, compiled

LOW, HIGH, PER_UNIT = -9.0, 25.0, 64


def _cubics(value, slope):
    """Coefficients of the cubic on each interval, from values and slopes at its ends."""
    slope = slope / PER_UNIT
    rise = np.diff(value)
    return np.ascontiguousarray(np.stack([
        value[:-1], slope[:-1], 3 * rise - 2 * slope[:-1] - slope[1:],
        slope[:-1] + slope[1:] - 2 * rise], axis=1))


_x = np.linspace(LOW, HIGH, int((HIGH - LOW) * PER_UNIT) + 1)
_log = special.log_ndtr(-_x)
_hazard = np.exp(-0.5 * _x**2 - HALF_LOG_TAU - _log)
LOG_TAIL = _cubics(_log, -_hazard)
HAZARD = _cubics(_hazard, _hazard * (_hazard - _x))


@compiled
def far_hazard(x):
    """The hazard of a standard normal far out (x > 25), by its continued fraction."""
    fraction = x
    for k in range(10, 0, -1):
        fraction = x + k / fraction
    return fraction


@compiled
def log_tail(x):
    """Ln P(Z > x)."""
    if x < LOW:
        return 0.0
    if x >= HIGH:
        return -0.5 * x * x - HALF_LOG_TAU - math.log(far_hazard(x))
    t = (x - LOW) * PER_UNIT
    i = int(t)
    c, t = LOG_TAIL[i], t - i
    return c[0] + t * (c[1] + t * (c[2] + t * c[3]))


@compiled
def hazard(x):
    """Phi(x)' / P(Z > x), minus the derivative of `log_tail`."""
    if x < LOW:
        return 0.0
    if x >= HIGH:
        return far_hazard(x)
    t = (x - LOW) * PER_UNIT
    i = int(t)
    c, t = HAZARD[i], t - i
    return c[0] + t * (c[1] + t * (c[2] + t * c[3]))
