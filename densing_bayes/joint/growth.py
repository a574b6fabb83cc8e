"""Growth that need not be constant: a rate that wanders, as columns of a design.

The frontier is a straight line plus a slow random walk of its slope. Between knots the rate is
constant; at each knot it changes by a step of sd ``drift`` times the root of the spacing. The
columns are made orthogonal to level and slope over the dates of the models, so that ``rate``
stays what it is called, the average growth over the models (their least-squares slope), however
the rate wandered; and knots after the last model let it wander on in forecasts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

KNOTS = 6  # inside the models' dates: about five months of the shipped ones each
LATER, STEP = 20, 0.5  # knots after the last model, and their spacing in years

Columns = dict[str, Any]


def knots(time: Any, *, constant: bool = False, ahead: int = 0) -> Columns:
    """Columns of the table ``knots``: where the rate may change, and how each change acts.

    Parameters
    ----------
    time
        Release times of the models that are to be fitted (years, any origin).
    constant
        A straight line: every step is multiplied by zero.
    ahead
        Knots after the last model, for models that are forecast within the fit.

    Returns
    -------
    dict
        ``at`` (years, same origin), ``level`` and ``slope`` (the least-squares line that is
        taken off) and ``scale`` (root of the spacing, or 0).

    Examples
    --------
    Orthogonal to level and slope at the models' dates:

    >>> time = np.array([0.0, 0.3, 0.5, 1.1, 2.0])
    >>> effect = effects(knots(time), time)
    >>> bool(abs(effect.sum(0)).max() < 1e-12 and abs(time @ effect).max() < 1e-12)
    True
    """
    time = np.asarray(time, float)
    first, last = time.min(), time.max()
    at = first + (last - first) * np.arange(1, KNOTS + 1) / (KNOTS + 1)
    basis = np.column_stack([np.ones_like(time), time])
    hinges = np.maximum(time[:, None] - at, 0)
    line, *_ = np.linalg.lstsq(basis, hinges, rcond=None)
    spacing = (last - first) / (KNOTS + 1)
    within = {"at": at, "level": line[0], "slope": line[1],
              "scale": np.full(KNOTS, 0.0 if constant else np.sqrt(spacing))}
    after = later(last, ahead, constant=constant)
    return {name: np.concatenate([value, after[name]]) for name, value in within.items()}


def effects(table: Columns, years: Any) -> Any:
    """Ln density per unit step of each knot at given times, shape (time, knot)."""
    at, level, slope, scale = (np.asarray(table[name], float)
                               for name in ("at", "level", "slope", "scale"))
    years = np.asarray(years, float)[:, None]
    return scale * (np.maximum(years - at, 0) - level - slope * years)


def turns(table: Columns, years: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the steps in which the models at ``years`` say most first.

    Steps at neighbouring knots do nearly the same, so the data tie them together. Turned to the
    principal directions of their effects they are independent in the data, and still independent
    with one sd in the prior.

    Returns
    -------
    tuple
        Per direction how far the models outweigh the prior there (0 to 1: for a scatter of the
        models of one e-fold and a drift of 1); and the turn, (knot, direction), so that
        steps = turn @ directions.

    Examples
    --------
    >>> weight, turn = turns(knots(np.linspace(0, 3, 50)), np.linspace(0, 3, 50))
    >>> bool(abs(turn @ turn.T - np.eye(KNOTS)).max() < 1e-12), bool(weight[0] > weight[-1])
    (True, True)
    """
    effect = effects(table, years)
    strength, turn = np.linalg.eigh(effect.T @ effect)
    strength, turn = np.maximum(strength[::-1], 0.0), turn[:, ::-1]
    sign = np.sign(turn[abs(turn).argmax(axis=0), np.arange(len(strength))])
    return strength / (1 + strength), turn * sign


def slopes(table: Columns, years: Any) -> Any:
    """Growth rate per unit step of each knot at given times, beyond the average rate.

    The derivative of `effects`, shape (time, knot).
    """
    at, slope, scale = (np.asarray(table[name], float) for name in ("at", "slope", "scale"))
    return scale * ((np.asarray(years, float)[:, None] > at) - slope)


def later(start: float, count: int = LATER, *, constant: bool = False) -> Columns:
    """Knots from ``start`` on, after the last model: their steps are as the prior says."""
    zero = np.zeros(count)
    return {"at": start + STEP * np.arange(count), "level": zero, "slope": zero,
            "scale": np.full(count, 0.0 if constant else np.sqrt(STEP))}
