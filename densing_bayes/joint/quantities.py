"""What the draws say: densities, the frontier, best available, typical releases, ceilings.

Four quantities, each in every draw (`derive` has what they rest on):

- **best available** at t: the largest ln density of all eligible models released up to t;
- **frontier** f(t): the boundary below which models lie by their own gaps; it does not regress;
- **typical release** at t: the mean ln density of releases about t, by family;
- **records**: which models were denser than all before (the paper's rule fits a line through
  them: `densing_bayes.bridge`).

Pure functions of draws; every quantity keeps the dims ``chain`` and ``draw``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes import laws
from densing_bayes.densities import extrapolation
from densing_bayes.joint.curves import axis_size
from densing_bayes.joint.growth import SEGMENT, softplus, years_behind
from densing_bayes.joint.ruler import COORDINATES, law_and_curve
from densing_bayes.observations import Observations, helmert

NEAR_FRONTIER = 1.5  # a model within this factor of the frontier's density is "on" it
NEAR_CEILING = 0.95  # share of the range from chance to ceiling above which a score is "near"
LATER = 20  # half years after the last model for which growth is drawn
MEAN_HALF = np.sqrt(2 / np.pi)  # mean of a half-normal of scale 1


def ruler_parameters(posterior: xr.Dataset, columns: dict[str, Any],
                     ) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draws of the loss law's and the performance law's constants, per anchor."""
    anchors = {name: xr.DataArray(np.asarray(value, float), dims="anchor")
               for name, value in columns["anchors"].items()}
    at = {name: posterior[name] for name in (*COORDINATES, "irreducible_share")
          if name in posterior}
    return law_and_curve(at, anchors)


@np.errstate(over="ignore")  # far below a curve exp overflows, and the score is chance
def derive(posterior: xr.Dataset, observations: Observations, columns: dict[str, Any],
           seed: int = 0) -> xr.Dataset:
    """Draws of everything that the report tells.

    Returns
    -------
    xr.Dataset
        ``level`` (ln density of the frontier at ``segment_start[0]``); ``growth`` (1/year, per
        ``segment``; those after the last model are drawn from what the posterior says of half
        years) with ``segment_start`` and ``segment_width`` (years since LLaMA-1); ``rate``
        (average growth of the frontier since LLaMA-1, 1/year); ``gap_family`` and ``gap_model``
        (scales of gaps at the models' mean date), ``spread_growth`` (1/year), ``noise``;
        ``trend`` (nats per year) and ``tilt`` (nats per e-fold of size) of the benchmarks;
        per model ``log_effective``, ``log_size`` (on the axis that counts), ``log_density``,
        ``gap`` (ln, below the frontier),
        ``on_frontier`` (within a factor 1.5 of it, 0 or 1), ``record`` (densest eligible so far,
        0 or 1), ``beyond`` (nats beyond the ladder), ``near_ceiling``; the ruler's constants.
    """
    data = observations.data
    setting = {name: float(value[0]) for name, value in columns["setting"].items()}
    c0, c1 = posterior["c0"], posterior["c1"]
    out = xr.Dataset(coords={"model": data["model"].values})
    out["gap_family"], out["gap_model"] = posterior["gap_family_z"] * c1, (
        posterior["gap_model_z"] * c1)
    out["spread_growth"] = posterior["spread_growth"] * setting["spreads"]
    out["noise"] = posterior["noise"]
    out["log_effective"] = c0 + c1 * posterior["z"]
    models = {name: xr.DataArray(np.asarray(value, float), dims="model")
              for name, value in columns["models"].items()}
    out["log_size"] = axis_size(models, posterior["log_cost_ratio"])
    out["log_density"] = out["log_effective"] - out["log_size"]
    for name in ("trend", "tilt"):
        out[name] = own_trends(posterior[f"{name}_contrast"])

    # the frontier: its level at the eligible models' mean growth, carried to its first half year
    at_mean = (posterior["mean_z"] * c1 + c0 - setting["mean_size"] + out["gap_family"]
               + MEAN_HALF * out["gap_model"])
    behind = xr.DataArray(np.asarray(columns["segments"]["mean"]), dims="segment")
    out["level"] = at_mean - xr.dot(posterior["growth"], behind, dim="segment")
    _add_growth(out, posterior, columns, np.random.default_rng(seed))
    counts = np.asarray(columns["models"]["eligible"]) > 0
    time = data["time"].values
    since, until = max(0.0, time[counts].min()), time[counts].max()
    out["rate"] = growth_between(out, since, until)

    frontier = frontier_path(out, time, "model")
    out["gap"] = (frontier - out["log_density"]).clip(min=0)
    out["on_frontier"] = ((out["gap"] < np.log(NEAR_FRONTIER)) & counts).astype(np.int8)
    among = out["log_density"].where(xr.DataArray(counts, dims="model"), -np.inf)
    out["record"] = record_share(among, time).astype(np.int8)
    out["beyond"] = extrapolation(
        log_effective=out["log_effective"],
        largest_params=np.exp(float(data["run_log_params"].max())))
    law, curve = ruler_parameters(posterior, columns)
    for name, value in {**law, **curve}.items():
        out[name] = value
    law, curve = ({name: value if isinstance(value, float) else value.isel(anchor=0)
                   for name, value in part.items()} for part in (law, curve))
    # scores rise with size, so the size at which the ceiling is near decides; NaN: none is
    with np.errstate(invalid="ignore"):
        near = laws.log_effective_size(
            loss=laws.loss_of_score(score=curve["chance"] + NEAR_CEILING * curve["scale"],
                                    **curve), tokens=setting["reference_tokens"], **law)
    out["near_ceiling"] = (out["log_effective"] > near).astype(np.int8)
    return out.transpose("chain", "draw", ...).assign_coords(
        date=("model", data["date"].values),
        eligible=("model", counts),
        log_params=("model", data["log_params"].values),
        log_tokens=("model", data["log_tokens"].values),
        architecture=("model", data["architecture"].values),
        compression=("model", data["compression"].values),
        family=("model", data["family"].values[data["family_index"].values]),
        organization=("model", data["organization"].values[data["organization_index"].values]),
    )


def own_trends(contrasts: xr.DataArray) -> xr.DataArray:
    """Benchmarks' own trends, of mean zero, from their contrasts (of which the first is idle)."""
    values = contrasts.transpose(..., "benchmark")
    found = values.values[..., 1:] @ helmert(values.sizes["benchmark"])
    return values.copy(data=found)


def _add_growth(out: xr.Dataset, posterior: xr.Dataset, columns: dict[str, Any],
                rng: np.random.Generator) -> None:
    """``growth`` of the half years, those to come among them, and where these lie."""
    table, setting = columns["segments"], columns["setting"]
    start = np.asarray(table["start"], float) + float(setting["centre_time"][0])
    width = np.asarray(table["width"], float)
    end = start[-1] + width[-1]
    centre = (posterior["rate_z"] * posterior["c1"]).transpose("chain", "draw").values
    drift = posterior["drift"].transpose("chain", "draw").values
    later = centre[..., None] + drift[..., None] * rng.standard_normal((*centre.shape, LATER))
    if setting["monotone"][0]:
        later = softplus(later)
    known = posterior["growth"].transpose("chain", "draw", "segment").values
    out["growth"] = (("chain", "draw", "segment"), np.concatenate([known, later], axis=2))
    out["segment_start"] = ("segment", np.concatenate([start, end + SEGMENT * np.arange(LATER)]))
    out["segment_width"] = ("segment", np.concatenate([width, np.full(LATER, SEGMENT)]))


def frontier_path(derived: xr.Dataset, years: Any, dim: str = "time") -> xr.DataArray:
    """Ln density of the frontier at years since LLaMA-1, dims chain, draw and ``dim``.

    Before the first model it goes on as in its first half year.
    """
    years = np.asarray(years, dtype=float)
    table = {"start": derived["segment_start"].values, "width": derived["segment_width"].values}
    behind = years_behind(table, years)
    behind[:, 0] += np.minimum(years - table["start"][0], 0)
    effect = xr.DataArray(behind, dims=(dim, "segment"))
    return derived["level"] + xr.dot(derived["growth"], effect, dim="segment")


def rate_path(derived: xr.Dataset, years: Any, dim: str = "time") -> xr.DataArray:
    """Growth of the frontier (1/year) in the half year of each time, in years since LLaMA-1."""
    start = derived["segment_start"].values
    which = np.clip(np.searchsorted(start, np.asarray(years, float), side="right") - 1, 0, None)
    return derived["growth"].isel(segment=xr.DataArray(which, dims=dim))


def growth_between(derived: xr.Dataset, start: float, end: float) -> xr.DataArray:
    """Average growth of the frontier over calendar time, (f(end) - f(start)) / (end - start).

    In 1/year; times in years since LLaMA-1.
    """
    path = frontier_path(derived, [start, end])
    return (path.isel(time=1) - path.isel(time=0)) / (end - start)


def best_available(derived: xr.Dataset, years: Any, dim: str = "time") -> xr.DataArray:
    """Largest ln density of the eligible models released up to each time, in each draw.

    In years since LLaMA-1; -inf before the first.
    """
    time = years_of(derived["date"].values)
    order = np.argsort(time, kind="stable")
    order = order[derived["eligible"].values[order]]
    density = derived["log_density"].transpose("chain", "draw", "model").values[..., order]
    best = np.maximum.accumulate(density, axis=-1)
    last = np.searchsorted(time[order], np.asarray(years, float), side="right") - 1
    found = np.where(last >= 0, best[..., np.maximum(last, 0)], -np.inf)
    return xr.DataArray(found, dims=("chain", "draw", dim))


def typical_release(derived: xr.Dataset, years: Any, dim: str = "time") -> xr.DataArray:
    """Mean ln density of releases about each time, by family: the frontier less the mean gaps."""
    years = np.asarray(years, float)
    centre = years_of(derived["date"].values[derived["eligible"].values]).mean()
    grown = np.exp(derived["spread_growth"] * xr.DataArray(years - centre, dims=dim))
    gap = derived["gap_family"] + MEAN_HALF * derived["gap_model"]
    return frontier_path(derived, years, dim) - grown * gap


def years_of(date: np.ndarray) -> np.ndarray:
    """Years since LLaMA-1 of dates."""
    days = (np.asarray(date).astype("datetime64[D]") - np.datetime64("2023-02-24"))
    return days.astype(float) / 365.25


def record_share(value: xr.DataArray, time: np.ndarray) -> xr.DataArray:
    """1 where a model is denser than every model released before it or on its day, by draw."""
    order = np.lexsort((np.arange(len(time)), time))
    sorted_value = value.transpose(..., "model").values[..., order]
    best = np.maximum.accumulate(sorted_value, axis=-1)
    days = time[order]
    last_before = np.searchsorted(days, days, side="left") - 1
    before = np.where(last_before >= 0, best[..., np.maximum(last_before, 0)], -np.inf)
    last_of_day = np.searchsorted(days, days, side="right") - 1
    record = (sorted_value > before) & (sorted_value >= best[..., last_of_day])
    out = np.empty_like(record)
    out[..., order] = record
    return value.transpose(..., "model").copy(data=out.astype(value.dtype))
