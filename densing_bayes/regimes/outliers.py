"""Points that lie too far off to be scatter: found once for a series, whatever its regime.

A point is an outlier with a small probability beforehand, and then scatters several times as
far (a contaminated normal; Box & Tiao 1968). Each is judged by where all other points expect it
under a wandering rate and deviations that may last, so that a bend or a jump of the path makes
none. The worst is marked first and the rest judged again without it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from densing_bayes.priors import Prior
from densing_bayes.regimes.quadrature import Sums, sums, survey
from densing_bayes.regimes.shapes import Walk

FAR = 7.0  # how many times as far an outlier scatters
MOST = 0.1  # share of points that can be outliers


def outlying(time: np.ndarray, value: np.ndarray, error: np.ndarray,
             priors: Mapping[str, Prior]) -> np.ndarray:
    """Further variance of each point in units of the size's square: 0 but for outliers.

    Parameters
    ----------
    time, value, error
        In standard units; times ascend.
    """
    spread = np.zeros_like(value)
    walk = Walk()
    start, end = time[0], time[-1]
    columns = walk.columns(time, (1.0,), start, end)[0]
    prior = priors["outlier"].args
    p = prior["alpha"] / (prior["alpha"] + prior["beta"])
    line = np.column_stack([np.ones_like(time), time])
    full = np.column_stack([line, columns.T])
    scale = walk.scale((1.0,), priors)
    while (spread > 0).sum() < int(MOST * len(value)):
        passed = survey(time, value, error, spread, {"walk": columns[None]}, priors)
        found = sums(passed, "walk", np.array([scale]), np.zeros(1), priors)
        own, off = _others(found, time, value, error, spread, full, priors, scale)
        z2 = off**2 / own  # of the standard score
        odds = np.log(p / (1 - p)) - 0.5 * np.log(1 + FAR**2) + 0.5 * z2 * FAR**2 / (1 + FAR**2)
        odds[spread > 0] = -np.inf
        if odds.max() <= 0:
            break
        size = found.survey.grid.size[_best(found)]
        worst = odds == odds.max()  # of points alike, all
        spread[worst] = FAR**2 / own[worst] / size**2
    return spread


def _best(found: Sums) -> int:
    """The likeliest cell."""
    return int(found.log_joint[:, 0].argmax())


def _others(found: Sums, time: np.ndarray, value: np.ndarray, error: np.ndarray,
            spread: np.ndarray, full: np.ndarray, priors: Mapping[str, Prior],
            scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Precision of each point given all others, and its deviation from them times that."""
    grid, cell = found.survey.grid, _best(found)
    covariance = grid.covariance(error, spread, [cell])
    matrix = np.diag(covariance.noise[0])
    state, memory = covariance.state[0], covariance.memory[0]
    if np.isinf(memory):
        at = time - time[0]
        matrix = matrix + state * np.minimum.outer(at, at)
    else:
        matrix = matrix + state * np.exp(-np.abs(np.subtract.outer(time, time)) / memory)
    variance = np.array([priors["level"].args["sigma"] ** 2, priors["rate"].args["sigma"] ** 2,
                         *[scale**2] * (full.shape[1] - 2)])
    inverse = np.linalg.inv(matrix + (full * variance) @ full.T)
    return np.diag(inverse), inverse @ value
