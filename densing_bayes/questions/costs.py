"""Densities that count what inference costs, of every scored model, and their growth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.cost_density import CostStudy, parameter_times, run_costs
from densing_bayes.costs import REFERENCE_BITS
from densing_bayes.devices import Device
from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.intervals import growth_summary, summary
from densing_bayes.joint.outside import admitted, all_sizes
from densing_bayes.specs import load_model

TOP = 8  # models from the top of each ranking that the ranks show


@dataclass(frozen=True, eq=False)
class Costs:
    """Cost-weighted densities.

    Parameters
    ----------
    study
        Draws of every scored model's density under each reading and device.
    outside
        Models outside the fit, whose effective size was read off the fitted curves.
    """

    study: CostStudy
    outside: list[str]

    def named(self, names: list[str]) -> list[dict[str, Any]]:
        """Densities of the named models on the headline device (all when none is named)."""
        known = [str(name) for name in self.study.models["model"]]
        unknown = [Problem("no such model with scores", given=name, hint=did_you_mean(name, known))
                   for name in names if name not in known]
        if unknown:
            raise InputError(unknown)
        return densities(self.study, np.flatnonzero(np.isin(known, names or known)))


def costs(context: Context, device: str | None = None) -> Costs:
    """Cost-weighted densities of every scored model.

    Parameters
    ----------
    device
        Of hardware.csv; None: that of the report, else those that the spec of costs compares.

    Raises
    ------
    InputError
        Without a table of hardware, or for an unknown device.
    """
    if context.tables.hardware is None:
        raise InputError(Problem("no such table, and densities by cost need one",
                                 file="hardware.csv"))
    context.progress("effective sizes of models outside the fit")
    sizes = all_sizes(context.posterior, context.derived, context.columns, context.observations,
                      context.tables, context.seed("outside"))
    context.progress("cost-weighted densities")
    study = run_costs(sizes, context.tables, replace(load_model("costs"),
                      interval=context.interval), device=device or context.device or None,
                      counted=admitted(context.tables, context.spec.options),
                      seed=context.seed("costs"))
    inside = set(context.derived["model"].values)
    return Costs(study, [str(name) for name in sizes["model"].values if name not in inside])


def special(study: CostStudy) -> np.ndarray:
    """Indices of mixture-of-experts and quantised models, newest first."""
    models = study.models
    bits = pd.to_numeric(models["precision_bits"], errors="coerce")
    found = ((models["architecture"] == "moe") | (bits < REFERENCE_BITS)).to_numpy()
    order = np.argsort(-pd.to_datetime(models["release_date"]).to_numpy("datetime64[s]").astype(
        float), kind="stable")
    return order[found[order]]


def k_ratio(study: CostStudy, device: Device) -> dict[str, float]:
    """Summary of k1 / k2 on a device under the priors."""
    time = parameter_times(device, study.constants)
    return summary((time["k1"] / time["k2"]).values, study.spec.interval)


def densities(study: CostStudy, which: np.ndarray) -> list[dict[str, Any]]:
    """Per model: each reading's density with its interval on the headline device."""
    draws = study.densities.isel(device=0)
    rows = []
    for i in which:
        model = study.models.iloc[i]
        row = {"model": model["model"], "date": str(model["release_date"])[:10],
               "architecture": model["architecture"],
               "bits": float(pd.to_numeric(model["precision_bits"], errors="coerce"))}
        for reading in ("total", "active", "cost", "device"):
            values = draws[f"log_density_{reading}"].isel(model=i).values
            low, high = np.exp(study.spec.interval.of(values))
            row[f"by_{reading}"] = {"median": float(np.exp(np.median(values))),
                                    "low": float(low), "high": float(high),
                                    "sd_log": float(values.std())}
        rows.append(row)
    return rows


def growth_rows(study: CostStudy) -> list[dict[str, Any]]:
    """Per device and reading: growth rate, and its difference from the dense rate in each draw.

    Readings that no device enters come once, with an empty device.
    """
    rows = []
    for device in study.growth["device"].values:
        for reading in study.growth["reading"].values:
            shared = reading in ("dense", "total", "active")
            if shared and device != study.growth["device"].values[0]:
                continue
            rate = study.growth.sel(device=device, reading=reading).values
            if not np.isfinite(rate).all():
                continue
            dense = study.growth.sel(device=device, reading="dense").values
            block = growth_summary(rate, study.spec.interval)
            rows.append({
                "reading": str(reading), "device": "" if shared else str(device), **block,
                "minus_dense_per_year": summary(rate - dense, study.spec.interval),
                "p_faster_than_dense": float((rate > dense).mean()) if reading != "dense" else 0.5,

            })
    return rows


def rank_frame(study: CostStudy) -> pd.DataFrame:
    """Median rank of models under each reading and device, 1 the densest.

    Plain models only (no compressed, quantised or post-trained ones): the top `TOP` of any
    column, ordered by rank by all parameters.
    """
    keep = np.flatnonzero(study.plain)
    draws = study.densities.isel(model=keep)

    def rank(values: xr.DataArray) -> np.ndarray:
        flat = values.stack(sample=("chain", "draw")).transpose("sample", "model").values
        place = np.argsort(np.argsort(-flat, axis=1), axis=1) + 1
        return np.median(place, axis=0)

    first = draws.isel(device=0)
    columns = {"by all parameters": rank(first["log_density_total"]),
               "by active": rank(first["log_density_active"]),
               f"by cost, {study.devices[0].name}": rank(first["log_density_cost"])}
    for i, device in enumerate(study.devices):
        columns[f"on {device.name}"] = rank(draws["log_density_device"].isel(device=i))
    frame = pd.DataFrame(columns)
    frame.insert(0, "model", study.models["model"].to_numpy()[keep])
    frame.insert(1, "kind", study.models["architecture"].to_numpy()[keep])
    top = (frame.drop(columns=["model", "kind"]).rank(method="first") <= TOP).any(axis=1)
    return frame[top].sort_values("by all parameters").reset_index(drop=True)


# -- text -------------------------------------------------------------------------------------
