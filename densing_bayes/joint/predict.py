"""What the posterior predicts: scores of every cell, each benchmark's own view, records.

All on a thinned set of draws (400 by default), enough for two digits of a probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes import laws
from densing_bayes.intervals import Interval
from densing_bayes.joint.quantities import frontier_path, record_share, ruler_parameters

NUMBERS = 12_000_000  # in one array of predictions: memory of large leaderboards


def draws_of(rows: int) -> int:
    """Draws with which so many cells or models are predicted: 400, at least 50 where they are many.

    Examples
    --------
    >>> draws_of(664), draws_of(100_000), draws_of(1_000_000)
    (400, 120, 50)
    """
    return min(400, max(50, NUMBERS // max(1, rows)))


def thin(dataset: xr.Dataset, draws: int = 400) -> xr.Dataset:
    """Evenly spaced draws, dims (sample, ...)."""
    flat = dataset.stack(sample=("chain", "draw")).transpose("sample", ...)
    chosen = np.linspace(0, flat.sizes["sample"] - 1, min(draws, flat.sizes["sample"]))
    return flat.isel(sample=chosen.astype(int)).drop_vars(["sample", "chain", "draw"])


@np.errstate(over="ignore")  # far below a curve exp overflows, and the score is chance
def cell_predictions(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
                     draws: int = 400) -> xr.Dataset:
    """Expected score, slope and spread of every cell, dims (sample, cell), of thinned draws.

    Returns
    -------
    xr.Dataset
        ``expected`` score; ``slope``, score per e-fold of effective size; ``sd`` and ``own``,
        sd of the benchmark's own deviation in e-folds and in score; ``noise``, sd of items and
        sources in score;
        ``nu``; and per cell ``score``, ``model`` and ``benchmark`` (indices).
    """
    # without the latents: their copies would be the larger part
    post = thin(posterior.drop_vars(["z", "model_coordinate", "family_coordinate"],
                                    errors="ignore"), draws)
    out = thin(derived[["log_effective"]], draws)
    tokens = float(columns["setting"]["reference_tokens"][0])
    law, curve = ruler_parameters(post, columns)
    parts = []
    anchors = len(columns["anchors"]["chance"])
    for group in ("anchored", "linked_cells"):
        cells = {name: np.asarray(value) for name, value in columns[group].items()}
        if not len(cells["model"]):
            continue
        model, benchmark = cells["model"].astype(int), cells["benchmark"].astype(int)
        size = out["log_effective"].values[:, model]
        if group == "anchored":
            at = {name: np.asarray(value)[..., benchmark] for name, value in law.items()}
            sigmoid = {name: np.asarray(value)[..., benchmark] for name, value in curve.items()}
            expected = laws.score(loss=laws.loss_of_log_size(log_size=size, tokens=tokens, **at),
                                  **sigmoid)
            share = (expected - sigmoid["chance"]) / sigmoid["scale"]
            slope = (-sigmoid["gamma"] * sigmoid["scale"] * share * (1 - share) * at["alpha"]
                     * np.exp(at["log_a"] - at["alpha"] * size))
        else:
            linked = benchmark - anchors
            chance = np.asarray(columns["linked_benchmarks"]["chance"])[linked]
            scale = post["linked_headroom"].values[:, linked] * (1 - chance)
            kappa = np.exp(post["log_kappa_z"].values[:, linked]) / post["c1"].values[:, None]
            middle = (post["c0"].values[:, None]
                      + post["c1"].values[:, None] * post["middle_z"].values[:, linked])
            expected = laws.linked_score(log_size=size, slope=kappa, midpoint=middle,
                                         scale=scale, chance=chance)
            share = (expected - chance) / scale
            slope = scale * share * (1 - share) * kappa
        spread = expected * (1 - expected)
        sd = post["sd_benchmark_z"].values[:, benchmark] * post["c1"].values[:, None]
        noise = np.sqrt(spread / cells["items"] + 4 * spread / cells["replicates"]
                        * post["sd_source"].values[:, benchmark] ** 2)
        parts.append(xr.Dataset(
            {name: (("sample", "cell"), value) for name, value in
             (("expected", expected), ("slope", slope), ("sd", sd), ("own", slope * sd),
              ("noise", noise))}
            | {name: ("cell", value) for name, value in
               (("score", cells["score"]), ("model", model), ("benchmark", benchmark))}))
    both = xr.concat(parts, "cell")
    both["nu"] = 2 + post["nu"]
    return both


def benchmark_rates(cells: xr.Dataset, rate: Any, time: np.ndarray, count: int,
                    seed: int) -> np.ndarray:
    """Each benchmark's own growth rate, shape (sample, benchmark).

    A benchmark's view of a model is ln N^ plus its own deviation, drawn given the cell's
    residual (shrunk by the share of the benchmark in the spread). Its growth is the joint rate
    plus the least-squares drift of these deviations over the models it was run on.

    Parameters
    ----------
    rate
        Joint rate of the same samples, 1/year.
    time
        Release time of every model, years.
    """
    rng = np.random.default_rng(seed)
    sd, own, noise = (cells[name].values for name in ("sd", "own", "noise"))
    variance = own**2 + noise**2 + np.finfo(float).tiny
    residual = cells["score"].values - cells["expected"].values
    # where the curve is flat, a score says nothing: the deviation is as the benchmark's sd says
    deviation = sd * (own * residual / variance
                      + noise / np.sqrt(variance) * rng.standard_normal(own.shape))
    out = np.full((own.shape[0], count), np.nan)
    for b in range(count):
        rows = cells["benchmark"].values == b
        years = time[cells["model"].values[rows]]
        centred = years - years.mean()
        if (centred**2).sum() > 0:
            out[:, b] = rate + deviation[:, rows] @ centred / (centred**2).sum()
    return out


def score_coverage(cells: xr.Dataset, interval: Interval, seed: int) -> tuple[float, np.ndarray]:
    """Share of cells inside their predictive interval, and the PIT value of every cell."""
    rng = np.random.default_rng(seed)
    sd = np.sqrt(cells["own"].values ** 2 + cells["noise"].values ** 2)
    replicated = cells["expected"].values + sd * rng.standard_t(
        cells["nu"].values[:, None], size=sd.shape)
    pit = (replicated <= cells["score"].values).mean(axis=0)
    low, high = interval.tails
    return float(((pit > low) & (pit < high)).mean()), pit


def replicated_records(derived: xr.Dataset, seed: int) -> dict[str, np.ndarray]:
    """Records among models drawn anew from the frontier at the real dates, and in the posterior.

    Returns
    -------
    dict
        ``count`` and ``longest`` (longest wait between records, days) of replicated worlds,
        and ``observed_count``, ``observed_longest`` of the models themselves, per sample.
    """
    rng = np.random.default_rng(seed)
    names = ["level", "rate", "rate_step", "knot_at", "knot_level", "knot_slope", "knot_scale",
             "omega", "q", "omega_family", "q_family", "log_density"]
    draws = thin(derived[names], draws_of(derived.sizes["model"]))
    time = (derived["date"].values - np.datetime64("2023-02-24")).astype("timedelta64[D]"
                                                                         ).astype(float) / 365.25
    family = np.unique(derived["family"].values, return_inverse=True)[1]

    def shortfall(omega: np.ndarray, q: np.ndarray, count: int) -> np.ndarray:
        size = (len(omega), count)
        gap = np.abs(rng.standard_normal(size)) * (omega * np.sqrt(q))[:, None]
        return rng.standard_normal(size) * (omega * np.sqrt(1 - q))[:, None] - gap

    line = frontier_path(draws, time, "model").transpose("sample", "model").values
    of_family = shortfall(draws["omega_family"].values, draws["q_family"].values,
                          family.max() + 1)[:, family]
    replicated = line + of_family + shortfall(draws["omega"].values, draws["q"].values, len(time))

    def statistics(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        record = record_share(xr.DataArray(values, dims=("sample", "model")), time).values > 0
        longest = [float(np.diff(np.append(np.sort(time[row]), time.max())).max() * 365.25)
                   for row in record]
        return record.sum(axis=1), np.array(longest)

    count, longest = statistics(replicated)
    observed_count, observed_longest = statistics(draws["log_density"].values)
    return {"count": count, "longest": longest, "observed_count": observed_count,
            "observed_longest": observed_longest}
