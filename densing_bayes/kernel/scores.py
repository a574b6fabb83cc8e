"""The scores, forwards and backwards: see `densing_bayes.families.measurement`."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.kernel.densities import LARGE, SMALL, TINY, compiled


@compiled
def cell(score, per_item, per_replicate, expected, slope, sd_benchmark, sd_source, nu):
    """One score about its expectation, a Student t with nu degrees of freedom.

    ``slope`` of the curve is in z, as is ``sd_benchmark``. Returns r = 1 + d^2 / (nu variance)
    and the variance, of which the log density is -(nu + 1) / 2 ln r - ln(variance) / 2, and its
    derivatives to nu (without r's own logarithm), expectation, slope and both sds.
    """
    noise = per_item + per_replicate * sd_source**2
    own = slope * sd_benchmark
    variance = own * own + expected * (1 - expected) * noise + TINY
    d = score - expected
    per_whole, per_variance = 1 / (nu * variance + d * d), 1 / variance  # few divisions
    bar_d = (nu + 1) * d * per_whole
    bar_variance = 0.5 * (bar_d * d - 1) * per_variance
    bar_own = 2 * bar_variance * own
    return (per_variance / (nu * per_whole), variance, 0.5 * bar_d * d / nu,
            bar_d + bar_variance * (1 - 2 * expected) * noise, bar_own * sd_benchmark,
            bar_own * slope,
            2 * bar_variance * expected * (1 - expected) * per_replicate * sd_source)


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
        r, variance, d_nu, bar_expected, bar_slope, d_benchmark, d_source = cell(
            cells[2, i], cells[3, i], cells[4, i], expected, slope, sd_benchmark[b], sd_source[b],
            nu)
        bar_nu += d_nu
        bar_sd_benchmark[b] += d_benchmark
        bar_sd_source[b] += d_source
        product_r *= r
        product_v *= variance
        if product_r > LARGE or product_v < SMALL:
            total -= 0.5 * (nu + 1) * math.log(product_r) + 0.5 * math.log(product_v)
            bar_nu -= 0.5 * math.log(product_r)
            product_r, product_v = 1.0, 1.0
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
        r, variance, d_nu, bar_expected, bar_slope, d_benchmark, d_source = cell(
            cells[2, i], cells[3, i], cells[4, i], expected, slope, sd_benchmark[b], sd_source[b],
            nu)
        bar_nu += d_nu
        bar_sd_benchmark[b] += d_benchmark
        bar_sd_source[b] += d_source
        product_r *= r
        product_v *= variance
        if product_r > LARGE or product_v < SMALL:
            total -= 0.5 * (nu + 1) * math.log(product_r) + 0.5 * math.log(product_v)
            bar_nu -= 0.5 * math.log(product_r)
            product_r, product_v = 1.0, 1.0
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
