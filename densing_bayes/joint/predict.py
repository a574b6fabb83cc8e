"""What the posterior predicts: scores of every cell, each benchmark's own view, records.

All on a thinned set of draws (400 by default), enough for two digits of a probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.intervals import Interval
from densing_bayes.joint import curves
from densing_bayes.joint.curves import Cells
from densing_bayes.joint.quantities import (
    frontier_path,
    own_trends,
    record_share,
    ruler_parameters,
    years_of,
)

NUMBERS = 12_000_000  # in one array of predictions: memory of large leaderboards
GROUPS = ("anchored", "linked_cells")


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


# -- scores ----------------------------------------------------------------------------------


@np.errstate(over="ignore")  # far below a curve exp overflows, and the score is chance
def cells_at(post: xr.Dataset, columns: dict[str, Any], *, benchmark: np.ndarray,
             log_size: np.ndarray, items: Any, replicates: Any) -> Cells:
    """Expectation, slope and spreads of cells at given sizes.

    Parameters
    ----------
    post
        Draws of the curves, dim ``sample`` first.
    columns
        Tables of the joint model.
    benchmark
        Index of each cell's benchmark, (cell,).
    log_size
        Ln effective size of each cell's model as its benchmark sees it (`moved`), (sample, cell).
    items, replicates
        Counted items and number of sources, (cell,) or scalars.
    """
    benchmark = np.asarray(benchmark, int)
    anchors = len(columns["anchors"]["chance"])
    expected, slope = np.empty(log_size.shape), np.empty(log_size.shape)
    ruled = benchmark < anchors
    if ruled.any():
        law, curve = ({name: np.asarray(value)[..., benchmark[ruled]]
                       for name, value in part.items()}
                      for part in ruler_parameters(post, columns))
        expected[:, ruled], slope[:, ruled] = curves.anchored(
            log_size=log_size[:, ruled], law=law, curve=curve,
            tokens=float(columns["setting"]["reference_tokens"][0]))
    if (~ruled).any():
        at = benchmark[~ruled] - anchors
        chance = np.asarray(columns["linked_benchmarks"]["chance"])[at]
        c0, c1 = (post[name].values[:, None] for name in ("c0", "c1"))
        expected[:, ~ruled], slope[:, ~ruled] = curves.linked(
            log_size=log_size[:, ~ruled], slope=np.exp(post["log_kappa_z"].values[:, at]) / c1,
            midpoint=c0 + c1 * post["middle_z"].values[:, at],
            scale=post["linked_headroom"].values[:, at] * (1 - chance), chance=chance)
    return Cells(expected, slope, slope * own_sd(post)[:, benchmark], np.sqrt(
        curves.noise_variance(expected=expected, items=items, replicates=replicates,
                              sd_source=post["sd_source"].values[:, benchmark])))


def own_sd(post: xr.Dataset) -> np.ndarray:
    """How far each benchmark's own view strays, nats of effective size, (sample, benchmark)."""
    return post["sd_benchmark_z"].values * post["c1"].values[:, None]


def moved(post: xr.Dataset, *, benchmark: np.ndarray, time: Any, tilt_size: Any) -> np.ndarray:
    """What a benchmark's own trends add to a model's ln effective size, (sample, cell).

    Parameters
    ----------
    time, tilt_size
        Release time and ln parameters of each cell's model, centred as in the joint model.
    """
    trend, tilt = (own_trends(post[f"{name}_contrast"]).values[:, benchmark]
                   for name in ("trend", "tilt"))
    return trend * time + tilt * tilt_size


def cell_predictions(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
                     draws: int = 400) -> xr.Dataset:
    """Expected score, slope and spread of every cell, dims (sample, cell), of thinned draws.

    Returns
    -------
    xr.Dataset
        ``expected`` score; ``slope``, score per nat of effective size; ``own``, sd of the
        benchmark's own deviation in score; ``noise``, sd of items and sources in score;
        ``nu``; and per cell ``score``, ``model`` and ``benchmark`` (indices).
    """
    # without the latents: their copies would be the larger part
    post = thin(posterior.drop_vars(["z", "model_coordinate", "family_coordinate", "family_gap"],
                                    errors="ignore"), draws)
    sizes = thin(derived[["log_effective"]], draws)["log_effective"].transpose("sample", "model")
    cells = all_cells(columns)
    model, benchmark = cells["model"].astype(int), cells["benchmark"].astype(int)
    time, tilt_size = (np.asarray(columns["models"][name], float)[model]
                       for name in ("time", "tilt_size"))
    found = cells_at(post, columns, benchmark=benchmark, items=cells["items"],
                     replicates=cells["replicates"], log_size=sizes.values[:, model] + moved(
                         post, benchmark=benchmark, time=time, tilt_size=tilt_size))
    out = xr.Dataset({name: (("sample", "cell"), value)
                      for name, value in found._asdict().items()}
                     | {name: ("cell", value) for name, value in (
                         ("score", cells["score"]), ("model", model), ("benchmark", benchmark))})
    return out.assign(nu=2 + post["nu"])


def all_cells(columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """The cells of the anchored benchmarks, then those of the linked ones, as one table."""
    return {name: np.concatenate([np.asarray(columns[group][name], float) for group in GROUPS])
            for name in columns[GROUPS[0]]}


def spreads(cells: xr.Dataset) -> Cells:
    """The predictions of `cell_predictions` as `densing_bayes.joint.curves` takes them."""
    return Cells(*(cells[name].values for name in Cells._fields))


def log_likelihood(cells: xr.Dataset) -> np.ndarray:
    """Log likelihood of every cell's score at each draw, (sample, cell).

    Given the model's own effective size, as in a ``log_likelihood`` group.
    """
    return curves.log_density(cells["score"].values, spreads(cells), cells["nu"].values[:, None])


def score_coverage(cells: xr.Dataset, interval: Interval, seed: int) -> tuple[float, np.ndarray]:
    """Share of cells inside their predictive interval, and the PIT value of every cell."""
    rng = np.random.default_rng(seed)
    sd = spreads(cells).sd
    replicated = cells["expected"].values + sd * rng.standard_t(
        cells["nu"].values[:, None], size=sd.shape)
    pit = (replicated <= cells["score"].values).mean(axis=0)
    low, high = interval.tails
    return float(((pit > low) & (pit < high)).mean()), pit


# -- benchmarks' own growth --------------------------------------------------------------------


def benchmark_rates(derived: xr.Dataset) -> xr.DataArray:
    """Growth of the frontier as each benchmark sees it, 1/year: the rate and its own trend.

    Dims chain, draw and benchmark; the trends sum to zero over the benchmarks.

    Examples
    --------
    >>> derived = xr.Dataset({"rate": (("chain", "draw"), [[1.5]]),
    ...                       "trend": (("chain", "draw", "benchmark"), [[[-0.2, 0.2]]])})
    >>> benchmark_rates(derived).values.round(2).tolist()
    [[[1.3, 1.7]]]
    """
    return derived["rate"] + derived["trend"]


def rate_of_another_benchmark(derived: xr.Dataset, trend_spread: xr.DataArray,
                              seed: int) -> xr.DataArray:
    """Growth by one more benchmark of the same kind, 1/year, in each draw.

    Its trend is one more from the distribution of the fitted ones, Normal(m, ``trend_spread``).
    The rate is that of the fitted benchmarks' mean, which itself lies about m with the variance
    of a mean of so many: the sd is ``trend_spread`` sqrt(1 + 1 / benchmarks).
    """
    rng = np.random.default_rng(seed)
    sd = trend_spread * np.sqrt(1 + 1 / derived.sizes["benchmark"])
    return derived["rate"] + sd * rng.standard_normal(sd.shape)


def residual_trends(cells: xr.Dataset, columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """What is left of trends in date and size once every benchmark has its own, by benchmark.

    The residual of a cell, (score - expected) / slope, is how many nats the benchmark sees more
    of its model than the fit does. It is regressed on date and ln size, weighted by what the
    cell says of nats (slope^2 / variance), within each draw. The fit is right if what is found
    lies within two standard errors of zero.

    Returns
    -------
    dict
        ``date`` (nats per year) and ``size`` (nats per nat of size), means over the draws, with
        ``date_error`` and ``size_error``, shape (benchmark,); NaN with fewer than four models.
    """
    count = columns["models"]["time"], columns["models"]["tilt_size"]
    time, size = (np.asarray(values, float)[cells["model"].values] for values in count)
    found = spreads(cells)
    nu = cells["nu"].values[:, None]
    variance = found.sd**2 * nu / (nu - 2)
    residual = cells["score"].values - found.expected
    benchmarks = len(columns["anchors"]["chance"]) + len(columns["linked_benchmarks"]["chance"])
    out = {name: np.full(benchmarks, np.nan)
           for name in ("date", "size", "date_error", "size_error")}
    for b in range(benchmarks):
        at = np.flatnonzero(cells["benchmark"].values == b)
        if len(at) < 4 or np.ptp(time[at]) == 0 or np.ptp(size[at]) == 0:
            continue
        design = np.column_stack([np.ones(len(at)), time[at], size[at]])
        weight = found.slope[:, at] ** 2 / variance[:, at]
        pull = found.slope[:, at] * residual[:, at] / variance[:, at]
        inverse = np.linalg.pinv(np.einsum("sc,ci,cj->sij", weight, design, design))
        fitted = np.einsum("sij,sc,cj->si", inverse, pull, design).mean(axis=0)
        error = np.sqrt(np.diagonal(inverse, axis1=1, axis2=2).mean(axis=0))
        for place, name in ((1, "date"), (2, "size")):
            out[name][b], out[f"{name}_error"][b] = fitted[place], error[place]
    return out


# -- records -----------------------------------------------------------------------------------


def replicated_records(derived: xr.Dataset, columns: dict[str, Any],
                       seed: int) -> dict[str, np.ndarray]:
    """Records among eligible models drawn anew below the frontier, at the real dates.

    Each draw gives its families and models new gaps and new scatter (`densing_bayes.joint.graph`).

    Returns
    -------
    dict
        ``count`` and ``longest`` (longest wait between records, days) of replicated worlds,
        and ``observed_count``, ``observed_longest`` of the models themselves, per sample.
    """
    rng = np.random.default_rng(seed)
    counts = np.asarray(columns["models"]["eligible"]) > 0
    draws = thin(derived[["level", "growth", "segment_start", "segment_width", "gap_family",
                          "gap_model", "spread_growth", "noise", "log_density"]],
                 draws_of(int(counts.sum())))
    # what is the same in all draws must not be read as one value per draw
    draws = draws.assign({name: derived[name] for name in ("segment_start", "segment_width")})
    years = years_of(derived["date"].values)[counts]
    line = frontier_path(draws, years, "model").transpose("sample", "model").values
    family = np.asarray(columns["models"]["family"], int)[counts]
    grown = np.exp(np.multiply.outer(draws["spread_growth"].values, np.asarray(
        columns["models"]["time"], float)[counts]))
    of_family = np.exp(np.multiply.outer(draws["spread_growth"].values, np.asarray(
        columns["families"]["time"], float)))
    gap, scale, noise = (draws[name].values[:, None]
                         for name in ("gap_family", "gap_model", "noise"))
    replicated = (line - (gap * of_family * rng.exponential(size=of_family.shape))[:, family]
                  - scale * grown * np.abs(rng.standard_normal(grown.shape))
                  + noise * rng.standard_normal(grown.shape))

    def statistics(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        record = record_share(xr.DataArray(values, dims=("sample", "model")), years).values > 0
        longest = [float(np.diff(np.append(np.sort(years[row]), years.max())).max() * 365.25)
                   for row in record]
        return record.sum(axis=1), np.array(longest)

    count, longest = statistics(replicated)
    observed_count, observed_longest = statistics(
        draws["log_density"].transpose("sample", "model").values[:, counts])
    return {"count": count, "longest": longest, "observed_count": observed_count,
            "observed_longest": observed_longest}
