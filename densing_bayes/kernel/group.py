"""Members of a group below the frontier: `densing_bayes.families.frontier`, partly centred."""

from __future__ import annotations

import math

from densing_bayes.kernel.densities import HALF_LOG_TAU, SMALL, compiled, far_hazard, upper_tail


@compiled
def group(y, place, omega, q, weight, value, deviation, slope, per_coordinate):
    """Values below the frontier ``place`` from their coordinates ``y``, and their log density.

    With e the deviation from the frontier in units of omega, value = place + omega e and
    y = weight place + omega^weight e. Fills ``value``, ``deviation`` (e), ``slope``
    (d log density / d e) and ``per_coordinate`` (d e / d y). Returns the log density and
    its derivative to q's skewness lambda.
    """
    skew = math.sqrt(q / (1 - q))
    log_omega = math.log(omega)
    total, bar_skew, product, total_weight, squares = 0.0, 0.0, 1.0, 0.0, 0.0
    for i in range(y.size):
        w = weight[i]
        per_coordinate[i] = math.exp(-w * log_omega)
        e = (y[i] - w * place[i]) * per_coordinate[i]
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
        bar_skew -= e * hazard
        value[i], deviation[i], slope[i] = place[i] + omega * e, e, -e - skew * hazard
    total += (math.log(product) + y.size * (math.log(2.0) - HALF_LOG_TAU)
              - total_weight * log_omega - 0.5 * squares)
    return total, bar_skew


@compiled
def back_group(omega, weight, deviation, slope, per_coordinate, bar_value, bar_y, bar_place):
    """Derivatives to coordinates and places, from those to the values; that to ln omega."""
    bar_log_omega = 0.0
    for i in range(weight.size):
        w, e = weight[i], deviation[i]
        bar_e = slope[i] + bar_value[i] * omega
        bar_y[i] = bar_e * per_coordinate[i]
        bar_place[i] = bar_value[i] - w * bar_y[i]
        bar_log_omega += bar_value[i] * omega * e - w * (1 + e * bar_e)
    return bar_log_omega
