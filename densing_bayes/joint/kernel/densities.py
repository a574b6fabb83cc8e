"""Special functions, and the densities of priors with their derivatives.

`exponential` and `scaled_tail` have no calls and branches, so that the compiler turns loops of
them into vector instructions: a quarter of the time of the C library's.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.polynomial import chebyshev
from scipy import special

from densing_bayes.joint.kernel.layout import GAMMA, HALF_NORMAL, LOG_NORMAL

HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
PEAK = math.exp(-HALF_LOG_TAU)  # of the standard normal density
# products of many factors are kept within these bounds and their logarithm taken then: one
# logarithm for dozens of rows
SMALL, LARGE = 1e-150, 1e150
AT_ONCE = 8  # factors of one product in `log_product`

# Sums may be taken in any order, without which they would not be vectors. One function with all
# calls in it: else the process that compiles would call other copies of the parts than those
# that load the code, and would add in another order.
compiled = numba.njit(error_model="numpy", forceinline=True,
                      fastmath={"contract", "reassoc", "nsz", "arcp"})
in_order = numba.njit(error_model="numpy", forceinline=True, fastmath={"contract"})

# e^x = 2^k e^r with |r| < ln(2) / 2: ln 2 in two parts, of which the first has zeros at its end
LOG2_E, LN2_HIGH, LN2_LOW = 1 / math.log(2), 0.693147180369123816490, 1.90821492927058770002e-10
# added to a double this leaves its nearest integer in the last bits
TO_INTEGER = 1.5 * 2.0**52
EXPONENTIAL_SERIES = np.array([1 / math.factorial(k) for k in range(13, -1, -1)])
LARGEST = 700.0  # of the exponents; e^700 is 1e304


def _tail_polynomial(degree):
    """(x + 1.5) P(Z > x) e^(x^2 / 2) for x >= 0, in (x - 5) / (x + 5); highest power first."""
    def at(t):
        x = 5 * (1 + t) / np.maximum(1 - t, 1e-15)
        return (x + 1.5) * special.erfcx(x / math.sqrt(2)) / 2

    found = chebyshev.cheb2poly(chebyshev.chebinterpolate(at, degree))
    return np.ascontiguousarray(found[::-1])


TAIL = _tail_polynomial(20)


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


@intrinsic
def two_to(typingctx, shifted):
    """2^k of a whole number k, given as k + TO_INTEGER: its last bits become the exponent."""
    def codegen(context, builder, signature, args):
        whole = ir.IntType(64)
        bits = builder.add(builder.bitcast(args[0], whole), whole(1023))
        return builder.bitcast(builder.shl(bits, whole(52)), ir.DoubleType())

    return types.float64(types.float64), codegen


@in_order
def exponential(x):
    """e^x to 1e-15 for |x| up to 700, and as if 700 beyond."""
    x = min(max(x, -LARGEST), LARGEST)
    shifted = x * LOG2_E + TO_INTEGER
    k = shifted - TO_INTEGER
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    series = EXPONENTIAL_SERIES[0]
    for j in range(1, EXPONENTIAL_SERIES.size):
        series = series * r + EXPONENTIAL_SERIES[j]
    return series * two_to(shifted)


@in_order
def scaled_tail(x):
    """P(Z > |x|) e^(x^2 / 2) of a standard normal, to 1e-14."""
    size = abs(x)
    t = (size - 5) / (size + 5)
    value = TAIL[0]
    for j in range(1, TAIL.size):
        value = value * t + TAIL[j]
    return value / (size + 1.5)


@compiled
def log_product(x):
    """Sum of the logarithms of positive numbers between 1e-38 and 1e38, one for several."""
    total, whole = 0.0, x.size - x.size % AT_ONCE
    for i in range(0, whole, AT_ONCE):
        product = 1.0
        for j in range(AT_ONCE):
            product *= x[i + j]
        total += math.log(product)
    for i in range(whole, x.size):
        total += math.log(x[i])
    return total


@compiled
def normal(value, mu, sd):
    """Log density of a normal; derivatives to ``value`` (minus that to ``mu``) and ln ``sd``."""
    r = (value - mu) / sd
    return -HALF_LOG_TAU - math.log(sd) - 0.5 * r * r, -r / sd, r * r - 1


@compiled
def positive(x, value, priors, which):
    """Log density of x = ln value under a prior of a positive value; derivative to x.

    Parameters
    ----------
    x, value
        Ln of the value, and the value, in its prior's unit.
    priors
        Kind, arguments and constant of each prior, (4, prior).
    which
        Column of this one's.
    """
    kind, a, b, constant = priors[0, which], priors[1, which], priors[2, which], priors[3, which]
    if kind == HALF_NORMAL:
        r = value / a
        return constant - 0.5 * r * r + x, 1 - r * r
    if kind == LOG_NORMAL:
        r = (x - a) / b
        return constant - 0.5 * r * r, -r / b
    if kind == GAMMA:
        return constant + a * x - b * value, a - b * value
    return constant - a * value + x, 1 - a * value


@compiled
def share(value, priors, which):
    """Log density of the log odds of a share under its Beta prior; derivative to them."""
    a, b = priors[1, which], priors[2, which]
    return (priors[3, which] + a * math.log(value) + b * math.log(1 - value),
            a - (a + b) * value)


@compiled
def above(value, floor, priors, which):
    """The same of a share known to lie above ``floor``, sampled by its place between that and 1.

    Up to the constant by which a Beta prior above a floor integrates to one.

    Parameters
    ----------
    value, floor
        The share and its floor, both within 0 and 1.
    priors
        Kind, arguments and constant of each prior, (4, prior).
    which
        Column of this one's.
    """
    a, b = priors[1, which], priors[2, which]
    room = 1 - floor
    place = (value - floor) / room
    slope = (value - floor) * (1 - place)  # of the value in the log odds of its place
    return (priors[3, which] + (a - 1) * math.log(value) + (b - 1) * math.log(1 - value)
            + math.log(slope),
            ((a - 1) / value - (b - 1) / (1 - value)) * slope + 1 - 2 * place)


@compiled
def softplus(x):
    """ln(1 + e^x) and its derivative."""
    small = math.exp(-abs(x))
    return max(x, 0.0) + math.log1p(small), (1.0 if x > 0 else small) / (1 + small)
