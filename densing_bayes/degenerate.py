"""Observations without scatter, which leave a sampler without end: told before any sampling.

Losses that lie on a loss law to the last digit, pairs on one curve, or scores that are all the
same have no error to learn: the density of its size grows without bound as it goes to zero, and
every step towards it takes twice as long. Measured numbers are never so; made-up ones are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

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
    size, token, loss = size - size.mean(), token - token.mean(), np.exp(log_loss)

    def terms(x: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones_like(size), np.exp(-np.exp(x[0]) * size),
                                np.exp(-np.exp(x[1]) * token)])

    if not exactly(loss, terms, np.log([[0.1, 0.1], [0.1, 0.35], [0.35, 0.1], [0.35, 0.35]])):
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
    middle, spread = loss.mean(), max(loss.std(), 1e-300)

    def terms(x: np.ndarray) -> np.ndarray:
        return special.expit(np.exp(x[0]) * (x[1] - (loss - middle) / spread))[:, None]

    starts = np.array([[np.log(steep), shift] for steep in (1.0, 3.0) for shift in (-1, 0, 1)])
    if not exactly(score - chance, terms, starts):
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


def exactly(values: np.ndarray, terms: Callable[[np.ndarray], np.ndarray],
            starts: np.ndarray) -> bool:
    """Whether values are a linear combination of terms, for some of the terms' own parameters.

    Parameters
    ----------
    terms
        From parameters to columns, (row, term); what they are multiplied by is solved for.
    starts
        Parameters from which least squares looks for them, one row each.

    Examples
    --------
    >>> x = np.linspace(0, 1, 9)
    >>> powers = lambda p: np.column_stack([np.ones(9), np.exp(-np.exp(p[0]) * x)])
    >>> exactly(2 + 3 * np.exp(-0.7 * x), powers, np.zeros((1, 1)))
    True
    >>> exactly(2 + x**2, powers, np.zeros((1, 1)))
    False
    """
    from scipy import optimize  # imports for a third of a second

    size = np.sqrt(np.mean(values**2))

    def left(x: np.ndarray) -> np.ndarray:
        columns = np.nan_to_num(terms(np.clip(x, -20, 5)), nan=0.0, posinf=1e100)
        columns = columns / np.maximum(np.sqrt((columns**2).sum(axis=0)), 1e-300)
        return (values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]) / size

    with np.errstate(all="ignore"):
        return any(np.sqrt(np.mean(optimize.least_squares(
            left, start, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=100).fun**2)) < EXACT
            for start in starts)
