"""Members of a group below the frontier: `densing_bayes.families.frontier`, partly centred."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.kernel.densities import (
    HALF_LOG_TAU,
    PEAK,
    compiled,
    exponential,
    log_product,
    scaled_tail,
)


@compiled
def group(y, mean, sd, q, weight, value, deviation, slope, per_coordinate):
    """Values about their means from their coordinates ``y``, and their log density.

    With r the deviation from the mean in units of sd, value = mean + sd r and
    y = weight mean + sd^weight r; e = sqrt(1 - 2 q / pi) r - sqrt(2 q / pi) is the deviation
    from the frontier in units of omega. Fills ``value``, ``deviation`` (r), ``slope``
    (d log density / d r) and ``per_coordinate`` (d r / d y). Returns the log density and
    its derivative to q.
    """
    skew, ratio, shift = math.sqrt(q / (1 - q)), math.sqrt(1 - 2 * q / math.pi), math.sqrt(
        2 * q / math.pi)
    bar_ratio, bar_shift = -1 / (math.pi * ratio), shift / (2 * q)  # derivatives to q
    log_sd, n = math.log(sd), y.size
    total_weight = 0.0
    for i in range(n):
        per_coordinate[i] = exponential(-weight[i] * log_sd)
        total_weight += weight[i]
    for i in range(n):
        deviation[i] = (y[i] - weight[i] * mean[i]) * per_coordinate[i]
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
    total = (log_product(tails) - 0.5 * squares_above - 0.5 * squares - total_weight * log_sd
             + n * (math.log(2.0) - HALF_LOG_TAU + math.log(ratio)))
    bar_q += bar_skew / (2 * skew * (1 - q) ** 2) + n * bar_ratio / ratio
    return total, bar_q


@compiled
def back_group(sd, weight, deviation, slope, per_coordinate, bar_value, bar_y, bar_mean):
    """Derivatives to coordinates and means, from those to the values; that to ln sd."""
    bar_log_sd = 0.0
    for i in range(weight.size):
        w, r = weight[i], deviation[i]
        bar_r = slope[i] + bar_value[i] * sd
        bar_y[i] = bar_r * per_coordinate[i]
        bar_mean[i] = bar_value[i] - w * bar_y[i]
        bar_log_sd += bar_value[i] * sd * r - w * (1 + r * bar_r)
    return bar_log_sd


@compiled
def to_skewness(bar_q, bar_log_sd, q):
    """Derivative to the skewness lambda with omega held, from those to q and ln sd."""
    skew = math.sqrt(q / (1 - q))
    return (bar_q - bar_log_sd / (math.pi * (1 - 2 * q / math.pi))) * 2 * skew * (1 - q) ** 2
