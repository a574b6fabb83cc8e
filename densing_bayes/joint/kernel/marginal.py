"""Families and models integrated out by quadrature: log density and derivatives to the globals.

Given the globals, families are independent, and so are the models of a family given its effect:

    p(family | globals) = int skewnormal(effect) prod_i [int skewnormal(z_i | effect) L_i(z_i) dz_i]

with L_i the scores of model i. Both integrals are trapezoid sums on nodes that stay where they
are, so the sum's exact gradient is the mean of the joint's gradient over the nodes (Fisher's
identity). A run of families is one call without Python's lock; sums over runs are added in
order, so that the number of threads changes no digit.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from densing_bayes.joint.kernel.above import (
    B_C0,
    B_C1,
    B_GAP,
    B_GAP_FAMILY,
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
from densing_bayes.joint.kernel.densities import HALF_LOG_TAU, LARGE, SMALL, TINY, compiled
from densing_bayes.joint.kernel.evaluate import of_nu, tell_above
from densing_bayes.joint.kernel.layout import NU, T_ANCHORS, T_LINKED, T_STARTS, T_TURNS
from densing_bayes.joint.kernel.tails import hazard, log_tail

ONES = 11  # single numbers in `Bars.one`
# rows of a benchmark's curve: anchored ones ln amplitude and decay of the size term, the rest of
# the loss less the midpoint, gamma; linked ones kappa, middle; then both
C_SCALE, C_CHANCE, C_SD, C_SOURCE = 4, 5, 6, 7
PER_CURVE = 8
FEW = 1e-14  # share of a node below which its derivatives do not count
NEVER = -1e300


class Latents(NamedTuple):
    """Families, their models, the models' cells, and the nodes: all sorted by family.

    A node k of a model is ``z_low + k z_step``, k below ``z_count``; those of a family alike.
    """

    first_model: Any  # (family + 1,)
    first_cell: Any  # (model + 1,)
    models: Any  # (model, 2 + column): time, size, columns of the design
    cells: Any  # (cell, 4): benchmark, score, per_item, per_replicate
    low: Any  # nodes of effects, (family,)
    step: Any
    count: Any
    z_low: Any  # nodes of models, (model,)
    z_step: Any
    z_count: Any


@compiled
def globals_of(x, tables):
    """The numbers that families and models ask for: `numbers`, amounts, curves; and all told.

    ``numbers``: omega, q, gap, the same of families, mean, rate, c1, nu.
    """
    at = tables[T_STARTS][0].astype(np.int64)
    above, _ = forwards(x, at, tables)
    chance, linked = tables[T_ANCHORS][2], tables[T_LINKED]
    anchors, links = chance.size, linked.shape[1]
    numbers = (above.omega, above.q, above.gap, above.omega_family, above.q_family,
               above.gap_family, above.mean, above.rate, above.c1, 2 + above.value[at[NU]])
    curves = np.zeros((anchors + links, PER_CURVE))
    for b in range(anchors):
        law = above.law[b]
        curves[b, 0], curves[b, 1] = law[0] - law[1] * above.c0, law[1] * above.c1
        curves[b, 2], curves[b, 3] = law[4] + above.token_term[b] - law[6], law[5]
        curves[b, C_SCALE], curves[b, C_CHANCE] = law[7], chance[b]
    for b in range(links):
        curves[anchors + b, 0], curves[anchors + b, 1] = above.kappa[b], above.middle[b]
        curves[anchors + b, C_SCALE] = above.scale[b]
        curves[anchors + b, C_CHANCE] = linked[0, b]
    curves[:, C_SD], curves[:, C_SOURCE] = above.sd_benchmark, above.sd_source
    told = np.zeros(2 + tables[T_TURNS].shape[0] - 1 + 2 * links)
    tell_above(above, tables[T_TURNS], told)
    return numbers, above.amounts, curves, anchors, above.value, told


@compiled
def back_to_globals(x, tables, latent, bar, cells):
    """Log density of everything and its gradient, from that of the latents and ``bar``.

    ``bar``: derivatives to the single numbers, the amounts and the curves, one after another.
    """
    at = tables[T_STARTS][0].astype(np.int64)
    above, bars = forwards(x, at, tables)
    columns, anchors = above.amounts.size, above.law.shape[0]
    bars.one[:], bars.amounts[:] = bar[:ONES], bar[ONES:ONES + columns]
    total, in_nu = of_nu(2 + above.value[at[NU]], cells)
    bars.one[B_NU] += in_nu
    of = bar[ONES + columns:].reshape((-1, PER_CURVE))
    for b in range(of.shape[0]):
        bars.sd_benchmark[b] += of[b, C_SD]
        bars.sd_source[b] += of[b, C_SOURCE]
        if b < anchors:
            alpha = above.law[b, 1]
            bars.law[b, 0] += of[b, 0]
            bars.law[b, 1] += of[b, 1] * above.c1 - of[b, 0] * above.c0
            bars.one[B_C0] -= of[b, 0] * alpha
            bars.one[B_C1] += of[b, 1] * alpha
            bars.law[b, 4] += of[b, 2]
            bars.token_term[b] += of[b, 2]
            bars.law[b, 6] -= of[b, 2]
            bars.law[b, 5] += of[b, 3]
            bars.law[b, 7] += of[b, C_SCALE]
        else:
            bars.kappa[b - anchors] += of[b, 0]
            bars.middle[b - anchors] += of[b, 1]
            bars.scale[b - anchors] += of[b, C_SCALE]
    grad = np.zeros(x.size)
    total += latent + backwards(x, at, tables, above, bars, grad)
    return total, grad


@compiled
def curve_at(curve, anchored, z):
    """Share of the range reached at z, its size term (anchored), slope of the score in z."""
    if anchored:
        size = math.exp(curve[0] - curve[1] * z)
        u = 1 / (1 + math.exp(-curve[3] * (curve[2] + size)))
        return u, size, -curve[3] * curve[C_SCALE] * curve[1] * size * u * (1 - u)
    u = 1 / (1 + math.exp(-curve[0] * (z - curve[1])))
    return u, 0.0, curve[C_SCALE] * u * (1 - u) * curve[0]


@compiled
def log_likelihood(z, cells, curves, anchors, nu):
    """Log likelihood of one model's scores at z, without the terms in nu alone."""
    total, product_r, product_v = 0.0, 1.0, 1.0
    for j in range(cells.shape[0]):
        b = int(cells[j, 0])
        curve = curves[b]
        u, _, slope = curve_at(curve, b < anchors, z)
        expected, own = curve[C_CHANCE] + curve[C_SCALE] * u, slope * curve[C_SD]
        noise = cells[j, 2] + cells[j, 3] * curve[C_SOURCE] ** 2
        variance = own * own + expected * (1 - expected) * noise + TINY
        d = cells[j, 1] - expected
        product_r *= 1 + d * d / (nu * variance)
        product_v *= variance
        if product_r > LARGE or product_v < SMALL:
            total -= 0.5 * (nu + 1) * math.log(product_r) + 0.5 * math.log(product_v)
            product_r, product_v = 1.0, 1.0
    total -= 0.5 * (nu + 1) * math.log(product_r) + 0.5 * math.log(product_v)
    return max(total, NEVER)


@compiled
def back_likelihood(z, cells, curves, anchors, nu, weight, bar_curves):
    """``weight`` times its derivatives to the curves, added; returns that to nu."""
    bar_nu = 0.0
    for j in range(cells.shape[0]):
        b = int(cells[j, 0])
        curve, bar = curves[b], bar_curves[b]
        u, size, slope = curve_at(curve, b < anchors, z)
        spread, scale, sd = u * (1 - u), curve[C_SCALE], curve[C_SD]
        expected, own = curve[C_CHANCE] + scale * u, slope * sd
        noise = cells[j, 2] + cells[j, 3] * curve[C_SOURCE] ** 2
        variance = own * own + expected * (1 - expected) * noise + TINY
        d = cells[j, 1] - expected
        square = d * d / (nu * variance)
        bar_d = (nu + 1) * d / (nu * variance + d * d)
        bar_variance = 0.5 * (bar_d * d - 1) / variance
        bar_nu += weight * 0.5 * (bar_d * d / nu - math.log(1 + square))
        bar_expected = weight * (bar_d + bar_variance * (1 - 2 * expected) * noise)
        bar_slope = weight * 2 * bar_variance * own * sd
        bar[C_SD] += weight * 2 * bar_variance * own * slope
        bar[C_SOURCE] += (weight * 2 * bar_variance * expected * (1 - expected) * cells[j, 3]
                          * curve[C_SOURCE])
        bar[C_SCALE] += bar_expected * u + bar_slope * slope / scale
        if b < anchors:
            gamma, decay = curve[3], curve[1]
            per = -gamma * scale * decay * size  # slope = per * spread
            bar_y = (bar_expected * scale + bar_slope * per * (1 - 2 * u)) * spread
            bar[2] += bar_y * gamma
            bar[3] += bar_y * (curve[2] + size) + bar_slope * slope / gamma
            bar_size = (bar_y * gamma - bar_slope * gamma * scale * decay * spread) * size
            bar[0] += bar_size
            bar[1] += bar_slope * slope / decay - bar_size * z
        else:
            kappa, distance = curve[0], z - curve[1]
            bar_y = (bar_expected + bar_slope * kappa * (1 - 2 * u)) * scale * spread
            bar[0] += bar_y * distance + bar_slope * scale * spread
            bar[1] -= bar_y * kappa
    return bar_nu


@compiled
def workspace(latents, start, stop):
    """Arrays large enough for every family of a run: by (member, node), and by effect's node."""
    members, nodes, effects = 1, 1, 1
    for f in range(start, stop):
        members = max(members, latents.first_model[f + 1] - latents.first_model[f])
        effects = max(effects, latents.count[f])
        for i in range(latents.first_model[f], latents.first_model[f + 1]):
            nodes = max(nodes, latents.z_count[i])
    return (np.empty((members, nodes)), np.empty((members, nodes)), np.empty(members),
            np.empty((members, effects)), np.empty((members, effects, nodes)), np.empty(effects))


@compiled
def integrate(f, latents, numbers, amounts, curves, anchors, work):
    """Log density of one family; fills the workspace with the weights of all its nodes.

    Of ``work``: log likelihoods (member, node), their nodes' weights (not here), places of the
    members on the frontier of an average family, inverse sums (member, effect), terms (member,
    effect, node), and the effects' log weights.
    """
    likelihood, _, place, inverse, term, log_weight = work
    omega, q, gap, omega_family, q_family, gap_family, mean, rate, c1, nu = numbers
    skew, skew_family = math.sqrt(q / (1 - q)), math.sqrt(q_family / (1 - q_family))
    start, stop = latents.first_model[f], latents.first_model[f + 1]
    total = math.log(latents.step[f] / omega_family) + math.log(2.0) - HALF_LOG_TAU
    for i in range(start, stop):
        m = i - start
        model = latents.models[i]
        wander = 0.0
        for k in range(amounts.size):
            wander += model[2 + k] * amounts[k]
        place[m] = (model[1] + wander) / c1 + mean + rate * model[0] + gap
        cells = latents.cells[latents.first_cell[i]:latents.first_cell[i + 1]]
        for k in range(latents.z_count[i]):
            likelihood[m, k] = log_likelihood(latents.z_low[i] + k * latents.z_step[i], cells,
                                              curves, anchors, nu)
        total += math.log(latents.z_step[i] / omega) + math.log(2.0) - HALF_LOG_TAU
    highest = NEVER
    for h in range(latents.count[f]):
        effect = latents.low[f] + h * latents.step[f]
        e = (effect - gap_family) / omega_family
        at_node = -0.5 * e * e + log_tail(skew_family * e)
        for m in range(stop - start):
            i, top, row = start + m, NEVER, term[m, h]
            base, per = (latents.z_low[i] - place[m] - effect) / omega, latents.z_step[i] / omega
            for k in range(latents.z_count[i]):
                e = base + k * per
                row[k] = likelihood[m, k] - 0.5 * e * e + log_tail(skew * e)
                top = max(top, row[k])
            summed = 0.0
            for k in range(latents.z_count[i]):
                row[k] = math.exp(row[k] - top)
                summed += row[k]
            inverse[m, h] = 1 / summed
            at_node += top + math.log(summed)
        log_weight[h] = at_node
        highest = max(highest, at_node)
    summed = 0.0
    for h in range(latents.count[f]):
        summed += math.exp(log_weight[h] - highest)
    summed = highest + math.log(summed)
    for h in range(latents.count[f]):
        log_weight[h] -= summed
    return total + summed


@compiled
def run_value(start, stop, latents, numbers, amounts, curves, anchors):
    """Log density of a run of families."""
    work, total = workspace(latents, start, stop), 0.0
    for f in range(start, stop):
        total += integrate(f, latents, numbers, amounts, curves, anchors, work)
    return total


@compiled
def run_gradient(start, stop, latents, numbers, amounts, curves, anchors):
    """The same, and its derivatives to numbers, amounts and curves (`back_to_globals`)."""
    work, total = workspace(latents, start, stop), 0.0
    _, weights, place, inverse, term, log_weight = work
    omega, q, _, omega_family, q_family, gap_family, _, _, c1, nu = numbers
    skew, skew_family = math.sqrt(q / (1 - q)), math.sqrt(q_family / (1 - q_family))
    bar = np.zeros(ONES + amounts.size + curves.size)
    bar_curves = bar[ONES + amounts.size:].reshape(curves.shape)
    for f in range(start, stop):
        total += integrate(f, latents, numbers, amounts, curves, anchors, work)
        begin, end = latents.first_model[f], latents.first_model[f + 1]
        weights[:] = 0.0
        bar_place = np.zeros(end - begin)
        for h in range(latents.count[f]):
            share = math.exp(log_weight[h])
            if share < FEW:
                continue
            effect = latents.low[f] + h * latents.step[f]
            e = (effect - gap_family) / omega_family
            risk = hazard(skew_family * e)
            slope = -e - skew_family * risk
            bar[B_GAP_FAMILY] -= share * slope / omega_family
            bar[B_LOG_OMEGA_FAMILY] -= share * (1 + e * slope)
            bar[B_SKEW_FAMILY] -= share * e * risk
            for m in range(end - begin):
                i, row, per_row = begin + m, term[m, h], share * inverse[m, h]
                base = (latents.z_low[i] - place[m] - effect) / omega
                per, of_place, of_omega, of_skew = latents.z_step[i] / omega, 0.0, 0.0, 0.0
                for k in range(latents.z_count[i]):
                    w = per_row * row[k]
                    if w < FEW:
                        continue
                    weights[m, k] += w
                    e = base + k * per
                    risk = hazard(skew * e)
                    slope = -e - skew * risk
                    of_place -= w * slope
                    of_omega -= w * (1 + e * slope)
                    of_skew -= w * e * risk
                bar_place[m] += of_place / omega
                bar[B_LOG_OMEGA] += of_omega
                bar[B_SKEW] += of_skew
        for m in range(end - begin):
            i, model = begin + m, latents.models[begin + m]
            cells = latents.cells[latents.first_cell[i]:latents.first_cell[i + 1]]
            for k in range(latents.z_count[i]):
                if weights[m, k] > FEW:
                    bar[B_NU] += back_likelihood(
                        latents.z_low[i] + k * latents.z_step[i], cells, curves, anchors, nu,
                        weights[m, k], bar_curves)
            size = model[1]
            for k in range(amounts.size):
                size += model[2 + k] * amounts[k]
                bar[ONES + k] += bar_place[m] * model[2 + k] / c1
            bar[B_MEAN] += bar_place[m]
            bar[B_RATE] += bar_place[m] * model[0]
            bar[B_GAP] += bar_place[m]
            bar[B_C1] -= bar_place[m] * size / c1**2
    return total, bar
