"""Back from what scores ask of single benchmarks: spreads, own trends, curves without a ladder."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.above import B_C0, B_C1, B_NU, to_contrasts
from densing_bayes.joint.kernel.densities import (
    HALF_LOG_TAU,
    compiled,
    normal,
    positive,
)
from densing_bayes.joint.kernel.densities import (
    above as above_floor,
)
from densing_bayes.joint.kernel.layout import (
    LINKED_HEADROOM,
    LINKED_PLACE,
    LINKED_STEEPNESS,
    NU,
    P_KAPPA,
    P_LINKED_HEADROOM,
    P_LINKED_MIDPOINT,
    P_NU,
    P_SD_BENCHMARK,
    P_SD_SOURCE,
    P_TILT_SPREAD,
    P_TREND_SPREAD,
    SD_BENCHMARK,
    SD_SOURCE,
    TILT,
    TILT_SPREAD,
    TREND,
    TREND_SPREAD,
)


@compiled
def back_measurement(x, at, priors, above, bars, grad):
    """Spreads of scores and their degrees of freedom, with their priors.

    Parameters
    ----------
    x, at, above, bars, grad
        As of `back.backwards`.
    priors
        Their table.
    """
    one, c1 = bars.one, above.c1
    total = 0.0
    for b in range(above.sd_source.size):
        lp, d = positive(x[at[SD_SOURCE] + b], above.sd_source[b], priors, P_SD_SOURCE)
        total += lp
        grad[at[SD_SOURCE] + b] += d
        r = above.sd_benchmark[b] * c1 / priors[1, P_SD_BENCHMARK]
        total += (-HALF_LOG_TAU - math.log(priors[1, P_SD_BENCHMARK]) + math.log(c1)
                  - 0.5 * r * r)
        bars.value[at[SD_BENCHMARK] + b] -= r * c1 / priors[1, P_SD_BENCHMARK]
        one[B_C1] += (1 - r * r) / c1
    lp, d = positive(x[at[NU]], above.value[at[NU]], priors, P_NU)
    bars.value[at[NU]] += one[B_NU]
    grad[at[NU]] += d
    return total + lp


@compiled
def back_trends(x, at, priors, above, bars, grad):
    """Benchmarks' own trends about their mean, with their priors.

    Parameters
    ----------
    x, at, above, bars, grad
        As of `back.backwards`.
    priors
        Their table.
    """
    total = 0.0
    for v, v_spread, which, row in ((TREND, TREND_SPREAD, P_TREND_SPREAD, 0),
                                    (TILT, TILT_SPREAD, P_TILT_SPREAD, 1)):
        spread, back = above.value[at[v_spread]], np.empty(above.sd_source.size)
        to_contrasts(bars.own[row] / above.c1, back)
        lp, d = positive(x[at[v_spread]], spread, priors, which)
        total += lp
        grad[at[v_spread]] += d
        for b in range(back.size):
            lp, d, d_sd = normal(x[at[v] + b], 0.0, spread)
            total += lp
            bars.value[at[v] + b] += d + back[b]
            grad[at[v_spread]] += d_sd
            bars.one[B_C1] -= bars.own[row, b] * above.own[row, b] / above.c1
    return total


@compiled
def back_curves(x, at, priors, linked, above, bars, grad):
    """Curves of the linked benchmarks, with their priors.

    Parameters
    ----------
    x, at, above, bars, grad
        As of `back.backwards`.
    priors, linked
        Tables of priors and of linked benchmarks.
    """
    bar, one, c0, c1 = bars.value, bars.one, above.c0, above.c1
    total = 0.0
    for b in range(linked.shape[1]):
        kappa, lead, p, bar_middle = above.kappa[b], above.lead[b], above.p[b], bars.middle[b]
        headroom = above.value[at[LINKED_HEADROOM] + b]
        lp, d_place, d_sd = normal(
            x[at[LINKED_PLACE] + b], (priors[1, P_LINKED_MIDPOINT] - c0) / c1 + lead,
            priors[2, P_LINKED_MIDPOINT] / c1)
        total += lp
        bar[at[LINKED_PLACE] + b] += d_place + bar_middle
        bar_lead = -d_place - bar_middle
        one[B_C0] += d_place / c1
        one[B_C1] += d_place * (priors[1, P_LINKED_MIDPOINT] - c0) / c1**2 - d_sd / c1
        log_rest = math.log(1 - p)
        lp, d_steep, _ = normal(x[at[LINKED_STEEPNESS] + b],
                                priors[1, P_KAPPA] + math.log(c1) + log_rest, priors[2, P_KAPPA])
        total += lp
        one[B_C1] -= d_steep / c1
        bar_log_kappa = bars.kappa[b] * kappa - bar_lead * lead
        bar[at[LINKED_STEEPNESS] + b] += d_steep + bar_log_kappa
        bar_log_rest = -bar_log_kappa - d_steep - bar_lead / kappa
        bar_headroom = bars.scale[b] * (1 - linked[0, b])
        if linked[1, b] / headroom < 0.95:
            bar_p = bar_lead / (kappa * p) - bar_log_rest / (1 - p)
            bar_headroom -= bar_p * p / headroom
        bar[at[LINKED_HEADROOM] + b] += bar_headroom
        lp, d = above_floor(headroom, linked[2, b], priors, P_LINKED_HEADROOM)
        total += lp
        grad[at[LINKED_HEADROOM] + b] += d
    return total
