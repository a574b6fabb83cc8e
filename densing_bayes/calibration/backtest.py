"""Rolling-origin back-test on the real releases: what would have been forecast, and what came.

At each origin the joint model is refitted to what had been released by then; cells of later
models have weight 0, so the posterior of a later model's effective size is its forecast, given
its size, date and family. Forecast are the new models' scores and the frontier as the paper
measures it: the largest plug-in density so far, a statistic of observed scores. (Scores carry
no date of their own, and ladder and pairs are those of today at every origin: what is tested
is the growth of the frontier, not the ruler's history.)

Beside it stand the paper's way (least squares on the records, extrapolated), no change, and a
trend through all models, each by the plug-in ruler of the same ladder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes import laws
from densing_bayes.calibration.coverage import share_error
from densing_bayes.calibration.rig import AHEAD, Rig, observed
from densing_bayes.fitting import case_seed
from densing_bayes.intervals import Interval
from densing_bayes.joint.data import reference_scores
from densing_bayes.joint.growth import knots
from densing_bayes.joint.predict import cell_predictions
from densing_bayes.plugin import Plugin, plugin
from densing_bayes.specs import Sampling
from densing_bayes.trends import DAYS_PER_MONTH
from densing_bayes.worlds import Columns

HORIZONS = (3, 6, 12)  # months
COVERAGES = (0.5, 0.8, 0.9)
METHODS = ("joint", "paper", "no change", "all models")
DRAWS = 400
FEWEST = 15  # models known at an origin
SMALLEST, LARGEST = np.log(1e5), np.log(1e16)  # sizes a plug-in inverse is kept between


def origins(data: xr.Dataset) -> list[str]:
    """Ends of quarters since 2023-09 with enough models before and a new one after."""
    date = data["date"].values
    ends = pd.date_range("2023-09-30", date.max(), freq="QE")
    return [str(end.date()) for end in ends
            if (date <= end.to_datetime64()).sum() >= FEWEST and (date > end.to_datetime64()).any()]


def known_by(rig: Rig, origin: str) -> np.ndarray:
    """Which models had been released by the origin."""
    return rig.observations.data["date"].values <= np.datetime64(origin)


def tables_at(rig: Rig, origin: str) -> Columns:
    """The joint model's tables as of an origin: nothing of a later model's scores enters."""
    data, columns = rig.observations.data, rig.columns
    known = known_by(rig, origin)
    out: Columns = {}
    for group in ("anchored", "linked_cells"):
        cells = dict(columns[group])
        seen = known[np.asarray(cells["model"], int)]
        cells["score"] = np.where(seen, cells["score"], 0.5)
        cells["weight"] = np.asarray(cells["weight"]) * seen
        out[group] = cells
    seen = known[data["cell_model"].values[data["contrast_cell"].values]]
    contrasts = dict(columns["contrasts"])
    contrasts["value"] = np.where(seen, contrasts["value"], 0.0)
    contrasts["spread"] = np.where(seen, contrasts["spread"], 1.0)
    contrasts["weight"] = np.asarray(contrasts["weight"]) * seen
    out["contrasts"] = contrasts
    time, size = data["time"].values, data["log_params"].values
    low, high = reference_scores(observed(rig, out).data)
    out["setting"] = dict(columns["setting"]) | {
        "low_score": [low], "high_score": [high], "centre_time": [time[known].mean()],
        "mean_log_params": [size[known].mean()]}
    out["models"] = dict(columns["models"]) | {"time": time - time[known].mean()}
    out["knots"] = knots(time[known] - time[known].mean(), ahead=AHEAD,
                         constant=rig.spec.options["constant_rate"])
    return out


def run_origin(rig: Rig, origin: str, sampling: Sampling, *, cores: int = 1,
               ) -> dict[str, Any]:
    """All forecasts from one origin, scored: a list of rows, and the fit's health."""
    data = rig.observations.data
    case = f"origin {origin}"
    rng = np.random.default_rng(case_seed(sampling.seed, case))
    known, changes = known_by(rig, origin), tables_at(rig, origin)
    refit = rig.fit(case, changes, sampling, cores=cores)
    cells = cell_predictions(refit.posterior, refit.derived, refit.columns)
    sd = np.sqrt(cells["own"].values**2 + cells["noise"].values**2)
    replicated = np.clip(cells["expected"].values + sd * rng.standard_t(
        cells["nu"].values[:, None], size=sd.shape), 0, 1)
    model, benchmark = cells["model"].values, cells["benchmark"].values
    score = np.concatenate([np.asarray(rig.columns[group]["score"])
                            for group in ("anchored", "linked_cells")])
    months = ((data["date"].values - np.datetime64(origin)) / np.timedelta64(1, "D")
              / DAYS_PER_MONTH)
    horizon = np.array([next((h for h in HORIZONS if 0 < m <= h), 0) for m in months])

    tokens = float(rig.columns["setting"]["reference_tokens"][0])
    chain = plugin(observed(rig, changes), tokens=tokens, interval=Interval())
    anchors = len(rig.columns["anchors"]["chance"])
    ahead = (horizon[model] > 0) & (benchmark == 0)
    rows = []
    for at in np.flatnonzero(horizon[model] > 0):
        kind = "anchored score" if benchmark[at] < anchors else "linked score"
        rows.append(_row(origin, kind, int(horizon[model[at]]), "joint", replicated[:, at],
                         score[at]) | {"model": str(data["model"].values[model[at]])})
    new = model[ahead]
    time, size = data["time"].values[new], data["log_params"].values[new]
    for method, density in _baselines(chain, time, data["time"].values[known].max(), rng).items():
        guess = score_of(size + density, chain, tokens)
        for i in range(new.size):
            rows.append(_row(origin, "anchored score", int(horizon[new[i]]), method, guess[:, i],
                             score[ahead][i]) | {"model": str(data["model"].values[new[i]])})
    rows += _frontier(origin, chain, tokens, rng, months=months[new], time=time, size=size,
                      score=score[ahead], joint=replicated[:, ahead], now=_years(origin),
                      end=months.max())
    return {"origin": origin, "known": int(known.sum()), "rows": rows, **refit.health()}


def _years(day: str) -> float:
    return float((np.datetime64(day) - np.datetime64("2023-02-24")) / np.timedelta64(1, "D")
                 / 365.25)


# -- the plug-in ruler and the forecasts that rest on it --------------------------------------


def density_of(score: Any, log_params: Any, chain: Plugin, tokens: float) -> np.ndarray:
    """Plug-in ln density of scores; without an inverse the smallest or largest size."""
    score = np.asarray(score, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = laws.loss_of_score(score=score, **chain.curve)
        size = laws.log_effective_size(loss=loss, tokens=tokens, **chain.law)
    size = np.where(np.isfinite(size), size, np.where(score <= chain.curve["chance"], SMALLEST,
                                                      LARGEST))
    return np.clip(size, SMALLEST, LARGEST) - log_params


def score_of(log_size: Any, chain: Plugin, tokens: float) -> np.ndarray:
    """Plug-in score at a log effective size."""
    loss = laws.loss_of_log_size(log_size=np.clip(log_size, SMALLEST, LARGEST), tokens=tokens,
                                 **chain.law)
    return laws.score(loss=loss, **chain.curve)


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


def _baselines(chain: Plugin, at: np.ndarray, last: float, rng: np.random.Generator,
               ) -> dict[str, np.ndarray]:
    """Draws of the plug-in ln density of new models, shape (draws, model), by method."""
    out = {}
    record = chain.record
    if record.sum() >= 4:
        out["paper"] = line_draws(chain.time[record], chain.log_density[record], at, rng)
    recent = chain.log_density[chain.time > last - 1]
    out["no change"] = rng.choice(recent, (DRAWS, at.size))
    out["all models"] = line_draws(chain.time, chain.log_density, at, rng)
    return out


def _frontier(origin: str, chain: Plugin, tokens: float, rng: np.random.Generator, *,
              months: np.ndarray, time: np.ndarray, size: np.ndarray, score: np.ndarray,
              joint: np.ndarray, now: float, end: float) -> list[dict[str, Any]]:
    """Forecasts of the largest plug-in density at each horizon that the data reach.

    ``months`` is how long after the origin each new model came out, ``end`` the last release.

    The joint model and the trend through all models are told which sizes came out when; the
    paper's line and no change forecast the record itself.
    """
    best = float(chain.log_density.max())
    truth = density_of(score, size, chain, tokens)
    told = density_of(joint, size, chain, tokens)
    spread = line_draws(chain.time, chain.log_density, time, rng)
    record = chain.record
    order = np.argsort(chain.time)
    path, days = np.maximum.accumulate(chain.log_density[order]), chain.time[order]
    rows = []
    for horizon in HORIZONS:
        here = months <= horizon
        if not here.any() or end < horizon:
            continue
        outcome = max(best, truth[here].max())
        draws = {"joint": np.maximum(best, told[:, here].max(axis=1)),
                 "all models": np.maximum(best, spread[:, here].max(axis=1))}
        if record.sum() >= 4:
            draws["paper"] = line_draws(chain.time[record], chain.log_density[record],
                                        np.array([now + horizon / 12]), rng)[:, 0]
        lagged = np.interp(days - horizon / 12, days, path)
        steps = (path - lagged)[days - horizon / 12 >= days.min()]
        sd = np.sqrt(np.mean(steps**2)) if steps.size else path.std()
        draws["no change"] = best + max(sd, 0.05) * rng.standard_normal(DRAWS)
        rows += [_row(origin, "frontier", horizon, method, values, outcome)
                 for method, values in draws.items()]
    return rows


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


def log_score(draws: np.ndarray, outcome: float) -> float:
    """Ln predictive density at the outcome, by a normal kernel on the draws (floor 1e-6)."""
    draws = np.asarray(draws, float)
    spread = min(draws.std(), np.subtract(*np.quantile(draws, [0.75, 0.25])) / 1.34)
    width = max(0.9 * spread * draws.size**-0.2, 0.005)
    density = np.exp(-0.5 * ((outcome - draws) / width) ** 2).mean() / (width * np.sqrt(2 * np.pi))
    return float(np.log(max(density, 1e-6)))


def _row(origin: str, what: str, horizon: int, method: str, draws: np.ndarray, outcome: float,
         ) -> dict[str, Any]:
    return {"origin": origin, "what": what, "horizon": horizon, "method": method,
            "outcome": float(outcome), "median": float(np.median(draws)),
            "crps": crps(draws, outcome), "log_score": log_score(draws, outcome),
            "pit": float(((draws < outcome).sum() + 0.5 * (draws == outcome).sum()) / draws.size)}


def backtest_table(rows: list[dict[str, Any]], seed: int = 8) -> pd.DataFrame:
    """Mean scores by what, horizon and method, each with its error over origins.

    ``gain`` is 1 - CRPS / CRPS of the paper's way on the same forecasts; ``bias`` the mean of
    median less outcome. Errors resample origins, since forecasts of one origin share a fit.
    Horizon 0 stands for all horizons.
    """
    frame = pd.DataFrame(rows)
    out = []
    for what in frame["what"].unique():
        for horizon in (0, *HORIZONS):
            for method in METHODS:
                part = frame[(frame["what"] == what) & (frame["method"] == method)]
                paper = frame[(frame["what"] == what) & (frame["method"] == "paper")]
                if horizon:
                    part, paper = (one[one["horizon"] == horizon] for one in (part, paper))
                if part.empty:
                    continue
                gain, gain_se = _gain(part, paper, seed)
                inside = {share: (part["pit"] - 0.5).abs() <= share / 2 for share in COVERAGES}
                out.append({
                    "what": what, "horizon": horizon, "method": method, "forecasts": len(part),
                    "origins": part["origin"].nunique(), "crps": part["crps"].mean(),
                    "log_score": part["log_score"].mean(), "gain": gain, "gain_se": gain_se,
                    "bias": (part["median"] - part["outcome"]).mean(),
                    **{f"coverage_{share:.0%}": hit.mean() for share, hit in inside.items()},
                    **{f"coverage_{share:.0%}_se": _clustered_error(hit, part["origin"], seed)
                       for share, hit in inside.items()}})
    return pd.DataFrame(out)


def _gain(part: pd.DataFrame, paper: pd.DataFrame, seed: int) -> tuple[float, float]:
    """Relative CRPS against the paper's way over shared origins, and its bootstrap error."""
    by = [frame.groupby("origin")["crps"].agg(["sum", "size"]) for frame in (part, paper)]
    shared = by[0].index.intersection(by[1].index)
    if shared.empty:
        return np.nan, np.nan
    ours, theirs = (one.loc[shared].to_numpy(float) for one in by)

    def gain(at: np.ndarray) -> float:
        mean = [one[at, 0].sum() / one[at, 1].sum() for one in (ours, theirs)]
        return 1 - mean[0] / mean[1]

    rng, count = np.random.default_rng(seed), len(shared)
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


__all__ = ["backtest_table", "crps", "density_of", "line_draws", "log_score", "origins",
           "run_origin", "tables_at"]
