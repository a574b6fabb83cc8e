"""Members of a group below the frontier: `densing_bayes.families.frontier`, partly centred."""

from __future__ import annotations

import math

from densing_bayes.kernel.densities import HALF_LOG_TAU, SMALL, compiled, far_hazard, upper_tail


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
    log_sd = math.log(sd)
    total, bar_q, bar_skew, product, total_weight, squares = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0
    for i in range(y.size):
        w = weight[i]
        per_coordinate[i] = math.exp(-w * log_sd)
        r = (y[i] - w * mean[i]) * per_coordinate[i]
        e = ratio * r - shift
        x = skew * e
        if x < 25:
            tail, hazard = upper_tail(x)
            product *= tail
            if product < SMALL:
                total += math.log(product)
                product = 1.0
        else:
            hazard = far_hazard(x)
            total -= 0.5 * x * x + HALF_LOG_TAU + math.log(hazard)
        squares += e * e
        total_weight += w
        bar_e = -e - skew * hazard
        bar_skew -= e * hazard
        bar_q += bar_e * (bar_ratio * r - bar_shift)
        value[i], deviation[i], slope[i] = mean[i] + sd * r, r, ratio * bar_e
    total += (math.log(product) + y.size * (math.log(2.0) - HALF_LOG_TAU + math.log(ratio))
              - total_weight * log_sd - 0.5 * squares)
    bar_q += bar_skew / (2 * skew * (1 - q) ** 2) + y.size * bar_ratio / ratio
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
