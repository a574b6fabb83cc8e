"""The scores, forwards and backwards: see `densing_bayes.joint.measurement`.

Cells lie by benchmark, and are taken a chunk of one benchmark at a time. What is kept of a chunk
lies in one array, each quantity at a distance that is known when this is compiled: the compiler
then sees that no two overlap, and makes vectors of the loop.
"""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.densities import compiled, exponential, log_product
from densing_bayes.joint.kernel.layout import M_TILT, M_TIME

CHUNK = 128
# where the quantities of a chunk begin: z, r and variance of `cell`, derivative to z
PLACE, R, VARIANCE, BAR_Z, END = (CHUNK * k for k in range(5))


@compiled
def cell(score, per_item, per_replicate, least, expected, slope, sd_benchmark, sd_source, nu):
    """One score about its expectation, a Student t with nu degrees of freedom.

    ``slope`` of the curve is in z, as is ``sd_benchmark``. Returns r = nu + d^2 / variance and
    the variance, of which the log density is -(nu + 1) / 2 ln(r / nu) - ln(variance) / 2, and its
    derivatives to nu (times 2 nu, without r's own logarithm), expectation, slope and both sds.

    Parameters
    ----------
    score
        Mean score of the cell, 0 to 1.
    per_item, per_replicate, least
        1 / items, 4 / replicates, and the least variance (`curves.noise_variance`).
    expected, slope
        Curve at the model's place, in score and score per z.
    sd_benchmark, sd_source
        Spreads in z and in score at one half.
    nu
        Degrees of freedom.
    """
    noise = per_item + per_replicate * sd_source**2
    own, item = slope * sd_benchmark, expected * (1 - expected)
    variance = own * own + item * noise + least
    d = score - expected
    whole, per_variance = nu * variance + d * d, 1 / variance  # few divisions
    bar_d = (nu + 1) * d / whole
    bar_variance = 0.5 * (bar_d * d - 1) * per_variance
    bar_own = 2 * bar_variance * own
    return (whole * per_variance, variance, bar_d * d,
            bar_d + bar_variance * (1 - 2 * expected) * noise, bar_own * sd_benchmark,
            bar_own * slope, 2 * bar_variance * item * per_replicate * sd_source)


@compiled
def chunk_total(w, n, nu):
    """Log density of a chunk without the terms in nu alone; r's part of its derivative to nu."""
    log_r = log_product(w[R:R + n]) - n * math.log(nu)
    return (-0.5 * (nu + 1) * log_r - 0.5 * log_product(w[VARIANCE:VARIANCE + n]), -0.5 * log_r)


@compiled
def anchored_scores(cells, z, models, own, c0, c1, law, token_term, chance, sd_benchmark,
                    sd_source, nu, bar_z, bar_own, bar_law, bar_token, bar_sd_benchmark,
                    bar_sd_source):
    """Log likelihood of the cells of anchored benchmarks; derivatives to all it depends on.

    Parameters
    ----------
    cells
        Table of the cells (`layout.CELLS`), by benchmark.
    z
        Places of the models, (model,).
    models
        Table of the models: their times and sizes, along which benchmarks have own trends.
    own
        Own trends of the benchmarks in time and in size, in z, (2, benchmark).
    c0, c1
        ln N^ = c0 + c1 z.
    law, token_term
        Constants of the ruler, (anchor, 8), and b D0^-beta, (anchor,).
    chance
        Chance levels, (anchor,).
    sd_benchmark, sd_source, nu
        Spreads, (benchmark,), in z and in score; degrees of freedom.
    bar_z, bar_own, bar_law, bar_token, bar_sd_benchmark, bar_sd_source
        Derivatives to each, added to.

    Returns
    -------
    tuple
        Log likelihood without the terms in nu alone; derivatives to nu, c0 and c1.
    """
    total, bar_nu, bar_c0, bar_c1 = 0.0, 0.0, 0.0, 0.0
    w, model, score, per_item, per_replicate, least = (
        np.empty(END), cells[0], cells[2], cells[3], cells[4], cells[5])
    time, size = models[M_TIME], models[M_TILT]
    for b in range(chance.size):
        begin, stop = np.searchsorted(cells[1], b), np.searchsorted(cells[1], b + 1)
        log_a, alpha, irreducible = law[b, 0], law[b, 1], law[b, 4]
        gamma, midpoint, scale = law[b, 5], law[b, 6], law[b, 7]
        rest, per = irreducible + token_term[b] - midpoint, -gamma * scale * alpha
        low, sd, source = chance[b], sd_benchmark[b], sd_source[b]
        trend, tilt = own[0, b], own[1, b]
        for start in range(begin, stop, CHUNK):
            n = min(CHUNK, stop - start)
            to_nu, to_sd, to_source, to_per, to_y, to_gamma = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            to_scale, to_size, to_size_at, to_c1 = 0.0, 0.0, 0.0, 0.0
            for i in range(n):
                m = int(model[start + i])
                w[PLACE + i] = z[m] + trend * time[m] + tilt * size[m]
            for i in range(n):
                place = w[PLACE + i]
                at = c0 + c1 * place
                size_term = exponential(log_a - alpha * at)
                u = 1 / (1 + exponential(-gamma * (rest + size_term)))
                spread = u * (1 - u)
                steep = per * size_term  # slope per e-fold of size = steep * spread
                r, variance, d_nu, bar_expected, bar_slope, d_sd, d_source = cell(
                    score[start + i], per_item[start + i], per_replicate[start + i],
                    least[start + i], low + scale * u, steep * spread * c1, sd, source, nu)
                w[R + i], w[VARIANCE + i] = r, variance
                to_nu += d_nu
                to_sd += d_sd
                to_source += d_source
                # back through the curve
                bar_fold = bar_slope * c1
                bar_y = (bar_expected * scale + bar_fold * steep * (1 - 2 * u)) * spread
                bar_per = bar_fold * size_term * spread
                bar_size = bar_y * gamma * size_term + bar_per * per
                to_per += bar_per
                to_y += bar_y
                to_gamma += bar_y * (rest + size_term)
                to_scale += bar_expected * u
                to_size += bar_size
                to_size_at += bar_size * at
                to_c1 += bar_size * place
                w[BAR_Z + i] = -bar_size * alpha * c1
            for i in range(n):
                m = int(model[start + i])
                bar_z[m] += w[BAR_Z + i]
                bar_own[0, b] += w[BAR_Z + i] * time[m]
                bar_own[1, b] += w[BAR_Z + i] * size[m]
            lp, d_nu = chunk_total(w, n, nu)
            total += lp
            bar_nu += d_nu + 0.5 * to_nu / nu
            bar_sd_benchmark[b] += to_sd
            bar_sd_source[b] += to_source
            bar_c0 -= to_size * alpha
            bar_c1 += to_per * per / c1 - to_c1 * alpha
            bar_law[b, 0] += to_size
            bar_law[b, 1] += to_per * per / alpha - to_size_at
            bar_law[b, 4] += to_y * gamma
            bar_law[b, 5] += to_gamma + to_per * per / gamma
            bar_law[b, 6] -= to_y * gamma
            bar_law[b, 7] += to_scale + to_per * per / scale
            bar_token[b] += to_y * gamma
    return total, bar_nu, bar_c0, bar_c1


@compiled
def linked_scores(cells, anchors, z, models, own, kappa, middle, scale, chance, sd_benchmark,
                  sd_source, nu, bar_z, bar_own, bar_kappa, bar_middle, bar_scale,
                  bar_sd_benchmark, bar_sd_source):
    """The same for linked benchmarks, whose curves are logistic in z.

    Parameters
    ----------
    cells, z, models, own, sd_benchmark, sd_source, nu
        As of `anchored_scores`.
    anchors
        Number of anchored benchmarks: index of the first linked one.
    kappa, middle
        Steepness, 1/z, and midpoint, z, (linked,).
    scale, chance
        Ceiling less chance, and chance level, (linked,).
    bar_z, bar_own, bar_kappa, bar_middle, bar_scale, bar_sd_benchmark, bar_sd_source
        Derivatives to each, added to.
    """
    total, bar_nu = 0.0, 0.0
    w, model, score, per_item, per_replicate, least = (
        np.empty(END), cells[0], cells[2], cells[3], cells[4], cells[5])
    time, size = models[M_TIME], models[M_TILT]
    for k in range(kappa.size):
        b = anchors + k
        begin, stop = np.searchsorted(cells[1], b), np.searchsorted(cells[1], b + 1)
        steep, half, span = kappa[k], middle[k], scale[k]
        low, sd, source = chance[k], sd_benchmark[b], sd_source[b]
        trend, tilt = own[0, b], own[1, b]
        for start in range(begin, stop, CHUNK):
            n = min(CHUNK, stop - start)
            to_nu, to_sd, to_source = 0.0, 0.0, 0.0
            to_y, to_kappa, to_slope, to_scale = 0.0, 0.0, 0.0, 0.0
            for i in range(n):
                m = int(model[start + i])
                w[PLACE + i] = z[m] + trend * time[m] + tilt * size[m]
            for i in range(n):
                distance = w[PLACE + i] - half
                u = 1 / (1 + exponential(-steep * distance))
                spread = u * (1 - u)
                r, variance, d_nu, bar_expected, bar_slope, d_sd, d_source = cell(
                    score[start + i], per_item[start + i], per_replicate[start + i],
                    least[start + i], low + span * u, span * steep * spread, sd, source, nu)
                w[R + i], w[VARIANCE + i] = r, variance
                to_nu += d_nu
                to_sd += d_sd
                to_source += d_source
                # back through the curve
                bar_y = (bar_expected + bar_slope * steep * (1 - 2 * u)) * span * spread
                to_y += bar_y
                to_kappa += bar_y * distance
                to_slope += bar_slope * spread
                to_scale += bar_expected * u
                w[BAR_Z + i] = bar_y * steep
            for i in range(n):
                m = int(model[start + i])
                bar_z[m] += w[BAR_Z + i]
                bar_own[0, b] += w[BAR_Z + i] * time[m]
                bar_own[1, b] += w[BAR_Z + i] * size[m]
            lp, d_nu = chunk_total(w, n, nu)
            total += lp
            bar_nu += d_nu + 0.5 * to_nu / nu
            bar_sd_benchmark[b] += to_sd
            bar_sd_source[b] += to_source
            bar_middle[k] -= to_y * steep
            bar_kappa[k] += to_kappa + to_slope * span
            bar_scale[k] += to_scale + to_slope * steep
    return total, bar_nu


@compiled
def source_contrasts(contrasts, sd_source, bar_sd_source):
    """Log likelihood of differences between the sources of one cell (a Student t of 3).

    They lie by benchmark.
    """
    total, r = 0.0, np.empty(contrasts.shape[1])
    square, log_spread = contrasts[1], contrasts[2]
    each = math.lgamma(2.0) - math.lgamma(1.5) - 0.5 * math.log(3 * math.pi)
    for b in range(sd_source.size):
        begin, stop = np.searchsorted(contrasts[0], b), np.searchsorted(contrasts[0], b + 1)
        n, sd, inverse = stop - begin, sd_source[b], 0.0
        per_square = 1 / (3 * sd**2)
        for i in range(begin, stop):
            r[i] = 1 + square[i] * per_square
            inverse += 1 / r[i]
        bar_sd_source[b] += (3 * n - 4 * inverse) / sd
        total += n * (each - math.log(sd)) - 2 * log_product(r[begin:stop])
    for i in range(r.size):
        total -= log_spread[i]
    return total
