"""The joint model's log density and its gradient, by hand: what the sampler evaluates.

`densing_bayes.families.densing` says what the model is; this file says the same with the
derivatives written out, four times as fast and without half a minute of compilation in every
process: numba keeps the machine code on disk, for tables of any size.
`tests/test_kernel.py` holds the two together, value and gradient, in every option.

Reading order is that of the argument: special functions, priors, the ruler, groups of the
frontier, growth, curves of linked benchmarks, scores; then `evaluate`, which goes through them
forwards and then backwards. ``bar_x`` is the derivative of the log density with respect to x.
The two C functions that a sampler calls are at the end.

All is in one file because numba notices changes of the file of the outermost function only.
"""

from __future__ import annotations

import functools
import math

import numba
import numpy as np
from numba import types
from nutpie.compile_pymc import address_as_void_pointer

# the sampled variables, in the order of the sampled point
VARIABLES = (
    "size_share", "log_size_slope", "log_token_slope", "log_loss_at_centre", "headroom",
    "log_steepness", "log_midpoint", "irreducible_share", "sigma_loss", "sigma_pair",
    "q_family", "q", "sd_family_z", "sd_model_z", "family_coordinate", "mean_z", "rate_z",
    "drift", "step_coordinate", "weight", "model_coordinate", "sd_source", "sd_benchmark_z", "nu",
    "linked_headroom", "linked_steepness", "linked_place",
)
(SIZE_SHARE, SIZE_SLOPE, TOKEN_SLOPE, CENTRE_LOSS, HEADROOM, STEEPNESS, MIDPOINT, IRREDUCIBLE,
 SIGMA_LOSS, SIGMA_PAIR, Q_FAMILY, Q, SD_FAMILY, SD_MODEL, FAMILY, MEAN, RATE, DRIFT, STEP, WEIGHT,
 MODEL, SD_SOURCE, SD_BENCHMARK, NU, LINKED_HEADROOM, LINKED_STEEPNESS, LINKED_PLACE,
 ) = range(len(VARIABLES))
# how a variable is sampled: as it is, its logarithm, its log odds
PLAIN, LOG, LOGODDS = range(3)
TRANSFORMS = {
    **dict.fromkeys(VARIABLES, PLAIN),
    **dict.fromkeys(("size_share", "headroom", "irreducible_share", "q_family", "q",
                     "linked_headroom"), LOGODDS),
    **dict.fromkeys(("sigma_loss", "sigma_pair", "sd_family_z", "sd_model_z", "drift",
                     "sd_source", "sd_benchmark_z", "nu"), LOG),
}

# the priors, in the order of their table, and the distributions of positive values
PRIORS = ("log_loss_at_centre", "size_share", "log_alpha", "log_beta", "irreducible_share",
          "sigma_loss", "headroom", "log_steepness", "log_midpoint", "sigma_pair", "level", "rate",
          "drift", "omega", "q", "sd_source", "sd_benchmark", "nu", "log_kappa",
          "linked_midpoint", "linked_headroom")
(P_CENTRE_LOSS, P_SIZE_SHARE, P_ALPHA, P_BETA, P_IRREDUCIBLE, P_SIGMA_LOSS, P_HEADROOM,
 P_STEEPNESS, P_MIDPOINT, P_SIGMA_PAIR, P_LEVEL, P_RATE, P_DRIFT, P_OMEGA, P_Q, P_SD_SOURCE,
 P_SD_BENCHMARK, P_NU, P_KAPPA, P_LINKED_MIDPOINT, P_LINKED_HEADROOM) = range(len(PRIORS))
POSITIVE = ("HalfNormal", "LogNormal", "Gamma", "Exponential")
HALF_NORMAL, LOG_NORMAL, GAMMA, EXPONENTIAL = range(len(POSITIVE))

# the tables, each a matrix with one row per column of the data, and the rows of each
TABLES = ("starts", "priors", "setting", "anchors", "pins", "ladder", "pairs", "models", "design",
          "families", "contrasts", "anchored", "linked_cells", "linked_benchmarks", "held")
(T_STARTS, T_PRIORS, T_SETTING, T_ANCHORS, T_PINS, T_LADDER, T_PAIRS, T_MODELS, T_DESIGN,
 T_FAMILIES, T_CONTRASTS, T_ANCHORED, T_LINKED_CELLS, T_LINKED, T_HELD) = range(len(TABLES))
ROWS = {
    "priors": ("kind", "first", "second"),
    "setting": ("log_tokens", "low_score", "high_score", "mean_log_params"),
    "anchors": ("centre_log_params", "centre_log_tokens", "chance"),
    "pins": VARIABLES[:IRREDUCIBLE + 1] + ("hold",),
    "ladder": ("anchor", "log_params", "log_tokens", "log_loss"),
    "pairs": ("anchor", "loss", "score"),
    "models": ("time", "size", "family", "own_weight"),
    "families": ("own_weight",),
    "contrasts": ("benchmark", "square", "log_spread"),
    "anchored": ("model", "benchmark", "score", "per_item", "per_replicate"),
    "linked_cells": ("model", "benchmark", "score", "per_item", "per_replicate"),
    "linked_benchmarks": ("chance", "mean_share"),
    "held": ("value", "free"),
}
LADDER_PARTS = IRREDUCIBLE + 1  # variables that make up loss law and performance law

HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
TINY = np.finfo(np.float64).tiny
# products of many factors are kept within these bounds and their logarithm taken then: one
# logarithm for dozens of rows
SMALL, LARGE = 1e-150, 1e150

compiled = numba.njit(error_model="numpy")


# -- special functions and priors ------------------------------------------------------------


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


@compiled
def upper_tail(x):
    """P(Z > x) of a standard normal, and its hazard phi(x) / P(Z > x); for x up to 25."""
    tail = 0.5 * math.erfc(x / math.sqrt(2.0))
    return tail, math.exp(-0.5 * x * x - HALF_LOG_TAU) / tail


@compiled
def far_hazard(x):
    """The hazard of a standard normal far out (x > 25), by its continued fraction."""
    fraction = x
    for k in range(10, 0, -1):
        fraction = x + k / fraction
    return fraction


@compiled
def normal(value, mu, sd):
    """Log density of a normal; derivatives to ``value`` (minus that to ``mu``) and ln ``sd``."""
    r = (value - mu) / sd
    return -HALF_LOG_TAU - math.log(sd) - 0.5 * r * r, -r / sd, r * r - 1


@compiled
def positive(x, value, priors, which):
    """Log density of x = ln value under a prior of a positive value; derivative to x."""
    kind, a, b = priors[0, which], priors[1, which], priors[2, which]
    if kind == HALF_NORMAL:
        r = value / a
        return 0.5 * math.log(2 / math.pi) - math.log(a) - 0.5 * r * r + x, 1 - r * r
    if kind == LOG_NORMAL:
        r = (x - a) / b
        return -HALF_LOG_TAU - math.log(b) - 0.5 * r * r, -r / b
    if kind == GAMMA:
        return a * math.log(b) - math.lgamma(a) + a * x - b * value, a - b * value
    return math.log(a) - a * value + x, 1 - a * value


@compiled
def share(value, priors, which):
    """Log density of the log odds of a share under its Beta prior; derivative to them."""
    a, b = priors[1, which], priors[2, which]
    const = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return const + a * math.log(value) + b * math.log(1 - value), a - (a + b) * value


# -- the ruler: `families.ruler` -------------------------------------------------------------


@compiled
def law_and_curve(p, anchors, a):
    """ln a, alpha, ln b, beta, E, gamma, midpoint, scale from the coordinates of one anchor."""
    s, e = p[SIZE_SHARE], p[IRREDUCIBLE]
    alpha, beta = math.exp(p[SIZE_SLOPE]) / s, math.exp(p[TOKEN_SLOPE]) / (1 - s)
    centre = math.exp(p[CENTRE_LOSS])
    reducible = p[CENTRE_LOSS] + math.log(1 - e)
    return (reducible + math.log(s) + alpha * anchors[0, a], alpha,
            reducible + math.log(1 - s) + beta * anchors[1, a], beta, centre * e,
            -math.exp(p[STEEPNESS]) / centre, math.exp(p[MIDPOINT]) * centre,
            p[HEADROOM] * (1 - anchors[2, a]))


@compiled
def back_law_and_curve(p, law, bar, anchors, a, bar_p):
    """Derivatives to the coordinates from those to `law_and_curve`, added to ``bar_p``."""
    _, alpha, _, beta, _, gamma, midpoint, _ = law
    s, e = p[SIZE_SHARE], p[IRREDUCIBLE]
    centre = math.exp(p[CENTRE_LOSS])
    bar_alpha = (bar[1] + bar[0] * anchors[0, a]) * alpha
    bar_beta = (bar[3] + bar[2] * anchors[1, a]) * beta
    bar_p[SIZE_SLOPE] += bar_alpha
    bar_p[TOKEN_SLOPE] += bar_beta
    bar_p[SIZE_SHARE] += (bar[0] - bar_alpha) / s - (bar[2] - bar_beta) / (1 - s)
    bar_p[CENTRE_LOSS] += (bar[0] + bar[2] + bar[4] * centre * e - bar[5] * gamma
                           + bar[6] * midpoint)
    bar_p[IRREDUCIBLE] += bar[4] * centre - (bar[0] + bar[2]) / (1 - e)
    bar_p[STEEPNESS] += bar[5] * gamma
    bar_p[MIDPOINT] += bar[6] * midpoint
    bar_p[HEADROOM] += bar[7] * (1 - anchors[2, a])


@compiled
def ladder_and_pairs(a, law, chance, ladder, pairs, sigma_loss, sigma_pair, bar):
    """Log likelihood of one anchor's runs and pairs; derivatives to the law and to ln sigmas.

    `families.ruler.ruler_likelihood`.
    """
    log_a, alpha, log_b, beta, irreducible, gamma, midpoint, scale = law
    total, bar_sigma_loss, bar_sigma_pair = 0.0, 0.0, 0.0
    for i in range(ladder.shape[1]):
        if ladder[0, i] != a:
            continue
        size, tokens = ladder[1, i], ladder[2, i]
        size_term, token_term = math.exp(log_a - alpha * size), math.exp(log_b - beta * tokens)
        loss = irreducible + size_term + token_term
        lp, d_value, d_sd = normal(ladder[3, i], math.log(loss), sigma_loss)
        total += lp
        bar_sigma_loss += d_sd
        bar_loss = -d_value / loss
        bar[0] += bar_loss * size_term
        bar[1] -= bar_loss * size_term * size
        bar[2] += bar_loss * token_term
        bar[3] -= bar_loss * token_term * tokens
        bar[4] += bar_loss
    for i in range(pairs.shape[1]):
        if pairs[0, i] != a:
            continue
        distance = pairs[1, i] - midpoint
        u = 1 / (1 + math.exp(-gamma * distance))
        lp, d_value, d_sd = normal(pairs[2, i], chance + scale * u, sigma_pair)
        total += lp
        bar_sigma_pair += d_sd
        bar_y = -d_value * scale * u * (1 - u)
        bar[5] += bar_y * distance
        bar[6] -= bar_y * gamma
        bar[7] -= d_value * u
    return total, bar_sigma_loss, bar_sigma_pair


@compiled
def log_size(score, law, chance, log_tokens):
    """Ln size of the reference model that reaches a score: `laws.log_effective_size`."""
    log_a, alpha, log_b, beta, irreducible, gamma, midpoint, scale = law
    loss = midpoint - math.log(scale / (score - chance) - 1) / gamma
    rest = loss - irreducible - math.exp(log_b - beta * log_tokens)
    return (log_a - math.log(rest)) / alpha


@compiled
def back_log_size(score, law, chance, log_tokens, bar_out, bar):
    """Derivatives of `log_size` to the law and curve, times ``bar_out``, added to ``bar``."""
    log_a, alpha, log_b, beta, irreducible, gamma, midpoint, scale = law
    ratio = scale / (score - chance) - 1
    loss = midpoint - math.log(ratio) / gamma
    token_term = math.exp(log_b - beta * log_tokens)
    rest = loss - irreducible - token_term
    bar_rest = -bar_out / (alpha * rest)
    bar[0] += bar_out / alpha
    bar[1] -= bar_out * (log_a - math.log(rest)) / alpha**2
    bar[2] -= bar_rest * token_term
    bar[3] += bar_rest * token_term * log_tokens
    bar[4] -= bar_rest
    bar[5] += bar_rest * math.log(ratio) / gamma**2
    bar[6] += bar_rest
    bar[7] -= bar_rest / (gamma * ratio * (score - chance))


# -- the frontier: `families.frontier`, partly centred ---------------------------------------


@compiled
def group(y, place, omega, q, weight, value, deviation, slope, per_coordinate):
    """Values below the frontier ``place`` from their coordinates ``y``, and their log density.

    With e the deviation from the frontier in units of omega, value = place + omega e and
    y = weight place + omega^weight e. Fills ``value``, ``deviation`` (e), ``slope``
    (d log density / d e) and ``per_coordinate`` (d e / d y); returns the log density and its derivative to q's skewness lambda.
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
    """Derivatives to coordinates and places, given those to the values; returns that to ln omega.
    """
    bar_log_omega = 0.0
    for i in range(weight.size):
        w, e = weight[i], deviation[i]
        bar_e = slope[i] + bar_value[i] * omega
        bar_y[i] = bar_e * per_coordinate[i]
        bar_place[i] = bar_value[i] - w * bar_y[i]
        bar_log_omega += bar_value[i] * omega * e - w * (1 + e * bar_e)
    return bar_log_omega


# -- the scores: `families.measurement` ------------------------------------------------------


@compiled
def anchored_scores(cells, z, c0, c1, law, token_term, chance, sd_benchmark, sd_source, nu,
                    bar_z, bar_law, bar_token, bar_sd_benchmark, bar_sd_source):
    """Log likelihood of the cells of anchored benchmarks; derivatives to all it depends on.

    ``law`` and ``bar_law`` are (anchor, 8). Returns the log likelihood without the terms in nu
    alone, and the derivatives to nu, c0 and c1.
    """
    total, bar_nu, bar_c0, bar_c1 = 0.0, 0.0, 0.0, 0.0
    product_r, product_v = 1.0, 1.0
    for i in range(cells.shape[1]):
        m, b = int(cells[0, i]), int(cells[1, i])
        log_a, alpha, irreducible = law[b, 0], law[b, 1], law[b, 4]
        gamma, midpoint, scale = law[b, 5], law[b, 6], law[b, 7]
        at = c0 + c1 * z[m]
        size_term = math.exp(log_a - alpha * at)
        distance = irreducible + size_term + token_term[b] - midpoint
        u = 1 / (1 + math.exp(-gamma * distance))
        spread = u * (1 - u)
        steep = -gamma * scale * alpha * size_term  # slope per e-fold = steep * spread
        expected, slope = chance[b] + scale * u, steep * spread * c1
        # the Student t (`student` is written out: it is the innermost loop)
        noise = cells[3, i] + cells[4, i] * sd_source[b] ** 2
        own = slope * sd_benchmark[b]
        variance = own * own + expected * (1 - expected) * noise + TINY
        d = cells[2, i] - expected
        # r = 1 + d^2 / (nu variance), with few divisions
        per_whole, per_variance = 1 / (nu * variance + d * d), 1 / variance
        product_r *= per_variance / (nu * per_whole)
        product_v *= variance
        if product_r > LARGE or product_v < SMALL:
            total -= 0.5 * (nu + 1) * math.log(product_r) + 0.5 * math.log(product_v)
            bar_nu -= 0.5 * math.log(product_r)
            product_r, product_v = 1.0, 1.0
        bar_d = (nu + 1) * d * per_whole
        bar_variance = 0.5 * (bar_d * d - 1) * per_variance
        bar_nu += 0.5 * bar_d * d / nu
        bar_expected = bar_d + bar_variance * (1 - 2 * expected) * noise
        bar_slope = 2 * bar_variance * own * sd_benchmark[b]
        bar_sd_benchmark[b] += 2 * bar_variance * own * slope
        bar_sd_source[b] += (2 * bar_variance * expected * (1 - expected) * cells[4, i]
                             * sd_source[b])
        # back through the curve
        bar_c1 += bar_slope * steep * spread
        bar_per_fold = bar_slope * c1
        bar_y = (bar_expected * scale + bar_per_fold * steep * (1 - 2 * u)) * spread
        bar_loss = bar_y * gamma
        bar_law[b, 5] += bar_y * distance - bar_per_fold * scale * spread * alpha * size_term
        bar_law[b, 6] -= bar_loss
        bar_law[b, 7] += bar_expected * u - bar_per_fold * gamma * spread * alpha * size_term
        bar_law[b, 4] += bar_loss
        bar_token[b] += bar_loss
        bar_size = (bar_loss - bar_per_fold * gamma * scale * spread * alpha) * size_term
        bar_law[b, 0] += bar_size
        bar_law[b, 1] += -bar_size * at - bar_per_fold * gamma * scale * spread * size_term
        bar_at = -bar_size * alpha
        bar_c0 += bar_at
        bar_c1 += bar_at * z[m]
        bar_z[m] += bar_at * c1
    total -= 0.5 * (nu + 1) * math.log(product_r) + 0.5 * math.log(product_v)
    return total, bar_nu - 0.5 * math.log(product_r), bar_c0, bar_c1


@compiled
def linked_scores(cells, anchors, z, kappa, middle, scale, chance, sd_benchmark, sd_source, nu,
                  bar_z, bar_kappa, bar_middle, bar_scale, bar_sd_benchmark, bar_sd_source):
    """The same for linked benchmarks, whose curves are logistic in z."""
    total, bar_nu = 0.0, 0.0
    product_r, product_v = 1.0, 1.0
    for i in range(cells.shape[1]):
        m, b = int(cells[0, i]), int(cells[1, i])
        k = b - anchors
        distance = z[m] - middle[k]
        u = 1 / (1 + math.exp(-kappa[k] * distance))
        spread = u * (1 - u)
        expected, slope = chance[k] + scale[k] * u, scale[k] * spread * kappa[k]
        noise = cells[3, i] + cells[4, i] * sd_source[b] ** 2
        own = slope * sd_benchmark[b]
        variance = own * own + expected * (1 - expected) * noise + TINY
        d = cells[2, i] - expected
        # r = 1 + d^2 / (nu variance), with few divisions
        per_whole, per_variance = 1 / (nu * variance + d * d), 1 / variance
        product_r *= per_variance / (nu * per_whole)
        product_v *= variance
        if product_r > LARGE or product_v < SMALL:
            total -= 0.5 * (nu + 1) * math.log(product_r) + 0.5 * math.log(product_v)
            bar_nu -= 0.5 * math.log(product_r)
            product_r, product_v = 1.0, 1.0
        bar_d = (nu + 1) * d * per_whole
        bar_variance = 0.5 * (bar_d * d - 1) * per_variance
        bar_nu += 0.5 * bar_d * d / nu
        bar_expected = bar_d + bar_variance * (1 - 2 * expected) * noise
        bar_slope = 2 * bar_variance * own * sd_benchmark[b]
        bar_sd_benchmark[b] += 2 * bar_variance * own * slope
        bar_sd_source[b] += (2 * bar_variance * expected * (1 - expected) * cells[4, i]
                             * sd_source[b])
        # back through the curve
        bar_y = (bar_expected + bar_slope * kappa[k] * (1 - 2 * u)) * scale[k] * spread
        bar_z[m] += bar_y * kappa[k]
        bar_middle[k] -= bar_y * kappa[k]
        bar_kappa[k] += bar_y * distance + bar_slope * scale[k] * spread
        bar_scale[k] += bar_expected * u + bar_slope * spread * kappa[k]
    total -= 0.5 * (nu + 1) * math.log(product_r) + 0.5 * math.log(product_v)
    return total, bar_nu - 0.5 * math.log(product_r)


@compiled
def source_contrasts(contrasts, sd_source, bar_sd_source):
    """Log likelihood of differences between the sources of one cell (a Student t of 3)."""
    total, product = 0.0, 1.0
    each = math.lgamma(2.0) - math.lgamma(1.5) - 0.5 * math.log(3 * math.pi) - np.log(sd_source)
    per_square, bar_log = 1 / (3 * sd_source**2), np.zeros(sd_source.size)
    for i in range(contrasts.shape[1]):
        b = int(contrasts[0, i])
        r = 1 + contrasts[1, i] * per_square[b]
        product *= r
        if product > LARGE:
            total -= 2 * math.log(product)
            product = 1.0
        total += each[b] - contrasts[2, i]
        bar_log[b] += 3 - 4 / r
    bar_sd_source += bar_log / sd_source
    return total - 2 * math.log(product)


# -- everything ------------------------------------------------------------------------------


@compiled
def natural(x, starts):
    """The variables at a sampled point: exp of logarithms, shares from log odds."""
    value = x.copy()
    for v in (SIZE_SHARE, HEADROOM, IRREDUCIBLE, Q_FAMILY, Q, LINKED_HEADROOM):
        for i in range(int(starts[v]), int(starts[v + 1])):
            value[i] = 1 / (1 + math.exp(-x[i]))
    for v in (SIGMA_LOSS, SIGMA_PAIR, SD_FAMILY, SD_MODEL, DRIFT, SD_SOURCE, SD_BENCHMARK, NU):
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
    design, linked = tables[T_DESIGN], tables[T_LINKED]
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
    root = math.sqrt(drift)
    steps = at[STEP + 1] - at[STEP]
    wander = np.zeros(number)
    for k in range(design.shape[0]):
        amount = (root * x[at[STEP] + k] if k < steps else x[at[WEIGHT] + k - steps])
        for i in range(number):
            wander[i] += design[k, i] * amount
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
        tables[T_LINKED_CELLS], count, z, kappa, middle, scale, linked[0], sd_benchmark, sd_source, nu,
        bar_z, bar_kappa, bar_middle, bar_scale, bar_sd_benchmark, bar_sd_source)
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
        amount = 0.0
        for i in range(number):
            amount += bar_place[i] * design[k, i]
        if k < steps:
            bar[at[STEP] + k] += amount / c1 * root
            bar[at[DRIFT]] += amount / c1 * x[at[STEP] + k] * 0.5 / root
        else:
            bar[at[WEIGHT] + k - steps] += amount / c1
    bar_places = np.empty(families)
    bar_log_omega_family = back_group(omega_family, family_weight, e_family, d_family,
                                      per_family, bar_effect, grad[at[FAMILY]:at[FAMILY + 1]], bar_places)
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
        lp, d, d_sd = normal(x[at[STEP] + k], 0.0, root)
        total += lp
        bar[at[STEP] + k] += d
        grad[at[DRIFT]] += 0.5 * d_sd
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
    for v in range(len(VARIABLES)):
        logged = (v == SIGMA_LOSS or v == SIGMA_PAIR or v == SD_FAMILY or v == SD_MODEL
                  or v == DRIFT or v == SD_SOURCE or v == SD_BENCHMARK or v == NU)
        odds = (v == SIZE_SHARE or v == HEADROOM or v == IRREDUCIBLE or v == Q_FAMILY or v == Q
                or v == LINKED_HEADROOM)
        if v == FAMILY or v == MODEL:
            continue
        for i in range(at[v], at[v + 1]):
            one = value[i] if logged else value[i] * (1 - value[i]) if odds else 1.0
            grad[i] += bar[i] * one

    told[0], told[1] = c0, c1
    k = 2
    for i in range(steps):
        told[k + i] = root * x[at[STEP] + i]
    k += steps
    for i in range(families):
        told[k + i] = effect[i] / omega_family
    k += families
    told[k:k + number] = z
    k += number
    for b in range(links):
        told[k + b], told[k + links + b] = math.log(kappa[b]), middle[b]
    return total


# -- what the sampler calls ------------------------------------------------------------------


@compiled
def told_size(tables):
    """How many numbers are told besides the variables."""
    starts = tables[T_STARTS][0]
    steps = int(starts[STEP + 1] - starts[STEP])
    return (2 + steps + tables[T_FAMILIES].shape[1] + tables[T_MODELS].shape[1]
            + 2 * tables[T_LINKED].shape[1])


@compiled
def matrices(user_data):
    """The tables behind a C pointer: per table the address of a matrix, its rows and columns."""
    at = numba.carray(user_data, (3 * len(TABLES),), np.int64)
    return (one(at, 0), one(at, 1), one(at, 2), one(at, 3), one(at, 4), one(at, 5), one(at, 6),
            one(at, 7), one(at, 8), one(at, 9), one(at, 10), one(at, 11), one(at, 12), one(at, 13),
            one(at, 14))


@compiled
def one(at, k):
    """The matrix number ``k``."""
    return numba.carray(address_as_void_pointer(at[3 * k]), (at[3 * k + 1], at[3 * k + 2]),
                        np.float64)


@compiled
def whole(x, held):
    """The point of all variables: the sampled ones, and the held ones where they are held."""
    point = held[0].copy()
    k = 0
    for i in range(point.size):
        if held[1, i] == 1:
            point[i] = x[k]
            k += 1
    return point


def log_density(dim, x_, grad_, density_, user_data):
    """Log density and gradient, as a C function; returns 0, or what is not finite."""
    tables = matrices(user_data)
    out = numba.carray(grad_, (dim,))
    point = whole(numba.carray(x_, (dim,)), tables[T_HELD])
    grad = np.empty(point.size)
    total = evaluate(point, tables, grad, np.empty(told_size(tables)))
    numba.carray(density_, (1,))[0] = total
    k = 0
    for i in range(point.size):
        if tables[T_HELD][1, i] == 1:
            if not math.isfinite(grad[i]):
                return 3
            out[k] = grad[i]
            k += 1
    return 0 if math.isfinite(total) else 4


def expansion(dim, expanded, x_, out_, user_data):
    """The variables in natural units, then what is told besides, as a C function."""
    tables = matrices(user_data)
    point = whole(numba.carray(x_, (dim,)), tables[T_HELD])
    out = numba.carray(out_, (expanded,))
    evaluate(point, tables, np.empty(point.size), out[point.size:])
    out[:point.size] = natural(point, tables[T_STARTS][0])
    return 0


@functools.cache
def machine_code():
    """The two C functions; compiled once on a machine (a quarter of a minute), then loaded."""
    size, numbers = types.uint64, types.CPointer(types.double)
    return tuple(
        numba.cfunc(types.int64(*given, types.voidptr), cache=True, error_model="numpy")(function)
        for function, given in ((log_density, (size, numbers, numbers, numbers)),
                                (expansion, (size, size, numbers, numbers))))
