"""The milestone calculator: when will a model of this size match that one; what fits then.

A model of N parameters on the frontier has ln N_eff = ln N + f(t). It matches a target of
effective size N* when that reaches ln N*; draw by draw this is a date, which may lie before
the day of asking ("already") or never come before the horizon. Dates are ordered, already
before any date before never, so that quantiles of such draws mean something where those of
doubling times would not.

The frontier is the best that the trend allows. `densing_bayes.corollaries.backtest` asks for
what one can observe: the first model published in that size class that matches.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from densing_bayes.corollaries.capacity import Capacity
from densing_bayes.corollaries.draws import Pool, date_of, years_of
from densing_bayes.corollaries.targets import Target
from densing_bayes.errors import InputError, Problem
from densing_bayes.intervals import Interval

STEP = 0.25  # years between the points at which a path is evaluated; lines are exact
HORIZON = 10.0  # years


# -- when -------------------------------------------------------------------------------------


def crossing(surplus: np.ndarray, years: np.ndarray) -> np.ndarray:
    """First time at which each row of ``surplus`` (sample, time) reaches zero.

    The first time of the grid where it already has, infinite where it never does; linear
    between grid points.

    Examples
    --------
    >>> crossing(np.array([[-1.0, 1.0, 3.0], [0.5, 1, 2], [-3, -2, -1]]), np.array([0., 1, 2]))
    array([0.5, 0. , inf])
    """
    reached = surplus >= 0
    at = np.argmax(reached, axis=1)
    rows = np.arange(len(surplus))
    before = np.maximum(at - 1, 0)
    low, high = surplus[rows, before], surplus[rows, at]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(at > 0, -low / (high - low), 0.0)
    time = years[before] + share * (years[at] - years[before])
    return np.where(reached.any(axis=1), time, np.inf)


@dataclass(frozen=True)
class When:
    """A date as a distribution: draws in years since ORIGIN, infinite for never.

    Draws at ``as_of`` mean already; draws beyond ``horizon`` count as never within it.
    """

    question: str
    as_of: dt.date
    horizon: dt.date
    years: np.ndarray

    @property
    def p_already(self) -> float:
        """Probability that it has happened by the day of asking."""
        return float((self.years <= years_of(self.as_of)).mean())

    @property
    def p_never(self) -> float:
        """Probability that it does not happen within the horizon."""
        return float((self.years > years_of(self.horizon)).mean())

    def p_by(self, date: dt.date) -> float:
        """Probability that it happens by a day."""
        return float((self.years <= years_of(date)).mean())

    def quantile(self, prob: float) -> str:
        """A quantile as a day, 'already' or 'after' the horizon."""
        first, last = years_of(self.as_of), years_of(self.horizon)
        at = float(np.quantile(np.clip(self.years, first, last), prob))
        if at <= first:
            return "already"
        return f"after {self.horizon}" if at >= last else date_of(at).isoformat()

    def to_dict(self, interval: Interval) -> dict[str, Any]:
        """Question, probabilities and quantiles, for printing."""
        low, high = interval.tails
        return {
            "question": self.question, "as_of": self.as_of.isoformat(),
            "horizon": self.horizon.isoformat(), "p_already": self.p_already,
            "p_never_within_horizon": self.p_never,
            "date": {"median": self.quantile(0.5), "low": self.quantile(low),
                     "high": self.quantile(high)},
            "interval": {"prob": interval.prob, "kind": interval.kind},
        }


def grid(as_of: dt.date, horizon: dt.date, step: float = STEP) -> np.ndarray:
    """Years since ORIGIN from the day of asking to the horizon, every quarter by default."""
    first, last = years_of(as_of), years_of(horizon)
    return np.append(np.arange(first, last - 1e-9, step), last)


def when(pool: Pool, what: Capacity, match: Target, *, as_of: dt.date,
         horizon: dt.date) -> When:
    """When the frontier at a size first matches a target."""
    years = grid(as_of, horizon)
    log_size = what.log_size(years, pool.size)
    surplus = log_size + pool.frontier(years) - match.needed(log_size, years)
    return When(f"when will {what.label} match {match.label}?", as_of, horizon,
                crossing(surplus, years))


# -- what fits at a date ----------------------------------------------------------------------


@dataclass(frozen=True)
class Forecast:
    """Everything asked in one question; parts that were not asked are None.

    ``size_needed`` (parameters) to match the target at ``date``; ``effective`` (parameters) of
    the frontier on what was named at ``date``; ``p_match`` of known models by it.
    """

    when: When | None = None
    date: dt.date | None = None
    p_by_date: float | None = None
    size_needed: np.ndarray | None = None
    effective: np.ndarray | None = None
    p_match: dict[str, float] = field(default_factory=dict)

    def to_dict(self, interval: Interval) -> dict[str, Any]:
        """For printing and JSON."""
        out: dict[str, Any] = {} if self.when is None else self.when.to_dict(interval)
        if self.date is not None:
            out["at"] = self.date.isoformat()
        if self.p_by_date is not None:
            out["p_by_date"] = self.p_by_date
        if self.size_needed is not None:
            out["size_needed"] = _log_summary(self.size_needed, interval)
        if self.effective is not None:
            out["effective_size"] = _log_summary(self.effective, interval)
            out["p_match"] = self.p_match
        return out


def size_words(log_size: float) -> str:
    """A size in words, three digits.

    Examples
    --------
    >>> [size_words(x) for x in (np.log(8e9), np.log(1.2345e12), 10.0, 40.0, np.inf)]
    ['8B', '1,230B', 'under 0.001B', 'over 1,000,000B', 'no size']
    """
    with np.errstate(over="ignore"):
        billions = float(np.exp(log_size)) / 1e9
    if billions == np.inf:
        return "no size"
    if billions < 0.001:
        return "under 0.001B"
    if billions > 1e6:
        return "over 1,000,000B"
    return f"{float(f'{billions:.3g}'):,.12g}B"


def _log_summary(log_size: np.ndarray, interval: Interval) -> dict[str, Any]:
    """Median and interval of a size: quantiles, which survive the exponential; open is None."""
    low, high = interval.tails
    cut = np.quantile(log_size, [low, 0.5, high], method="lower")
    return {name: float(np.exp(x)) if np.isfinite(x) else None
            for name, x in zip(("low", "median", "high"), cut, strict=True)}


def forecast(pool: Pool, *, what: Capacity | None = None, match: Target | None = None,
             date: dt.date | None = None, as_of: dt.date,
             horizon: dt.date | None = None) -> Forecast:
    """Answer a question about a size or device, a target, a date: any two of the three.

    ================  =========================================================================
    what and match    when the frontier at that size matches the target
    what and date     the effective size that fits then, and which known models it matches
    match and date    how large a model must be then to match
    all three         the first, the second, and the probability that it happens by the date
    ================  =========================================================================

    Parameters
    ----------
    as_of
        The day of asking: earlier is "already", and earlier dates are refused.
    horizon
        The day after which is "never" (default: ten years on).

    Raises
    ------
    InputError
        Fewer than two of the three; a date or horizon that is not in the future.
    """
    horizon = horizon or date_of(years_of(as_of) + HORIZON)
    problems = []
    if sum(x is not None for x in (what, match, date)) < 2:
        problems.append(Problem("too little to forecast", allowed=(
            "two or three of: a size or device, something to match, a date")))
    if horizon <= as_of:
        problems.append(Problem("the horizon is not in the future", given=horizon,
                                allowed=f"after {as_of}"))
    if date is not None and date < as_of:
        problems.append(Problem("the date lies in the past", given=date,
                                allowed=f"{as_of} or later",
                                hint="what exists is in the density table, not a forecast"))
    if date is not None and date > horizon > as_of:
        problems.append(Problem("the date lies beyond the horizon", given=date,
                                allowed=f"at most {horizon}", hint="give a later horizon"))
    if problems:
        raise InputError(problems)
    out: dict[str, Any] = {"date": date}
    if what is not None and match is not None:
        out["when"] = when(pool, what, match, as_of=as_of, horizon=horizon)
    if date is not None:
        at = np.array([years_of(date)])
        frontier = pool.frontier(at)[:, 0]
        if what is not None:
            reach = what.log_size(at, pool.size)[:, 0] + frontier
            out["effective"] = reach
            names = pool.models
            share = (reach[:, None] >= pool.effective_of(names)).mean(axis=0)
            out["p_match"] = dict(zip(names, share.tolist(), strict=True))
        if match is not None:
            out["size_needed"] = match.size_at(frontier, float(at[0]))
        if "when" in out:
            out["p_by_date"] = out["when"].p_by(date)
    return Forecast(**out)
