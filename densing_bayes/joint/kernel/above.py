"""All that stands above single families and models: from the sampled point to what they ask of it.

Whatever families and models ask of the sampled globals is in `Above` (ruler, growth, scales of
gaps, curves); what they give back, the derivatives of their log density to it, goes into `Bars`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from densing_bayes.joint.kernel.densities import compiled, softplus
from densing_bayes.joint.kernel.layout import (
    ABOVE,
    COST_RATIO,
    DRIFT,
    GAP_FAMILY,
    GAP_MODEL,
    HEADROOM,
    LADDER_PARTS,
    LINKED_HEADROOM,
    LINKED_PLACE,
    LINKED_STEEPNESS,
    MEAN,
    MIRRORED,
    NOISE,
    RATE,
    S_HIGH,
    S_LOW,
    S_MONOTONE,
    S_SPREADS,
    S_TOKENS,
    SCALES,
    SD_BENCHMARK,
    SD_SOURCE,
    SHARES,
    SOFTNESS,
    SPREAD,
    STEP,
    T_ANCHORS,
    T_LINKED,
    T_SETTING,
    T_STARTS,
    T_TURNS,
    TILT,
    TREND,
)
from densing_bayes.joint.kernel.ruler import law_and_curve, log_size

# entries of `Bars.one`
(B_C0, B_C1, B_MEAN, B_NU, B_GAP_FAMILY, B_GAP_MODEL, B_SPREAD, B_NOISE, B_COST) = range(9)


class Above(NamedTuple):
    """Globals in natural units and what follows from them; sizes in z where ``c1`` applies."""

    value: Any  # the variables in natural units
    parts: Any  # the ruler's coordinates, (anchor, part)
    law: Any  # loss law and performance law, (anchor, 8)
    token_term: Any  # of the loss at the reference tokens, (anchor,)
    c0: Any  # ln N^ = c0 + c1 z
    c1: Any
    mean: Any  # typical place at the mean date, z
    gap_family: Any  # scale of families' gaps at the mean date, z
    gap_model: Any  # and of models'
    spread: Any  # growth of both scales, 1/year
    noise: Any  # symmetric scatter of models, ln density
    cost: Any  # weight of parameters held over parameters used
    drift: Any  # spread of the half years' growth, 1/year
    amounts: Any  # growth in turned directions, less the part of its centre, (segment,)
    growth: Any  # growth of the half years, ln density per year, (segment,)
    bent: Any  # its derivative to what is bent to keep it above zero
    p: Any  # (linked,), as the next four
    lead: Any
    kappa: Any
    middle: Any
    scale: Any
    own: Any  # benchmarks' trends in time and in size, z, (2, benchmark)
    sd_benchmark: Any  # z, (benchmark,)
    sd_source: Any  # score at one half, (benchmark,)


class Bars(NamedTuple):
    """Derivatives to the parts of `Above`; ``one`` has those to single numbers (``B_...``)."""

    value: Any
    law: Any
    token_term: Any
    growth: Any
    kappa: Any
    middle: Any
    scale: Any
    own: Any
    sd_benchmark: Any
    sd_source: Any
    one: Any


@compiled
def natural(x, tables):
    """The variables at a sampled point in natural units: see `parameters`, ``sampled``."""
    starts, value = tables[T_STARTS][0], x.copy()
    for v in SHARES:
        for i in range(int(starts[v]), int(starts[v + 1])):
            value[i] = 1 / (1 + math.exp(-x[i]))
    for v in SCALES:
        for i in range(int(starts[v]), int(starts[v + 1])):
            value[i] = math.exp(x[i])
    for v in MIRRORED:
        for i in range(int(starts[v]), int(starts[v + 1])):
            value[i] = abs(x[i])
    for v in ABOVE:
        begin = int(starts[v])
        floor = tables[T_ANCHORS][3] if v == HEADROOM else tables[T_LINKED][2]
        for i in range(begin, int(starts[v + 1])):
            value[i] = floor[i - begin] + (1 - floor[i - begin]) / (1 + math.exp(-x[i]))
    return value


@compiled
def from_contrasts(contrasts, out):
    """Values of mean zero from their orthonormal contrasts (Helmert); the first is not used."""
    out[:] = 0.0
    for k in range(1, contrasts.size):
        one = contrasts[k] / math.sqrt(k * (k + 1.0))
        out[:k] += one
        out[k] -= k * one


@compiled
def to_contrasts(bar, out):
    """Derivatives to contrasts from those to values: the transpose of `from_contrasts`."""
    out[0], before = 0.0, bar[0]
    for k in range(1, bar.size):
        out[k] = (before - k * bar[k]) / math.sqrt(k * (k + 1.0))
        before += bar[k]


@compiled
def forwards(x, at, tables):
    """`Above` at a sampled point, and `Bars` of zeros. ``at``: where each variable starts."""
    setting, anchors = tables[T_SETTING][:, 0], tables[T_ANCHORS]
    turns, linked = tables[T_TURNS], tables[T_LINKED]
    count, links = anchors.shape[1], linked.shape[1]
    value = natural(x, tables)
    parts, law, token_term = (np.zeros((count, LADDER_PARTS)), np.empty((count, 8)),
                              np.empty(count))
    for a in range(count):
        for v in range(LADDER_PARTS):
            if at[v + 1] > at[v]:
                parts[a, v] = value[at[v] + a]
        found = law_and_curve(parts[a], anchors, a)
        for j in range(8):
            law[a, j] = found[j]
        token_term[a] = math.exp(law[a, 2] - law[a, 3] * setting[S_TOKENS])
    first = law_and_curve(parts[0], anchors, 0)
    c0 = log_size(setting[S_LOW], first, anchors[2, 0], setting[S_TOKENS])
    c1 = log_size(setting[S_HIGH], first, anchors[2, 0], setting[S_TOKENS]) - c0

    # growth of the half years
    drift, segments = value[at[DRIFT]], at[STEP + 1] - at[STEP]
    amounts, growth, bent = np.empty(segments), np.empty(segments), np.ones(segments)
    for k in range(segments):
        amounts[k] = drift ** (1 - turns[0, k]) * x[at[STEP] + k]
    rate = x[at[RATE]] * c1
    for k in range(segments):
        growth[k] = 0.0
        for j in range(segments):
            growth[k] += turns[1 + k, j] * (
                amounts[j] + (1 - turns[0, j]) * rate * turns[1:, j].sum())
        if setting[S_MONOTONE] > 0:
            soft, bent[k] = softplus(growth[k] / SOFTNESS)
            growth[k] = SOFTNESS * soft

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
    own = np.empty((2, count + links))
    from_contrasts(x[at[TREND]:at[TREND + 1]], own[0])
    from_contrasts(x[at[TILT]:at[TILT + 1]], own[1])
    own /= c1

    bar, bar_curves = np.zeros(x.size), np.zeros((3, links))
    return (
        Above(value, parts, law, token_term, c0, c1, x[at[MEAN]], value[at[GAP_FAMILY]],
              value[at[GAP_MODEL]], x[at[SPREAD]] * setting[S_SPREADS], value[at[NOISE]],
              math.exp(x[at[COST_RATIO]]), drift, amounts, growth, bent, p, lead, kappa, middle,
              scale, own, value[at[SD_BENCHMARK]:at[SD_BENCHMARK + 1]],
              value[at[SD_SOURCE]:at[SD_SOURCE + 1]]),
        Bars(bar, np.zeros((count, 8)), np.zeros(count), np.zeros(segments), bar_curves[0],
             bar_curves[1], bar_curves[2], np.zeros((2, count + links)),
             bar[at[SD_BENCHMARK]:at[SD_BENCHMARK + 1]],
             bar[at[SD_SOURCE]:at[SD_SOURCE + 1]], np.zeros(9)))
