"""Other rules for the frontier, each computed within draws of the models' densities.

The main fit has a stochastic frontier: all models count, and lie below a boundary that does not
regress. These rules take the draws of ln density as they are and read a straight line off each
draw. The line through a finite number of models is itself uncertain, so that every rule adds one
draw of its own sampling error to each posterior draw; the interval then holds both.

All take ``value`` (draw, model), ``time`` (model, years), the models' ``family`` (index), the
rate's normal prior (mean, sd) and a random generator, and return the slope (1/year) and the
level at time zero, shape (draw,). A rule without use for one of them ignores it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import elementwise

QUANTILE = 0.9  # of the upper-quantile rule
SCATTER = 0.5  # ln density: prior scatter of chosen models about their line

Line = tuple[np.ndarray, np.ndarray]  # slope, level


def best_so_far(value: np.ndarray, time: np.ndarray) -> np.ndarray:
    """The highest value among models released up to each model's day, by draw.

    Examples
    --------
    >>> best_so_far(np.array([[1.0, 3.0, 2.0, 2.5]]), np.array([0.0, 1.0, 1.0, 2.0])).tolist()
    [[1.0, 3.0, 3.0, 3.0]]
    """
    top = np.full(len(value), -np.inf)
    out = np.empty(value.shape)
    for day in np.unique(time):
        of_day = np.flatnonzero(time == day)
        top = np.maximum(top, value[:, of_day].max(axis=1))
        out[:, of_day] = top[:, None]
    return out


def line_through(value: np.ndarray, time: np.ndarray, chosen: np.ndarray,
                 rate: tuple[float, float], rng: np.random.Generator) -> Line:
    """One draw of the regression line through the chosen models, per draw of their values.

    Normal regression. The slope has the rate's prior Normal(``rate``); the squared scatter a
    scaled inverse chi-squared with one degree of freedom at 0.5 squared (one pseudo-model, a
    factor of 1.6 off the line), so that two records still make a proper posterior; the level
    is flat. As in the plug-in method the chosen are taken as they are: that they were selected
    for being high is *not* allowed for.
    """
    weight = chosen.astype(float)
    count = weight.sum(axis=1)
    known = np.where(chosen, value, 0.0)
    mean_time = (weight @ time) / count
    mean = known.sum(axis=1) / count
    centred = weight * (time - mean_time[:, None])
    square = (centred**2).sum(axis=1)
    product = (centred * known).sum(axis=1)
    residual = weight * (known - mean[:, None]) - (
        product / np.maximum(square, 1e-12))[:, None] * centred
    freedom = np.maximum(count - 2, 0)
    sigma2 = ((residual**2).sum(axis=1) + SCATTER**2) / rng.chisquare(freedom + 1)
    prior_mean, prior_sd = rate
    precision = square / sigma2 + 1 / prior_sd**2
    slope = (product / sigma2 + prior_mean / prior_sd**2) / precision
    slope = slope + rng.standard_normal(len(slope)) / np.sqrt(precision)
    middle = mean + rng.standard_normal(len(slope)) * np.sqrt(sigma2 / count)
    return slope, middle - slope * mean_time


def records(value: np.ndarray, time: np.ndarray, family: np.ndarray,
            rate: tuple[float, float], rng: np.random.Generator) -> Line:
    """The line through models that were the densest when they came out: the paper's rule.

    Selected anew in every draw.
    """
    return line_through(value, time, value >= best_so_far(value, time), rate, rng)


def upper_quantile(value: np.ndarray, time: np.ndarray, family: np.ndarray,
                   rate: tuple[float, float], rng: np.random.Generator) -> Line:
    """The line below which 90% of the models lie (quantile regression, Koenker & Bassett 1978).

    Sampling error by the Bayesian bootstrap (Rubin 1981; for quantile regression Chamberlain &
    Imbens 2003): each draw weighs the families anew by standard exponentials, whole families
    because models of one family are alike. The check loss is minimised over the slope, with
    the weighted quantile of what is left as intercept; the profile is convex.
    """
    draws = len(value)
    weight = rng.exponential(size=(draws, int(family.max()) + 1))[:, family]
    centre = time.mean()
    years = time - centre

    def intercept(slope: np.ndarray, at: np.ndarray) -> np.ndarray:
        left = value[at] - slope[:, None] * years
        order = np.argsort(left, axis=1)
        share = np.cumsum(np.take_along_axis(weight[at], order, axis=1), axis=1)
        place = (share < QUANTILE * share[:, -1:]).sum(axis=1)
        return np.take_along_axis(np.take_along_axis(left, order, axis=1), place[:, None],
                                  axis=1)[:, 0]

    def loss(slope: np.ndarray, at: np.ndarray) -> np.ndarray:
        shape, slope, at = slope.shape, slope.ravel(), at.ravel().astype(int)
        below = intercept(slope, at)[:, None] - (value[at] - slope[:, None] * years)
        return (weight[at] * np.where(below > 0, (1 - QUANTILE) * below, -QUANTILE * below)
                ).sum(axis=1).reshape(shape)

    middle = np.polyfit(years, np.median(value, axis=0), 1)[0]
    start = tuple(np.full(draws, middle + step) for step in (-0.5, 0.0, 0.5))
    index = np.arange(draws)
    bracket = elementwise.bracket_minimum(loss, start[1], xl0=start[0], xr0=start[2],
                                          args=(index,))
    slope = elementwise.find_minimum(loss, bracket.bracket, args=(index,)).x
    return slope, intercept(slope, index) - slope * centre


RULES: dict[str, Callable[..., Line]] = {
    "records": records,
    "upper quantile": upper_quantile,
}


def frontier_line(rule: str, *, value: Any, time: Any, family: Any, rate: tuple[float, float],
                  seed: int) -> Line:
    """Slope and level of the frontier by a rule, one per draw.

    Parameters
    ----------
    rule
        A name of `RULES`.
    value
        ln density, shape (draw, model); plus infinity where no size reaches the score.
    time
        Release, years.
    family
        Index of each model's family.
    rate
        Mean and sd of the rate's normal prior, 1/year.

    Examples
    --------
    >>> time = np.linspace(0, 3, 40)
    >>> value = 2 * time + np.tile([0.0, -1.0], 20) + np.zeros((500, 1))
    >>> slope, _ = frontier_line("upper quantile", value=value, time=time,
    ...                          family=np.arange(40), rate=(0, 2.5), seed=1)
    >>> bool(abs(slope.mean() - 2) < 0.05)
    True
    """
    value, time = np.array(value, dtype=float), np.asarray(time, dtype=float)
    highest = np.max(value, where=np.isfinite(value), initial=-np.inf)
    value[value == np.inf] = highest + 5  # beyond every finite size; its height says nothing
    family = np.unique(family, return_inverse=True)[1]
    return RULES[rule](value, time, family, rate, np.random.default_rng(seed))
