"""Scaling law of one ladder of training runs: one graph for every law; and score from loss.

ln L_i = log_loss(law) + t-distributed noise, with the law of `densing_bayes.scaling.form`. Which
law it is (floor, joint, broken, which term is the slower) is data, so that every law, ladder and
subset of runs is sampled from one compiled model. Ladders are pooled afterwards
(`densing_bayes.scaling.pooling`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from densing_bayes import laws
from densing_bayes.families.blocks import Table, pack_priors, rv
from densing_bayes.scaling import form
from densing_bayes.specs import ModelSpec

ORDER_BEND = 0.3  # of ln(beta/alpha): where the map that keeps an order bends
BREAK_WIDTH = 0.1  # of the ladder's range of ln loss


def build(tables: dict[str, dict[str, Any]], coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The law of one ladder as a PyMC graph.

    Parameters
    ----------
    tables
        ``runs``: size, token (ln-sizes from the ladder's centre), log_loss.
        ``ladder``, one row: `ladder_row`.
        ``law``, one row: floor, joint, broken (0 or 1), slower (+1: the size term decays
        slower, -1: the token term, 0: either), resolution (of ln loss).
    spec
        Priors of family ``scaling_law``.
    """
    with pm.Model(coords=coords) as model:
        priors = pack_priors(spec.priors)
        runs = Table("runs", tables["runs"])
        ladder, law = (_row(Table(name, tables[name])) for name in ("ladder", "law"))

        level = rv("level", priors["level"])
        floor = law["floor"] * rv("floor", priors["floor_share"])
        logit = pm.Flat("logit_share")
        share = pm.Deterministic("size_share", pm.math.invlogit(logit))
        log_alpha, log_beta = _exponents(priors, law["slower"], ladder, pt.log(share),
                                         pt.log1p(-share), pt.log1p(-floor))
        alpha, beta = pt.exp(log_alpha), pt.exp(log_beta)
        joint = 1 + law["joint"] * (beta - 1)
        # The size N0 is compute-optimal on the tokens at which alpha w = beta (1 - w); from
        # there to D0 the token term shrinks as D^-(beta/joint).
        steep, ratio = beta / joint, priors["optimal_ratio"].args
        pm.Potential("optimal_ratio", pm.logp(pm.Normal.dist(
            log_beta - log_alpha + steep * (ladder["log_ratio"] - ratio["mu"]),
            steep * ratio["sigma"]), logit))
        bend = rv("break_change", priors["break_change"])
        where = rv("break_place", priors["break_place"])
        span = ladder["high"] - ladder["low"]
        parts = {
            "level": level, "floor_share": floor, "size_share": share, "alpha": alpha,
            "beta": beta, "joint": joint,
            "change": law["broken"] * pt.expm1(bend),
            "place": -ladder["high"] + where * span, "width": BREAK_WIDTH * span,
        }
        for name in ("floor_share", "alpha", "beta", "joint", "change", "place", "width"):
            pm.Deterministic(name, parts[name])

        fitted = form.log_loss(size=runs["size"], token=runs["token"], **parts)
        noise = pm.Deterministic("noise", pt.exp(rv("log_noise", priors["log_noise"])))
        growth = rv("noise_growth", priors["noise_growth"])
        tail = pm.Deterministic("tail", 1 + rv("tail_excess", priors["tail"]))
        scale = form.noise_scale(fitted=fitted, level=level, noise=noise, noise_growth=growth,
                                 resolution=law["resolution"])
        term = pm.logp(pm.StudentT.dist(nu=tail, mu=fitted, sigma=scale), runs["log_loss"])
        pm.Potential("losses", term.sum())
    return model


def _row(table: Table) -> dict[str, Any]:
    return {name: table[name][0] for name in table.names}


def _exponents(priors: dict[str, Any], slower: Any, ladder: dict[str, Any], log_w: Any,
               log_v: Any, log_r: Any) -> tuple[Any, Any]:
    """Log exponents alpha and beta, sampled in coordinates that the ladder pins down.

    A ladder measures slopes of ln L at its centre, s_N = (1-e) w alpha and
    s_D = (1-e)(1-w) beta. With lean = cov(x, y)/var(x) the errors of s_N + lean s_D and of s_D
    are uncorrelated; so sampled are the deviations of T = ln(s_N + lean s_D) and of
    ln(s_D/s_N) + tilt T from a least-squares guess, where tilt = 1 + lean s_D/s_N there. The
    map from them to (ln alpha, ln beta) has unit Jacobian, so the priors of the exponents
    enter as they are declared, by potentials.

    With ``slower`` = +1 or -1, ln(beta/alpha) is a softplus of its coordinate (or its
    negative), Jacobian included: the declared prior cut at alpha = beta. Without the order a
    law without floor has two posterior modes, in which either term, nearly flat, plays it.
    """
    total = pm.Flat("slope") + ladder["slope_guess"]
    tilted = pm.Flat("contrast") + ladder["contrast_guess"]
    free = tilted - ladder["tilt"] * total - (log_v - log_w)  # ln(beta/alpha), no order
    ratio = ((1 - abs(slower)) * free
             + slower * ORDER_BEND * pt.softplus(slower * free / ORDER_BEND))
    pm.Potential("order", -abs(slower) * pt.softplus(-slower * free / ORDER_BEND))
    log_alpha = (total - log_w - log_r
                 - pt.log1p(ladder["lean"] * pt.exp(ratio + log_v - log_w)))
    log_beta = log_alpha + ratio
    for name, value in (("log_alpha", log_alpha), ("log_beta", log_beta)):
        pm.Potential(f"prior_{name}", pm.logp(pm.Normal.dist(**priors[name].args), value))
    return log_alpha, log_beta


def ladder_row(size: np.ndarray, token: np.ndarray, log_loss: np.ndarray,
               log_ratio: float) -> dict[str, float]:
    """What `build` needs to know of a ladder: its range, and where to start.

    log_ratio: ln(D0/N0), tokens per parameter at the centre. high, low: ends of ln loss less
    its mean. lean, tilt, slope_guess, contrast_guess: see
    `_exponents`; the slopes are those of a least-squares plane through ln loss, each kept
    within a factor of 8 of the other.
    """
    off = log_loss - log_loss.mean()
    lean = max(float((size * token).mean() / (size**2).mean()), 0.0)
    design = np.column_stack([size, token, np.ones_like(size)])
    ridge = 1e-3 * len(size) * np.diag([1.0, 1.0, 0.0])  # tells directions apart if sizes do not
    s_n, s_d, _ = -np.linalg.solve(design.T @ design + ridge, design.T @ off)
    s_n, s_d = max(s_n, s_d / 8, 1e-3), max(s_d, s_n / 8, 1e-3)
    slope = float(np.log(s_n + lean * s_d))
    tilt = float(1 + lean * s_d / s_n)
    return {"high": float(off.max()), "low": float(off.min()), "log_ratio": log_ratio,
            "lean": lean, "tilt": tilt, "slope_guess": slope,
            "contrast_guess": float(np.log(s_d / s_n) + tilt * slope)}


def build_score(tables: dict[str, dict[str, Any]], coords: dict[str, Any],
                spec: ModelSpec) -> pm.Model:
    """Score from loss on one benchmark: the sigmoid of the performance law with its scatter.

    Parameters
    ----------
    tables
        ``pairs``: loss (over the pairs' geometric mean loss), score. ``setting``, one row:
        chance.
    """
    with pm.Model(coords=coords) as model:
        priors = pack_priors(spec.priors)
        pairs, setting = Table("pairs", tables["pairs"]), _row(Table("setting", tables["setting"]))
        chance = setting["chance"]
        headroom = rv("headroom", priors["score_headroom"])
        scale = pm.Deterministic("scale", headroom * (1 - chance))
        gamma = pm.Deterministic("gamma", -pt.exp(rv("log_steepness",
                                                      priors["score_steepness"])))
        midpoint = pm.Deterministic("midpoint", pt.exp(rv("log_midpoint",
                                                           priors["score_midpoint"])))
        noise = rv("score_noise", priors["score_noise"])
        fitted = laws.score(loss=pairs["loss"], gamma=gamma, midpoint=midpoint, scale=scale,
                            chance=chance)
        term = pm.logp(pm.Normal.dist(fitted, noise), pairs["score"])
        pm.Potential("scores", term.sum())
    return model
