"""Observations without scatter, which leave a sampler without end: told before any sampling.

Losses that lie on a loss law to the last digit, pairs on one curve, or scores that are all the
same have no error to learn: the density of its size grows without bound as it goes to zero, and
every step towards it takes twice as long. Measured numbers are never so; made-up ones are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize, special

from densing_bayes.errors import InputError, Problem

EXACT = 1e-7  # relative scatter below which numbers were computed, not measured
DIGITS = 6  # numbers of no more digits scatter by their rounding alone
MOST_ROWS = 300  # looked at; a law that fits them all exactly fits no others by chance
MADE_UP = "measured numbers scatter; were these computed? Give them as measured, or rounded"


def refuse_degenerate(data: Any) -> None:
    """InputError for observations (`densing_bayes.observations`) that have no scatter at all."""
    problems = []
    for b in np.flatnonzero(data["anchored"].values):
        name = str(data["benchmark"].values[b])
        run, pair = data["run_benchmark"].values == b, data["pair_benchmark"].values == b
        problems += _of_ladder(name, *(data[f"run_log_{what}"].values[run]
                                       for what in ("params", "tokens", "loss")))
        problems += _of_pairs(name, data["pair_loss"].values[pair], data["pair_score"].values[pair],
                              float(data["chance"].values[b]))
    scores = data["cell_score"].values
    if len(scores) > 1 and np.ptp(scores) == 0:
        problems.append(Problem(
            "all scores of the chosen models are the same: they tell no model from another",
            file="scores.csv", column="score", given=f"{scores[0]:g}"))
    if problems:
        raise InputError(problems)


def _of_ladder(name: str, size: np.ndarray, token: np.ndarray, log_loss: np.ndarray,
               ) -> list[Problem]:
    where = {"file": "runs.csv", "column": "loss"}
    if np.ptp(log_loss) == 0:
        return [Problem(f"all losses of the ladder of {name} are the same", **where,
                        given=f"{np.exp(log_loss[0]):g}")]
    if len(log_loss) < 8 or rounded(np.exp(log_loss)):  # five numbers fit five runs
        return []
    size, token, log_loss = (values[:MOST_ROWS] for values in (size, token, log_loss))
    size, token = size - size.mean(), token - token.mean()

    def error(x: np.ndarray) -> np.ndarray:
        terms = np.stack([x[0] - np.exp(x[1]) * size, x[2] - np.exp(x[3]) * token,
                          np.broadcast_to(x[4], size.shape)])
        return special.logsumexp(terms, axis=0) - log_loss

    middle = log_loss.mean()
    starts = [[middle - np.log(3), np.log(alpha), middle - np.log(3), np.log(beta), floor]
              for alpha in (0.1, 0.35) for beta in (0.1, 0.35) for floor in (middle - 2, -30.0)]
    if not exactly(error, starts):
        return []
    return [Problem(f"the losses of the ladder of {name} lie on a loss law to the last digit",
                    **where, hint=MADE_UP)]


def _of_pairs(name: str, loss: np.ndarray, score: np.ndarray, chance: float) -> list[Problem]:
    same = [(column, values) for column, values in (("loss", loss), ("score", score))
            if len(values) > 1 and np.ptp(values) == 0]
    if same:
        return [Problem(f"all pairs of {name} have one {column}: no curve can be learnt",
                        file="pairs.csv", column=column, given=f"{values[0]:g}")
                for column, values in same]
    if len(score) < 5 or rounded(score):
        return []
    loss, score = loss[:MOST_ROWS], score[:MOST_ROWS]

    def error(x: np.ndarray) -> np.ndarray:
        return chance + (1 - chance) * special.expit(x[2]) * special.expit(
            np.exp(x[0]) * (x[1] - loss)) - score

    middle, spread = loss.mean(), loss.std()
    starts = [[np.log(steep / spread), middle + shift * spread, 2.0]
              for steep in (1.0, 3.0) for shift in (-1.0, 0.0, 1.0)]
    if not exactly(error, starts):
        return []
    return [Problem(f"the pairs of {name} lie on one curve to the last digit", file="pairs.csv",
                    column="score", hint=MADE_UP)]


def rounded(values: np.ndarray) -> bool:
    """Whether numbers have no more than six digits, so that rounding alone makes them scatter.

    Examples
    --------
    >>> rounded(np.array([0.7312, 1.25])), rounded(np.array([0.7312, 1 / 3]))
    (True, False)
    """
    short = np.array([float(f"{value:.{DIGITS}g}") for value in values[:MOST_ROWS]])
    return bool(np.allclose(short, values[:MOST_ROWS], rtol=1e-11, atol=0))


def exactly(error: Callable[[np.ndarray], np.ndarray], starts: list[list[float]]) -> bool:
    """Whether least squares from one of some starts leaves no error."""
    for start in starts:
        with np.errstate(all="ignore"):
            try:
                found = optimize.least_squares(error, start, xtol=1e-15, ftol=1e-15, gtol=1e-15,
                                               x_scale="jac", max_nfev=200)
            except ValueError:  # no finite error at the start
                continue
        if np.sqrt(np.mean(found.fun**2)) < EXACT:
            return True
    return False
