"""Rolling-origin back-test of what the report prints: the frontier, and the best available.

At each origin the joint model is fitted to what had been released by then, and says where both
will be 3, 6 and 12 months later. The outcome is what the fit to all tables says of that day. The
ruler is held at one place in all fits, the mean of what ladder and pairs alone say: what is tested
is the growth of the frontier, not the ruler's history, and no later score has moved it. (Scores
carry no date of their own: what was measured later on earlier models stays.)

Beside it stand its rivals, each started from the same fit: no change, a compound Poisson of
record jumps, the paper's way (least squares on the records, extrapolated) and its published rate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.calibration.coverage import share_error
from densing_bayes.calibration.rig import Refit, refit
from densing_bayes.fitting import case_seed, sample
from densing_bayes.joint.engine import compiled_joint
from densing_bayes.joint.fit import Joint, choose, prepare
from densing_bayes.joint.outlook import best_to_come
from densing_bayes.joint.quantities import best_available, frontier_path, years_of
from densing_bayes.parameters import PARAMETERS
from densing_bayes.plugin import records
from densing_bayes.specs import ModelSpec, Sampling
from densing_bayes.tables import Tables
from densing_bayes.trends import DAYS_PER_YEAR

HORIZONS = (3, 6, 12)  # months
COVERAGES = (0.5, 0.8, 0.9)
QUANTITIES = ("frontier", "best available")
METHODS = ("joint", "no change", "record jumps", "paper", "published rate")
PUBLISHED = "densing-rate-nmi"  # in published.csv, per day
DRAWS = 400
FEWEST = 15  # models known at an origin
FIRST = "2023-09-30"


def origins(data: xr.Dataset) -> list[str]:
    """Ends of quarters with enough models before, and three months of releases after."""
    date = data["date"].values
    last = date.max() - np.timedelta64(91, "D")
    return [str(end.date()) for end in pd.date_range(FIRST, date.max(), freq="QE")
            if (date <= end.to_datetime64()).sum() >= FEWEST and end.to_datetime64() <= last]


def known_at(tables: Tables, spec: ModelSpec, origin: str) -> Joint:
    """The joint model of what had been released by the origin; of later models nothing enters."""
    asked = spec.with_options(until=origin)
    return prepare(choose(tables, asked), asked)


def ruler_alone(joint: Joint, sampling: Sampling) -> dict[str, xr.DataArray]:
    """Means of the ruler's variables given ladder and pairs alone, by anchor."""
    alone = compiled_joint(joint.columns, joint.coords, joint.spec.priors,
                           irreducible=joint.spec.options["irreducible"], latents=False)
    long = replace(sampling, draws=1000, tune=500, target_accept=0.97)
    found = sample(alone, long, case="ruler alone", cores=1)["posterior"].to_dataset()
    return {row.name: found[row.name].mean(("chain", "draw")) for row in PARAMETERS
            if row.dim == "anchor" and row.name in joint.compiled.shapes}


def held_fit(joint: Joint, ruler: dict[str, xr.DataArray], case: str, sampling: Sampling, *,
             cores: int = 1) -> Refit:
    """The posterior with the ruler held."""
    values = {name: value.sel(anchor=joint.coords["anchor"]).values
              for name, value in ruler.items()}
    return refit(joint, case, sampling, compiled=joint.compiled.holding(values), cores=cores)


class Today:
    """What the fit to all tables says: the outcomes; and the ruler at which all fits hold."""

    def __init__(self, tables: Tables, spec: ModelSpec, sampling: Sampling, cores: int = 1):
        joint = prepare(choose(tables, spec), spec)
        self.ruler = ruler_alone(joint, sampling)
        self.fit = held_fit(joint, self.ruler, "today", sampling, cores=cores)
        derived = self.fit.derived
        self.last = float(years_of(derived["date"].values[derived["eligible"].values]).max())

    def outcome(self, what: str, years: float) -> float:
        """Posterior median of the quantity at a day."""
        of = best_available if what == "best available" else frontier_path
        return float(of(self.fit.derived, [years]).median())


def run_origin(final: Today, tables: Tables, spec: ModelSpec, origin: str, sampling: Sampling, *,
               cores: int = 1) -> dict[str, Any]:
    """All forecasts from one origin, scored: a list of rows, and the fit's health."""
    case = f"origin {origin}"
    rng = np.random.default_rng(case_seed(sampling.seed, case))
    joint = known_at(tables, spec, origin)
    fit = held_fit(joint, final.ruler, case, sampling, cores=cores)
    now = float(years_of(np.array([origin], "datetime64[D]"))[0])
    reached = [months for months in HORIZONS if now + months / 12 <= final.last]
    ahead = now + np.array(reached) / 12
    told = {"frontier": flat(frontier_path(fit.derived, ahead)),
            "best available": best_to_come(fit.derived, now, ahead, rng, DRAWS)}
    per_day = published_rate(tables)
    rows = []
    for what in QUANTITIES:
        forecasts = {"joint": told[what],
                     **rivals(fit.derived, what, now, ahead, per_day, rng)}
        rows += [_row(origin, what, months, method, draws[:, k], final.outcome(what, ahead[k]))
                 for method, draws in forecasts.items() for k, months in enumerate(reached)]
    return {"origin": origin, "known": joint.observations.data.sizes["model"], "rows": rows,
            **fit.health()}


def flat(draws: xr.DataArray) -> np.ndarray:
    """Evenly thinned draws, shape (sample, time)."""
    values = draws.transpose("chain", "draw", "time").values
    values = values.reshape(-1, values.shape[-1])
    return values[np.linspace(0, len(values) - 1, DRAWS).astype(int)]


def published_rate(tables: Tables) -> float:
    """The paper's published rate, per day; NaN where the tables have none."""
    table = tables.published
    rows = [] if table is None else table["value"][table["quantity"] == PUBLISHED].tolist()
    return float(rows[0]) if rows else np.nan


# -- rivals -----------------------------------------------------------------------------------


def rivals(derived: xr.Dataset, what: str, now: float, ahead: np.ndarray, per_day: float,
           rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draws of each rival at times to come, shape (sample, time), from the same fit.

    *No change* and the published rate scatter by what the quantity has moved over as long a time
    before (about none, and about that rate); jumps come as often as records have, as large as
    they were; the paper's line is through the records, with its prediction interval.
    """
    of = best_available if what == "best available" else frontier_path
    start = flat(of(derived, [now]))
    counts = derived["eligible"].values
    time = years_of(derived["date"].values[counts])
    density = derived["log_density"].median(("chain", "draw")).values[counts]
    kept = records(time, density)
    jump = np.diff(density[kept])
    wait = ahead - now
    past = {h: _moves(derived, of, time.min(), now, h) for h in wait}

    def scatter(centre: float) -> np.ndarray:
        return np.stack([max(np.sqrt(np.mean((past[h] - centre * h) ** 2)), 0.05)
                         * rng.standard_normal(DRAWS) for h in wait], axis=1)

    out = {"no change": start + scatter(0.0)}
    if len(jump) >= 2:
        rate = rng.gamma(len(jump) + 0.5, 1 / (now - time.min()), DRAWS)
        out["record jumps"] = start + compound(rate, jump, wait, rng)
    if kept.sum() >= 4:
        out["paper"] = line_draws(time[kept], density[kept], ahead, rng)
    if np.isfinite(per_day):
        yearly = per_day * DAYS_PER_YEAR
        out["published rate"] = start + yearly * wait + scatter(yearly)
    return out


def _moves(derived: xr.Dataset, of: Any, first: float, now: float, wait: float) -> np.ndarray:
    """By how much the quantity moved over spans of ``wait`` that lie within what is known."""
    starts = np.arange(now - wait, first - 1e-9, -0.25)
    if not len(starts):
        starts = np.array([first])
    path = [of(derived, at).median(("chain", "draw")).values
            for at in (starts, np.minimum(starts + wait, now))]
    return path[1] - path[0]


def compound(rate: np.ndarray, jump: np.ndarray, wait: np.ndarray, rng: np.random.Generator,
             ) -> np.ndarray:
    """Sums of jumps that come at a rate (1/year), by times to wait; shape (rate, wait).

    Examples
    --------
    Four jumps of one half in a year, on average:

    >>> sums = compound(np.full(20_000, 4.0), np.array([0.5]), np.array([1.0]),
    ...                 np.random.default_rng(1))
    >>> bool(abs(sums.mean() - 2.0) < 0.03)
    True
    """
    count = rng.poisson(rate * wait.max())
    one = np.repeat(np.arange(len(rate)), count)
    when, size = rng.uniform(0, wait.max(), one.size), rng.choice(jump, one.size)
    return np.stack([np.bincount(one, size * (when <= end), minlength=len(rate))
                     for end in wait], axis=1)


def line_draws(time: np.ndarray, value: np.ndarray, at: np.ndarray, rng: np.random.Generator,
               draws: int = DRAWS) -> np.ndarray:
    """Predictive draws of a least-squares line at new times, shape (draws, times).

    Normal errors under the reference prior, i.e. the textbook prediction interval; times of
    one draw share their line.
    """
    middle = time.mean()
    basis = np.column_stack([np.ones_like(time), time - middle])
    estimate, *_ = np.linalg.lstsq(basis, value, rcond=None)
    left = value - basis @ estimate
    free = time.size - 2
    sigma = np.sqrt((left @ left) / rng.chisquare(free, draws))
    factor = np.linalg.cholesky(np.linalg.inv(basis.T @ basis))
    lines = estimate + sigma[:, None] * (rng.standard_normal((draws, 2)) @ factor.T)
    path = lines[:, :1] + lines[:, 1:] * (np.asarray(at) - middle)
    return path + sigma[:, None] * rng.standard_normal(path.shape)


# -- scoring ----------------------------------------------------------------------------------


def crps(draws: np.ndarray, outcome: float) -> float:
    """Continuous ranked probability score of draws: E|X - y| - E|X - X'|/2, in the unit of y.

    Examples
    --------
    >>> crps(np.array([1.0, 1.0]), 3.0)
    2.0
    >>> crps(np.array([0.0, 1.0]), 0.5)
    0.25
    """
    x = np.sort(np.asarray(draws, float))
    n = x.size
    weight = 2 * np.arange(1, n + 1) - n - 1
    return float(np.abs(x - outcome).mean() - (weight * x).sum() / n**2)


def _row(origin: str, what: str, horizon: int, method: str, draws: np.ndarray, outcome: float,
         ) -> dict[str, Any]:
    return {"origin": origin, "what": what, "horizon": horizon, "method": method,
            "outcome": float(outcome), "median": float(np.median(draws)),
            "crps": crps(draws, outcome),
            "pit": float(((draws < outcome).sum() + 0.5 * (draws == outcome).sum()) / draws.size)}


def backtest_table(rows: list[dict[str, Any]], seed: int = 8) -> pd.DataFrame:
    """Mean scores by what, horizon and method, each with its error over origins.

    ``against`` is 1 - CRPS of the joint model / CRPS of the method, on the forecasts that both
    made: how much better the joint model is than that rival, negative where the rival is better;
    ``bias`` the mean of median less outcome. Errors resample origins, since forecasts of one
    origin share a fit. Horizon 0 stands for all horizons.
    """
    frame = pd.DataFrame(rows)
    out = []
    for what in frame["what"].unique():
        for horizon in (0, *HORIZONS):
            here = frame[(frame["what"] == what)
                         & ((frame["horizon"] == horizon) if horizon else True)]
            joint = here[here["method"] == "joint"]
            for method in METHODS:
                part = here[here["method"] == method]
                if part.empty:
                    continue
                against, against_se = _against(joint, part, seed)
                inside = {share: (part["pit"] - 0.5).abs() <= share / 2 for share in COVERAGES}
                out.append({
                    "what": what, "horizon": horizon, "method": method, "forecasts": len(part),
                    "origins": part["origin"].nunique(), "crps": part["crps"].mean(),
                    "against": against, "against_se": against_se,
                    "bias": (part["median"] - part["outcome"]).mean(),
                    **{f"coverage_{share:.0%}": hit.mean() for share, hit in inside.items()},
                    **{f"coverage_{share:.0%}_se": _clustered_error(hit, part["origin"], seed)
                       for share, hit in inside.items()}})
    return pd.DataFrame(out)


def _against(joint: pd.DataFrame, rival: pd.DataFrame, seed: int) -> tuple[float, float]:
    """Relative CRPS of the joint model against a rival, and its bootstrap error over origins."""
    both = joint.merge(rival, on=["origin", "horizon"], suffixes=("", "_rival"))
    by = both.groupby("origin")[["crps", "crps_rival"]].sum().to_numpy(float)
    if not len(by):
        return np.nan, np.nan

    def gain(at: np.ndarray) -> float:
        ours, theirs = by[at].sum(axis=0)
        return float(1 - ours / theirs)

    rng, count = np.random.default_rng(seed), len(by)
    again = [gain(rng.integers(0, count, count)) for _ in range(500)]
    return gain(np.arange(count)), float(np.std(again)) if count > 1 else np.nan


def _clustered_error(hit: pd.Series, origin: pd.Series, seed: int) -> float:
    """Standard error of a share whose trials come in origins.

    Never below that of as many independent trials, nor zero: resampling shares of 0 or 1 gives
    no error at all, however few the trials.
    """
    by = hit.groupby(origin.to_numpy()).agg(["sum", "size"]).to_numpy(float)
    if len(by) < 2:
        return np.nan
    rng = np.random.default_rng(seed)
    at = rng.integers(0, len(by), (500, len(by)))
    again = by[at, 0].sum(axis=1) / by[at, 1].sum(axis=1)
    return max(float(again.std()), share_error(hit))
