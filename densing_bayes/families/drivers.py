"""Drivers: what goes with a model's density, besides its date.

ln density_i = intercept + trend time_i + sum_k b_k x_ik + developer_i + noise, with coefficients
of standardised predictors and effects of developers each shrunk towards zero by a scale of
their own. The densities are draws of another posterior, one vector at a time (multiple
imputation): they are data here, and swapped.
"""

from __future__ import annotations

from typing import Any

import pymc as pm

from densing_bayes.families.blocks import rv
from densing_bayes.specs import ModelSpec


def build(arrays: dict[str, Any], coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The regression as a PyMC graph.

    Parameters
    ----------
    arrays
        ``predictors`` (model, predictor; mean 0, sd 1), ``time`` (years, mean 0),
        ``organization`` (index), ``log_density``.
    coords
        Labels of ``predictor`` and ``organization``.
    spec
        Priors of family ``drivers``.
    """
    priors = spec.priors
    with pm.Model(coords=coords) as model:
        data = {name: pm.Data(name, value) for name, value in arrays.items()}
        scale = rv("sd_coefficient", priors["sd_coefficient"])
        coefficient = pm.Deterministic(
            "coefficient", scale * pm.Normal("coefficient_unit", 0, 1, dims="predictor"),
            dims="predictor")
        spread = rv("sd_organization", priors["sd_organization"])
        developer = pm.Deterministic(
            "developer", spread * pm.Normal("developer_unit", 0, 1, dims="organization"),
            dims="organization")
        intercept = rv("intercept", priors["intercept"])
        trend = rv("trend", priors["trend"])
        sigma = rv("sigma", priors["sigma"])
        mean = (intercept + trend * data["time"] + data["predictors"] @ coefficient
                + developer[data["organization"]])
        pm.Potential("densities", pm.logp(pm.Normal.dist(mean, sigma), data["log_density"]).sum())
    return model
