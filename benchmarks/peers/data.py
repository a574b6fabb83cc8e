"""The tables of the joint model as flat named arrays, for programs that are not PyMC's."""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.joint.centring import own_places
from densing_bayes.joint.curves import least_variance
from densing_bayes.joint.data import counted
from densing_bayes.joint.growth import effects, turns, years_behind
from densing_bayes.joint.kernel.layout import SOFTNESS
from densing_bayes.observations import helmert
from densing_bayes.specs import ModelSpec

# columns that are indices of another table's rows
INDICES = ("anchor", "benchmark", "model", "family")
# distributions as the peers have them written down
KINDS = {
    "log_loss_at_centre": "Normal", "size_share": "Beta", "log_alpha": "Normal",
    "log_beta": "Normal", "sigma_loss": "HalfNormal", "headroom": "Beta",
    "log_steepness": "Normal", "log_midpoint": "Normal", "sigma_pair": "HalfNormal",
    "off_share": "Beta", "level": "Normal", "rate": "Normal", "drift": "LogNormal",
    "family_gap": "HalfNormal", "model_gap": "HalfNormal", "spread_growth": "Normal",
    "noise": "LogNormal", "log_cost_ratio": "Normal", "sd_source": "HalfNormal",
    "sd_benchmark": "HalfNormal", "nu": "Gamma", "trend_spread": "LogNormal",
    "tilt_spread": "LogNormal", "log_kappa": "Normal", "linked_midpoint": "Normal",
    "linked_headroom": "Beta",
}
# settings of the spec's options that the peers have written down
SHIPPED = {"monotone": 1.0, "spreads": 1.0}


def flat(columns: dict[str, dict[str, Any]], coords: dict[str, Any], spec: ModelSpec, *,
         natural: bool = False, first: int = 0) -> dict[str, Any]:
    """Arrays ``table_column``, ``prior_name`` and ``n_table``, rows of weight 0 left out.

    Parameters
    ----------
    natural
        Sample natural parameters (ln N^ itself, the frontier's own level, gaps of families)
        instead of the package's coordinates.
    first
        What indices begin with: 0, or 1 for Stan.
    """
    setting = {name: float(value[0]) for name, value in columns["setting"].items()}
    wrong = [name for name, kind in KINDS.items() if spec.priors[name].dist != kind] + [
        name for name, value in SHIPPED.items() if setting[name] != value]
    if wrong or spec.options["irreducible"]:
        raise ValueError(f"the peers are written for the shipped form of the model ({wrong})")
    tables = {name: counted(name, table) for name, table in columns.items()}
    seen = own_places(tables)
    for name, (share, place) in (("anchored", seen.anchored), ("linked_cells", seen.linked)):
        tables[name] |= {"share": share, "place": place,
                         "least": least_variance(tables[name]["items"])}
    tables["models"]["own_precision"] = seen.precision
    out: dict[str, Any] = {
        "natural": int(natural), "n_benchmark": len(coords["benchmark"]), "softness": SOFTNESS,
        **{f"prior_{name}": np.array(list(spec.priors[name].args.values())) for name in KINDS},
        **{name: setting[name] for name in ("low_score", "high_score", "mean_size")},
        "log_reference_tokens": np.log(setting["reference_tokens"]),
        "contrast_rows": helmert(len(coords["benchmark"])),
    }
    for table, given in tables.items():
        if table in ("setting", "segments"):
            continue
        out[f"n_{table}"] = len(next(iter(given.values())))
        out |= {f"{table}_{name}": value.astype(int) + first if name in INDICES else value
                for name, value in given.items() if name != "weight"}
    return out | of_growth(tables["segments"], tables["models"], setting["centre_time"], natural)


def of_growth(segments: dict[str, Any], models: dict[str, Any], centre_time: float,
              natural: bool) -> dict[str, Any]:
    """Effects of the half years' growth on the models, their turn, and what is told of them."""
    time, counts = models["time"], models["eligible"] > 0
    effect = effects(segments, time)
    weight, turn = turns(effect[counts])
    if natural:  # every half year by itself, about the common centre
        weight, turn = np.ones_like(weight), np.eye(len(weight))
    ends = [max(-centre_time, time[counts].min()), time[counts].max()]  # LLaMA-1 and the last
    behind = years_behind(segments, ends)
    return {"n_segments": len(weight), "effect": effect, "turn_weight": weight, "turn": turn,
            "level_weight": segments["mean"], "rate_weight": np.diff(behind, axis=0)[0]
            / (ends[1] - ends[0])}
