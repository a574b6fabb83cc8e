"""First releases: when a published model of a size matches, rather than when one could.

The frontier is the best that the trend allows and cannot be observed. Published models appear
now and then, each some way below or above it; the first that matches is an event with a date.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from densing_bayes.corollaries.capacity import Capacity
from densing_bayes.corollaries.draws import Pool, date_of, years_of
from densing_bayes.corollaries.forecast import When, crossing, grid
from densing_bayes.corollaries.targets import Target

CLASS = np.log(2)  # width of a size class: from half the size to the size
FAMILIES = 16  # draws of a family effect per posterior draw
MONTH = 1 / 12  # several models may appear in a quarter
RECENT = 2.0  # years over which the frequency of releases is counted


def first_release(pool: Pool, what: Capacity, match: Target, *, as_of: dt.date,
                  horizon: dt.date, rng: np.random.Generator, per_year: np.ndarray | None = None,
                  look_back: bool = True) -> When:
    """When the first published model of a size matches a target.

    A model of at most that size which the data know to match is "already". Otherwise models of
    the size class (from half the size to the size) appear at ``per_year``, each with the
    density that gaps below the frontier allow.
    The first match is the first event of a Poisson process of intensity
    per_year P(density >= need), which runs from the newest model of the data: later than the
    frontier where few are published, earlier where many are.

    Parameters
    ----------
    per_year
        Draws of the frequency; default: from the class's models of the last two years of data.
    look_back
        Whether known models count.
    """
    newest = max(date for date, _ in pool.places.values()) if look_back else as_of
    start = min(newest, as_of)
    years = grid(start, horizon, MONTH)
    log_size = what.log_size(years, pool.size)
    if per_year is None:
        per_year = frequency(pool, float(np.median(log_size[:, 0])), start, rng)
    typical = log_size - CLASS / 2
    need = match.needed(typical, years) - typical
    hazard = per_year[:, None] * exceedance(pool, need - pool.frontier(years), years, rng)
    steps = 0.5 * (hazard[:, 1:] + hazard[:, :-1]) * np.diff(years)
    total = np.concatenate([np.zeros((pool.size, 1)), np.cumsum(steps, axis=1)], axis=1)
    first = crossing(total - rng.exponential(1.0, (pool.size, 1)), years)
    if look_back:
        names = pool.models
        size = np.array([pool.places[name][1] for name in names])
        time = np.array([years_of(pool.places[name][0]) for name in names])
        found = (pool.effective_of(names) >= match.needed(size, time)) & (
            size <= what.log_size(years[:1], pool.size)[:, :1])
        first = np.where(found.any(axis=1), years[0], first)
    return When(f"when is the first model published that matches {match.label} as {what.label}?",
                as_of, horizon, first)


def frequency(pool: Pool, log_size: float, until: dt.date,
              rng: np.random.Generator) -> np.ndarray:
    """Draws of how many models of a size class appear in a year.

    Gamma posterior of the count of the last two years under the reference prior 1/sqrt(rate).
    """
    first = date_of(years_of(until) - RECENT)
    count = sum(first < date <= until and log_size - CLASS < size <= log_size
                for date, size in pool.places.values())
    return rng.gamma(count + 0.5, 1 / RECENT, pool.size)


def exceedance(pool: Pool, above: np.ndarray, years: np.ndarray, rng: np.random.Generator,
               ) -> np.ndarray:
    """Probability that a new model's density lies ``above`` the frontier by so much or more.

    A new model is of a new family: its gap is an exponential and a half-normal, whose scales have
    grown to the date, and a little noise. -u + v of the model is skew normal, with survival
    1 - Phi(e) - 2 T(e, skewness) at e = above / omega (T is Owen's function); the family's gap is
    averaged over.

    Parameters
    ----------
    above
        In ln density, shape (sample, time).
    years
        Years since `ORIGIN`, shape (time,).
    """
    from scipy.special import ndtr, owens_t  # only this question needs it

    grown = np.exp(pool.values("spread_growth")[:, None] * (years - pool.centre))
    gap, wide = (pool.values(name)[:, None] * grown for name in ("gap_model", "gap_family"))
    noise = pool.values("noise")[:, None]
    omega, skew = np.sqrt(gap**2 + noise**2), gap / noise
    total = np.zeros_like(above)
    for _ in range(FAMILIES):
        e = (above + wide * rng.exponential(size=(pool.size, 1))) / omega
        total += 1 - (ndtr(e) + 2 * owens_t(e, skew))
    return total / FAMILIES
