"""Back from what families and models ask of the globals to the sampled point, with all priors."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.above import (
    B_C0,
    B_C1,
    B_GAP,
    B_GAP_FAMILY,
    B_LOG_OMEGA,
    B_LOG_OMEGA_FAMILY,
    B_MEAN,
    B_NU,
    B_RATE,
    B_SKEW,
    B_SKEW_FAMILY,
)
from densing_bayes.joint.kernel.densities import HALF_LOG_TAU, compiled, normal, positive, share
from densing_bayes.joint.kernel.layout import (
    CENTRE_LOSS,
    DRIFT,
    HEADROOM,
    IRREDUCIBLE,
    LADDER_PARTS,
    LINKED_HEADROOM,
    LINKED_PLACE,
    LINKED_STEEPNESS,
    MEAN,
    MIDPOINT,
    MIRRORED,
    NU,
    P_ALPHA,
    P_BETA,
    P_CENTRE_LOSS,
    P_DRIFT,
    P_HEADROOM,
    P_IRREDUCIBLE,
    P_KAPPA,
    P_LEVEL,
    P_LINKED_HEADROOM,
    P_LINKED_MIDPOINT,
    P_MIDPOINT,
    P_NU,
    P_OMEGA,
    P_Q,
    P_RATE,
    P_SD_BENCHMARK,
    P_SD_SOURCE,
    P_SIGMA_LOSS,
    P_SIGMA_PAIR,
    P_SIZE_SHARE,
    P_STEEPNESS,
    PLAIN,
    Q_FAMILY,
    RATE,
    SCALES,
    SD_BENCHMARK,
    SD_FAMILY,
    SD_MODEL,
    SD_SOURCE,
    SHARES,
    SIGMA_LOSS,
    SIGMA_PAIR,
    SIZE_SHARE,
    SIZE_SLOPE,
    STEEPNESS,
    STEP,
    T_ANCHORS,
    T_CONTRASTS,
    T_LADDER,
    T_LINKED,
    T_PAIRS,
    T_PINS,
    T_PRIORS,
    T_SETTING,
    T_TURNS,
    TOKEN_SLOPE,
    WEIGHT,
    Q,
)
from densing_bayes.joint.kernel.ruler import (
    back_law_and_curve,
    back_log_size,
    ladder_and_pairs,
    law_and_curve,
)
from densing_bayes.joint.kernel.scores import source_contrasts


@compiled
def backwards(x, at, tables, above, bars, grad):
    """Log density of all that is above; adds the gradient of everything to ``grad``.

    ``bars``: derivatives of the log density of families, models and scores to ``above``.
    """
    bar, value = bars.value, above.value
    total = source_contrasts(tables[T_CONTRASTS], above.sd_source, bars.sd_source)
    total += back_growth(x, at, tables, above, bars, grad)
    total += back_spreads(x, at, tables[T_PRIORS], above, bars, grad)
    total += back_measurement(x, at, tables[T_PRIORS], above, bars, grad)
    total += back_curves(x, at, tables[T_PRIORS], tables[T_LINKED], above, bars, grad)
    total += back_ruler(x, at, tables, above, bars, grad)
    # from natural values to the sampled point
    for v in SHARES:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i] * value[i] * (1 - value[i])
    for v in SCALES:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i] * value[i]
    for v in MIRRORED:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i] if x[i] > 0 else -bar[i]
    for v in PLAIN:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i]
    return total


@compiled
def back_growth(x, at, tables, above, bars, grad):
    """Level, rate and what the columns of the design are multiplied by, with their priors.

    The priors are in z, so that they follow c0, c1 and the mean gaps.
    """
    setting, priors, turns = tables[T_SETTING][:, 0], tables[T_PRIORS], tables[T_TURNS]
    bar, one, c1, drift = bars.value, bars.one, above.c1, above.drift
    steps = at[STEP + 1] - at[STEP]
    for k in range(above.amounts.size):
        if k < steps:
            w = turns[0, k]
            bar[at[STEP] + k] += bars.amounts[k] * drift ** (1 - w)
            grad[at[DRIFT]] += (1 - w) * bars.amounts[k] * above.amounts[k]
        else:
            bar[at[WEIGHT] + k - steps] += bars.amounts[k]
    shift = (setting[3] - above.c0) / c1
    total, d, d_sd = normal(above.mean, priors[1, P_LEVEL] / c1 + shift - above.gap_family
                            - above.gap, priors[2, P_LEVEL] / c1)
    bar[at[MEAN]] += one[B_MEAN] + d
    one[B_GAP] += d
    one[B_GAP_FAMILY] += d
    one[B_C0] += d / c1
    one[B_C1] += d * (priors[1, P_LEVEL] / c1 + shift) / c1 - d_sd / c1
    lp, d, d_sd = normal(above.rate, priors[1, P_RATE] / c1, priors[2, P_RATE] / c1)
    total += lp
    bar[at[RATE]] += one[B_RATE] + d
    one[B_C1] += d * priors[1, P_RATE] / c1**2 - d_sd / c1
    lp, d = positive(x[at[DRIFT]], drift, priors, P_DRIFT)
    total += lp
    grad[at[DRIFT]] += d
    for k in range(steps):
        lp, d, d_sd = normal(x[at[STEP] + k], 0.0, drift ** turns[0, k])
        total += lp
        bar[at[STEP] + k] += d
        grad[at[DRIFT]] += turns[0, k] * d_sd
    for k in range(at[WEIGHT], at[WEIGHT + 1]):
        total += -HALF_LOG_TAU - 0.5 * x[k] ** 2
        bar[k] -= x[k]
    return total


@compiled
def back_spreads(x, at, priors, above, bars, grad):
    """Spreads of families and models: HalfNormal(omega) is stated for omega in ln density."""
    bar, one, c1 = bars.value, bars.one, above.c1
    total = 0.0
    for group_sd, group_q, om, gp, b_omega, b_gap, b_skew in (
            (SD_FAMILY, Q_FAMILY, above.omega_family, above.gap_family, B_LOG_OMEGA_FAMILY,
             B_GAP_FAMILY, B_SKEW_FAMILY),
            (SD_MODEL, Q, above.omega, above.gap, B_LOG_OMEGA, B_GAP, B_SKEW)):
        v = above.value[at[group_q]]
        from_gap = one[b_gap] * gp
        bar_omega = one[b_omega] + from_gap  # the mean gap is proportional to omega
        inside = 1 - 2 * v / math.pi
        r = om * c1 / priors[1, P_OMEGA]
        total += (0.5 * math.log(2 / math.pi) - math.log(priors[1, P_OMEGA]) + math.log(c1)
                  - 0.5 * math.log(inside) - 0.5 * r * r + x[at[group_sd]])
        grad[at[group_sd]] += 1 - r * r + bar_omega
        one[B_C1] += (1 - r * r) / c1
        skew = math.sqrt(v / (1 - v))
        bar[at[group_q]] += ((1 - r * r + bar_omega) / (math.pi * inside) + from_gap / (2 * v)
                             + one[b_skew] / (2 * skew * (1 - v) ** 2))
        lp, d = share(v, priors, P_Q)
        total += lp
        grad[at[group_q]] += d
    return total


@compiled
def back_measurement(x, at, priors, above, bars, grad):
    """Spreads of scores and their degrees of freedom, with their priors."""
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
def back_curves(x, at, priors, linked, above, bars, grad):
    """Curves of the linked benchmarks, with their priors."""
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
        lp, d = share(headroom, priors, P_LINKED_HEADROOM)
        total += lp
        grad[at[LINKED_HEADROOM] + b] += d
    return total


@compiled
def back_ruler(x, at, tables, above, bars, grad):
    """The ruler with its priors and the likelihood of ladder and pairs.

    Ladder and pairs speak of the coordinates as sampled, models of those as held.
    """
    setting, priors, anchors = tables[T_SETTING][:, 0], tables[T_PRIORS], tables[T_ANCHORS]
    pins, bar, one, value, law = tables[T_PINS], bars.value, bars.one, above.value, above.law
    first = law_and_curve(above.held[0], anchors, 0)
    back_log_size(setting[2], first, anchors[2, 0], setting[0], one[B_C1], bars.law[0])
    back_log_size(setting[1], first, anchors[2, 0], setting[0], one[B_C0] - one[B_C1],
                  bars.law[0])
    total = 0.0
    bar_own = np.empty(8)
    bar_free, bar_held = np.empty(LADDER_PARTS), np.empty(LADDER_PARTS)
    for a in range(anchors.shape[1]):
        free = above.free[a]
        bar_own[:], bar_free[:], bar_held[:] = 0.0, 0.0, 0.0
        own = law_and_curve(free, anchors, a)
        lp, d_loss, d_pair = ladder_and_pairs(
            a, own, anchors[2, a], tables[T_LADDER], tables[T_PAIRS], value[at[SIGMA_LOSS] + a],
            value[at[SIGMA_PAIR] + a], bar_own)
        total += lp
        grad[at[SIGMA_LOSS] + a] += d_loss
        grad[at[SIGMA_PAIR] + a] += d_pair
        back_law_and_curve(free, own, bar_own, anchors, a, bar_free)
        bar_token = bars.token_term[a] * above.token_term[a]
        bars.law[a, 2] += bar_token
        bars.law[a, 3] -= bar_token * setting[0]
        back_law_and_curve(above.held[a], law[a], bars.law[a], anchors, a, bar_held)
        for v in range(LADDER_PARTS):
            if at[v + 1] > at[v]:
                bar[at[v] + a] += bar_free[v] + (1 - pins[LADDER_PARTS, a]) * bar_held[v]
        s = free[SIZE_SHARE]
        lp, d_slope, _ = normal(free[SIZE_SLOPE], priors[1, P_ALPHA] + math.log(s),
                                priors[2, P_ALPHA])
        total += lp
        bar[at[SIZE_SLOPE] + a] += d_slope
        bar[at[SIZE_SHARE] + a] -= d_slope / s
        lp, d_slope, _ = normal(free[TOKEN_SLOPE], priors[1, P_BETA] + math.log(1 - s),
                                priors[2, P_BETA])
        total += lp
        bar[at[TOKEN_SLOPE] + a] += d_slope
        bar[at[SIZE_SHARE] + a] += d_slope / (1 - s)
        for v, which in ((CENTRE_LOSS, P_CENTRE_LOSS), (STEEPNESS, P_STEEPNESS),
                         (MIDPOINT, P_MIDPOINT)):
            lp, d, _ = normal(free[v], priors[1, which], priors[2, which])
            total += lp
            bar[at[v] + a] += d
        for v, which in ((SIZE_SHARE, P_SIZE_SHARE), (HEADROOM, P_HEADROOM),
                         (IRREDUCIBLE, P_IRREDUCIBLE)):
            if at[v + 1] > at[v]:
                lp, d = share(free[v], priors, which)
                total += lp
                grad[at[v] + a] += d
        for v, which in ((SIGMA_LOSS, P_SIGMA_LOSS), (SIGMA_PAIR, P_SIGMA_PAIR)):
            lp, d = positive(x[at[v] + a], value[at[v] + a], priors, which)
            total += lp
            grad[at[v] + a] += d
    return total
