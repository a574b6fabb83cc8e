"""The tables of the joint model as flat named arrays, for programs that are not PyMC's."""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.joint.centring import own_places
from densing_bayes.joint.growth import turns
from densing_bayes.specs import ModelSpec

# columns that are indices of another table's rows
INDICES = ("anchor", "benchmark", "model", "family")
# distributions as the peers have them written down
KINDS = {
    "log_loss_at_centre": "Normal", "size_share": "Beta", "log_alpha": "Normal",
    "log_beta": "Normal", "sigma_loss": "HalfNormal", "headroom": "Beta",
    "log_steepness": "Normal", "log_midpoint": "Normal", "sigma_pair": "HalfNormal",
    "level": "Normal", "rate": "Normal", "drift": "LogNormal", "omega": "HalfNormal", "q": "Beta",
    "sd_source": "HalfNormal", "sd_benchmark": "HalfNormal", "nu": "Gamma", "log_kappa": "Normal",
    "linked_midpoint": "Normal", "linked_headroom": "Beta",
}


def flat(columns: dict[str, dict[str, Any]], coords: dict[str, Any], spec: ModelSpec, *,
         natural: bool = False, first: int = 0) -> dict[str, Any]:
    """Arrays ``table_column``, ``prior_name`` and ``n_table``, rows of weight 0 left out.

    Parameters
    ----------
    natural
        Sample natural parameters (ln N^ itself, the frontier's own level and scales) instead of
        the package's coordinates.
    first
        What indices begin with: 0, or 1 for Stan.
    """
    wrong = [name for name, kind in KINDS.items() if spec.priors[name].dist != kind]
    if wrong or spec.options["irreducible"] or len(coords["column"]):
        raise ValueError(f"the peers are written for the shipped form of the model ({wrong})")
    out: dict[str, Any] = {
        "natural": int(natural), "n_benchmark": len(coords["benchmark"]),
        **{f"prior_{name}": np.array(list(spec.priors[name].args.values())) for name in KINDS},
    }
    for table, given in columns.items():
        if table in ("setting", "pins"):
            continue
        length = len(next(iter(given.values())))
        keep = np.asarray(given.get("weight", np.ones(length))) > 0
        out[f"n_{table}"] = int(keep.sum())
        for name, value in given.items():
            if name == "weight":
                continue
            value = np.asarray(value)[keep]
            index = name in INDICES
            out[f"{table}_{name}"] = value.astype(int) + first if index else value.astype(float)
    weight, turn = turns(columns["knots"], columns["models"]["time"])
    if natural:  # every value itself
        weight, turn = np.ones_like(weight), np.eye(len(weight))
    out |= dict(zip(("own_place", "own_precision"), own_places(columns), strict=True))
    setting = {name: float(columns["setting"][name][0]) for name in (
        "low_score", "high_score", "centre_time", "mean_log_params")}  # the rest is for forecasts
    return out | setting | {
        "n_families": len(coords["family"]), "turn": turn, "turn_weight": weight,
        "log_reference_tokens": float(np.log(columns["setting"]["reference_tokens"][0]))}
