"""The ruler, forwards and backwards: see `densing_bayes.families.ruler`."""

from __future__ import annotations

import math

from densing_bayes.kernel.densities import compiled, normal
from densing_bayes.kernel.layout import (
    CENTRE_LOSS,
    HEADROOM,
    IRREDUCIBLE,
    MIDPOINT,
    SIZE_SHARE,
    SIZE_SLOPE,
    STEEPNESS,
    TOKEN_SLOPE,
)


@compiled
def law_and_curve(p, anchors, a):
    """Ln a, alpha, ln b, beta, E, gamma, midpoint, scale from the coordinates of one anchor."""
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
