"""Coordinates in which a law is sampled: those that a ladder of runs pins down.

A ladder measures slopes of ln L at its centre, s_N = (1-e) w alpha and s_D = (1-e)(1-w) beta.
With lean = cov(x, y)/var(x) the errors of s_N + lean s_D and of s_D are uncorrelated; so sampled
are the deviations of T = ln(s_N + lean s_D) and of ln(s_D/s_N) + tilt T from a least-squares
guess, where tilt = 1 + lean s_D/s_N there. The map from them to (ln alpha, ln beta) has unit
Jacobian, so the priors of the exponents enter as they are declared.

Unary numpy functions and operators only: the same lines serve numpy and PyTensor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.scaling_laws import form

ORDER_BEND = 0.3  # of ln(beta/alpha): where the map that keeps an order bends
BREAK_WIDTH = 0.1  # of the ladder's range of ln loss
STATED = ("log_alpha", "log_beta", "optimal_ratio")  # priors of what follows from coordinates


def law_of(*, level: Any, floor_share: Any, logit_share: Any, slope: Any, contrast: Any,
           coupling: Any, break_change: Any, break_place: Any, ladder: dict[str, Any],
           law: dict[str, Any], priors: dict[str, dict[str, Any]]) -> tuple[form.Law, Any]:
    """The law's parameters, and the log density of the priors that are stated about them.

    Parameters
    ----------
    logit_share, slope, contrast
        Coordinates with flat priors of their own.
    ladder
        `ladder_row`.
    law
        ``joint``, ``broken`` (0 or 1), ``slower`` (+1: the size term decays slower, -1: the
        token term, 0: either).
    priors
        Arguments of the priors in ``STATED``, all normal.

    Notes
    -----
    With ``slower`` = +1 or -1, ln(beta/alpha) is a softplus of its coordinate (or its
    negative), Jacobian included: the declared prior cut at alpha = beta. Without the order a
    law without floor has two posterior modes, in which either term, nearly flat, plays it.
    """
    slower = law["slower"]
    log_w, log_v = -form.softplus(-logit_share), -form.softplus(logit_share)
    total = slope + ladder["slope_guess"]
    tilted = contrast + ladder["contrast_guess"]
    free = tilted - ladder["tilt"] * total - (log_v - log_w)  # ln(beta/alpha), no order
    ratio = ((1 - abs(slower)) * free
             + slower * ORDER_BEND * form.softplus(slower * free / ORDER_BEND))
    density = -abs(slower) * form.softplus(-slower * free / ORDER_BEND)
    log_alpha = (total - log_w - np.log1p(-floor_share)
                 - np.log1p(ladder["lean"] * np.exp(ratio + log_v - log_w)))
    log_beta = log_alpha + ratio
    alpha, beta = np.exp(log_alpha), np.exp(log_beta)
    joint = 1 + law["joint"] * (beta - 1) + law["coupled"] * np.expm1(coupling)
    # The size N0 is compute-optimal on the tokens at which alpha w = beta (1 - w); from
    # there to D0 the token term shrinks as D^-(beta/joint).
    steep, best = beta / joint, priors["optimal_ratio"]
    density = (density + _normal(log_alpha, **priors["log_alpha"])
               + _normal(log_beta, **priors["log_beta"])
               + _normal(logit_share, mu=ratio + steep * (ladder["log_ratio"] - best["mu"]),
                         sigma=steep * best["sigma"]))
    span = ladder["high"] - ladder["low"]
    return {
        "level": level, "floor_share": floor_share, "size_share": np.exp(log_w), "alpha": alpha,
        "beta": beta, "joint": joint, "change": law["broken"] * np.expm1(break_change),
        "place": -ladder["high"] + break_place * span, "width": BREAK_WIDTH * span,
    }, density


def _normal(value: Any, mu: Any, sigma: Any) -> Any:
    """Log density of a normal, up to a constant."""
    return -0.5 * ((value - mu) / sigma) ** 2 - np.log(sigma)


def ladder_row(size: np.ndarray, token: np.ndarray, log_loss: np.ndarray,
               log_ratio: float) -> dict[str, float]:
    """What `law_of` needs to know of a ladder: its range, and where to start.

    log_ratio: ln(D0/N0), tokens per parameter at the centre. high, low: ends of ln loss less
    its mean. lean, tilt, slope_guess, contrast_guess: see the module; the slopes are those of a
    least-squares plane through ln loss, each kept within a factor of 8 of the other.
    """
    off = log_loss - log_loss.mean()
    lean = max(float((size * token).mean() / max((size**2).mean(), 1e-9)), 0.0)  # 0 for one size
    design = np.column_stack([size, token, np.ones_like(size)])
    ridge = 1e-3 * len(size) * np.diag([1.0, 1.0, 0.0])  # tells directions apart if sizes do not
    s_n, s_d, _ = -np.linalg.solve(design.T @ design + ridge, design.T @ off)
    s_n, s_d = max(s_n, s_d / 8, 1e-3), max(s_d, s_n / 8, 1e-3)
    slope = float(np.log(s_n + lean * s_d))
    tilt = float(1 + lean * s_d / s_n)
    return {"high": float(off.max()), "low": float(off.min()), "log_ratio": log_ratio,
            "lean": lean, "tilt": tilt, "slope_guess": slope,
            "contrast_guess": float(np.log(s_d / s_n) + tilt * slope)}
