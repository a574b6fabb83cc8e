"""What the draws say: density of every model, the frontier, gaps, records, ceilings.

Pure functions of draws; every quantity keeps the dims ``chain`` and ``draw``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from densing_bayes import laws
from densing_bayes.densities import extrapolation, log_density
from densing_bayes.joint.growth import STEP, effects, later, slopes
from densing_bayes.joint.ruler import COORDINATES, law_and_curve
from densing_bayes.observations import Observations

NEAR_FRONTIER = 1.5  # a model within this factor of the frontier's density is "on" it
NEAR_CEILING = 0.95  # share of the range from chance to ceiling above which a score is "near"


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
        ``rate`` (average over the models, 1/year), ``level`` (of that average line at LLaMA-1's
        release, ln density), ``drift`` (sd of the rate's change over a year), ``rate_step``
        and ``knot_*`` (see `densing_bayes.joint.growth`),
        ``omega``, ``q``, ``omega_family``, ``q_family``; per model ``log_effective``,
        ``log_density``, ``gap`` (ln, below the frontier), ``on_frontier``
        (within a factor 1.5 of it, 0 or 1), ``record`` (densest so far, 0 or 1),
        ``beyond`` (e-folds beyond the ladder), ``near_ceiling``; the ruler's constants.
    """
    data = observations.data
    setting = {name: float(value[0]) for name, value in columns["setting"].items()}
    c0, c1 = posterior["c0"], posterior["c1"]
    out = xr.Dataset(coords={"model": data["model"].values})
    out["rate"] = posterior["rate_z"] * c1
    for name, q in (("model", "q"), ("family", "q_family")):
        sd = posterior[f"sd_{name}_z"] * c1
        out[{"model": "omega", "family": "omega_family"}[name]] = sd / np.sqrt(
            1 - 2 * posterior[q] / np.pi)
        out[q] = posterior[q]
    gap = mean_gap(out["omega"], out["q"])
    family_gap = mean_gap(out["omega_family"], out["q_family"])
    at_mean = posterior["mean_z"] * c1 + c0 - setting["mean_log_params"] + gap + family_gap
    out["level"] = at_mean - out["rate"] * setting["centre_time"]
    log_params = xr.DataArray(data["log_params"].values, dims="model")
    kept = posterior["z"].dtype  # of large leaderboards single precision: memory
    out["log_effective"] = (c0 + c1 * posterior["z"]).astype(kept)
    out["log_density"] = log_density(log_effective=out["log_effective"],
                                     params=np.exp(log_params)).astype(kept)
    rng = np.random.default_rng(seed)
    time = xr.DataArray(data["time"].values, dims="model")
    _add_drift(out, posterior, columns, rng)
    frontier = frontier_path(out, time.values, "model").astype(kept)
    family_of = xr.DataArray(data["family_index"].values, dims="model")
    below_family = posterior["family_effect"] * out["omega_family"] - family_gap
    of_family = below_family.isel(family=family_of).astype(kept)
    gap_family = _gap(below_family, out["omega_family"], out["q_family"], rng)
    gap_model = _gap(out["log_density"] - frontier - of_family, out["omega"], out["q"], rng)
    out["gap"] = (gap_family.isel(family=family_of) + gap_model).astype(kept)
    out["on_frontier"] = (out["gap"] < np.log(NEAR_FRONTIER)).astype(np.int8)
    out["record"] = record_share(out["log_density"], data["time"].values).astype(np.int8)
    out["beyond"] = extrapolation(
        log_effective=out["log_effective"],
        largest_params=np.exp(float(data["run_log_params"].max()))).astype(kept)
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
    dims = ["chain", "draw"]
    return out.transpose(*dims, ...).assign_coords(
        date=("model", data["date"].values),
        log_params=("model", data["log_params"].values),
        log_tokens=("model", data["log_tokens"].values),
        architecture=("model", data["architecture"].values),
        compression=("model", data["compression"].values),
        family=("model", data["family"].values[data["family_index"].values]),
        organization=("model", data["organization"].values[data["organization_index"].values]),
    )


def mean_gap(omega: Any, q: Any) -> Any:
    """Mean of the half-normal gap: omega sqrt(2 q / pi)."""
    return omega * np.sqrt(2 * q / np.pi)


def _gap(below: xr.DataArray, omega: xr.DataArray, q: xr.DataArray,
         rng: np.random.Generator) -> xr.DataArray:
    """Draws of the gap u given how far a value lies from the frontier (e = value - f).

    u | e ~ Normal(-e q, omega^2 q (1 - q)) truncated to u >= 0 (Jondrow et al. 1982), by the
    inverse of the upper tail, which stays exact however far above the frontier the value is.
    """
    sd = omega * np.sqrt(q * (1 - q))

    def of_chain(chain: int) -> xr.DataArray:  # a chain at a time: memory of large leaderboards
        mean, within = (value.isel(chain=chain, missing_dims="ignore").astype(float)
                        for value in (-below * q, sd))
        uniform = xr.DataArray(1 - rng.uniform(size=mean.shape), dims=mean.dims)
        gap = mean - within * special.ndtri(uniform * special.ndtr(mean / within))
        return gap.clip(min=0).astype(below.dtype)

    return xr.concat([of_chain(chain) for chain in range(below.sizes["chain"])], "chain")


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


def frontier_path(derived: xr.Dataset, years: Any, dim: str = "time") -> xr.DataArray:
    """Ln density of the frontier at years since LLaMA-1, dims chain, draw and ``dim``.

    After the last model the rate goes on wandering as the posterior has it wander before.
    """
    years = np.asarray(years, dtype=float)
    knot = {name: derived[f"knot_{name}"].values for name in ("at", "level", "slope", "scale")}
    effect = xr.DataArray(effects(knot, years), dims=(dim, "knot"))
    line = derived["level"] + derived["rate"] * xr.DataArray(years, dims=dim)
    return line + xr.dot(derived["rate_step"], effect, dim="knot")


def rate_path(derived: xr.Dataset, years: Any, dim: str = "time") -> xr.DataArray:
    """Growth rate of the frontier (1/year) at years since LLaMA-1: the slope of its path."""
    knot = {name: derived[f"knot_{name}"].values for name in ("at", "slope", "scale")}
    effect = xr.DataArray(slopes(knot, years), dims=(dim, "knot"))
    return derived["rate"] + xr.dot(derived["rate_step"], effect, dim="knot")


def end_rates(derived: xr.Dataset, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draws of the rate (1/year) over the first and over the last half year of the models.

    Over a third of the dates each where these span less than a year and a half.
    """
    first, last = float(np.min(time)), float(np.max(time))
    half = min(0.5, (last - first) / 3)
    path = frontier_path(derived, [first, first + half, last - half, last])
    start, end = (path.isel(time=at + 1) - path.isel(time=at) for at in (0, 2))
    return start.values.ravel() / half, end.values.ravel() / half


def _add_drift(out: xr.Dataset, posterior: xr.Dataset, columns: dict[str, Any],
               rng: np.random.Generator) -> None:
    """``rate_step`` per knot (1/year per root year) and the knots, in years since LLaMA-1.

    Knots after the last model get steps by `future_steps`.
    """
    table, centre = columns["knots"], float(columns["setting"]["centre_time"][0])
    within = {name: np.asarray(value, float) for name, value in table.items()}
    within = within | {"at": within["at"] + centre,
                       "level": within["level"] - within["slope"] * centre}
    start = 2 * within["at"][-1] - within["at"][-2]  # the next of equal steps
    after = later(start, constant=not within["scale"].any())
    for name, value in within.items():
        out[f"knot_{name}"] = ("knot", np.concatenate([value, after[name]]))
    drift = posterior["drift"].transpose("chain", "draw").values
    steps = posterior["rate_step"].transpose("chain", "draw", "knot").values
    departure = (steps * within["scale"] * (1 - within["slope"])).sum(axis=2)
    new = future_steps(departure, drift, float(columns["setting"]["rate_memory"][0]),
                       len(after["at"]), rng)
    out["drift"] = posterior["drift"]
    out["rate_step"] = (("chain", "draw", "knot"), np.concatenate([steps, new], axis=2))


def future_steps(departure: np.ndarray, drift: np.ndarray, memory: float, count: int,
                 rng: np.random.Generator) -> np.ndarray:
    """Steps of the rate at the knots after the last model, a last axis of ``count``.

    The rate's departure from its average (1/year) fades by a factor e in ``memory`` years while
    it goes on wandering: an Ornstein-Uhlenbeck process, exact at the knots. A random walk
    without end would have half of all futures fall for ever.

    Examples
    --------
    Without wandering, a departure of 1 has faded to exp(-1) after two half years:

    >>> step = future_steps(np.array([1.0]), np.array([0.0]), 1.0, 2, np.random.default_rng(1))
    >>> round(float(1 + np.sqrt(STEP) * step.sum()), 4)
    0.3679
    """
    kept = np.exp(-STEP / memory)
    sd = drift * np.sqrt(memory / 2 * (1 - kept**2))
    path = [departure]
    for _ in range(count):
        path.append(kept * path[-1] + sd * rng.standard_normal(np.shape(departure)))
    return np.diff(np.stack(path, axis=-1), axis=-1) / np.sqrt(STEP)
