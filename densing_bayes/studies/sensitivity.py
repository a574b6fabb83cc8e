"""Power-scaling sensitivity of the rate to each prior (Kallioinen et al. 2024).

Each prior, and the likelihood of each table, is raised to a power near one by importance
weights on the main fit's draws; how fast the posterior of the rate moves is its sensitivity.
Above 0.05 it is notable. Priors are densities in their own natural units.
"""

from __future__ import annotations

from typing import Any

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.joint.predict import thin
from densing_bayes.joint.quantities import MEAN_HALF
from densing_bayes.observations import Observations
from densing_bayes.parameters import PARAMETERS
from densing_bayes.specs import ModelSpec
from densing_bayes.studies.cases import idle_priors
from densing_bayes.studies.likelihood import by_row

NOTABLE = 0.05


def power_scaling(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
                  observations: Observations, spec: ModelSpec) -> pd.DataFrame:
    """Sensitivity of the rate to every prior and to the likelihood of every table.

    Returns
    -------
    DataFrame
        ``component``, ``kind`` ('prior' or 'likelihood'), ``sensitivity``, and what it means.
        A component that is the same in every draw, such as the likelihood of a table without
        rows, has sensitivity 0.
    """
    draws = thin(posterior, posterior.sizes["chain"] * posterior.sizes["draw"])
    rate = derived["rate"].transpose("chain", "draw").values.reshape(1, -1)
    idle = idle_priors(spec.options, observations.data)
    priors = {name: spec.priors[name].logpdf(value).reshape(len(value), -1).sum(axis=1)
              for name, value in natural(draws, columns).items() if name not in idle}
    likelihoods = {name: rows.sum(axis=1)
                   for name, rows in by_row(posterior, derived, columns).items()}

    def sensitivity(part: np.ndarray) -> float:
        if np.ptp(part) <= 1e-9 * np.abs(part).max(initial=1.0):
            return 0.0  # constant (no row of this kind): a power of it moves nothing
        tree = xr.DataTree.from_dict({
            "posterior": xr.Dataset({"rate": (("chain", "draw"), rate)}),
            "log_prior": xr.Dataset({"part": (("chain", "draw"), part[None, :])})})
        return float(azs.psense(tree, var_names=["rate"], group="prior")["rate"])

    rows = [{"component": f"prior of {name}", "kind": "prior", "sensitivity": sensitivity(part)}
            for name, part in priors.items()]
    rows.append({"component": "all priors", "kind": "prior",
                 "sensitivity": sensitivity(np.sum(list(priors.values()), axis=0))})
    rows += [{"component": name, "kind": "likelihood", "sensitivity": sensitivity(part)}
             for name, part in likelihoods.items()]
    rows.append({"component": "all data", "kind": "likelihood",
                 "sensitivity": sensitivity(np.sum(list(likelihoods.values()), axis=0))})
    table = pd.DataFrame(rows)
    data_speak = table["sensitivity"].iloc[-1] > NOTABLE
    table["meaning"] = [
        "" if kind == "likelihood" or value <= NOTABLE else
        "prior and data pull apart" if data_speak else "the prior decides"
        for kind, value in zip(table["kind"], table["sensitivity"], strict=True)]
    return table.sort_values(["kind", "sensitivity"], ascending=[False, False],
                             ignore_index=True)


def natural(draws: xr.Dataset, columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """Draws of every parameter that has a prior, in the prior's unit, shape (sample, ...)."""
    value = {str(name): draws[name].values for name in draws.data_vars}
    c0, c1 = value["c0"], value["c1"]
    share = value["size_share"]
    family_gap, model_gap = value["gap_family_z"] * c1, value["gap_model_z"] * c1
    mean_size = float(columns["setting"]["mean_size"][0])
    same = {row.prior: value[row.name] for row in PARAMETERS
            if row.prior == row.name and row.name in value}  # sampled in the prior's own unit
    out = same | {
        "log_alpha": value["log_size_slope"] - np.log(share),
        "log_beta": value["log_token_slope"] - np.log(1 - share),
        "family_gap": family_gap, "model_gap": model_gap, "rate": value["rate_z"] * c1,
        "level": value["mean_z"] * c1 + c0 - mean_size + family_gap + MEAN_HALF * model_gap,
        "sd_benchmark": np.abs(value["sd_benchmark_z"]) * c1[:, None],
    }
    if "log_kappa_z" in value:
        out |= {"log_kappa": value["log_kappa_z"] - np.log(c1)[:, None],
                "linked_midpoint": c0[:, None] + c1[:, None] * value["middle_z"]}
    return out
