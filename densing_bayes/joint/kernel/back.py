"""Back from what families and models ask of the globals to the sampled point, with all priors."""

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
    B_SPREAD,
)
from densing_bayes.joint.kernel.benchmarks import back_curves, back_measurement, back_trends
from densing_bayes.joint.kernel.densities import (
    above as above_floor,
)
from densing_bayes.joint.kernel.densities import (
    compiled,
    normal,
    positive,
    share,
)
from densing_bayes.joint.kernel.group import MEAN_HALF
from densing_bayes.joint.kernel.layout import (
    CENTRE_LOSS,
    COST_RATIO,
    DRIFT,
    GAP_FAMILY,
    GAP_MODEL,
    HEADROOM,
    IRREDUCIBLE,
    LADDER_PARTS,
    LINKED_HEADROOM,
    MEAN,
    MIDPOINT,
    MIRRORED,
    NOISE,
    OFF_SHARE,
    P_ALPHA,
    P_BETA,
    P_CENTRE_LOSS,
    P_COST_RATIO,
    P_DRIFT,
    P_FAMILY_GAP,
    P_HEADROOM,
    P_IRREDUCIBLE,
    P_LEVEL,
    P_MIDPOINT,
    P_MODEL_GAP,
    P_NOISE,
    P_OFF_SHARE,
    P_RATE,
    P_SIGMA_LOSS,
    P_SIGMA_PAIR,
    P_SIZE_SHARE,
    P_SPREAD,
    P_STEEPNESS,
    PLAIN,
    RATE,
    S_HIGH,
    S_LOW,
    S_MEAN_SIZE,
    S_SPREADS,
    S_TOKENS,
    SCALES,
    SHARES,
    SIGMA_LOSS,
    SIGMA_PAIR,
    SIZE_SHARE,
    SIZE_SLOPE,
    SPREAD,
    STEEPNESS,
    STEP,
    T_ANCHORS,
    T_CONTRASTS,
    T_LADDER,
    T_LINKED,
    T_PAIRS,
    T_PRIORS,
    T_SETTING,
    T_TURNS,
    TOKEN_SLOPE,
)
from densing_bayes.joint.kernel.ruler import (
    back_law_and_curve,
    back_log_size,
    ladder_and_pairs,
    law_and_curve,
)
from densing_bayes.joint.kernel.scores import source_contrasts


@compiled
def backwards(x, at, tables, above, bars, grad):
    """Log density of all that is above; adds the gradient of everything to ``grad``.

    Parameters
    ----------
    x
        Sampled point, (unknown,).
    at
        Where each variable begins in it, (variable + 1,).
    tables
        The kernel's tables, in the order of `layout.TABLES`.
    above
        Globals at the point, `Above`.
    bars
        Derivatives to them of what lies below, `Bars`; those that belong to sampled variables are
        taken on to ``bars.value`` and ``bars.one``.
    grad
        Gradient of the log density in the sampled point, (unknown,), added to.
    """
    bar, value = bars.value, above.value
    total = source_contrasts(tables[T_CONTRASTS], above.sd_source, bars.sd_source)
    total += back_growth(x, at, tables, above, bars, grad)
    total += back_gaps(x, at, tables, above, bars, grad)
    total += back_measurement(x, at, tables[T_PRIORS], above, bars, grad)
    total += back_trends(x, at, tables[T_PRIORS], above, bars, grad)
    total += back_curves(x, at, tables[T_PRIORS], tables[T_LINKED], above, bars, grad)
    total += back_ruler(x, at, tables, above, bars, grad)
    # from natural values to the sampled point
    for v in SHARES:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i] * value[i] * (1 - value[i])
    for v in SCALES:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i] * value[i]
    for v in MIRRORED:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i] if x[i] > 0 else -bar[i]
    for v in PLAIN:
        for i in range(at[v], at[v + 1]):
            grad[i] += bar[i]
    for v in (HEADROOM, LINKED_HEADROOM):
        floor = tables[T_ANCHORS][3] if v == HEADROOM else tables[T_LINKED][2]
        for i in range(at[v], at[v + 1]):
            low = floor[i - at[v]]
            grad[i] += bar[i] * (value[i] - low) * (1 - value[i]) / (1 - low)
    return total


@compiled
def back_growth(x, at, tables, above, bars, grad):
    """Level and growth, with their priors: stated in ln density, sampled in z.

    Parameters
    ----------
    x, at, tables, above, bars, grad
        As of `backwards`.
    """
    setting, priors, turns = tables[T_SETTING][:, 0], tables[T_PRIORS], tables[T_TURNS]
    bar, one, c1, drift = bars.value, bars.one, above.c1, above.drift
    segments = at[STEP + 1] - at[STEP]
    bar_rate = in_steps = 0.0
    for j in range(segments):
        w, bar_amount = turns[0, j], 0.0
        for k in range(segments):
            bar_amount += turns[1 + k, j] * bars.growth[k] * above.bent[k]
        bar[at[STEP] + j] += bar_amount * drift ** (1 - w)
        grad[at[DRIFT]] += (1 - w) * bar_amount * above.amounts[j]
        along = turns[1:, j].sum()
        bar_rate += (1 - w) * bar_amount * along
        # prior: about the part of the centre that is not taken off
        middle = w * along * x[at[RATE]] * c1 / drift ** (1 - w)
        lp, d, d_sd = normal(x[at[STEP] + j], middle, drift**w)
        in_steps += lp
        bar[at[STEP] + j] += d
        bar_rate -= d * w * along / drift ** (1 - w)
        grad[at[DRIFT]] += w * d_sd + (1 - w) * d * middle
    bar[at[RATE]] += bar_rate * c1
    one[B_C1] += bar_rate * x[at[RATE]]

    shift = (setting[S_MEAN_SIZE] - above.c0) / c1
    total, d, d_sd = normal(
        above.mean, priors[1, P_LEVEL] / c1 + shift - above.gap_family
        - MEAN_HALF * above.gap_model, priors[2, P_LEVEL] / c1)
    bar[at[MEAN]] += one[B_MEAN] + d
    one[B_GAP_FAMILY] += d
    one[B_GAP_MODEL] += MEAN_HALF * d
    one[B_C0] += d / c1
    one[B_C1] += d * (priors[1, P_LEVEL] / c1 + shift) / c1 - d_sd / c1
    lp, d, d_sd = normal(x[at[RATE]], priors[1, P_RATE] / c1, priors[2, P_RATE] / c1)
    total += lp
    bar[at[RATE]] += d
    one[B_C1] += d * priors[1, P_RATE] / c1**2 - d_sd / c1
    lp, d = positive(x[at[DRIFT]], drift, priors, P_DRIFT)
    total += lp
    grad[at[DRIFT]] += d
    return total + in_steps


@compiled
def back_gaps(x, at, tables, above, bars, grad):
    """Scales of gaps and their growth, noise and the cost ratio, with their priors.

    Parameters
    ----------
    x, at, tables, above, bars, grad
        As of `backwards`.
    """
    priors, one, c1 = tables[T_PRIORS], bars.one, above.c1
    total = 0.0
    for v, which, scale, b in ((GAP_FAMILY, P_FAMILY_GAP, above.gap_family, B_GAP_FAMILY),
                               (GAP_MODEL, P_MODEL_GAP, above.gap_model, B_GAP_MODEL)):
        r = scale * c1 / priors[1, which]
        total += (0.5 * math.log(2 / math.pi) - math.log(priors[1, which]) + math.log(c1)
                  - 0.5 * r * r + x[at[v]])
        grad[at[v]] += 1 - r * r + one[b] * scale
        one[B_C1] += (1 - r * r) / c1
    for v, which, b in ((SPREAD, P_SPREAD, B_SPREAD), (COST_RATIO, P_COST_RATIO, B_COST)):
        lp, d, _ = normal(x[at[v]], priors[1, which], priors[2, which])
        total += lp
        per = tables[T_SETTING][S_SPREADS, 0] if v == SPREAD else 1.0
        grad[at[v]] += d + per * one[b]
    lp, d = positive(x[at[NOISE]], above.noise, priors, P_NOISE)
    grad[at[NOISE]] += d + one[B_NOISE] * above.noise
    return total + lp


@compiled
def back_ruler(x, at, tables, above, bars, grad):
    """The ruler with its priors and the likelihood of ladder and pairs.

    Parameters
    ----------
    x, at, tables, above, bars, grad
        As of `backwards`.
    """
    setting, priors, anchors = tables[T_SETTING][:, 0], tables[T_PRIORS], tables[T_ANCHORS]
    bar, one, value = bars.value, bars.one, above.value
    first = law_and_curve(above.parts[0], anchors, 0)
    back_log_size(setting[S_HIGH], first, anchors[2, 0], setting[S_TOKENS], one[B_C1],
                  bars.law[0])
    back_log_size(setting[S_LOW], first, anchors[2, 0], setting[S_TOKENS],
                  one[B_C0] - one[B_C1], bars.law[0])
    total, bar_part = 0.0, np.empty(LADDER_PARTS)
    for a in range(anchors.shape[1]):
        part, bar_law = above.parts[a], bars.law[a]
        bar_part[:] = 0.0
        own = law_and_curve(part, anchors, a)
        token = bars.token_term[a] * above.token_term[a]
        bar_law[2] += token
        bar_law[3] -= token * setting[S_TOKENS]
        off_share = value[at[OFF_SHARE] + a]
        lp, d_loss, d_pair, d_off = ladder_and_pairs(
            a, own, anchors[2, a], tables[T_LADDER], tables[T_PAIRS], value[at[SIGMA_LOSS] + a],
            value[at[SIGMA_PAIR] + a], off_share, bar_law)
        total += lp
        grad[at[SIGMA_LOSS] + a] += d_loss
        grad[at[SIGMA_PAIR] + a] += d_pair
        grad[at[OFF_SHARE] + a] += d_off
        back_law_and_curve(part, own, bar_law, anchors, a, bar_part)
        for v in range(LADDER_PARTS):
            if at[v + 1] > at[v]:
                bar[at[v] + a] += bar_part[v]
        # priors: those of the exponents through the slopes
        s = part[SIZE_SHARE]
        lp, d_slope, _ = normal(part[SIZE_SLOPE], priors[1, P_ALPHA] + math.log(s),
                                priors[2, P_ALPHA])
        total += lp
        bar[at[SIZE_SLOPE] + a] += d_slope
        bar[at[SIZE_SHARE] + a] -= d_slope / s
        lp, d_slope, _ = normal(part[TOKEN_SLOPE], priors[1, P_BETA] + math.log(1 - s),
                                priors[2, P_BETA])
        total += lp
        bar[at[TOKEN_SLOPE] + a] += d_slope
        bar[at[SIZE_SHARE] + a] += d_slope / (1 - s)
        for v, which in ((CENTRE_LOSS, P_CENTRE_LOSS), (STEEPNESS, P_STEEPNESS),
                         (MIDPOINT, P_MIDPOINT)):
            lp, d, _ = normal(part[v], priors[1, which], priors[2, which])
            total += lp
            bar[at[v] + a] += d
        for v, which in ((SIZE_SHARE, P_SIZE_SHARE), (IRREDUCIBLE, P_IRREDUCIBLE)):
            if at[v + 1] > at[v]:
                lp, d = share(part[v], priors, which)
                total += lp
                grad[at[v] + a] += d
        lp, d = share(off_share, priors, P_OFF_SHARE)
        total += lp
        grad[at[OFF_SHARE] + a] += d
        lp, d = above_floor(part[HEADROOM], anchors[3, a], priors, P_HEADROOM)
        total += lp
        grad[at[HEADROOM] + a] += d
        for v, which in ((SIGMA_LOSS, P_SIGMA_LOSS), (SIGMA_PAIR, P_SIGMA_PAIR)):
            lp, d = positive(x[at[v] + a], value[at[v] + a], priors, which)
            total += lp
            grad[at[v] + a] += d
    return total
