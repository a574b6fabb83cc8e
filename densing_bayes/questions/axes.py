"""The same question on the three axes of size: total, active, cost of inference."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.errors import GateError
from densing_bayes.intervals import summary
from densing_bayes.joint.quantities import growth_between
from densing_bayes.questions.growth import ends
from densing_bayes.questions.sidefits import side_fit
from densing_bayes.questions.windows import window_of, years_since

AXES = ("total", "active", "cost")


def size_axes(context: Context) -> dict[str, dict[str, Any]]:
    """Growth of the last twelve months and since LLaMA-1 on each axis, 1/year.

    The spec's own axis is read off its fit; the others are fitted again, from where that stood.
    Where all models use all their parameters at 16 bits the axes are one. An axis whose chains do
    not agree has ``passed`` False and no numbers that are told.
    """
    own = context.spec.options["size"]
    data = context.observations.data
    alike = bool(np.nanmax(np.abs(data["log_params"].values - data["log_active"].values)) < 1e-9
                 and np.nanmin(data["precision_bits"].values) >= 16)
    out: dict[str, dict[str, Any]] = {}
    for axis in AXES:
        if axis == own or alike:
            derived = context.derived
            start, end = year_of(derived)
            found = xr.Dataset({"year": growth_between(derived, start, end),
                                "rate": derived["rate"]})
            passed = bool(context.diagnostics["passed"])
        else:
            if not context.has_side(f"axis {axis}"):
                try:
                    context.keep_side(f"axis {axis}", by_axis(context, axis))
                except GateError:
                    out[axis] = {"passed": False}
                    continue
            found, passed = context.side(f"axis {axis}"), True
        out[axis] = {**summary(found["year"].values, context.interval), "passed": passed,
                     "since_llama_1": summary(found["rate"].values, context.interval)}
    return out


def year_of(derived: xr.Dataset) -> tuple[float, float]:
    """The last twelve months of the models that count, as far as they reach, in years."""
    first, last = ends(derived)
    year = window_of("last-12-months", last)
    return max(year.years[0], float(years_since(first))), year.years[1]


def by_axis(context: Context, axis: str) -> xr.Dataset:
    """Growth on another axis, 1/year: of the last twelve months, and since LLaMA-1."""
    context.progress(f"the frontier by {axis} size")
    _, derived = side_fit(context, context.spec.with_options(size=axis), f"axis {axis}")
    start, end = year_of(derived)
    return xr.Dataset({"year": growth_between(derived, start, end),
                       "rate": derived["rate"]}).reset_coords(drop=True)
