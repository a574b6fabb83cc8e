"""The whole model: forwards to the log density, then backwards to its gradient."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.above import (
    B_C0,
    B_C1,
    B_LOG_OMEGA,
    B_LOG_OMEGA_FAMILY,
    B_MEAN,
    B_NU,
    B_RATE,
    B_SKEW,
    B_SKEW_FAMILY,
    forwards,
)
from densing_bayes.joint.kernel.back import backwards
from densing_bayes.joint.kernel.densities import compiled, digamma
from densing_bayes.joint.kernel.group import (
    back_group,
    back_pooled,
    group,
    open_shares,
    pooled,
    to_skewness,
)
from densing_bayes.joint.kernel.layout import (
    FAMILY,
    MODEL,
    NU,
    SD_FAMILY,
    SD_MODEL,
    STEP,
    T_ANCHORED,
    T_ANCHORS,
    T_DESIGN,
    T_LINKED,
    T_LINKED_CELLS,
    T_MODELS,
    T_STARTS,
    T_TURNS,
)
from densing_bayes.joint.kernel.scores import anchored_scores, linked_scores


@compiled
def evaluate(x, tables, grad, told):
    """Log density at ``x``; fills its gradient, and what is told besides the variables.

    ``told`` (see `told_size`): c0, c1, steps of the rate, effects of families, z, and ln kappa
    and midpoint (in z) of the linked benchmarks.
    """
    at = tables[T_STARTS][0].astype(np.int64)
    models, design = tables[T_MODELS], tables[T_DESIGN]
    chance, linked, cells = tables[T_ANCHORS][2], tables[T_LINKED], tables[T_LINKED_CELLS]
    families, number = at[FAMILY + 1] - at[FAMILY], models.shape[1]
    above, bars = forwards(x, at, tables)
    one, c1, amounts = bars.one, above.c1, above.amounts
    grad[:] = 0.0

    # families, then models; arrays in few blocks, as asking for memory takes time
    of_family, of_model = np.zeros((11, families)), np.zeros((11, number))
    zero, effect, r_family, d_family, root_family, pull_family, of_models = (
        of_family[0], of_family[1], of_family[2], of_family[3], of_family[4], of_family[5],
        of_family[6])
    bar_effect, bar_pull_family, bar_of_models = of_family[7], of_family[8], of_family[9]
    moved, base, mean, z, r_model, d_model, root, pull = (
        of_model[0], of_model[1], of_model[2], of_model[3], of_model[4], of_model[5], of_model[6],
        of_model[7])
    bar_z, bar_pull, bar_base = of_model[8], of_model[9], of_model[10]
    sd_family, sd_model = above.value[at[SD_FAMILY]], above.value[at[SD_MODEL]]
    time, size, family, place, precision = models[0], models[1], models[2], models[3], models[4]
    for k in range(amounts.size):
        column, amount = design[k], amounts[k]
        for i in range(number):
            moved[i] += column[i] * amount
    for i in range(number):
        moved[i] += size[i]
    for i in range(number):
        base[i] = moved[i] / c1 + above.mean + above.rate * time[i]
    open_shares(sd_model, precision, root)
    pooled(family, place, precision, root, base, pull_family, of_models)
    open_shares(sd_family, of_models, root_family)
    y_family, y = x[at[FAMILY]:at[FAMILY + 1]], x[at[MODEL]:at[MODEL + 1]]
    total, bar_q_family = group(y_family, zero, sd_family, above.q_family, pull_family,
                                root_family, effect, r_family, d_family)
    for i in range(number):
        mean[i] = base[i] + effect[int(family[i])]
    for i in range(number):
        pull[i] = precision[i] * (place[i] - mean[i])
    lp, bar_q = group(y, mean, sd_model, above.q, pull, root, z, r_model, d_model)
    total += lp

    # scores
    nu = 2 + above.value[at[NU]]
    lp, bar_nu, d_c0, d_c1 = anchored_scores(
        tables[T_ANCHORED], z, above.c0, c1, above.law, above.token_term, chance,
        above.sd_benchmark, above.sd_source, nu, bar_z, bars.law, bars.token_term,
        bars.sd_benchmark, bars.sd_source)
    total += lp
    one[B_C0] += d_c0
    one[B_C1] += d_c1
    lp, d_nu = linked_scores(
        cells, chance.size, z, above.kappa, above.middle, above.scale, linked[0],
        above.sd_benchmark, above.sd_source, nu, bar_z, bars.kappa, bars.middle, bars.scale,
        bars.sd_benchmark, bars.sd_source)
    total += lp
    lp, in_nu = of_nu(nu, tables[T_ANCHORED].shape[1] + cells.shape[1])
    total += lp
    one[B_NU] = bar_nu + d_nu + in_nu

    # back through the models and the families
    bar_log_sd = back_group(sd_model, y, pull, root, r_model, d_model, bar_z,
                            grad[at[MODEL]:at[MODEL + 1]], bar_pull, bar_base)
    for i in range(number):
        bar_base[i] = bar_z[i] - precision[i] * bar_pull[i]
    for i in range(number):
        bar_effect[int(family[i])] += bar_base[i]
    one[B_LOG_OMEGA_FAMILY] = back_group(
        sd_family, y_family, pull_family, root_family, r_family, d_family, bar_effect,
        grad[at[FAMILY]:at[FAMILY + 1]], bar_pull_family, bar_of_models)
    one[B_LOG_OMEGA] = bar_log_sd + back_pooled(family, place, precision, root, base,
                                                bar_pull_family, bar_of_models, bar_base)
    one[B_SKEW] = to_skewness(bar_q, one[B_LOG_OMEGA], above.q)
    bar_mean = bar_rate = bar_moved = 0.0
    for i in range(number):
        bar_mean += bar_base[i]
        bar_rate += bar_base[i] * time[i]
        bar_moved += bar_base[i] * moved[i]
    one[B_MEAN], one[B_RATE] = bar_mean, bar_rate
    one[B_C1] -= bar_moved / c1**2
    for k in range(amounts.size):
        column, bar_amount = design[k], 0.0
        for i in range(number):
            bar_amount += bar_base[i] * column[i]
        bars.amounts[k] = bar_amount / c1
    one[B_SKEW_FAMILY] = to_skewness(bar_q_family, one[B_LOG_OMEGA_FAMILY], above.q_family)
    total += backwards(x, at, tables, above, bars, grad)

    tell_above(above, tables[T_TURNS], told)
    k = 2 + at[STEP + 1] - at[STEP]
    for i in range(families):
        told[k + i] = effect[i] / above.omega_family
    told[k + families:k + families + number] = z
    return total


@compiled
def of_nu(nu, cells):
    """Terms of the Student t of ``cells`` scores in nu alone, and their derivative."""
    each = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(math.pi * nu)
    return cells * each, 0.5 * cells * (digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / nu)


@compiled
def tell_above(above, turns, told):
    """The first and the last of what is told: see `evaluate`."""
    told[0], told[1] = above.c0, above.c1
    steps, links = turns.shape[0] - 1, above.kappa.size
    for i in range(steps):
        told[2 + i] = 0.0
        for k in range(steps):
            told[2 + i] += turns[1 + i, k] * above.amounts[k]
    for b in range(links):
        told[told.size - 2 * links + b] = math.log(above.kappa[b])
        told[told.size - links + b] = above.middle[b]
