"""The same question on the three axes of size: total, active, cost of inference."""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.context import Context
from densing_bayes.intervals import summary
from densing_bayes.joint.quantities import growth_between
from densing_bayes.questions.growth import ends
from densing_bayes.questions.sidefits import side_fit
from densing_bayes.questions.windows import window_of

AXES = ("total", "active", "cost")


def size_axes(context: Context) -> dict[str, dict[str, Any]]:
    """Growth of the last twelve months and since LLaMA-1 on each axis, 1/year.

    The spec's own axis is read off its fit; the others are fitted again, from where that stood.
    Where all models use all their parameters at 16 bits the axes are one.
    """
    own = context.spec.options["size"]
    data = context.observations.data
    alike = bool(np.nanmax(np.abs(data["log_params"].values - data["log_active"].values)) < 1e-9
                 and np.nanmin(data["precision_bits"].values) >= 16)
    out = {}
    for axis in AXES:
        if axis == own or alike:
            derived, passed = context.derived, bool(context.diagnostics["passed"])
        else:
            context.progress(f"the frontier by {axis} size")
            _, derived, passed = side_fit(context, context.spec.with_options(size=axis),
                                          f"axis {axis}")
        first, last = ends(derived)
        year = window_of("last-12-months", last)
        start = max(year.years[0], float(window_of((first, last), last).years[0]))
        found = summary(growth_between(derived, start, year.years[1]).values, context.interval)
        out[axis] = {**found, "passed": passed,
                     "since_llama_1": summary(derived["rate"].values, context.interval)}
    return out
