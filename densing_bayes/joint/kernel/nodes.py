"""Where the nodes of families and models have to be, and draws of both given the globals."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.joint.kernel.densities import compiled
from densing_bayes.joint.kernel.marginal import NEVER, integrate, workspace
from densing_bayes.joint.kernel.tails import log_tail

RARE = 1e-6  # nodes whose share of the highest is below this are left out
SIGNIFICANT = 1e-2  # curvature is looked for where a node has this share of the highest
PARTS = 8  # of an interval between two nodes, for draws


@compiled
def place_nodes(start, stop, latents, numbers, amounts, curves, anchors, spacing, most):
    """New nodes of a run of families and their models, from the weights of the present ones.

    From the first to the last node that is not rare, one step wider on either side;
    ``spacing`` times the scale of the narrowest feature apart: the noise of the skew normal and
    the sharpest bend of the likelihood together. At most ``most`` nodes.
    """
    work = workspace(latents, start, stop)
    likelihood, weights, _, inverse, term, log_weight = work
    omega, q, omega_family, q_family = numbers[0], numbers[1], numbers[3], numbers[4]
    for f in range(start, stop):
        integrate(f, latents, numbers, amounts, curves, anchors, work)
        begin, end, count = latents.first_model[f], latents.first_model[f + 1], latents.count[f]
        share = np.exp(log_weight[:count])
        weights[:] = 0.0
        for h in range(count):
            for m in range(end - begin):
                for k in range(latents.z_count[begin + m]):
                    weights[m, k] += share[h] * inverse[m, h] * term[m, h, k]
        latents.low[f], latents.step[f], latents.count[f] = fitting_nodes(
            share, log_weight[:count], latents.low[f], latents.step[f],
            omega_family**2 * (1 - q_family), spacing, most)
        for i in range(begin, end):
            n = latents.z_count[i]
            latents.z_low[i], latents.z_step[i], latents.z_count[i] = fitting_nodes(
                weights[i - begin, :n], likelihood[i - begin, :n], latents.z_low[i],
                latents.z_step[i], omega**2 * (1 - q), spacing, most)


@compiled
def fitting_nodes(weight, bent, low, step, variance, spacing, most):
    """First node, step and count of the new nodes of one integral.

    ``bent`` is the log of what is multiplied with a normal of ``variance``.
    """
    highest = weight.max()
    first, last, curvature = weight.size - 1, 0, 0.0
    for k in range(weight.size):
        if weight[k] > RARE * highest:
            first, last = min(first, k), max(last, k)
        if 0 < k < weight.size - 1 and weight[k] > SIGNIFICANT * highest:
            curvature = max(curvature, 2 * bent[k] - bent[k - 1] - bent[k + 1])
    begin, end = low + (first - 1) * step, low + (last + 1) * step
    scale = 1 / math.sqrt(1 / variance + curvature / step**2)
    count = min(max(math.ceil((end - begin) / (spacing * scale)) + 1, 8), most)
    return begin, (end - begin) / (count - 1), count


@compiled
def inside(log_weight, low, step, uniform):
    """The value below which lies the share ``uniform`` of a density known at its nodes.

    Between nodes ln density is a cubic (Catmull & Rom 1974: exact for a normal), taken constant
    over an eighth of a step.
    """
    n = log_weight.size
    top = log_weight.max()
    density, total = np.empty((n - 1) * PARTS), 0.0
    for k in range(n - 1):
        b, c = max(log_weight[k] - top, -80.0), max(log_weight[k + 1] - top, -80.0)
        a = max(log_weight[k - 1] - top, -80.0) if k > 0 else 2 * b - c
        d = max(log_weight[k + 2] - top, -80.0) if k < n - 2 else 2 * c - b
        for j in range(PARTS):
            t = (j + 0.5) / PARTS
            total += math.exp(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (
                3 * (b - c) + d - a))))
            density[k * PARTS + j] = total
    sought = uniform * total
    j = min(np.searchsorted(density, sought), density.size - 1)
    before = density[j - 1] if j > 0 else 0.0
    return low + step / PARTS * (j + (sought - before) / (density[j] - before))


@compiled
def run_draws(start, stop, latents, numbers, amounts, curves, anchors, uniform_family,
              uniform_model, effects, z):
    """Effects (in omegas) and z of a run of families given the globals: uniforms in, values out.

    Returns the run's log density, which comes with them.
    """
    work, total = workspace(latents, start, stop), 0.0
    likelihood, _, place, _, _, log_weight = work
    omega, q, omega_family = numbers[0], numbers[1], numbers[3]
    skew = math.sqrt(q / (1 - q))
    for f in range(start, stop):
        total += integrate(f, latents, numbers, amounts, curves, anchors, work)
        effect = inside(log_weight[:latents.count[f]], latents.low[f], latents.step[f],
                        uniform_family[f])
        effects[f] = effect / omega_family
        begin = latents.first_model[f]
        for i in range(begin, latents.first_model[f + 1]):
            m, n = i - begin, latents.z_count[i]
            found = np.full(n, NEVER)
            for k in range(n):
                e = (latents.z_low[i] + k * latents.z_step[i] - place[m] - effect) / omega
                found[k] = likelihood[m, k] - 0.5 * e * e + log_tail(skew * e)
            z[i] = inside(found, latents.z_low[i], latents.z_step[i], uniform_model[i])
    return total
