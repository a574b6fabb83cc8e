"""The whole model: forwards to the log density, then backwards to its gradient."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.kernel.densities import HALF_LOG_TAU, compiled, digamma, normal, positive, share
from densing_bayes.kernel.group import back_group, group
from densing_bayes.kernel.layout import (
    CENTRE_LOSS,
    DRIFT,
    FAMILY,
    HEADROOM,
    IRREDUCIBLE,
    LADDER_PARTS,
    LINKED_HEADROOM,
    LINKED_PLACE,
    LINKED_STEEPNESS,
    MEAN,
    MIDPOINT,
    MODEL,
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
    T_ANCHORED,
    T_ANCHORS,
    T_CONTRASTS,
    T_DESIGN,
    T_FAMILIES,
    T_LADDER,
    T_LINKED,
    T_LINKED_CELLS,
    T_MODELS,
    T_PAIRS,
    T_PINS,
    T_PRIORS,
    T_SETTING,
    T_STARTS,
    T_TURNS,
    TOKEN_SLOPE,
    WEIGHT,
    Q,
)
from densing_bayes.kernel.ruler import (
    back_law_and_curve,
    back_log_size,
    ladder_and_pairs,
    law_and_curve,
    log_size,
)
from densing_bayes.kernel.scores import anchored_scores, linked_scores, source_contrasts


@compiled
def natural(x, starts):
    """The variables at a sampled point: exp of logarithms, shares from log odds."""
    value = x.copy()
    for v in SHARES:
        for i in range(int(starts[v]), int(starts[v + 1])):
            value[i] = 1 / (1 + math.exp(-x[i]))
    for v in SCALES:
        for i in range(int(starts[v]), int(starts[v + 1])):
            value[i] = math.exp(x[i])
    return value


@compiled
def evaluate(x, tables, grad, told):
    """Log density at ``x``; fills its gradient, and what is told besides the variables.

    ``told`` (see `told_size`): c0, c1, steps of the rate, effects of families, z, and ln kappa
    and midpoint (in z) of the linked benchmarks.
    """
    starts, setting, family_weight = tables[T_STARTS][0], tables[T_SETTING][:, 0], tables[
        T_FAMILIES][0]
    priors, anchors, pins = tables[T_PRIORS], tables[T_ANCHORS], tables[T_PINS]
    ladder, pairs, models = tables[T_LADDER], tables[T_PAIRS], tables[T_MODELS]
    design, turns, linked = tables[T_DESIGN], tables[T_TURNS], tables[T_LINKED]
    at = starts.astype(np.int64)
    count = anchors.shape[1]
    families, number, links = family_weight.size, models.shape[1], linked.shape[1]
    value = natural(x, starts)
    bar = np.zeros(x.size)  # derivative to the natural values, priors of transformed ones apart
    grad[:] = 0.0
    total = 0.0

    # the ruler: coordinates as sampled (for ladder and pairs) and as held (for the models)
    free, held = np.zeros((count, LADDER_PARTS)), np.zeros((count, LADDER_PARTS))
    bar_free, bar_held = np.zeros((count, LADDER_PARTS)), np.zeros((count, LADDER_PARTS))
    law, bar_law, token_term = np.empty((count, 8)), np.zeros((count, 8)), np.empty(count)
    for a in range(count):
        hold = pins[LADDER_PARTS, a]
        for v in range(LADDER_PARTS):
            if at[v + 1] > at[v]:
                free[a, v] = value[at[v] + a]
                held[a, v] = (1 - hold) * free[a, v] + hold * pins[v, a]
        own = law_and_curve(free[a], anchors, a)
        bar_own = np.zeros(8)
        sigma_loss, sigma_pair = value[at[SIGMA_LOSS] + a], value[at[SIGMA_PAIR] + a]
        lp, d_loss, d_pair = ladder_and_pairs(a, own, anchors[2, a], ladder, pairs, sigma_loss,
                                              sigma_pair, bar_own)
        total += lp
        grad[at[SIGMA_LOSS] + a] += d_loss
        grad[at[SIGMA_PAIR] + a] += d_pair
        back_law_and_curve(free[a], own, bar_own, anchors, a, bar_free[a])
        found = law_and_curve(held[a], anchors, a)
        for j in range(8):
            law[a, j] = found[j]
        token_term[a] = math.exp(law[a, 2] - law[a, 3] * setting[0])
    first = law_and_curve(held[0], anchors, 0)
    c0 = log_size(setting[1], first, anchors[2, 0], setting[0])
    c1 = log_size(setting[2], first, anchors[2, 0], setting[0]) - c0
    bar_c0 = bar_c1 = 0.0

    # spreads of families and models: sampled by their sd, of which omega follows
    q_family, q = value[at[Q_FAMILY]], value[at[Q]]
    sd_family, sd_model = value[at[SD_FAMILY]], value[at[SD_MODEL]]
    omega_family = sd_family / math.sqrt(1 - 2 * q_family / math.pi)
    omega = sd_model / math.sqrt(1 - 2 * q / math.pi)
    gap_family = omega_family * math.sqrt(2 * q_family / math.pi)
    gap = omega * math.sqrt(2 * q / math.pi)

    # families, then models
    effect, e_family, d_family = np.empty(families), np.empty(families), np.empty(families)
    per_family, per_model = np.empty(families), np.empty(number)
    lp, bar_skew_family = group(x[at[FAMILY]:at[FAMILY + 1]], np.full(families, gap_family),
                                omega_family, q_family, family_weight, effect, e_family, d_family,
                                per_family)
    total += lp
    drift = value[at[DRIFT]]
    steps = at[STEP + 1] - at[STEP]
    # what the columns of the design are multiplied by: turned steps, then further weights
    amounts, wander = np.empty(design.shape[0]), np.zeros(number)
    for k in range(design.shape[0]):
        amounts[k] = (drift ** (1 - turns[0, k]) * x[at[STEP] + k] if k < steps
                      else x[at[WEIGHT] + k - steps])
        for i in range(number):
            wander[i] += design[k, i] * amounts[k]
    mean, rate = x[at[MEAN]], x[at[RATE]]
    place = np.empty(number)
    for i in range(number):
        place[i] = ((models[1, i] + wander[i]) / c1 + mean + rate * models[0, i]
                    + effect[int(models[2, i])] + gap)
    z, e_model, d_model = np.empty(number), np.empty(number), np.empty(number)
    lp, bar_skew = group(x[at[MODEL]:at[MODEL + 1]], place, omega, q, models[3], z, e_model,
                         d_model, per_model)
    total += lp

    # curves of the linked benchmarks
    kappa, middle, scale = np.empty(links), np.empty(links), np.empty(links)
    p, lead = np.empty(links), np.empty(links)
    for b in range(links):
        headroom = value[at[LINKED_HEADROOM] + b]
        p[b] = min(linked[1, b] / headroom, 0.95)
        kappa[b] = math.exp(x[at[LINKED_STEEPNESS] + b] - math.log(1 - p[b]))
        lead[b] = math.log(p[b] / (1 - p[b])) / kappa[b]
        middle[b] = x[at[LINKED_PLACE] + b] - lead[b]
        scale[b] = headroom * (1 - linked[0, b])

    # scores
    nu = 2 + value[at[NU]]
    sd_benchmark = value[at[SD_BENCHMARK]:at[SD_BENCHMARK + 1]]
    sd_source = value[at[SD_SOURCE]:at[SD_SOURCE + 1]]
    bar_sd_benchmark = bar[at[SD_BENCHMARK]:at[SD_BENCHMARK + 1]]
    bar_sd_source = bar[at[SD_SOURCE]:at[SD_SOURCE + 1]]
    bar_z, bar_token = np.zeros(number), np.zeros(count)
    bar_kappa, bar_middle, bar_scale = np.zeros(links), np.zeros(links), np.zeros(links)
    lp, bar_nu, d_c0, d_c1 = anchored_scores(
        tables[T_ANCHORED], z, c0, c1, law, token_term, anchors[2], sd_benchmark, sd_source, nu,
        bar_z, bar_law, bar_token, bar_sd_benchmark, bar_sd_source)
    total += lp
    bar_c0 += d_c0
    bar_c1 += d_c1
    lp, d_nu = linked_scores(
        tables[T_LINKED_CELLS], count, z, kappa, middle, scale, linked[0], sd_benchmark,
        sd_source, nu, bar_z, bar_kappa, bar_middle, bar_scale, bar_sd_benchmark, bar_sd_source)
    total += lp + source_contrasts(tables[T_CONTRASTS], sd_source, bar_sd_source)
    cells = tables[T_ANCHORED].shape[1] + tables[T_LINKED_CELLS].shape[1]
    total += cells * (math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2)
                      - 0.5 * math.log(math.pi * nu))
    bar[at[NU]] += bar_nu + d_nu + 0.5 * cells * (
        digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / nu)

    # back through the models and the families
    bar_place = np.empty(number)
    bar_log_omega = back_group(omega, models[3], e_model, d_model, per_model, bar_z,
                               grad[at[MODEL]:at[MODEL + 1]], bar_place)
    bar_effect = np.zeros(families)
    bar_gap = bar_mean = bar_rate = 0.0
    for i in range(number):
        bar_effect[int(models[2, i])] += bar_place[i]
        bar_mean += bar_place[i]
        bar_rate += bar_place[i] * models[0, i]
        bar_c1 -= bar_place[i] * (models[1, i] + wander[i]) / c1**2
    bar_gap += bar_mean
    for k in range(design.shape[0]):
        bar_amount = 0.0
        for i in range(number):
            bar_amount += bar_place[i] * design[k, i] / c1
        if k < steps:
            w = turns[0, k]
            bar[at[STEP] + k] += bar_amount * drift ** (1 - w)
            grad[at[DRIFT]] += (1 - w) * bar_amount * amounts[k]
        else:
            bar[at[WEIGHT] + k - steps] += bar_amount
    bar_places = np.empty(families)
    bar_log_omega_family = back_group(omega_family, family_weight, e_family, d_family,
                                      per_family, bar_effect,
                                      grad[at[FAMILY]:at[FAMILY + 1]], bar_places)
    bar_gap_family = bar_places.sum()

    # priors of growth: in z, so that they follow c0, c1 and the mean gaps
    shift = (setting[3] - c0) / c1
    sd = priors[2, P_LEVEL] / c1
    lp, d, d_sd = normal(mean, priors[1, P_LEVEL] / c1 + shift - gap_family - gap, sd)
    total += lp
    bar[at[MEAN]] += bar_mean + d
    bar_gap += d
    bar_gap_family += d
    bar_c0 += d / c1
    bar_c1 += d * (priors[1, P_LEVEL] / c1 + shift) / c1 - d_sd / c1
    lp, d, d_sd = normal(rate, priors[1, P_RATE] / c1, priors[2, P_RATE] / c1)
    total += lp
    bar[at[RATE]] += bar_rate + d
    bar_c1 += d * priors[1, P_RATE] / c1**2 - d_sd / c1
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

    # priors of the spreads: HalfNormal(omega) is stated for omega in ln density
    for group_sd, group_q, om, gp, bar_om, bar_gp, bar_sk in (
            (SD_FAMILY, Q_FAMILY, omega_family, gap_family, bar_log_omega_family, bar_gap_family,
             bar_skew_family),
            (SD_MODEL, Q, omega, gap, bar_log_omega, bar_gap, bar_skew)):
        v = value[at[group_q]]
        bar_om += bar_gp * gp  # the mean gap is proportional to omega
        inside = 1 - 2 * v / math.pi
        r = om * c1 / priors[1, P_OMEGA]
        total += (0.5 * math.log(2 / math.pi) - math.log(priors[1, P_OMEGA]) + math.log(c1)
                  - 0.5 * math.log(inside) - 0.5 * r * r + x[at[group_sd]])
        grad[at[group_sd]] += 1 - r * r + bar_om
        bar_c1 += (1 - r * r) / c1
        skew = math.sqrt(v / (1 - v))
        bar[at[group_q]] += ((1 - r * r + bar_om) / (math.pi * inside) + bar_gp * gp / (2 * v)
                             + bar_sk / (2 * skew * (1 - v) ** 2))
        lp, d = share(v, priors, P_Q)
        total += lp
        grad[at[group_q]] += d

    # priors of the measurement
    for b in range(sd_source.size):
        lp, d = positive(x[at[SD_SOURCE] + b], sd_source[b], priors, P_SD_SOURCE)
        total += lp
        grad[at[SD_SOURCE] + b] += d
        r = sd_benchmark[b] * c1 / priors[1, P_SD_BENCHMARK]
        total += (0.5 * math.log(2 / math.pi) - math.log(priors[1, P_SD_BENCHMARK])
                  + math.log(c1) - 0.5 * r * r + x[at[SD_BENCHMARK] + b])
        grad[at[SD_BENCHMARK] + b] += 1 - r * r
        bar_c1 += (1 - r * r) / c1
    lp, d = positive(x[at[NU]], value[at[NU]], priors, P_NU)
    total += lp
    grad[at[NU]] += d

    # back through the linked curves, and their priors
    for b in range(links):
        steepness, location = x[at[LINKED_STEEPNESS] + b], x[at[LINKED_PLACE] + b]
        headroom = value[at[LINKED_HEADROOM] + b]
        lp, d_place, d_sd = normal(
            location, (priors[1, P_LINKED_MIDPOINT] - c0) / c1 + lead[b],
            priors[2, P_LINKED_MIDPOINT] / c1)
        total += lp
        bar[at[LINKED_PLACE] + b] += d_place + bar_middle[b]
        bar_lead = -d_place - bar_middle[b]
        bar_c0 += d_place / c1
        bar_c1 += d_place * (priors[1, P_LINKED_MIDPOINT] - c0) / c1**2 - d_sd / c1
        log_rest = math.log(1 - p[b])
        lp, d_steep, _ = normal(steepness, priors[1, P_KAPPA] + math.log(c1) + log_rest,
                                priors[2, P_KAPPA])
        total += lp
        bar_c1 -= d_steep / c1
        bar_log_kappa = bar_kappa[b] * kappa[b] - bar_lead * lead[b]
        bar[at[LINKED_STEEPNESS] + b] += d_steep + bar_log_kappa
        bar_log_rest = -bar_log_kappa - d_steep - bar_lead / kappa[b]
        bar_headroom = bar_scale[b] * (1 - linked[0, b])
        if linked[1, b] / headroom < 0.95:
            bar_p = bar_lead / (kappa[b] * p[b]) - bar_log_rest / (1 - p[b])
            bar_headroom -= bar_p * p[b] / headroom
        bar[at[LINKED_HEADROOM] + b] += bar_headroom
        lp, d = share(headroom, priors, P_LINKED_HEADROOM)
        total += lp
        grad[at[LINKED_HEADROOM] + b] += d

    # back through the ruler, and its priors
    back_log_size(setting[2], first, anchors[2, 0], setting[0], bar_c1, bar_law[0])
    back_log_size(setting[1], first, anchors[2, 0], setting[0], bar_c0 - bar_c1, bar_law[0])
    for a in range(count):
        bar_law[a, 2] += bar_token[a] * token_term[a]
        bar_law[a, 3] -= bar_token[a] * token_term[a] * setting[0]
        back_law_and_curve(held[a], law[a], bar_law[a], anchors, a, bar_held[a])
        for v in range(LADDER_PARTS):
            if at[v + 1] > at[v]:
                bar[at[v] + a] += bar_free[a, v] + (1 - pins[LADDER_PARTS, a]) * bar_held[a, v]
        s = free[a, SIZE_SHARE]
        lp, d_slope, _ = normal(free[a, SIZE_SLOPE], priors[1, P_ALPHA] + math.log(s),
                                priors[2, P_ALPHA])
        total += lp
        bar[at[SIZE_SLOPE] + a] += d_slope
        bar[at[SIZE_SHARE] + a] -= d_slope / s
        lp, d_slope, _ = normal(free[a, TOKEN_SLOPE], priors[1, P_BETA] + math.log(1 - s),
                                priors[2, P_BETA])
        total += lp
        bar[at[TOKEN_SLOPE] + a] += d_slope
        bar[at[SIZE_SHARE] + a] += d_slope / (1 - s)
        for v, which in ((CENTRE_LOSS, P_CENTRE_LOSS), (STEEPNESS, P_STEEPNESS),
                         (MIDPOINT, P_MIDPOINT)):
            lp, d, _ = normal(free[a, v], priors[1, which], priors[2, which])
            total += lp
            bar[at[v] + a] += d
        for v, which in ((SIZE_SHARE, P_SIZE_SHARE), (HEADROOM, P_HEADROOM),
                         (IRREDUCIBLE, P_IRREDUCIBLE)):
            if at[v + 1] > at[v]:
                lp, d = share(free[a, v], priors, which)
                total += lp
                grad[at[v] + a] += d
        for v, which in ((SIGMA_LOSS, P_SIGMA_LOSS), (SIGMA_PAIR, P_SIGMA_PAIR)):
            lp, d = positive(x[at[v] + a], value[at[v] + a], priors, which)
            total += lp
            grad[at[v] + a] += d

    # from natural values to the sampled point
    for v in SHARES:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i] * value[i] * (1 - value[i])
    for v in SCALES:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i] * value[i]
    for v in PLAIN:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i]

    told[0], told[1] = c0, c1
    k = 2
    for i in range(steps):
        told[k + i] = (turns[1 + i] * amounts[:steps]).sum()
    k += steps
    for i in range(families):
        told[k + i] = effect[i] / omega_family
    k += families
    told[k:k + number] = z
    k += number
    for b in range(links):
        told[k + b], told[k + links + b] = math.log(kappa[b]), middle[b]
    return total
