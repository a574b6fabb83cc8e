"""Drivers: what goes with a model's density, besides its date.

ln density_i = intercept + trend time_i + sum_k b_k x_ik + developer_i + noise, with coefficients
of standardised predictors and effects of developers each shrunk towards zero by a scale of
their own. The densities are draws of another posterior, one vector at a time (multiple
imputation): they are data here, and swapped.
"""

from __future__ import annotations

from typing import Any

import pymc as pm

from densing_bayes.families.blocks import Table, rv
from densing_bayes.specs import ModelSpec


def build(tables: dict[str, Any], coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The regression as a PyMC graph.

    Parameters
    ----------
    tables
        ``models``: a column per predictor (mean 0, sd 1), time (years, mean 0), organization
        (index); ``densities``: log_density, a table of its own because it is swapped.
    coords
        Labels of ``predictor`` and ``organization``.
    spec
        Priors of family ``drivers``.
    """
    priors = spec.priors
    with pm.Model(coords=coords) as model:
        known = Table("models", tables["models"])
        densities = Table("densities", tables["densities"])
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
        mean = intercept + trend * known["time"] + developer[known.index("organization")]
        for k, name in enumerate(coords["predictor"]):
            mean = mean + coefficient[k] * known[name]
        residual = pm.logp(pm.Normal.dist(mean, sigma), densities["log_density"])
        pm.Potential("about_mean", residual.sum())
    return model
