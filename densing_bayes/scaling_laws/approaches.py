"""The three Chinchilla approaches on one ladder, and the bias of the second.

1. Minimum over curves: which size is best at each compute. 2. IsoFLOP parabolas: the vertex of
loss against ln N at fixed compute. 3. The parametric law. Hoffmann et al. 2022, section 3. The
first two ignore the shape of the law; their intervals are those of a line through a few points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from densing_bayes import laws
from densing_bayes.errors import InputError, Problem
from densing_bayes.intervals import Interval
from densing_bayes.scaling_laws.classic import optimal_exponent, optimal_params, training_flop
from densing_bayes.scaling_laws.fit import LawFit
from densing_bayes.scaling_laws.optima import Optima, curve_minima, parabola_minima
from densing_bayes.scaling_laws.questions import allocation


def line(optima: Optima, flop: float, interval: Interval) -> dict[str, Any]:
    """The power law N* ~ C^a through optima: a, and N* at a compute, by least squares.

    Medians are the line's; bounds are Student's t. NaN with fewer than three optima.
    """
    x, y = optima.log_flop, optima.log_params
    n = len(x)
    row: dict[str, Any] = {"optima": n}
    keys = ("exponent", "exponent_low", "exponent_high", "params", "params_low", "params_high")
    if n < 3:
        return row | dict.fromkeys(keys, np.nan)
    mean = x.mean()
    spread = ((x - mean) ** 2).sum()
    slope = ((x - mean) * y).sum() / spread
    error = np.sqrt(((y - y.mean() - slope * (x - mean)) ** 2).sum() / (n - 2))
    at = np.log(flop) - mean
    tails = student.ppf(interval.tails, n - 2)
    exponent = slope + tails * error / np.sqrt(spread)
    log_params = y.mean() + slope * at + tails * error * np.sqrt(1 / n + at**2 / spread)
    return row | dict(zip(keys, (slope, *exponent, np.exp(y.mean() + slope * at),
                                 *np.exp(log_params)), strict=True))


def side_by_side(fit: LawFit, flop: float, interval: Interval) -> pd.DataFrame:
    """The three approaches on the runs of one ladder: a, and N* and D* at a compute."""
    ladder = fit.ladder
    low, high = interval.of(fit.parameter("optimal_exponent"))
    params = allocation(fit.law(), flop, ladder)["params"]
    few, many = interval.of(params)
    rows = [
        {"approach": "1: minimum over curves"} | line(curve_minima(ladder), flop, interval),
        {"approach": "2: IsoFLOP parabolas"} | line(parabola_minima(ladder), flop, interval),
        {"approach": "3: parametric law", "optima": len(ladder.frame),
         "exponent": float(np.median(fit.parameter("optimal_exponent"))),
         "exponent_low": float(low), "exponent_high": float(high),
         "params": float(np.median(params)), "params_low": float(few),
         "params_high": float(many)},
    ]
    table = pd.DataFrame(rows)
    table["tokens"] = flop / training_flop(params=table["params"], tokens=1.0)
    return table


def parabola_bias(constants: dict[str, float], *, budgets: np.ndarray, flop: float,
                  factor: float, off_centre: float = 1.0, drift: float = 0.0,
                  points: int = 9) -> dict[str, float]:
    """Error of approach 2 on a noise-free surface L = E + a N^-alpha + b D^-beta.

    Parameters
    ----------
    constants
        Arguments of `laws.loss`: log_a, alpha, log_b, beta, irreducible.
    budgets
        FLOP of the parabolas.
    flop
        Compute to which the fitted power law is extrapolated.
    factor
        Sizes run from 1/factor to factor times the middle of the grid.
    off_centre
        Middle of the grid over the true optimum, at the first budget.
    drift
        Power of compute by which that ratio changes from budget to budget.

    Returns
    -------
    dict
        exponent and true_exponent; params over the true optimum at ``flop``.

    Examples
    --------
    A symmetric surface, well centred, has no bias; Chinchilla's has a little, which grows with
    the width of the grid:

    >>> budgets = np.geomspace(1e18, 1e21, 7)
    >>> even = dict(log_a=6.0, alpha=0.3, log_b=7.0, beta=0.3, irreducible=1.7)
    >>> out = parabola_bias(even, budgets=budgets, flop=5.76e23, factor=4)
    >>> round(out["exponent"], 6), round(out["params_ratio"], 6)
    (0.5, 1.0)
    >>> odd = even | {"beta": 0.15}
    >>> [round(parabola_bias(odd, budgets=budgets, flop=1e24, factor=f)["params_ratio"], 2)
    ...  for f in (2, 16)]
    [1.01, 1.15]
    """
    truth = optimal_params(flop=budgets, **constants)
    middle = truth * off_centre * (budgets / budgets[0]) ** drift
    steps = np.linspace(-1, 1, points) * np.log(factor)
    vertices = []
    for budget, centre in zip(budgets, middle, strict=True):
        params = centre * np.exp(steps)
        loss = laws.loss(params=params, tokens=budget / training_flop(params=params, tokens=1.0),
                         **constants)
        square, slope, _ = np.polyfit(steps, loss, 2)
        if square <= 0:
            raise InputError(Problem("the parabola has no minimum", given=factor,
                                     hint="a wider grid, nearer to the optimum"))
        vertices.append(np.log(centre) - slope / (2 * square))
    exponent, intercept = np.polyfit(np.log(budgets), vertices, 1)
    found = np.exp(intercept + exponent * np.log(flop))
    return {"exponent": float(exponent),
            "true_exponent": float(optimal_exponent(alpha=constants["alpha"],
                                                    beta=constants["beta"])),
            "params_ratio": float(found / optimal_params(flop=flop, **constants))}
