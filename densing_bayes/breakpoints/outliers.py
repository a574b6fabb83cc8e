"""Points that lie too far off to be scatter: found once for a series, whatever its regime.

A point is an outlier with a small probability beforehand, and then scatters several times as
far (a contaminated normal; Box & Tiao 1968). Each is judged by where all other points expect it
under a wandering rate or a jump of the level, whichever is likelier, and deviations that may
last, so that a bend or a jump of the path makes none. The worst is marked first and the rest
judged again without it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from densing_bayes.breakpoints.quadrature import sums, survey
from densing_bayes.breakpoints.shapes import Jump, Walk, between
from densing_bayes.priors import Prior

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
    shapes = {"walk": Walk().columns(time, (1.0,), time[0], time[-1])[0][None],
              "step": np.array([Jump().columns(time, (at,), time[0], time[-1])[0]
                                for at in between(time)])}
    scale = {"walk": Walk().scale((1.0,), priors), "step": Jump().scale((), priors)}
    prior = priors["outlier"].args
    p = prior["alpha"] / (prior["alpha"] + prior["beta"])
    line = np.stack([np.ones_like(time), time])
    while (spread > 0).sum() < int(MOST * len(value)):
        passed = survey(time, value, error, spread, shapes, priors)
        each = {name: sums(passed, name, np.full(len(columns), scale[name]),
                           np.full(len(columns), -np.log(len(columns))), priors)
                for name, columns in shapes.items()}
        best = max(each, key=lambda name: each[name].log_joint.max())
        cell, pick = np.unravel_index(each[best].log_joint.argmax(), each[best].log_joint.shape)
        full = np.concatenate([line, shapes[best][pick]]).T
        variance = np.array([priors["level"].args["sigma"], priors["rate"].args["sigma"],
                             *[scale[best]] * (full.shape[1] - 2)]) ** 2
        covariance = passed.grid.covariance(error, spread, [cell])
        matrix = np.linalg.inv(covariance.matrix(time) + (full * variance) @ full.T)
        own = np.diag(matrix)
        z2 = (matrix @ value) ** 2 / own  # of each point's standard score given all others
        odds = np.log(p / (1 - p)) - 0.5 * np.log(1 + FAR**2) + 0.5 * z2 * FAR**2 / (1 + FAR**2)
        odds[spread > 0] = -np.inf
        if odds.max() <= 0:
            break
        worst = odds == odds.max()  # of points alike, all
        spread[worst] = FAR**2 / own[worst] / passed.grid.size[cell] ** 2
    return spread
