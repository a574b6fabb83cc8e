"""Members of a group below the frontier: `densing_bayes.families.frontier`, in own coordinates."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.densities import (
    HALF_LOG_TAU,
    PEAK,
    compiled,
    exponential,
    log_product,
    scaled_tail,
)


@compiled
def open_shares(sd, precision, root):
    """Fills ``root`` with sqrt(v), v = 1 / (1 + precision sd^2): what own evidence leaves open."""
    for i in range(precision.size):
        root[i] = math.sqrt(1 / (1 + precision[i] * sd * sd))


@compiled
def pooled(family, place, precision, root, base, pull, of_family):
    """What the models say of their families: ``pull`` and precision ``of_family``, both from 0.

    Family effect aside, model i is at ``base``; its place has the variance
    sd^2 + 1 / precision = 1 / (precision v) about it.
    """
    for i in range(family.size):
        one = precision[i] * root[i] * root[i]
        of_family[int(family[i])] += one
        pull[int(family[i])] += one * (place[i] - base[i])


@compiled
def group(y, mean, sd, q, pull, root, value, deviation, slope):
    """Values about their means from their coordinates ``y``, and their log density.

    With r the deviation from the mean in units of sd, value = mean + sd r and
    r = sd v pull + sqrt(v) y: a normal's mean and sd where own evidence pulls with ``pull`` =
    precision (own place - mean). e = sqrt(1 - 2 q / pi) r - sqrt(2 q / pi) is the deviation
    from the frontier in units of omega. Fills ``value``, ``deviation`` (r) and ``slope``
    (d log density / d r). Returns the log density and its derivative to q.
    """
    skew, ratio, shift = math.sqrt(q / (1 - q)), math.sqrt(1 - 2 * q / math.pi), math.sqrt(
        2 * q / math.pi)
    bar_ratio, bar_shift = -1 / (math.pi * ratio), shift / (2 * q)  # derivatives to q
    n = y.size
    for i in range(n):
        deviation[i] = sd * root[i] * root[i] * pull[i] + root[i] * y[i]
    for i in range(n):
        value[i] = mean[i] + sd * deviation[i]
    tails = np.empty(n)
    squares, squares_above, bar_q, bar_skew = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        r = deviation[i]
        e = ratio * r - shift
        x = skew * e
        over, scale, tail = x > 0, exponential(-0.5 * x * x), scaled_tail(x)
        tail = tail if over else 1 - scale * tail  # P(Z > x), above zero without its ``scale``
        hazard = PEAK * (1.0 if over else scale) / tail
        tails[i] = tail
        squares_above += x * max(x, 0.0)
        squares += e * e
        bar_e = -e - skew * hazard
        bar_skew -= e * hazard
        bar_q += bar_e * (bar_ratio * r - bar_shift)
        slope[i] = ratio * bar_e
    total = (log_product(tails) + log_product(root) - 0.5 * squares_above - 0.5 * squares
             + n * (math.log(2.0) - HALF_LOG_TAU + math.log(ratio)))
    bar_q += bar_skew / (2 * skew * (1 - q) ** 2) + n * bar_ratio / ratio
    return total, bar_q


@compiled
def back_group(sd, y, pull, root, deviation, slope, bar_value, bar_y, bar_pull, bar_precision):
    """Derivatives to coordinates, ``pull`` and precision, from those to values; that to ln sd.

    Those to the means, with ``pull`` held, are ``bar_value``.
    """
    bar_log_sd = 0.0
    for i in range(y.size):
        v, moved = root[i] * root[i], sd * pull[i]
        bar_r = slope[i] + bar_value[i] * sd
        bar_y[i] = bar_r * root[i]
        bar_pull[i] = bar_r * sd * v
        bar_log_v = bar_r * (moved * v + 0.5 * root[i] * y[i]) + 0.5
        bar_precision[i] = -bar_log_v * sd * sd * v
        bar_log_sd += (bar_value[i] * sd * deviation[i] + bar_r * moved * v
                       - 2 * bar_log_v * (1 - v))
    return bar_log_sd


@compiled
def back_pooled(family, place, precision, root, base, bar_pull, bar_of_family, bar_base):
    """Takes derivatives to what models say of families to ``bar_base``; that to ln sd."""
    bar_log_sd = 0.0
    for i in range(family.size):
        f, v = int(family[i]), root[i] * root[i]
        one = precision[i] * v
        bar_base[i] -= bar_pull[f] * one
        bar_log_sd -= 2 * one * (1 - v) * (bar_of_family[f] + bar_pull[f] * (place[i] - base[i]))
    return bar_log_sd


@compiled
def to_skewness(bar_q, bar_log_sd, q):
    """Derivative to the skewness lambda with omega held, from those to q and ln sd."""
    skew = math.sqrt(q / (1 - q))
    return (bar_q - bar_log_sd / (math.pi * (1 - 2 * q / math.pi))) * 2 * skew * (1 - q) ** 2
