"""Short refits under a changed spec, from where the main fit stands: they answer side questions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import arviz_stats as azs
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.errors import GateError
from densing_bayes.fitting import sample
from densing_bayes.joint.fit import prepare, starting_point
from densing_bayes.joint.quantities import derive
from densing_bayes.specs import ModelSpec

SHORT: dict[str, Any] = {"draws": 500, "tune": 400, "target_accept": 0.9}
WORST_RHAT, LEAST_ESS = 1.05, 100.0  # two digits of a median and an interval


def side_fit(context: Context, spec: ModelSpec, case: str) -> tuple[xr.Dataset, xr.Dataset]:
    """Posterior and derived draws of the same observations.

    Sampled again, longer and in smaller steps, where the chains do not agree on the frontier.

    Raises
    ------
    GateError
        They do not agree then either: nothing of such a fit is told as a result.
    """
    joint = prepare(context.observations, spec)
    start = joint.compiled.starting_at(starting_point(joint.compiled, context.posterior))
    short = replace(spec.sampling, **SHORT)
    for asked in (short, short.longer()):
        posterior = sample(start, asked, case=case)["posterior"].to_dataset()
        derived = derive(posterior, context.observations, joint.columns, context.seed(case))
        if agrees(derived[["rate", "level"]]):
            return posterior, derived
        context.progress(f"{case}: its chains do not agree yet")
    raise GateError(f"{case}: the chains of a short fit, sampled twice, do not agree: its numbers "
                    "are not told")


def agrees(draws: xr.Dataset) -> bool:
    """Whether draws serve for two digits: R-hat of at most 1.05, 100 effective ones or more."""
    return all(float(azs.rhat(value)) <= WORST_RHAT and float(azs.ess(value)) >= LEAST_ESS
               for value in draws.values())
