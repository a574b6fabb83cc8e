"""The whole model: forwards to the log density, then backwards to its gradient."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.above import (
    B_C0,
    B_C1,
    B_COST,
    B_GAP_FAMILY,
    B_GAP_MODEL,
    B_MEAN,
    B_NOISE,
    B_NU,
    B_SPREAD,
    forwards,
)
from densing_bayes.joint.kernel.back import backwards
from densing_bayes.joint.kernel.densities import compiled, digamma
from densing_bayes.joint.kernel.group import (
    MEAN_HALF,
    back_family_gaps,
    back_model_places,
    back_pooled,
    family_gaps,
    model_places,
    pooled,
)
from densing_bayes.joint.kernel.layout import (
    FAMILY,
    M_ELIGIBLE,
    M_FAMILY,
    M_PRECISION,
    M_RATIO,
    M_SIZE,
    M_TILT,
    M_TIME,
    MODEL,
    NU,
    P_LEVEL,
    S_MEAN_SIZE,
    T_ANCHORED,
    T_ANCHORS,
    T_DESIGN,
    T_FAMILIES,
    T_LINKED,
    T_LINKED_CELLS,
    T_MODELS,
    T_PRIORS,
    T_SETTING,
    T_STARTS,
)
from densing_bayes.joint.kernel.scores import anchored_scores, linked_scores

REST = 1 - 2 / math.pi  # variance of a half-normal of scale 1


@compiled
def log_sizes(size, ratio, cost, out, slope):
    """Ln of the size that counts: parameters held (``ratio`` per used one) and used, by cost.

    ``size`` is ln of those used. Fills ``out`` and ``slope``, the derivative to ln ``cost``.

    Parameters
    ----------
    size
        Ln parameters used per token, less the mean size, (model,).
    ratio
        Parameters held per used one, (model,); 1 of dense models.
    cost
        Cost of holding a parameter over that of using it.
    out, slope
        Filled: ln of the size that counts, and its derivative to ln ``cost``, (model,).
    """
    for i in range(size.size):
        out[i], slope[i] = size[i], 0.0
        if ratio[i] != 1:
            whole = 1 + cost * ratio[i]
            out[i] += math.log(whole / (1 + cost))
            slope[i] = cost * (ratio[i] / whole - 1 / (1 + cost))


@compiled
def evaluate(x, tables, grad, told):
    """Log density at ``x``; fills its gradient, and what is told besides the variables.

    Parameters
    ----------
    x
        Sampled point, (unknown,).
    tables
        The kernel's tables, in the order of `layout.TABLES`.
    grad
        Filled: gradient of the log density, (unknown,).
    told
        Filled, end to end: c0, c1, growth of the half years (1/year), gaps of families (ln
        density), z of models, ln kappa and midpoint (z) of linked benchmarks.
    """
    at = tables[T_STARTS][0].astype(np.int64)
    models, design, priors = tables[T_MODELS], tables[T_DESIGN], tables[T_PRIORS]
    chance, linked, cells = tables[T_ANCHORS][2], tables[T_LINKED], tables[T_LINKED_CELLS]
    families, number = at[FAMILY + 1] - at[FAMILY], models.shape[1]
    above, bars = forwards(x, at, tables)
    one, c1, growth = bars.one, above.c1, above.growth
    grad[:] = 0.0

    # arrays in few blocks, as asking for memory takes time
    of_family, of_model = np.zeros((12, families)), np.zeros((24, number))
    scale, effect, bent, tau, pull_family, of_models = (
        of_family[0], of_family[1], of_family[2], of_family[3], of_family[4], of_family[5])
    bar_effect, bar_pull_family, bar_of_models, bar_scale = (
        of_family[6], of_family[7], of_family[8], of_family[9])
    moved, base, mean, z, sd, gap, noise, omega = (
        of_model[0], of_model[1], of_model[2], of_model[3], of_model[4], of_model[5],
        of_model[6], of_model[7])
    root, pull, size, per_cost, grown, d_z, hazard, inside = (
        of_model[8], of_model[9], of_model[10], of_model[11], of_model[12], of_model[13],
        of_model[14], of_model[15])
    bar_z, bar_pull, bar_base, bar_log_sd, bar_gap, bar_noise = (
        of_model[16], of_model[17], of_model[18], of_model[19], of_model[20], of_model[21])
    place, bar_place = of_model[22], of_model[23]
    time, family, eligible = models[M_TIME], models[M_FAMILY], models[M_ELIGIBLE]
    precision = models[M_PRECISION]

    # where models would stand without a gap of their family, and their spreads
    log_sizes(models[M_SIZE], models[M_RATIO], above.cost, size, per_cost)
    for k in range(growth.size):
        column, amount = design[k], growth[k]
        for i in range(number):
            moved[i] += column[i] * amount
    start = above.mean + above.gap_family + MEAN_HALF * above.gap_model
    level, level_sd = priors[1, P_LEVEL], priors[2, P_LEVEL] / c1
    for i in range(number):
        grown[i] = math.exp(above.spread * time[i])
        if eligible[i] > 0:
            gap[i] = above.gap_model * grown[i]
            noise[i] = above.noise / c1
            moved[i] += size[i]
            base[i] = start - MEAN_HALF * gap[i] + moved[i] / c1
        else:  # says nothing of the frontier, and the frontier nothing of it
            noise[i] = level_sd
            base[i] = (level + size[i] + tables[T_SETTING][S_MEAN_SIZE, 0] - above.c0) / c1
    for i in range(number):
        sd[i] = math.sqrt(gap[i] * gap[i] * REST + noise[i] * noise[i])
        omega[i] = math.sqrt(gap[i] * gap[i] + noise[i] * noise[i])
        root[i] = math.sqrt(1 / (1 + precision[i] * sd[i] * sd[i]))

    # families, then models
    own_places(tables[T_ANCHORED], cells, models, above, chance.size, place)
    for f in range(families):
        scale[f] = above.gap_family * math.exp(above.spread * tables[T_FAMILIES][0, f])
    pooled(family, eligible, place, precision, root, base, pull_family, of_models)
    y_family, y = x[at[FAMILY]:at[FAMILY + 1]], x[at[MODEL]:at[MODEL + 1]]
    total = family_gaps(y_family, scale, pull_family, of_models, effect, bent, tau)
    for i in range(number):
        mean[i] = base[i] - eligible[i] * effect[int(family[i])]
    for i in range(number):
        pull[i] = precision[i] * (place[i] - mean[i])
    total += model_places(y, mean, sd, gap, noise, omega, pull, root, z, d_z, hazard, inside)

    # scores
    nu = 2 + above.value[at[NU]]
    lp, bar_nu, d_c0, d_c1 = anchored_scores(
        tables[T_ANCHORED], z, models, above.own, above.c0, c1, above.law, above.token_term,
        chance, above.sd_benchmark, above.sd_source, nu, bar_z, bars.own, bars.law,
        bars.token_term, bars.sd_benchmark, bars.sd_source)
    total += lp
    one[B_C0] += d_c0
    one[B_C1] += d_c1
    lp, d_nu = linked_scores(
        cells, chance.size, z, models, above.own, above.kappa, above.middle, above.scale,
        linked[0], above.sd_benchmark, above.sd_source, nu, bar_z, bars.own, bars.kappa,
        bars.middle, bars.scale, bars.sd_benchmark, bars.sd_source)
    total += lp
    lp, in_nu = of_nu(nu, tables[T_ANCHORED].shape[1] + cells.shape[1])
    total += lp
    one[B_NU] = bar_nu + d_nu + in_nu

    # back through the models and the families
    back_model_places(y, sd, gap, noise, omega, pull, root, d_z, hazard, inside, bar_z,
                      grad[at[MODEL]:at[MODEL + 1]], bar_pull, bar_log_sd, bar_gap, bar_noise)
    for i in range(number):
        bar_place[i] = precision[i] * bar_pull[i]
        bar_base[i] = bar_z[i] - bar_place[i]
    for i in range(number):
        bar_effect[int(family[i])] -= eligible[i] * bar_base[i]
    back_family_gaps(y_family, scale, pull_family, effect, bent, tau, bar_effect,
                     grad[at[FAMILY]:at[FAMILY + 1]], bar_pull_family, bar_of_models, bar_scale)
    back_pooled(family, eligible, place, precision, root, base, bar_pull_family, bar_of_models,
                bar_base, bar_log_sd, bar_place)
    back_places(tables[T_ANCHORED], cells, models, above, chance.size, bar_place, bars)
    back_spreads(tables, above, one, gap, noise, sd, grown, base, moved, size, scale, per_cost,
                 bar_base, bar_log_sd, bar_gap, bar_noise, bar_scale)
    for k in range(growth.size):
        column = design[k]
        for i in range(number):
            bars.growth[k] += eligible[i] * bar_base[i] * column[i] / c1
    total += backwards(x, at, tables, above, bars, grad)

    tell(above, effect, z, told)
    return total


@compiled
def own_places(anchored, linked, models, above, anchors, place):
    """Where their own scores put the models, on the present curves: see `joint.centring`.

    Parameters
    ----------
    anchored, linked
        Cells, `layout.CELLS` by (cell,).
    models
        Table of the models, by (model,).
    above
        Globals, of which the curves and own trends are used.
    anchors
        Number of anchored benchmarks: index of the first linked one.
    place
        Added to, from zero: places, z, (model,).
    """
    time, size, own = models[M_TIME], models[M_TILT], above.own
    for c in range(anchored.shape[1]):
        i, b = int(anchored[0, c]), int(anchored[1, c])
        place[i] += anchored[6, c] * (anchored[7, c] - own[0, b] * time[i] - own[1, b] * size[i])
    for c in range(linked.shape[1]):
        i, b = int(linked[0, c]), int(linked[1, c])
        place[i] += linked[6, c] * (
            above.middle[b - anchors] + linked[7, c] / above.kappa[b - anchors]
            - own[0, b] * time[i] - own[1, b] * size[i])


@compiled
def back_places(anchored, linked, models, above, anchors, bar_place, bars):
    """Derivatives to curves and own trends from those to the models' own places.

    Parameters
    ----------
    anchored, linked, models, above, anchors
        As of `own_places`.
    bar_place
        Derivatives to the places, (model,).
    bars
        Added to: derivatives to own trends, middles and steepnesses.
    """
    time, size = models[M_TIME], models[M_TILT]
    for c in range(anchored.shape[1]):
        i, b = int(anchored[0, c]), int(anchored[1, c])
        bar = anchored[6, c] * bar_place[i]
        bars.own[0, b] -= bar * time[i]
        bars.own[1, b] -= bar * size[i]
    for c in range(linked.shape[1]):
        i, b = int(linked[0, c]), int(linked[1, c])
        bar = linked[6, c] * bar_place[i]
        bars.own[0, b] -= bar * time[i]
        bars.own[1, b] -= bar * size[i]
        bars.middle[b - anchors] += bar
        bars.kappa[b - anchors] -= bar * linked[7, c] / above.kappa[b - anchors] ** 2


@compiled
def back_spreads(tables, above, one, gap, noise, sd, grown, base, moved, size, scale, per_cost,
                 bar_base, bar_log_sd, bar_gap, bar_noise, bar_scale):
    """From places and spreads of families and models to the single numbers behind them.

    Parameters
    ----------
    tables, above
        The kernel's tables, and globals.
    one
        Added to: derivatives to single numbers, ``B_...``.
    gap, noise, sd
        Scale of each model's gap, its scatter, and the sd of both, z, (model,).
    grown
        Growth of the gaps' scale to each model's date, (model,).
    base, moved
        Place without a gap, z, and what size and growth add to it, ln density, (model,).
    size, per_cost
        Ln size, and its derivative to the ln cost ratio, (model,).
    scale
        Scale of each family's gap, z, (family,).
    bar_base, bar_log_sd, bar_gap, bar_noise
        Derivatives to the models' places, ln sds, gaps and scatter, (model,).
    bar_scale
        Derivatives to the families' scales, (family,).
    """
    models, c1 = tables[T_MODELS], above.c1
    time, eligible = models[M_TIME], models[M_ELIGIBLE]
    for i in range(gap.size):
        in_sd = bar_log_sd[i] / (sd[i] * sd[i])
        to_noise = bar_noise[i] + in_sd * noise[i]
        one[B_C1] -= to_noise * noise[i] / c1
        one[B_COST] += bar_base[i] / c1 * per_cost[i]
        if eligible[i] > 0:
            one[B_NOISE] += to_noise / c1
            to_gap = bar_gap[i] + in_sd * REST * gap[i] - MEAN_HALF * bar_base[i]
            one[B_GAP_MODEL] += to_gap * grown[i] + MEAN_HALF * bar_base[i]
            one[B_SPREAD] += to_gap * gap[i] * time[i]
            one[B_GAP_FAMILY] += bar_base[i]
            one[B_MEAN] += bar_base[i]
            one[B_C1] -= bar_base[i] * moved[i] / c1**2
        else:
            one[B_C0] -= bar_base[i] / c1
            one[B_C1] -= bar_base[i] * base[i] / c1
    for f in range(scale.size):
        one[B_GAP_FAMILY] += bar_scale[f] * scale[f] / above.gap_family
        one[B_SPREAD] += bar_scale[f] * scale[f] * tables[T_FAMILIES][0, f]


@compiled
def of_nu(nu, cells):
    """Terms of the Student t of ``cells`` scores in nu alone, and their derivative."""
    each = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * nu)
    return cells * each, 0.5 * cells * (digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / nu)


@compiled
def tell(above, effect, z, told):
    """What is told besides the variables: see `evaluate`.

    Parameters
    ----------
    above
        Globals at the point.
    effect
        Gaps of families, z, (family,).
    z
        Places of models, (model,).
    told
        Filled, as `evaluate` says.
    """
    segments, families, number = above.growth.size, effect.size, z.size
    links = above.kappa.size
    told[0], told[1] = above.c0, above.c1
    k = 2
    told[k:k + segments] = above.growth
    k += segments
    for f in range(families):
        told[k + f] = effect[f] * above.c1
    k += families
    told[k:k + number] = z
    k += number
    for b in range(links):
        told[k + b] = math.log(above.kappa[b])
        told[k + links + b] = above.middle[b]
