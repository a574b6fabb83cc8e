"""The ruler, forwards and backwards: see `densing_bayes.joint.ruler`."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.densities import HALF_LOG_TAU, compiled, exponential
from densing_bayes.joint.kernel.layout import (
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
    """Derivatives to the coordinates from those to `law_and_curve`, added to ``bar_p``.

    Parameters
    ----------
    p
        Coordinates of one anchor, (part,).
    law
        Its eight constants, from `law_and_curve`.
    bar
        Derivatives to these, (8,).
    anchors, a
        Table of the anchors, and which one.
    bar_p
        Added to: derivatives to the coordinates, (part,).
    """
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
def ladder_and_pairs(a, law, chance, ladder, pairs, sigma_loss, sigma_pair, off_share, bar):
    """Log likelihood of one anchor's runs and pairs; derivatives to the law and to ln sigmas.

    Both tables lie by anchor. `joint.ruler.ruler_likelihood`.

    Parameters
    ----------
    a
        Index of the anchor.
    law
        Its constants, from `law_and_curve`.
    chance
        Its chance level, score.
    ladder, pairs
        Tables (`layout.ROWS`), by anchor.
    sigma_loss, sigma_pair, off_share
        Scatter in ln loss and in score; share of pairs at chance.
    bar
        Derivatives to ``law``, (8,), added to.

    Returns
    -------
    tuple
        Log likelihood; its derivatives to ln sigma_loss, ln sigma_pair, log odds of off_share.
    """
    log_a, alpha, log_b, beta, irreducible, _, _, _ = law
    begin, stop = np.searchsorted(ladder[0], a), np.searchsorted(ladder[0], a + 1)
    size, tokens, log_loss, n = ladder[1], ladder[2], ladder[3], stop - begin
    size_term, token_term, deviation = np.empty((3, stop))
    for i in range(begin, stop):
        size_term[i] = exponential(log_a - alpha * size[i])
    for i in range(begin, stop):
        token_term[i] = exponential(log_b - beta * tokens[i])
    for i in range(begin, stop):
        deviation[i] = log_loss[i] - math.log(irreducible + size_term[i] + token_term[i])
    squares = 0.0
    for i in range(begin, stop):
        squares += deviation[i] ** 2
        loss = irreducible + size_term[i] + token_term[i]
        bar_loss = deviation[i] / (sigma_loss**2 * loss)
        bar[0] += bar_loss * size_term[i]
        bar[1] -= bar_loss * size_term[i] * size[i]
        bar[2] += bar_loss * token_term[i]
        bar[3] -= bar_loss * token_term[i] * tokens[i]
        bar[4] += bar_loss
    bar_sigma_loss = squares / sigma_loss**2 - n
    total = -n * (HALF_LOG_TAU + math.log(sigma_loss)) - 0.5 * squares / sigma_loss**2

    lp, bar_sigma_pair, bar_off = pair_scores(a, law, chance, pairs, sigma_pair, off_share, bar)
    return total + lp, bar_sigma_loss, bar_sigma_pair, bar_off


@compiled
def pair_scores(a, law, chance, pairs, sigma, off_share, bar):
    """Log likelihood of one anchor's pairs; derivatives to ln sigma and the log odds of off_share.

    A pair scores on the curve, or at chance where the format is not switched on.

    Parameters
    ----------
    a
        Which anchor.
    law, chance
        Its eight constants, and its chance level.
    pairs
        Anchor, loss, score and share of the pairs, by anchor, (4, pair).
    sigma, off_share
        Sd of scores about the curve; share of pairs at chance.
    bar
        Added to: derivatives to the constants, (8,).
    """
    gamma, midpoint, scale = law[5], law[6], law[7]
    begin, stop = np.searchsorted(pairs[0], a), np.searchsorted(pairs[0], a + 1)
    total, bar_sigma, bar_off, to_y, to_gamma, to_scale = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    on, off = math.log(1 - off_share), math.log(off_share)
    for i in range(begin, stop):
        weight, distance = pairs[3, i], pairs[1, i] - midpoint
        u = 1 / (1 + exponential(-gamma * distance))
        above = pairs[2, i] - chance
        rest = above - scale * u
        log_on, log_off = on - 0.5 * (rest / sigma) ** 2, off - 0.5 * (above / sigma) ** 2
        top = max(log_on, log_off)
        switched = math.exp(log_on - top)
        both = switched + math.exp(log_off - top)
        switched /= both
        total += weight * (top + math.log(both) - HALF_LOG_TAU - math.log(sigma))
        bar_off += weight * (1 - switched - off_share)
        bar_sigma += weight * ((switched * rest**2 + (1 - switched) * above**2) / sigma**2 - 1)
        bar_y = weight * switched * rest * u * (1 - u)
        to_y += bar_y
        to_gamma += bar_y * distance
        to_scale += weight * switched * rest * u
    bar[5] += to_gamma * scale / sigma**2
    bar[6] -= to_y * scale * gamma / sigma**2
    bar[7] += to_scale / sigma**2
    return total, bar_sigma, bar_off


@compiled
def log_size(score, law, chance, log_tokens):
    """Ln size of the reference model that reaches a score: `laws.log_effective_size`.

    Parameters
    ----------
    score, chance
        Between chance and ceiling; chance level.
    law
        The eight constants of `law_and_curve`.
    log_tokens
        Ln of the reference tokens.
    """
    log_a, alpha, log_b, beta, irreducible, gamma, midpoint, scale = law
    loss = midpoint - math.log(scale / (score - chance) - 1) / gamma
    rest = loss - irreducible - math.exp(log_b - beta * log_tokens)
    return (log_a - math.log(rest)) / alpha


@compiled
def back_log_size(score, law, chance, log_tokens, bar_out, bar):
    """Derivatives of `log_size` to the law and curve, times ``bar_out``, added to ``bar``.

    Parameters
    ----------
    score, law, chance, log_tokens
        As of `log_size`.
    bar_out
        Derivative to the ln size.
    bar
        Added to: derivatives to the constants, (8,).
    """
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
