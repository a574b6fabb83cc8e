"""Optima of a ladder, read off its runs without any law: where curves and parabolas are lowest.

Approaches 1 and 2 of Hoffmann et al. 2022, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from densing_bayes.scaling_laws.classic import FLOP_PER_PARAM_TOKEN
from densing_bayes.scaling_laws.rehearse import same_size
from densing_bayes.scaling_laws.tables import Ladder

GRID = 1500  # compute values at which approach 1 looks for the best size, as in the paper
FEWEST_ON_CURVE = 3  # runs of a size that make a curve
WINDOW = 0.2  # of ln C: runs this near share a budget
FEWEST_ON_PARABOLA = 6
NARROWEST = 1.0  # range of ln N that a parabola needs


@dataclass(frozen=True)
class Optima:
    """Optimal ln N at some ln C, as an approach reads them off, and the loss there."""

    log_flop: np.ndarray
    log_params: np.ndarray
    loss: np.ndarray


def curve_minima(ladder: Ladder) -> Optima:
    """Approach 1: sizes that are best somewhere, each at the middle of its range of compute.

    A size with several token counts is a curve of ln loss in ln C, interpolated linearly.
    """
    log_flop, size, log_loss = _log_flop(ladder), ladder.size, ladder.log_loss
    group = same_size(size)
    grid = np.linspace(log_flop.min(), log_flop.max(), GRID)
    sizes, curves = [], []
    for one in range(group.max() + 1):
        of = np.flatnonzero(group == one)
        if len(of) >= FEWEST_ON_CURVE:
            of = of[np.argsort(log_flop[of])]
            curves.append(np.interp(grid, log_flop[of], log_loss[of], left=np.inf, right=np.inf))
            sizes.append(size[of].mean())
    if not sizes:
        return Optima(np.array([]), np.array([]), np.array([]))
    table = np.stack(curves)
    best = np.where(np.isfinite(table.min(axis=0)), table.argmin(axis=0), -1)
    # where the smallest or largest curve is best, a size not trained might be better still
    inner = [one for one in range(len(sizes)) if (best == one).any()][1:-1]
    middle = np.array([grid[best == one].mean() for one in inner])
    return Optima(middle, np.array([sizes[one] + ladder.centre[0] for one in inner]),
                  np.exp([np.interp(at, grid, table[one])
                          for at, one in zip(middle, inner, strict=True)]))


def parabola_minima(ladder: Ladder) -> Optima:
    """Approach 2: vertices of parabolas of loss in ln N, one per budget.

    A budget is a window of 0.2 e-folds of compute, fullest first, with at least six runs that
    span an e-fold of size; what compute varies inside it is taken out by a linear term.
    Parabolas that open downwards, or whose vertex lies outside their runs, are dropped.
    """
    log_flop, size = _log_flop(ladder), ladder.size
    left = np.ones(len(size), dtype=bool)
    found = []
    while left.sum() >= FEWEST_ON_PARABOLA:
        counts = [(left & (abs(log_flop - middle) <= WINDOW / 2)).sum()
                  for middle in log_flop[left]]
        middle = log_flop[left][int(np.argmax(counts))]
        of = left & (abs(log_flop - middle) <= WINDOW / 2)
        if of.sum() < FEWEST_ON_PARABOLA:
            break
        left &= ~of
        vertex = _vertex(size[of], log_flop[of], np.exp(ladder.log_loss[of]))
        if vertex is not None:
            found.append((log_flop[of].mean(), vertex[0] + ladder.centre[0], vertex[1]))
    points = np.array(sorted(found)).reshape(-1, 3)
    return Optima(*points.T)


def _vertex(size: np.ndarray, log_flop: np.ndarray,
            loss: np.ndarray) -> tuple[float, float] | None:
    """Vertex of the parabola in ln N, and the loss there; None if no minimum inside the runs."""
    if np.ptp(size) < NARROWEST:
        return None
    off = log_flop - log_flop.mean()
    columns = [np.ones_like(size), size, size**2]
    if np.ptp(off) > 1e-9:
        columns.append(off)
    coefficients = np.linalg.lstsq(np.column_stack(columns), loss, rcond=None)[0]
    if coefficients[2] <= 0:
        return None
    vertex = float(-coefficients[1] / (2 * coefficients[2]))
    if not size.min() <= vertex <= size.max():
        return None
    return vertex, float(coefficients[0] - coefficients[1] ** 2 / (4 * coefficients[2]))


def _log_flop(ladder: Ladder) -> np.ndarray:
    return np.log(FLOP_PER_PARAM_TOKEN) + ladder.size + ladder.token + sum(ladder.centre)
