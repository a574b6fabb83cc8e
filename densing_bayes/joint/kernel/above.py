"""All that stands above single families and models: its log density, forwards and backwards.

Whatever families and models ask of the sampled globals is in `Above` (ruler, spreads, growth,
curves); what they give back, the derivatives of their log density to it, goes into `Bars`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from densing_bayes.joint.kernel.densities import compiled
from densing_bayes.joint.kernel.layout import (
    DRIFT,
    LADDER_PARTS,
    LINKED_HEADROOM,
    LINKED_PLACE,
    LINKED_STEEPNESS,
    MEAN,
    MIRRORED,
    Q_FAMILY,
    RATE,
    SCALES,
    SD_BENCHMARK,
    SD_FAMILY,
    SD_MODEL,
    SD_SOURCE,
    SHARES,
    STEP,
    T_ANCHORS,
    T_LINKED,
    T_PINS,
    T_SETTING,
    T_STARTS,
    T_TURNS,
    WEIGHT,
    Q,
)
from densing_bayes.joint.kernel.ruler import law_and_curve, log_size

# entries of `Bars.one`
(B_C0, B_C1, B_MEAN, B_RATE, B_NU, B_GAP, B_LOG_OMEGA, B_SKEW, B_GAP_FAMILY, B_LOG_OMEGA_FAMILY,
 B_SKEW_FAMILY) = range(11)


class Above(NamedTuple):
    """Globals in natural units and what follows from them; sizes in z where ``c1`` applies."""

    value: Any  # the variables in natural units
    free: Any  # the ruler's coordinates as sampled, (anchor, part)
    held: Any  # and as held, for the models
    law: Any  # of the held ones, (anchor, 8)
    token_term: Any  # of the loss at the reference tokens, (anchor,)
    c0: Any
    c1: Any
    omega_family: Any
    omega: Any
    gap_family: Any
    gap: Any
    q_family: Any
    q: Any
    drift: Any
    amounts: Any  # what the columns of the design are multiplied by: turned steps, then weights
    mean: Any
    rate: Any
    p: Any  # (linked,), as all that follow but the last two
    lead: Any
    kappa: Any
    middle: Any
    scale: Any
    sd_benchmark: Any  # (benchmark,)
    sd_source: Any


class Bars(NamedTuple):
    """Derivatives to the parts of `Above`; ``one`` has those to single numbers (``B_...``)."""

    value: Any
    law: Any
    token_term: Any
    amounts: Any
    kappa: Any
    middle: Any
    scale: Any
    sd_benchmark: Any
    sd_source: Any
    one: Any


@compiled
def natural(x, starts):
    """The variables at a sampled point: exp of logarithms, shares from log odds, sizes."""
    value = x.copy()
    for v in SHARES:
        for i in range(int(starts[v]), int(starts[v + 1])):
            value[i] = 1 / (1 + math.exp(-x[i]))
    for v in SCALES:
        for i in range(int(starts[v]), int(starts[v + 1])):
            value[i] = math.exp(x[i])
    for v in MIRRORED:
        for i in range(int(starts[v]), int(starts[v + 1])):
            value[i] = abs(x[i])
    return value


@compiled
def forwards(x, at, tables):
    """`Above` at a sampled point, and `Bars` of zeros. ``at``: where each variable starts."""
    setting, anchors, pins = tables[T_SETTING][:, 0], tables[T_ANCHORS], tables[T_PINS]
    turns, linked = tables[T_TURNS], tables[T_LINKED]
    count, links = anchors.shape[1], linked.shape[1]
    value = natural(x, tables[T_STARTS][0])
    free, held = np.zeros((count, LADDER_PARTS)), np.zeros((count, LADDER_PARTS))
    law, token_term = np.empty((count, 8)), np.empty(count)
    for a in range(count):
        hold = pins[LADDER_PARTS, a]
        for v in range(LADDER_PARTS):
            if at[v + 1] > at[v]:
                free[a, v] = value[at[v] + a]
                held[a, v] = (1 - hold) * free[a, v] + hold * pins[v, a]
        found = law_and_curve(held[a], anchors, a)
        for j in range(8):
            law[a, j] = found[j]
        token_term[a] = math.exp(law[a, 2] - law[a, 3] * setting[0])
    first = law_and_curve(held[0], anchors, 0)
    c0 = log_size(setting[1], first, anchors[2, 0], setting[0])
    c1 = log_size(setting[2], first, anchors[2, 0], setting[0]) - c0

    # spreads of families and models: sampled by their sd, of which omega follows
    q_family, q = value[at[Q_FAMILY]], value[at[Q]]
    omega_family = value[at[SD_FAMILY]] / math.sqrt(1 - 2 * q_family / math.pi)
    omega = value[at[SD_MODEL]] / math.sqrt(1 - 2 * q / math.pi)

    drift = value[at[DRIFT]]
    steps, weights = at[STEP + 1] - at[STEP], at[WEIGHT + 1] - at[WEIGHT]
    amounts = np.empty(steps + weights)
    for k in range(steps):
        amounts[k] = drift ** (1 - turns[0, k]) * x[at[STEP] + k]
    for k in range(weights):
        amounts[steps + k] = x[at[WEIGHT] + k]

    # curves of the linked benchmarks
    curves = np.empty((5, links))
    p, lead, kappa, middle, scale = curves[0], curves[1], curves[2], curves[3], curves[4]
    for b in range(links):
        headroom = value[at[LINKED_HEADROOM] + b]
        p[b] = min(linked[1, b] / headroom, 0.95)
        kappa[b] = math.exp(x[at[LINKED_STEEPNESS] + b] - math.log(1 - p[b]))
        lead[b] = math.log(p[b] / (1 - p[b])) / kappa[b]
        middle[b] = x[at[LINKED_PLACE] + b] - lead[b]
        scale[b] = headroom * (1 - linked[0, b])

    bar, bar_curves = np.zeros(x.size), np.zeros((3, links))
    return (
        Above(value, free, held, law, token_term, c0, c1, omega_family, omega,
              omega_family * math.sqrt(2 * q_family / math.pi),
              omega * math.sqrt(2 * q / math.pi), q_family, q, drift, amounts, x[at[MEAN]],
              x[at[RATE]], p, lead, kappa, middle, scale,
              value[at[SD_BENCHMARK]:at[SD_BENCHMARK + 1]],
              value[at[SD_SOURCE]:at[SD_SOURCE + 1]]),
        Bars(bar, np.zeros((count, 8)), np.zeros(count), np.zeros(amounts.size), bar_curves[0],
             bar_curves[1], bar_curves[2], bar[at[SD_BENCHMARK]:at[SD_BENCHMARK + 1]],
             bar[at[SD_SOURCE]:at[SD_SOURCE + 1]], np.zeros(11)))
