"""Density of every model, and of the frontier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.context import Context, median
from densing_bayes.errors import InputError, Problem
from densing_bayes.joint.quantities import frontier_path
from densing_bayes.observations import absent
from densing_bayes.questions.windows import years_since


def frontier(context: Context) -> dict[str, Any]:
    """Density of the frontier at the newest model's release: date, median, low, high."""
    newest = context.derived["date"].values.max()
    draws = np.exp(frontier_path(context.derived, [years_since(newest)]).values.ravel())
    low, high = context.interval.of(draws)
    return {"date": str(newest)[:10], "median": float(np.median(draws)), "low": float(low),
            "high": float(high)}


def densities(context: Context) -> list[dict[str, Any]]:
    """One row per model, in the order of release."""
    found: list[dict[str, Any]] = context.remembered("densities", lambda: _densities(context))
    return found


def _densities(context: Context) -> list[dict[str, Any]]:
    derived = context.derived
    density: xr.DataArray = np.exp(derived["log_density"])  # type: ignore[assignment]
    low, high = (density.quantile(q, ("chain", "draw")).values for q in context.interval.tails)
    mean = {name: derived[name].mean(("chain", "draw")).values
            for name in ("on_frontier", "record", "near_ceiling", "beyond")}
    columns = {
        "model": derived["model"].values, "date": derived["date"].values.astype("datetime64[D]"),
        "params": np.exp(derived["log_params"].values) / 1e9, "median": median(density),
        "low": low, "high": high, "gap_median": np.exp(median(derived["gap"])),
        "p_on_frontier": mean["on_frontier"], "p_record": mean["record"],
        "effective": np.exp(median(derived["log_effective"])) / 1e9, "beyond": mean["beyond"],
        "p_near_ceiling": mean["near_ceiling"],
    }
    frame = pd.DataFrame(columns).assign(date=lambda f: f["date"].astype(str))
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def named(context: Context, names: list[str]) -> list[dict[str, Any]]:
    """Rows of the named models (all when none is named), densest first.

    Raises
    ------
    InputError
        For models that the fit does not have.
    """
    rows = {row["model"]: row for row in densities(context)}
    unknown = [Problem("no such model in the fit", given=name,
                       hint=absent(name, context.observations.data))
               for name in names if name not in rows]
    if unknown:
        raise InputError(unknown)
    return sorted((rows[name] for name in names or rows), key=lambda row: -row["median"])
