"""Growth of the frontier: half years, each with a growth of its own that is not negative.

What was released stays, so the boundary does not regress (Tulkens & Vanden Eeckaut 1995). In half
year k it grows by r_k = c softplus(x_k / c) with x_k about a common centre: for growth of the
size of c and more r is x; below, it bends towards zero, which it may come near. So no growth is
possible, and a walk of ln growth, which would manufacture some, is avoided.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.joint.kernel.layout import SOFTNESS

SEGMENT = 0.5  # years

Columns = dict[str, Any]


def softplus(x: Any) -> Any:
    """``SOFTNESS`` ln(1 + exp(x / ``SOFTNESS``)): growth that is not negative, 1/year.

    Examples
    --------
    >>> softplus(np.array([-5.0, 0.0, 2.0])).round(3)
    array([0.   , 0.173, 2.   ])
    """
    x = np.asarray(x, float)
    return np.maximum(x, 0) + SOFTNESS * np.log1p(np.exp(-np.abs(x) / SOFTNESS))


def segments(time: Any, eligible: Any = None) -> Columns:
    """Columns of the table ``segments``: the half years that the dates of the models span.

    Parameters
    ----------
    time
        Release times of all models (years, any origin), shape (model,).
    eligible
        Which of them may lie on the frontier (1 or 0; default all): the frontier's level is that
        at their mean growth.

    Returns
    -------
    dict
        ``start`` and ``width`` (years), equal widths of about half a year, and ``mean``, the
        mean over the eligible models of the years that each has behind it, shape (segment,).

    Examples
    --------
    >>> table = segments([0.0, 0.4, 1.0])
    >>> table["start"], table["mean"].round(2)
    (array([0. , 0.5]), array([0.3 , 0.17]))
    """
    time = np.asarray(time, float)
    which = np.ones(len(time), bool) if eligible is None else np.asarray(eligible, float) > 0
    first, last = time[which].min(), time[which].max()
    count = max(1, round((last - first) / SEGMENT))
    width = (last - first) / count
    table = {"start": first + width * np.arange(count), "width": np.full(count, width)}
    table["mean"] = years_behind(table, time[which]).mean(axis=0)
    return table


def years_behind(table: Columns, years: Any) -> Any:
    """Years of each segment that lie before given times, shape (time, segment)."""
    start, width = np.asarray(table["start"], float), np.asarray(table["width"], float)
    return np.clip(np.asarray(years, float)[:, None] - start, 0, width)


def effects(table: Columns, years: Any) -> Any:
    """Ln density per unit growth of each segment at given times, about the models' mean.

    Examples
    --------
    >>> table = segments([0.0, 0.4, 1.0])
    >>> effects(table, [0.0, 0.4, 1.0]).round(2).tolist()
    [[-0.3, -0.17], [0.1, -0.17], [0.2, 0.33]]
    """
    return years_behind(table, years) - np.asarray(table["mean"], float)


def turns(effect: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the segments' growth in which the models say most first.

    Growth of neighbouring half years does nearly the same, so the data tie them together. Turned
    to the principal directions of their effects they are independent in the data, and still
    independent with one sd in the prior.

    Parameters
    ----------
    effect
        Effects at the eligible models, (model, segment), 1 per year of growth.

    Returns
    -------
    tuple
        Per direction how far the models outweigh the prior there (0 to 1: for a scatter of the
        models of one nat and a spread of 1); and the turn, (segment, direction), so that
        departures = turn @ directions.

    Examples
    --------
    >>> time = np.linspace(0, 3, 50)
    >>> weight, turn = turns(effects(segments(time), time))
    >>> bool(abs(turn @ turn.T - np.eye(6)).max() < 1e-12), bool(weight[0] > weight[-1])
    (True, True)
    """
    strength, turn = np.linalg.eigh(effect.T @ effect)
    strength, turn = np.maximum(strength[::-1], 0.0), turn[:, ::-1]
    sign = np.sign(turn[abs(turn).argmax(axis=0), np.arange(len(strength))])
    return strength / (1 + strength), turn * sign
