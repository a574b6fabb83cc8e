"""Families and models below the frontier, in coordinates of their own: see `joint.graph`."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.densities import (
    HALF_LOG_TAU,
    PEAK,
    compiled,
    exponential,
    log_product,
    scaled_tail,
    softplus,
)

MEAN_HALF = math.sqrt(2 / math.pi)  # mean of a half-normal of scale 1


@compiled
def pooled(family, eligible, place, precision, root, base, pull, of_family):
    """What the models say of their family's gap: ``pull`` and precision ``of_family``, from 0.

    Without a gap of its family model i is at ``base``; its own place has the variance
    1 / (precision v) about that, v = root^2.

    Parameters
    ----------
    family
        Index of each model's family, (model,).
    eligible
        1 where the model counts for the frontier, else 0, (model,).
    place, precision
        Where its own scores put it, z, and how surely, 1/z^2, (model,).
    root
        Sd left open over the sd of its prior, (model,).
    base
        Place without a gap of its family, z, (model,).
    pull, of_family
        Added to, from zero: precision times distance, 1/z, and precision, 1/z^2, (family,).
    """
    for i in range(family.size):
        one = eligible[i] * precision[i] * root[i] * root[i]
        of_family[int(family[i])] += one
        pull[int(family[i])] += one * (base[i] - place[i])


@compiled
def family_gaps(y, scale, pull, precision, gap, bent, spread):
    """Gaps of families from their coordinates, exponential with their ``scale``.

    gap = tau softplus(tau pull + y), tau^-2 = precision + scale^-2: about where the models put
    it where they speak, about the prior where they are silent, and never below zero. Fills
    ``gap``, ``bent`` (derivative of the softplus) and ``spread`` (tau). Returns the log density.

    Parameters
    ----------
    y
        Coordinates, (family,).
    scale
        Means of the exponential, z, (family,).
    pull, precision
        What the models say, from `pooled`, (family,).
    gap, bent, spread
        Filled: gaps, z; derivative of the softplus; tau, z; (family,).
    """
    total = 0.0
    for f in range(y.size):
        tau = 1 / math.sqrt(precision[f] + 1 / scale[f] ** 2)
        value, slope = softplus(tau * pull[f] + y[f])
        gap[f], bent[f], spread[f] = tau * value, slope, tau
        total += math.log(tau * slope / scale[f]) - gap[f] / scale[f]
    return total


@compiled
def back_family_gaps(y, scale, pull, gap, bent, spread, bar_gap, bar_y, bar_pull, bar_precision,
                     bar_scale):
    """Derivatives to coordinates, pull, precision and scale from those to gaps.

    Parameters
    ----------
    y, scale, pull, gap, bent, spread
        As of `family_gaps`, (family,).
    bar_gap
        Derivatives of what lies below to the gaps, (family,).
    bar_y, bar_pull, bar_precision, bar_scale
        Filled: derivatives to each, the gaps' own density with them, (family,).
    """
    for f in range(y.size):
        tau, s = spread[f], scale[f]
        bar = bar_gap[f] - 1 / s
        bar_x = bar * tau * bent[f] + 1 - bent[f]
        bar_tau = bar * gap[f] / tau + 1 / tau + bar_x * pull[f]
        bar_y[f] = bar_x
        bar_pull[f] = bar_x * tau
        bar_precision[f] = -0.5 * tau**3 * bar_tau
        bar_scale[f] = bar_tau * (tau / s) ** 3 - 1 / s + gap[f] / s**2


@compiled
def model_places(y, mean, sd, gap, noise, omega, pull, root, z, slope, hazard, above):
    """Places of models from their coordinates, and their log density: skew normal.

    With u half-normal of scale ``gap`` and v normal of scale ``noise``, z = mean + E(u) - u + v;
    z = mean + sd (sd v pull + sqrt(v) y): a normal's mean and sd where own evidence pulls with
    ``pull`` = precision (own place - mean). Fills ``z``, ``slope`` (derivative to z),
    ``hazard`` (of the tail) and ``above`` (distance from the frontier in units of omega).

    Parameters
    ----------
    y
        Coordinates, (model,).
    mean, sd
        Of the normal of the same mean and variance, z, (model,).
    gap, noise, omega
        Scales of gap and scatter, and their root sum of squares, z, (model,).
    pull
        Precision times distance of the own place from the mean, 1/z, (model,).
    root
        Sd left open over ``sd``, (model,).
    z, slope, hazard, above
        Filled, (model,).
    """
    n = y.size
    for i in range(n):
        z[i] = mean[i] + sd[i] * (sd[i] * root[i] * root[i] * pull[i] + root[i] * y[i])
    tails, squares, squares_above = np.empty(n), 0.0, 0.0
    for i in range(n):
        e = (z[i] - mean[i] - MEAN_HALF * gap[i]) / omega[i]
        skew = gap[i] / noise[i]
        x = skew * e
        over, scale, tail = x > 0, exponential(-0.5 * x * x), scaled_tail(x)
        tail = tail if over else 1 - scale * tail  # P(Z > x), above zero without its ``scale``
        tails[i] = tail
        hazard[i] = PEAK * (1.0 if over else scale) / tail
        squares_above += x * max(x, 0.0)
        squares += e * e
        above[i] = e
        slope[i] = -(e + skew * hazard[i]) / omega[i]
    return (log_product(tails) + log_product(root) + log_product(sd) - log_product(omega)
            - 0.5 * squares_above - 0.5 * squares + n * (math.log(2.0) - HALF_LOG_TAU))


@compiled
def back_model_places(y, sd, gap, noise, omega, pull, root, slope, hazard, above, bar_z, bar_y,
                      bar_pull, bar_log_sd, bar_gap, bar_noise):
    """Derivatives to coordinates, pull, ln sd, gap and noise, from those of scores to places.

    Those to the means, with pull held, are ``bar_z``. Gap and noise act besides through ln sd.

    Parameters
    ----------
    y, sd, gap, noise, omega, pull, root, slope, hazard, above
        As of `model_places`, (model,).
    bar_z
        Derivatives of the scores' log density to the places, (model,).
    bar_y, bar_pull, bar_log_sd, bar_gap, bar_noise
        Filled: derivatives to each, (model,).
    """
    for i in range(y.size):
        v, e, w = root[i] * root[i], above[i], omega[i]
        bar = bar_z[i] + slope[i]
        bar_y[i] = bar * sd[i] * root[i]
        bar_pull[i] = bar * sd[i] * sd[i] * v
        bar_log_sd[i] = bar * (2 * sd[i] ** 2 * v * v * pull[i] + sd[i] * root[i] * v * y[i]) + v
        in_omega = (e * e - 1 + e * hazard[i] * gap[i] / noise[i]) / w
        in_skew = -hazard[i] * e / noise[i]
        bar_gap[i] = -slope[i] * MEAN_HALF + in_omega * gap[i] / w + in_skew
        bar_noise[i] = in_omega * noise[i] / w - in_skew * gap[i] / noise[i]


@compiled
def back_pooled(family, eligible, place, precision, root, base, bar_pull, bar_of_family,
                bar_base, bar_log_sd, bar_place):
    """Takes derivatives to what models say of families on to the models' base, ln sd, place.

    Parameters
    ----------
    family, eligible, place, precision, root, base
        As of `pooled`, (model,).
    bar_pull, bar_of_family
        Derivatives to what it fills, (family,).
    bar_base, bar_log_sd, bar_place
        Added to: derivatives to bases, ln sds and own places, (model,).
    """
    for i in range(family.size):
        f, v = int(family[i]), root[i] * root[i]
        one = eligible[i] * precision[i] * v
        bar_base[i] += bar_pull[f] * one
        bar_place[i] -= bar_pull[f] * one
        bar_log_sd[i] -= 2 * one * (1 - v) * (
            bar_of_family[f] + bar_pull[f] * (base[i] - place[i]))
