"""The ratio of two rates, of which the one below may be zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from densing_bayes.intervals import Interval


def ratio_summary(before: Any, after: Any, interval: Interval) -> dict[str, Any]:
    """Summary of after / before, which is no ordinary number when ``before`` may be zero.

    The pair (before, after) is read as an angle. The angle turns smoothly through before = 0,
    where the ratio jumps from inf to -inf, so quantiles are taken of the angle and turned back
    into ratios: beyond an infinite ratio the trend has reversed. ``mean`` and ``sd`` are None
    unless all draws of ``before`` have one sign.

    Examples
    --------
    >>> out = ratio_summary([1.0, 1.0, 1.0], [1.0, 1.5, 2.0], Interval(0.5))
    >>> [round(out[key], 2) for key in ("low", "median", "high")]
    [1.22, 1.5, 1.72]
    >>> ratio_summary([0.5, 0.1, -0.1], [1.0, 1.0, 1.0], Interval(0.9))["high"]
    inf
    """
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    side = -1.0 if np.median(before) < 0 else 1.0
    angle = np.arctan2(side * after, side * before)
    middle = math.atan2(np.sin(angle).mean(), np.cos(angle).mean())
    angle = middle + (angle - middle + np.pi) % (2 * np.pi) - np.pi

    def back(turn: float) -> float:
        if abs(turn) < np.pi / 2:
            return float(np.tan(turn))
        return math.copysign(math.inf, turn)

    low, high = interval.of(angle)
    sure = bool((side * before > 0).all())
    ratio = after / before if sure else np.full(2, np.nan)
    return {
        "mean": float(ratio.mean()) if sure else None, "median": back(float(np.median(angle))),
        "sd": float(ratio.std(ddof=1)) if sure else None, "low": back(low), "high": back(high),
        "p_before_reversed": float((side * before <= 0).mean()),
    }
