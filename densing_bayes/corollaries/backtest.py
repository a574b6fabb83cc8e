"""Forecasts against what came: on older data, and the authors' own.

The frontier's date cannot be observed. What can is the first published model of a size class
that matches a target, so back-tests are of `first_release`, which adds to the frontier how
many models appear and how far below or above it they lie.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, owens_t

from densing_bayes.corollaries.capacity import OnDevice
from densing_bayes.corollaries.draws import Pool, date_of, years_of
from densing_bayes.corollaries.forecast import HORIZON, When, crossing, grid
from densing_bayes.corollaries.targets import Target, target
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval

CLASS = np.log(2)  # width of a size class: from half the size to the size
FAMILIES = 32  # draws of a family effect per posterior draw
MONTH = 1 / 12
RECENT = 2.0  # years over which the frequency of releases is counted


def first_release(pool: Pool, log_size: float, match: Target, *, as_of: dt.date,
                  horizon: dt.date, per_year: np.ndarray, rng: np.random.Generator) -> When:
    """When the first published model of a size class matches a target.

    Models between half of exp(``log_size``) and that size appear at ``per_year`` (draws), each
    with the density f(t) - u + v of the frontier's skew normal (and a family's, if the fit has
    one). The first match is then the first event of a Poisson process of intensity
    per_year P(density >= need): later than the frontier where few are published, earlier where
    many are. Models published before ``as_of`` are not looked at.
    """
    years = grid(as_of, horizon, MONTH)  # several may appear in a quarter
    need = match.log_size - (log_size - CLASS / 2)
    exceed = exceedance(pool, need[:, None] - pool.frontier(years), rng)
    hazard = per_year[:, None] * exceed
    steps = 0.5 * (hazard[:, 1:] + hazard[:, :-1]) * np.diff(years)
    total = np.concatenate([np.zeros((pool.size, 1)), np.cumsum(steps, axis=1)], axis=1)
    time = crossing(total - rng.exponential(1.0, (pool.size, 1)), years)
    size = f"between {np.exp(log_size - CLASS) / 1e9:.3g}B and {np.exp(log_size) / 1e9:.3g}B"
    return When(f"when is the first model of {size} published that matches {match.label}?",
                as_of, horizon, time)


def exceedance(pool: Pool, above: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Probability that a new model's density lies ``above`` the frontier by so much or more.

    -u + v of the model is skew normal, with survival 1 - Phi(e) - 2 T(e, sqrt(q/(1-q))) at
    e = above / omega (T is Owen's function). A family effect of the same form is averaged over.

    Parameters
    ----------
    above
        In ln density, shape (sample, time).
    """
    omega, q = pool.values("omega")[:, None], pool.values("q")[:, None]

    def survival(e: np.ndarray) -> np.ndarray:
        return 1 - (ndtr(e) + 2 * owens_t(e, np.sqrt(q / (1 - q))))

    if not pool.has("omega_family"):
        return survival(above / omega)
    wide, share = pool.values("omega_family"), pool.values("q_family")
    total = np.zeros_like(above)
    for _ in range(FAMILIES):
        gap = np.abs(rng.normal(size=pool.size)) * wide * np.sqrt(share)
        family = rng.normal(size=pool.size) * wide * np.sqrt(1 - share) - gap
        total += survival((above - family[:, None]) / omega)
    return total / FAMILIES


def backtest(cut: Pool, full: Pool, *, as_of: dt.date, interval: Interval,
             rng: np.random.Generator) -> pd.DataFrame:
    """Milestones of one cut-off: forecast from ``cut``, outcome from ``full``.

    For every model published by ``as_of``: when does a model of at most half its size (and
    more than a quarter) match it? Milestones already reached then are left out. An outcome is
    the first such model by posterior medians of the full fit; without one by the end of the
    data it is censored, and counts as covered if the interval reaches beyond that day.

    Parameters
    ----------
    cut
        Draws of a fit to what was published by ``as_of``.
    full
        Draws of a fit to everything.

    Returns
    -------
    DataFrame
        One row per milestone: target, size, low, median, high (years since ORIGIN), outcome
        (NaN: censored), p_by_end, covered. Milestones share models and are not independent.
    """
    names = full.models
    medians = np.median(full.effective_of(names), axis=0)
    places = [full.at(name) for name in names]
    time = np.array([years_of(place["date"]) for place in places])
    log_params = np.array([place["log_params"] for place in places])
    now, end = years_of(as_of), time.max()
    horizon = date_of(max(end, now) + HORIZON)
    rows = []
    for name in cut.models:
        i = names.index(name)
        limit = log_params[i] - np.log(2)
        in_class = (log_params <= limit) & (log_params > limit - CLASS)
        matching = in_class & (medians >= medians[i])
        recent = in_class & (time > now - RECENT) & (time <= now)
        if (matching & (time <= now)).any():
            continue
        # Gamma posterior of the frequency under the reference prior 1/sqrt(rate)
        per_year = rng.gamma(recent.sum() + 0.5, 1 / RECENT, cut.size)
        asked = first_release(cut, limit, Target(name, cut.effective(name)), as_of=as_of,
                              horizon=horizon, per_year=per_year, rng=rng)
        low, median, high = np.quantile(
            np.clip(asked.years, now, years_of(horizon)), [interval.tails[0], 0.5,
                                                           interval.tails[1]])
        outcome = time[matching].min() if matching.any() else np.nan
        rows.append({
            "target": name, "size": float(np.exp(limit)), "low": low, "median": median,
            "high": high, "outcome": outcome, "p_by_end": float((asked.years <= end).mean()),
            "covered": bool(high >= end if np.isnan(outcome) else low <= outcome <= high)})
    return pd.DataFrame(rows)


# -- the authors' own forecasts ---------------------------------------------------------------


def authors(pool: Pool, *, prices: pd.DataFrame | None, as_of: dt.date,
            phone: OnDevice | None = None) -> list[dict[str, Any]]:
    """The forecasts of the Densing Law's authors against the posterior, as far as it can say.

    Each row: ``claim``, ``due`` (date), ``status`` ('past' or 'open'), ``p_data`` (probability
    that published models have met it; None if not due or not in the data), ``p_law``
    (probability that the frontier meets it by then), ``note``.

    Parameters
    ----------
    phone
        The typical phone (a kind of device with a trend) running a sparse model of which
        8B in 60B are active, for the claim about 2030.
    """
    rows = [row for row in (_eight_billion(pool, prices), _minicpm(pool)) if row]
    if phone is not None:
        rows += _phone_of_2030(pool, phone, prices)
    rows.append({"claim": "phones run serious reinforcement learning", "due": "2027-12-31",
                 "p_data": None, "p_law": None,
                 "note": "no number behind the claim: it cannot be scored"})
    for row in rows:
        row["status"] = "past" if dt.date.fromisoformat(row["due"]) <= as_of else "open"
    return rows


def _gpt4(pool: Pool, prices: pd.DataFrame | None) -> Target | None:
    try:
        return target(pool, match="GPT-4", prices=prices)
    except InputError:
        return None


def _eight_billion(pool: Pool, prices: pd.DataFrame | None) -> dict[str, Any] | None:
    match, due = _gpt4(pool, prices), dt.date(2025, 12, 31)
    if match is None:
        return None
    names = [name for name in pool.models
             if pool.at(name)["log_params"] < np.log(8.5e9)
             and pool.at(name)["date"] <= due]
    sizes = pool.effective_of(names)
    best = names[int(np.argmax(np.median(sizes, axis=0)))]
    reach = np.log(8e9) + pool.frontier(np.array([years_of(due)]))[:, 0]
    return {"claim": f"an 8B model at the level of {match.label}", "due": due.isoformat(),
            "p_data": float((sizes.max(axis=1) >= match.log_size).mean()),
            "p_law": float((reach >= match.log_size).mean()),
            "note": f"strongest model of up to 8.5B parameters by then: {best}"}


def _minicpm(pool: Pool) -> dict[str, Any] | None:
    small, large = "MiniCPM-1-2.4B", "Mistral-7B-v0.1"
    if not {small, large} <= set(pool.models):
        return None
    a, b = pool.at(small), pool.at(large)
    ratio = np.exp(a["log_params"] - b["log_params"])
    early, late = (pool.frontier(np.array([years_of(one["date"])])) for one in (b, a))
    return {"claim": f"{small} matches {large} at {ratio:.0%} of its size", "due": str(a["date"]),
            "p_data": float((pool.effective(small) >= pool.effective(large)).mean()),
            "p_law": float(((late - early)[:, 0] >= -np.log(ratio)).mean()),
            "note": "p_law: the frontier's growth between the two dates covers the ratio"}


def _phone_of_2030(pool: Pool, phone: OnDevice, prices: pd.DataFrame | None,
                   ) -> list[dict[str, Any]]:
    due = dt.date(2030, 12, 31)
    at = np.array([years_of(due)])
    log_size = phone.log_size(at, pool.size)[:, 0]
    rows = [{"claim": f"the typical phone holds 60B parameters ({phone.use})",
             "due": due.isoformat(), "p_data": None,
             "p_law": float((log_size >= np.log(60e9)).mean()),
             "note": "memory of phones continued on its trend, bandwidth likewise"}]
    match = _gpt4(pool, prices)
    if match is not None:
        reach = log_size + pool.frontier(at)[:, 0]
        rows.append({"claim": f"such a phone runs a model at the level of {match.label}",
                     "due": due.isoformat(), "p_data": None,
                     "p_law": float((reach >= match.log_size).mean()),
                     "note": "density continued on its trend for five more years"})
    return rows
