"""Forecasts against what came: on older data, and the authors' own.

The frontier's date cannot be observed. What can is the first published model of a size class
that matches a target, so back-tests are of `densing_bayes.corollaries.releases`, which adds to
the frontier how many models appear and how far below or above it they lie.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.corollaries.capacity import FixedSize, OnDevice
from densing_bayes.corollaries.draws import Pool, date_of, years_of
from densing_bayes.corollaries.forecast import HORIZON
from densing_bayes.corollaries.releases import CLASS, first_release
from densing_bayes.corollaries.targets import Target, domains, find_model, target
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval
from densing_bayes.tables import Tables


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
    time = np.array([years_of(full.places[name][0]) for name in names])
    log_params = np.array([full.places[name][1] for name in names])
    now, end = years_of(as_of), time.max()
    horizon = date_of(max(end, now) + HORIZON)
    rows = []
    for name in cut.models:
        i = names.index(name)
        limit = log_params[i] - np.log(2)
        in_class = (log_params <= limit) & (log_params > limit - CLASS)
        matching = in_class & (medians >= medians[i])
        if (matching & (time <= now)).any():
            continue
        asked = first_release(
            cut, FixedSize(float(np.exp(limit))), Target(name, cut.effective(name)),
            as_of=as_of, horizon=horizon, rng=rng, look_back=False)
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


def authors(pool: Pool, *, as_of: dt.date, tables: Tables,
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
    rows = _eight_billion(pool, tables)
    pair = _minicpm(pool, tables.scores)
    rows += [pair] if pair else []
    if phone is not None:
        rows += _phone_of_2030(pool, phone, tables)
    rows.append({"claim": "phones run serious reinforcement learning", "due": "2027-12-31",
                 "p_data": None, "p_law": None,
                 "note": "no number behind the claim: it cannot be scored"})
    for row in rows:
        row["status"] = "past" if dt.date.fromisoformat(row["due"]) <= as_of else "open"
    return rows


def gpt4(pool: Pool, tables: Tables) -> list[Target]:
    """GPT-4 by all its scores on benchmarks of the fit, then by each of several domains."""
    names = tables.models["model"].tolist()
    try:
        found = [target(pool, match="GPT-4", prices=tables.prices, outside=names)]
    except InputError:
        return []
    name = find_model("GPT-4", names)
    several = domains(pool, name) if name else []
    return found + [target(pool, match="GPT-4", outside=names, domain=domain)
                    for domain in several if len(several) > 1]


def _eight_billion(pool: Pool, tables: Tables) -> list[dict[str, Any]]:
    due = dt.date(2025, 12, 31)
    names = [name for name in pool.models
             if pool.places[name][1] < np.log(8.5e9) and pool.places[name][0] <= due]
    if not names:
        return []
    sizes = pool.effective_of(names)
    time = np.array([years_of(pool.places[name][0]) for name in names])
    size = np.array([pool.places[name][1] for name in names])
    best = names[int(np.argmax(np.median(sizes, axis=0)))]
    scores = mean_scores(tables.scores, best)
    reported = "" if pool.benchmark not in scores else (
        f", {pool.benchmark} {100 * scores[pool.benchmark]:.1f}%")
    at, eight = np.array([years_of(due)]), np.full((pool.size, 1), np.log(8e9))
    reach = eight + pool.frontier(at)
    return [{"claim": f"an 8B model at the level of {match.label}", "due": due.isoformat(),
             "p_data": float((sizes >= match.needed(size, time)).any(axis=1).mean()),
             "p_law": float((reach >= match.needed(eight, at)).mean()),
             "note": f"strongest model of up to 8.5B parameters by then: {best}{reported}"
             + (f"; the level rests on {match.rests_on}" if match.rests_on else "")}
            for match in gpt4(pool, tables)]


def mean_scores(scores: pd.DataFrame | None, model: str) -> pd.Series:
    """Mean reported score of a model by benchmark."""
    if scores is None:
        return pd.Series(dtype=float)
    return scores[scores["model"] == model].groupby("benchmark")["score"].mean()


def _minicpm(pool: Pool, scores: pd.DataFrame | None) -> dict[str, Any] | None:
    """The published pair; by scores alone where the fit leaves out post-trained models."""
    small, large = "MiniCPM-1-2.4B", "Mistral-7B-v0.1"
    row = {"claim": f"{small} matches {large}", "due": "2024-02-01"}
    if {small, large} <= set(pool.models):
        (day, size), (day_before, larger) = pool.places[small], pool.places[large]
        ratio = np.exp(size - larger)
        early, late = (pool.frontier(np.array([years_of(at)])) for at in (day_before, day))
        return {**row, "p_data": float((pool.effective(small) >= pool.effective(large)).mean()),
                "p_law": float(((late - early)[:, 0] >= -np.log(ratio)).mean()),
                "note": f"at {ratio:.0%} of its size; from the trend: whether the frontier grew "
                        "by that much between the two dates"}
    both = pd.concat([mean_scores(scores, small), mean_scores(scores, large)], axis=1).dropna()
    if both.empty:
        return None
    ahead = int((both.iloc[:, 0] >= both.iloc[:, 1]).sum())
    return {**row, "p_data": None, "p_law": None,
            "note": f"not in this fit (post-trained); by reported scores it is level or ahead on "
                    f"{ahead} of {len(both)} shared benchmarks"}


def _phone_of_2030(pool: Pool, phone: OnDevice, tables: Tables) -> list[dict[str, Any]]:
    due = dt.date(2030, 12, 31)
    at = np.array([years_of(due)])
    log_size = phone.log_size(at, pool.size)
    rows = [{"claim": f"the typical phone holds 60B parameters ({phone.use})",
             "due": due.isoformat(), "p_data": None,
             "p_law": float((log_size >= np.log(60e9)).mean()),
             "note": "memory of phones continued on its trend, bandwidth likewise"}]
    for match in gpt4(pool, tables)[:1]:
        reach = log_size + pool.frontier(at)
        rows.append({"claim": f"such a phone runs a model at the level of {match.label}",
                     "due": due.isoformat(), "p_data": None,
                     "p_law": float((reach >= match.needed(log_size, at)).mean()),
                     "note": "density continued on its trend for five more years"})
    return rows
