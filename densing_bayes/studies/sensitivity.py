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
from scipy import stats

from densing_bayes import laws
from densing_bayes.joint.quantities import mean_gap, ruler_parameters
from densing_bayes.specs import ModelSpec
from densing_bayes.studies.influence import thinned
from densing_bayes.studies.likelihood import CellLikelihood

NOTABLE = 0.05


def power_scaling(posterior: xr.Dataset, columns: dict[str, Any], spec: ModelSpec,
                  ) -> pd.DataFrame:
    """Sensitivity of the rate to every prior and to the likelihood of every table.

    Returns
    -------
    DataFrame
        ``component``, ``kind`` ('prior' or 'likelihood'), ``sensitivity``, and what it means.
        A component that is the same in every draw, such as the likelihood of a table without
        rows, has sensitivity 0.
    """
    draws = thinned(posterior, 2000)
    rate = (draws["rate_z"] * draws["c1"]).values[None, :]
    priors = {name: spec.priors[name].logpdf(value).reshape(len(value), -1).sum(axis=1)
              for name, value in natural(draws, columns, spec).items()}
    likelihoods = log_likelihoods(draws, columns)

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


def natural(draws: xr.Dataset, columns: dict[str, Any], spec: ModelSpec) -> dict[str, np.ndarray]:
    """Draws of every parameter that has a prior, in the prior's unit, shape (sample, ...)."""
    value = {name: draws[name].values for name in draws.data_vars}
    c0, c1 = value["c0"], value["c1"]
    share = value["size_share"]
    gaps = {}
    for part, q in (("model", "q"), ("family", "q_family")):
        omega = value[f"sd_{part}_z"] * c1 / np.sqrt(1 - 2 * value[q] / np.pi)
        gaps[part] = (omega, mean_gap(omega, value[q]))
    mean_size = float(columns["setting"]["mean_log_params"][0])
    out = {
        "log_loss_at_centre": value["log_loss_at_centre"], "size_share": share,
        "log_alpha": value["log_size_slope"] - np.log(share),
        "log_beta": value["log_token_slope"] - np.log(1 - share),
        "sigma_loss": value["sigma_loss"], "headroom": value["headroom"],
        "log_steepness": value["log_steepness"], "log_midpoint": value["log_midpoint"],
        "sigma_pair": value["sigma_pair"],
        "level": value["mean_z"] * c1 + c0 - mean_size + gaps["model"][1] + gaps["family"][1],
        "rate": value["rate_z"] * c1, "drift": value["drift"],
        "omega": np.column_stack([gaps["model"][0], gaps["family"][0]]),
        "q": np.column_stack([value["q"], value["q_family"]]),
        "sd_source": value["sd_source"], "sd_benchmark": value["sd_benchmark_z"] * c1[:, None],
        "nu": value["nu"],
    }
    if spec.options["irreducible"]:
        out["irreducible_share"] = value["irreducible_share"]
    if "log_kappa_z" in value:
        out |= {"log_kappa": value["log_kappa_z"] - np.log(c1)[:, None],
                "linked_midpoint": c0[:, None] + c1[:, None] * value["middle_z"],
                "linked_headroom": value["linked_headroom"]}
    return out


def log_likelihoods(draws: xr.Dataset, columns: dict[str, Any]) -> dict[str, np.ndarray]:
    """Log likelihood of every table at the draws, shape (sample,)."""
    law, curve = ruler_parameters(draws, columns)
    ladder = {name: np.asarray(value) for name, value in columns["ladder"].items()}
    pairs = {name: np.asarray(value) for name, value in columns["pairs"].items()}

    def of(values: dict[str, Any], anchor: np.ndarray) -> dict[str, Any]:
        return {name: value.values[:, anchor] if getattr(value, "ndim", 0) == 2 else
                np.asarray(value)[..., anchor] if getattr(value, "ndim", 0) else value
                for name, value in values.items()}

    run, pair = ladder["anchor"].astype(int), pairs["anchor"].astype(int)
    loss = laws.loss(params=np.exp(ladder["log_params"]), tokens=np.exp(ladder["log_tokens"]),
                     **of(law, run))
    score = laws.score(loss=pairs["loss"], **of(curve, pair))
    sigma = {name: draws[name].values for name in ("sigma_loss", "sigma_pair")}
    cells = CellLikelihood(draws, columns)
    z = draws["z"].values
    models = np.unique(np.concatenate([np.asarray(columns[name]["model"]) for name in
                                       ("anchored", "linked_cells")])).astype(int)
    return {
        "ladder": (ladder["weight"] * stats.norm.logpdf(
            ladder["log_loss"], np.log(loss), sigma["sigma_loss"][:, run])).sum(axis=1),
        "pairs of loss and score": (pairs["weight"] * stats.norm.logpdf(
            pairs["score"], score, sigma["sigma_pair"][:, pair])).sum(axis=1),
        "scores of the models": sum(cells.of_cells(i, z[:, i:i + 1])[:, 0] for i in models),
        "differences between sources": cells.of_contrasts(
            np.arange(len(columns["contrasts"]["value"]))),
    }
