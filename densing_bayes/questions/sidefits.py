"""Short refits under a changed spec, from where the main fit stands: they answer side questions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import xarray as xr

from densing_bayes.context import Context, gate
from densing_bayes.fitting import Fit, sample
from densing_bayes.joint.fit import prepare, starting_point
from densing_bayes.joint.quantities import derive
from densing_bayes.specs import ModelSpec

SHORT: dict[str, Any] = {"draws": 500, "tune": 400, "target_accept": 0.9}
MOST_RHAT = 1.05  # two digits of a median and an interval


def side_fit(context: Context, spec: ModelSpec, case: str) -> tuple[xr.Dataset, xr.Dataset, bool]:
    """Posterior and derived draws of the same observations, and whether the chains agree."""
    joint = prepare(context.observations, replace(
        spec, sampling=replace(spec.sampling, **SHORT)))
    point = starting_point(joint.compiled, context.posterior)
    tree = sample(joint.compiled.starting_at(point), joint.spec.sampling, case=case)
    posterior = tree["posterior"].to_dataset()
    derived = derive(posterior, context.observations, joint.columns, context.seed(case))
    return posterior, derived, bool(gate(Fit(joint.spec, tree))["rhat_max"] < MOST_RHAT)
