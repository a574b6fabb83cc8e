"""What families and models say of the globals, as a quadratic in coordinates that suit it.

Their log density depends on the globals through a few quantities only, in which it is nearly
quadratic: spreads, level and rate as sampled, skewness and tails, the steps of the frontier's
slope, c1 (the size of a model in z), and the benchmarks' curves by their scores at given places.
The globals as sampled bend where these do not: a step is a product of ``drift`` and a coordinate,
a curve follows from seven coordinates of the ruler.
"""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.above import B_C1
from densing_bayes.joint.kernel.densities import compiled
from densing_bayes.joint.kernel.layout import (
    MEAN,
    NU,
    Q_FAMILY,
    RATE,
    SD_BENCHMARK,
    SD_FAMILY,
    SD_MODEL,
    SD_SOURCE,
    T_STARTS,
    Q,
)
from densing_bayes.joint.kernel.marginal import (
    C_CHANCE,
    C_SCALE,
    ONES,
    PER_CURVE,
    back_to_globals,
    curve_at,
    globals_of,
)

OWN = (Q_FAMILY, Q, SD_FAMILY, SD_MODEL, MEAN, RATE, SD_SOURCE, SD_BENCHMARK, NU)


@compiled
def own_scale(v, x):
    """The scale on which models speak of a variable, and its derivative to the sampled one.

    Of a skew normal its skewness (up to a constant), of a Student t the reciprocal of nu.
    """
    if v in (Q, Q_FAMILY):
        q = 1 / (1 + math.exp(-x))
        share = 2 * q / math.pi
        odds = share / (1 - share)
        return odds**1.5, 1.5 * math.sqrt(odds) * 2 / math.pi * q * (1 - q) / (1 - share) ** 2
    if v == NU:
        nu = 2 + math.exp(x)
        return 1 / nu, -math.exp(x) / nu**2
    return x, 1.0


@compiled
def summary(x, tables, places):
    """The quantities at a point of the globals.

    ``places`` (2, place): a benchmark and a z at which its curve is told.
    """
    at = tables[T_STARTS][0].astype(np.int64)
    numbers, amounts, curves, anchors, _, _ = globals_of(x, tables)
    sampled = 0
    for v in OWN:
        sampled += at[v + 1] - at[v]
    out = np.empty(sampled + amounts.size + 1 + places.shape[1])
    k = 0
    for v in OWN:
        for i in range(at[v], at[v + 1]):
            out[k], _ = own_scale(v, x[i])
            k += 1
    c1 = numbers[8]
    for i in range(amounts.size):
        out[k + i] = amounts[i] / c1
    k += amounts.size
    out[k] = math.log(c1)
    for i in range(places.shape[1]):
        b = int(places[0, i])
        u, _, _ = curve_at(curves[b], b < anchors, places[1, i])
        out[k + 1 + i] = curves[b, C_CHANCE] + curves[b, C_SCALE] * u
    return out


@compiled
def back_summary(x, tables, places, latent, bar_out):
    """Log density of all above plus ``latent``; its gradient with ``bar_out`` to the summary."""
    at = tables[T_STARTS][0].astype(np.int64)
    numbers, amounts, curves, anchors, _, _ = globals_of(x, tables)
    c1, columns = numbers[8], amounts.size
    bar = np.zeros(ONES + columns + curves.size)
    bar_curves = bar[ONES + columns:].reshape((-1, PER_CURVE))
    k = 0
    for v in OWN:
        k += at[v + 1] - at[v]
    for i in range(columns):
        bar[ONES + i] = bar_out[k + i] / c1
        bar[B_C1] -= bar_out[k + i] * amounts[i] / c1**2
    k += columns
    bar[B_C1] += bar_out[k] / c1
    for i in range(places.shape[1]):
        b, z, d = int(places[0, i]), places[1, i], bar_out[k + 1 + i]
        curve = curves[b]
        u, size, _ = curve_at(curve, b < anchors, z)
        per = d * curve[C_SCALE] * u * (1 - u)
        bar_curves[b, C_SCALE] += d * u
        if b < anchors:
            bar_curves[b, 0] += per * curve[3] * size
            bar_curves[b, 1] -= per * curve[3] * size * z
            bar_curves[b, 2] += per * curve[3]
            bar_curves[b, 3] += per * (curve[2] + size)
        else:
            bar_curves[b, 0] += per * (z - curve[1])
            bar_curves[b, 1] -= per * curve[0]
    total, grad = back_to_globals(x, tables, latent, bar, 0)
    k = 0
    for v in OWN:
        for i in range(at[v], at[v + 1]):
            _, per = own_scale(v, x[i])
            grad[i] += bar_out[k] * per
            k += 1
    return total, grad


@compiled
def near(x, tables, places, centre, slope, curvature):
    """Log density and gradient with the latents' part a quadratic in the summary.

    ``slope`` and ``curvature`` are its derivatives at ``centre``, where it is zero.
    """
    off = summary(x, tables, places) - centre
    bent = curvature @ off
    latent = (slope * off).sum() + 0.5 * (off * bent).sum()
    return back_summary(x, tables, places, latent, slope + bent)
