"""Intervals: one value that says probability and kind, and the one way to make a summary.

Every printed interval comes from here, so that no table can show an interval without its
probability and kind. arviz-stats would serve, but imports for seconds; the equal-tailed
interval of pooled draws is one call of ``numpy.quantile``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from densing_bayes.errors import InputError, Problem
from densing_bayes.trends import DAYS_PER_MONTH, DAYS_PER_YEAR, doubling_set, doubling_time


@dataclass(frozen=True)
class Interval:
    """Probability of a credible interval; the kind is always equal-tailed.

    Examples
    --------
    >>> str(Interval())
    '90% equal-tailed interval'
    """

    prob: float = 0.9
    kind: str = "equal-tailed"

    def __post_init__(self) -> None:
        if not 0 < self.prob < 1:
            raise InputError(
                Problem("interval probability", given=self.prob, allowed="between 0 and 1")
            )
        if self.kind != "equal-tailed":
            raise InputError(Problem("interval kind", given=self.kind, allowed="equal-tailed"))

    def __str__(self) -> str:
        return f"{self.prob:.0%} {self.kind} interval"

    @property
    def tails(self) -> tuple[float, float]:
        """Lower and upper tail probability points."""
        return (1 - self.prob) / 2, (1 + self.prob) / 2

    def of(self, draws: Any, axis: int | None = None) -> np.ndarray:
        """Lower and upper bound of draws; the bounds come first in the result's shape."""
        return np.quantile(np.asarray(draws), self.tails, axis=axis)


def summary(draws: Any, interval: Interval) -> dict[str, float]:
    """Mean, median, sd and interval of draws of one quantity.

    Examples
    --------
    >>> summary([1.0, 2.0, 3.0], Interval(0.5))
    {'mean': 2.0, 'median': 2.0, 'sd': 1.0, 'low': 1.5, 'high': 2.5}
    """
    flat = np.asarray(draws, dtype=float).ravel()
    low, high = interval.of(flat)
    return {
        "mean": float(flat.mean()),
        "median": float(np.median(flat)),
        "sd": float(flat.std(ddof=1)) if flat.size > 1 else 0.0,
        "low": float(low),
        "high": float(high),
    }


def growth_summary(rate_per_year: Any, interval: Interval) -> dict[str, Any]:
    """The ``growth`` block of summary.json from draws of the yearly rate.

    The doubling time's median is ln 2 over the median rate, and its set is the image of the
    rate's interval: draws of the doubling time are never sorted or averaged. Where that interval
    holds zero there is no median, only the set: a ratio through zero has no middle.

    Examples
    --------
    >>> out = growth_summary([1.8, 2.0, 2.2], Interval())
    >>> round(out["doubling_time_days"]["median"]), out["doubling_time_days"]["p_growth"]
    (127, 1.0)
    >>> growth_summary([-0.2, 0.1, 0.3], Interval())["doubling_time_days"]["median"]
    nan
    """
    per_year = np.asarray(rate_per_year, dtype=float).ravel()
    per_day = summary(per_year / DAYS_PER_YEAR, interval)
    return {
        "rate_per_day": per_day,
        "rate_per_year": summary(per_year, interval),
        "doubling_time_days": {
            "median": time_of(per_day["median"], per_day["low"], per_day["high"]),
            "set": doubling_set(per_day["low"], per_day["high"]),
            "p_growth": float((per_year > 0).mean()),
        },
    }


def time_of(median: float, low: float, high: float) -> float:
    """Doubling time at the median rate; NaN where the rate's interval [low, high] holds zero.

    Examples
    --------
    >>> round(time_of(0.005, 0.004, 0.006), 1), time_of(0.0001, -0.002, 0.003)
    (138.6, nan)
    """
    return float(doubling_time(median)) if low > 0 or high < 0 else float("nan")


NEVER = 36_525.0  # days: to double in more than a century is told as not to


def words_of_set(parts: list[list[float]], unit: str = "days") -> str:
    """A doubling set in words.

    Examples
    --------
    >>> words_of_set([[100.2, 138.0]])
    '100 to 138 days'
    >>> words_of_set([[177.0, 8039061.0]])
    '177 days or more, or none'
    >>> words_of_set([[-float("inf"), -693.1], [173.3, float("inf")]])
    'doubling in 173 days or more, no change, or halving in 693 days or more'
    """
    scale = {"days": 1.0, "months": DAYS_PER_MONTH}[unit]
    digits = {"days": 0, "months": 1}[unit]

    def show(days: float) -> str:
        return f"{abs(days) / scale:,.{digits}f}"

    if len(parts) == 1 and np.isfinite(parts[0]).all():
        low, high = parts[0]
        if low > NEVER:
            return "none"
        if high > NEVER:
            return f"{show(low)} {unit} or more, or none"
        if low > 0:
            return f"{show(low)} to {show(high)} {unit}"
        return f"halving in {show(high)} to {show(low)} {unit}"
    words = []
    for low, _ in reversed(parts):
        if low > 0 and np.isfinite(low):
            words.append(f"doubling in {show(low)} {unit} or more")
    words.append("no change")
    for _, high in parts:
        if high < 0:
            words.append(f"halving in {show(high)} {unit} or more")
    return ", ".join(words[:-1]) + f", or {words[-1]}" if len(words) > 1 else words[0]


RATE_OF_NONE = 0.1  # 1/year: growth from below it on may be none


def doubled(growth: dict[str, Any], interval: Interval) -> str:
    """What a density did, in months where it surely grew, else by its rate: for a sentence.

    Parameters
    ----------
    growth
        From `growth_summary`.

    Examples
    --------
    >>> doubled(growth_summary([1.8, 2.0, 2.2], Interval()), Interval())
    'doubled every 4.2 months (90% equal-tailed interval: 3.8 to 4.6)'
    >>> doubled(growth_summary([-2.2, -2.0, -1.8], Interval()), Interval())
    'changed by -2.00 per year (90% equal-tailed interval: -2.18 to -1.82): it fell'
    >>> doubled(growth_summary([-0.1, 0.4, 0.9], Interval()), Interval())
    'changed by 0.40 per year (90% equal-tailed interval: -0.05 to 0.85): a doubling in 9.8 months \
or more, or none'
    """
    year, low, high = (growth["rate_per_year"][name] for name in ("median", "low", "high"))
    months = [12 * np.log(2) / rate for rate in (year, high, low) if rate > 0]
    if low > RATE_OF_NONE:
        return f"doubled every {months[0]:.1f} months ({interval}: {months[1]:.1f} to " \
               f"{months[2]:.1f})"
    said = f"changed by {year:.2f} per year ({interval}: {low:.2f} to {high:.2f})"
    if high < 0:
        return f"{said}: it fell"
    if high < RATE_OF_NONE:
        return f"{said}: hardly at all"
    return f"{said}: a doubling in {12 * np.log(2) / high:.1f} months or more, or none"


def probability(p: float) -> str:
    """A probability from draws in words that claim no more digits than draws have.

    Examples
    --------
    >>> probability(0.734), probability(0.0), probability(0.9999)
    ('0.73', 'below 0.01', 'above 0.99')
    """
    if p < 0.01:
        return "below 0.01"
    if p > 0.99:
        return "above 0.99"
    return f"{p:.2f}"
